"""Call the functions that users pass to be notified, such as ``on_wait``."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["call_hook"]

T = TypeVar("T")

_log = logging.getLogger("ghpkg_async")


def call_hook(name: str, hook: Callable[[T], object], event: T) -> None:
    """Call a hook with an event; log what it raises instead of raising it.

    Args:
        name: what users know the hook by, such as ``"on_wait"``.
        hook: the user's function; its return value is ignored.
        event: its only argument.
    """
    try:
        hook(event)
    except Exception as error:
        # Text instead of `exc_info`: an exception's context may hold a request and its headers.
        text = "".join(traceback.format_exception(error, chain=False))
        _log.error("%s raised an exception, which is ignored:\n%s", name, text)
