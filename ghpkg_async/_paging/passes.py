"""Number and timing of the passes of a listing over its pages."""

from __future__ import annotations

from typing import Final

__all__ = ["MAX_PASSES", "delay_before_pass"]

MAX_PASSES: Final = 20
"""Passes of one listing before `ListingUnstable` is raised."""
_FIRST_DELAY: Final = 0.05
_LONGEST_DELAY: Final = 2.0
_PASSES_WITHOUT_DELAY: Final = 3


def delay_before_pass(number: int) -> float:
    """Seconds to wait before a pass, counted from 1, so that changes may settle."""
    doublings = number - _PASSES_WITHOUT_DELAY - 1
    return 0.0 if doublings < 0 else min(_LONGEST_DELAY, _FIRST_DELAY * 2.0**doublings)
