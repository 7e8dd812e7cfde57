"""URLs that a server sends: whether they are any, and whether they may be asked."""

from __future__ import annotations

import re
from typing import Final

from yarl import URL

__all__ = ["is_on", "is_url", "parse_sent"]

_IN_A_URL: Final = re.compile(r"[!-~]+")


def is_url(text: str) -> bool:
    """Whether the text is made of what a URL is made of, with nothing that needs encoding."""
    return _IN_A_URL.fullmatch(text) is not None


def parse_sent(text: str) -> URL:
    """A URL as a server sent it, absolute or relative; `ValueError` where it is none."""
    if not is_url(text):
        raise ValueError(f"{text[:200]!r} is not a URL")
    return URL(text, encoded=True)


def is_on(origin: URL, url: URL) -> bool:
    """Whether the URL is on the origin, and carries no credentials of its own."""
    try:
        return url.origin() == origin and "@" not in url.raw_authority
    except ValueError:
        return False
