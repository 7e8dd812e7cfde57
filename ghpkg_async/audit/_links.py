"""Addresses that may become links of a page. Pure."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

__all__ = ["Links"]

# The characters a URL is made of (RFC 3986). Browsers read some others as if they were not there
# or were a slash, and would find another scheme or host than we do.
_URL: Final = re.compile(
    r"https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.ASCII | re.IGNORECASE
)
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*", re.ASCII)


class Links:
    """Says which addresses may become links.

    Args:
        base_url: the API's root. Its host may be linked to without TLS if it is asked so itself.
    """

    def __init__(self, base_url: str) -> None:
        self._own_host = _host_of(base_url)

    def __call__(self, url: str | None) -> str | None:
        """The address, if it is that of a website and of nothing else.

        That is ``https``, or ``http`` on this computer and the server itself; without a user's
        name, which passes for a host (``https://github.com@example.org/``).
        """
        if url is None or not _URL.fullmatch(url):
            return None
        host = _host_of(url)
        if host is None:
            return None
        secure = url[:6].lower() == "https:"
        return url if secure or host == self._own_host or _is_loopback(host) else None


def _host_of(url: str) -> str | None:
    """The host, in small letters; ``None`` where there is none, or not only one to be seen."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port  # Checks it.
    except ValueError:
        return None
    return host if "@" not in parts.netloc and _HOST.fullmatch(host) else None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
