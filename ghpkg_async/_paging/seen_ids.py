"""A compact set of ids."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SeenIds"]

_FIRST: Final = itemgetter(0)


class SeenIds:
    """The ids of a listing so far.

    A set up to ``FEW`` ids; beyond that sorted arrays of eight bytes an id, since a listing may be
    longer than memory. Each array is short, since growing a long one fragments the heap.
    """

    FEW: ClassVar[int] = 2**14
    BLOCK: ClassVar[int] = 2**12

    def __init__(self) -> None:
        self._few: set[int] = set()
        self._blocks: list[array[int]] = []

    def __len__(self) -> int:
        return len(self._few) + sum(map(len, self._blocks))

    def add(self, ids: Sequence[int]) -> set[int]:
        """Add the ids and return those that were not there."""
        new = set(ids)
        if not self._blocks:
            new -= self._few
            self._few |= new
            if len(self._few) > self.FEW:
                self._blocks, self._few = self._split(sorted(self._few)), set()
            return new
        for index, added in self._by_block(new):
            block = self._blocks[index]
            low = bisect_left(block, added[0])
            if low == bisect_right(block, added[-1]):
                block[low:low] = array("q", added)
            else:
                new.difference_update(_insert(block, added))
            if len(block) > self.BLOCK:
                self._blocks[index : index + 1] = self._split(block)
        return new

    def _by_block(self, new: set[int]) -> list[tuple[int, list[int]]]:
        """Return the blocks to which ids belong, last block first, each with its sorted ids."""
        ids = sorted(new)
        if not ids or (first := self._block_of(ids[0])) == self._block_of(ids[-1]):
            return [(first, ids)] if ids else []
        belongs: dict[int, list[int]] = {}
        for number in ids:
            belongs.setdefault(self._block_of(number), []).append(number)
        return sorted(belongs.items(), reverse=True)

    def _block_of(self, number: int) -> int:
        return max(bisect_right(self._blocks, number, key=_FIRST) - 1, 0)

    def _split(self, ids: Sequence[int]) -> list[array[int]]:
        half = self.BLOCK // 2
        return [array("q", ids[start : start + half]) for start in range(0, len(ids), half)]


def _insert(block: array[int], added: list[int]) -> list[int]:
    """Insert ids in their places and return those that were there."""
    known = []
    for number in added:
        index = bisect_left(block, number)
        if index < len(block) and block[index] == number:
            known.append(number)
        else:
            block.insert(index, number)
    return known
