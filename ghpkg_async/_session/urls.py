"""URLs that a server sends: parse them, resolve them, compare their origin."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urljoin

from yarl import URL

__all__ = ["is_sendable", "parse_server_url", "resolve", "same_origin"]

_SENDABLE: Final = re.compile(r"[!-~]+")


def is_sendable(text: str) -> bool:
    """Return whether the text is ASCII without spaces and control characters."""
    return _SENDABLE.fullmatch(text) is not None


def parse_server_url(text: str) -> URL:
    """Parse a URL from a server, absolute or relative; raise `ValueError` if it is malformed."""
    if not is_sendable(text):
        raise ValueError(f"{text[:200]!r} is not a URL")
    url = URL(text, encoded=True)
    if url.explicit_port == 0 or not str(url):  # yarl checks the port on access only.
        raise ValueError(f"{text[:200]!r} is not a URL")
    return url


def resolve(base: URL, reference: str) -> URL:
    """Resolve a URL reference against the URL of a request, both percent-encoded as they are.

    `URL.join` would decode the path of the base: ``a%2Fb`` would become two segments.

    Raises:
        ValueError: the reference is not a URL.
    """
    if not is_sendable(reference):
        raise ValueError(f"{reference[:200]!r} is not a URL")
    return parse_server_url(urljoin(str(base), reference))


def same_origin(origin: URL, url: URL) -> bool:
    """Return whether the URL is on the origin and has no credentials of its own."""
    try:
        return url.origin() == origin and "@" not in url.raw_authority
    except ValueError:
        return False
