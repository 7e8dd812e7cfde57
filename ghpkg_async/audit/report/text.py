"""What a server said, made fit for a page: links, times, and rules in words. Pure."""

from __future__ import annotations

import re
from datetime import UTC
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["Links", "day", "label_of", "moment"]

_LABELS: Final[Mapping[str, str]] = {
    "docker_conflict": "Docker conflict",
    "public": "Public",
    "visibility_widened": "Visible to more than before",
    "no_repository": "Linked to no repository",
    "empty": "Without versions",
    "stale": "Unchanged for over {} days",
    "many_versions": "Over {} versions",
    "untagged": "Over {} untagged versions",
    "unreachable": "Not obtained",
}

# The characters a URL is made of (RFC 3986). Browsers read some others as if they were not there
# or were a slash, and would find another scheme or host than we do.
_URL: Final = re.compile(
    r"https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.ASCII | re.IGNORECASE
)
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*", re.ASCII)


def day(time: datetime) -> str:
    """Like ``2026-01-15``, in UTC."""
    return _utc(time).date().isoformat()


def moment(time: datetime) -> str:
    """Like ``2026-01-15 12:00 UTC``."""
    return f"{_utc(time).isoformat(' ', 'minutes')[:16]} UTC"


def label_of(rule: str) -> str:
    """What a rule like ``stale:365`` looks for, for people."""
    kind, _, number = rule.partition(":")
    if kind not in _LABELS:
        return rule
    is_count = number.isascii() and number.isdecimal() and len(number) < 10
    return _LABELS[kind].replace("{}", f"{int(number):,}" if is_count else number)


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


def _utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:  # The first or last hours of the calendar.
        return time
