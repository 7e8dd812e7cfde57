"""Call the functions that users pass to be notified, such as ``on_wait``."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..errors import GitHubPackagesError

__all__ = ["RequestEvent", "call_hook"]

T = TypeVar("T")

_log = logging.getLogger("ghpkg_async")


@attrs.frozen
class RequestEvent:
    """One attempt at a request, after its response or its failure. It holds no secret.

    Attributes:
        method: the HTTP method.
        url: the URL, without secrets.
        status: the HTTP status; ``None`` if there was no whole response.
        error: the exception without a response; ``None`` with one.
        seconds: duration of the attempt, without the time it waited to be sent.
        attempt: 1, and one more with each retry.
        from_cache: whether a 304 confirmed a cached response.
    """

    method: str
    url: str
    status: int | None
    error: GitHubPackagesError | None
    seconds: float
    attempt: int
    from_cache: bool


def call_hook(name: str, hook: Callable[[T], object], event: T) -> None:
    """Call a hook with an event; log its exceptions instead of raising them.

    Args:
        name: the argument that set the hook, such as ``"on_wait"``.
        hook: the user's function; its return value is ignored.
        event: its only argument.
    """
    try:
        hook(event)
    except Exception as error:
        # Text instead of `exc_info`: an exception's context may hold a request and its headers.
        text = "".join(traceback.format_exception(error, chain=False))
        _log.error("%s raised an exception, which is ignored:\n%s", name, text)
