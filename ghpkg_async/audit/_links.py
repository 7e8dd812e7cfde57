"""URLs that a report may link to. Pure."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

__all__ = ["Links"]

# The characters of a URL (RFC 3986). Browsers ignore some others or read them as a slash, and would
# find another scheme or host than this module does.
_URL: Final = re.compile(
    r"https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.ASCII | re.IGNORECASE
)
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*", re.ASCII)


class Links:
    """Decides which URLs a report may link to.

    Args:
        base_url: the root of the API. Plain ``http`` links to its host are allowed.
    """

    def __init__(self, base_url: str) -> None:
        self._own_host = _host_of(base_url)

    def __call__(self, url: str | None) -> str | None:
        """Return the URL if it is safe to link to, else ``None``.

        Safe is ``https``, and ``http`` to loopback and to the server itself; never with a user
        name, which can be mistaken for the host (``https://github.com@example.org/``).
        """
        if url is None or not _URL.fullmatch(url):
            return None
        host = _host_of(url)
        if host is None:
            return None
        secure = url[:6].lower() == "https:"
        return url if secure or host == self._own_host or _is_loopback(host) else None


def _host_of(url: str) -> str | None:
    """Return the host in lower case; ``None`` if it is missing or ambiguous."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port  # Raises ValueError if it is not a port.
    except ValueError:
        return None
    return host if "@" not in parts.netloc and _HOST.fullmatch(host) else None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
