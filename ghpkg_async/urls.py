"""URLs that a server sends: whether they are any, and whether they may be asked."""

from __future__ import annotations

import re
from typing import Final

from yarl import URL

__all__ = ["is_on", "is_sendable", "parse_sent"]

_SENDABLE: Final = re.compile(r"[!-~]+")


def is_sendable(text: str) -> bool:
    """Whether the text is ASCII without spaces and control characters, and can be sent as it is."""
    return _SENDABLE.fullmatch(text) is not None


def parse_sent(text: str) -> URL:
    """A URL as a server sent it, absolute or relative; `ValueError` where it is none."""
    if not is_sendable(text):
        raise ValueError(f"{text[:200]!r} is not a URL")
    url = URL(text, encoded=True)
    if url.explicit_port == 0 or not str(url):  # A port that is none shows only when looked at.
        raise ValueError(f"{text[:200]!r} is not a URL")
    return url


def is_on(origin: URL, url: URL) -> bool:
    """Whether the URL is on the origin, and carries no credentials of its own."""
    try:
        return url.origin() == origin and "@" not in url.raw_authority
    except ValueError:
        return False
