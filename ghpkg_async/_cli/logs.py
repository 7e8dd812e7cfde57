"""The library's log on standard error."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from .._text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["log_everything", "logging_to_stderr"]

_LOGGER: Final = logging.getLogger("ghpkg_async")


class _StderrHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        # Look up sys.stderr on each call: rich replaces it while a progress bar is shown.
        print(printable(record.getMessage()), file=sys.stderr)


@contextmanager
def logging_to_stderr() -> Iterator[None]:
    """Write warnings, such as waits for a rate limit, to standard error in the block."""
    handler, level = _StderrHandler(), _LOGGER.level
    _LOGGER.addHandler(handler)
    try:
        yield
    finally:
        _LOGGER.removeHandler(handler)
        _LOGGER.setLevel(level)


def log_everything() -> None:
    """Also write retries and requests to standard error."""
    _LOGGER.setLevel(logging.DEBUG)
