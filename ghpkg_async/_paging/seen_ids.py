"""A compact set of ids."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SeenIds"]


class SeenIds:
    """The ids of a listing so far.

    A set up to ``FEW`` ids; beyond that a sorted array of eight bytes each, since a listing may
    be longer than memory. Versions are listed in the order of their ids, so that a page is
    inserted at one end of the array.
    """

    FEW: ClassVar[int] = 2**15

    def __init__(self) -> None:
        self._few: set[int] = set()
        self._many = array("q")

    def __len__(self) -> int:
        return len(self._few) + len(self._many)

    def add(self, ids: Sequence[int]) -> set[int]:
        """Add the ids and return those that were not there."""
        new = set(ids)
        if not self._many:
            new -= self._few
            self._few |= new
            if len(self._few) > self.FEW:
                self._many, self._few = array("q", sorted(self._few)), set()
        elif new:
            self._insert(new)
        return new

    def _insert(self, new: set[int]) -> None:
        many = self._many
        low, high = bisect_left(many, min(new)), bisect_right(many, max(new))
        between = many[low:high]
        new -= {number for number in new if _contains(between, number)}
        many[low:high] = array("q", sorted((*between, *new)))


def _contains(ids: Sequence[int], number: int) -> bool:
    index = bisect_left(ids, number)
    return index < len(ids) and ids[index] == number
