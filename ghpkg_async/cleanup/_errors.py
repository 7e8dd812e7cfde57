"""Errors of tasks that run side by side."""

from __future__ import annotations

__all__ = ["first_of"]


def first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a task group."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
