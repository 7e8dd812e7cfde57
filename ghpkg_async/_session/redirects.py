"""Follow redirects. No I/O."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ..errors import InvalidResponse
from .urls import resolve

if TYPE_CHECKING:
    from .messages import Request, Response

__all__ = ["follow_redirect", "is_redirect"]

MAX_REDIRECTS: Final = 5

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_METHOD_PRESERVING: Final = frozenset({307, 308})


def is_redirect(status: int) -> bool:
    """Return whether a response with this status leads to another URL."""
    return status in _REDIRECTS


def follow_redirect(request: Request, response: Response, count: int) -> Request:
    """Return the request that a redirect leads to. The transport checks its origin.

    Args:
        request: the redirected request.
        response: the redirect.
        count: number of redirects in a row, this one included.

    Raises:
        InvalidResponse: there were too many, a write would become a GET, or ``Location`` is no URL.
    """
    location = response.headers.get("Location", "")
    if request.write and response.status not in _METHOD_PRESERVING:
        raise InvalidResponse(f"{request}: a {response.status} redirect would turn it into a GET")
    if count > MAX_REDIRECTS:
        raise InvalidResponse(f"{request}: more than {MAX_REDIRECTS} redirects")
    with suppress(ValueError):
        return request.redirected(resolve(request.url, location))
    raise InvalidResponse(f"{request}: redirected to {location[:200]!r}, not a URL")
