"""Number and timing of the passes of a listing over its pages."""

from __future__ import annotations

from typing import Final

__all__ = ["MAX_PASSES", "delay_before_pass", "is_resized"]

MAX_PASSES: Final = 20
"""Passes of one listing before `ListingUnstable` is raised."""
_FIRST_DELAY: Final = 0.05
_LONGEST_DELAY: Final = 2.0
_PASSES_WITHOUT_DELAY: Final = 3
_PASSES_OF_FIRST_SIZE: Final = 3


def delay_before_pass(number: int) -> float:
    """Seconds to wait before a pass, counted from 1, so that changes may settle."""
    doublings = number - _PASSES_WITHOUT_DELAY - 1
    return 0.0 if doublings < 0 else min(_LONGEST_DELAY, _FIRST_DELAY * 2.0**doublings)


def is_resized(number: int) -> bool:
    """Return whether the pages of a pass have another size than those of the pass before.

    The first passes have pages of the same size: conditional requests, which cost nothing where
    the pages did not change. In a collection that keeps changing, pages of different sizes share
    items. Each other size is used twice, as the second pass may find the collection unchanged.
    """
    return number > _PASSES_OF_FIRST_SIZE and (number - _PASSES_OF_FIRST_SIZE) % 2 == 1
