"""Evidence that no item is missing between the pages of a listing.

Items keep their order: they are inserted and deleted, but never move past each other. A response
has all items between its first and its last one, at one moment. If two responses share an item, no
item that existed all the time lies between them and is missing from both. A listing is complete
once a chain of such responses leads from a first page to a last one.

Pages of one size share items only after a change. A pass whose pages are all unchanged since the
pass before counts as proof that nothing changed; elsewhere pages of another size are needed, which
share items. Single pages that are unchanged prove nothing: an item before them may have been
deleted and another one restored between the reads.
"""

from __future__ import annotations

from array import array
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Coverage"]

_EDGE: Final = 8
"""Ids remembered at each end of a page: only these move to a neighboring page in a small shift."""


class Coverage:
    """The responses of one listing over its passes, and which of them leave no gap.

    Attributes:
        is_unchanged: whether all pages of the pass that ended are unchanged since the pass before.
    """

    def __init__(self) -> None:
        # Arrays: a listing of 100,000 pages would keep a few small objects for each.
        self._edges = array("q")
        self._edges_end = array("q", [0])
        self._parents = array("q")  # A union-find forest: joined responses have the same root.
        self._pass = array("q")
        self._response_of: dict[int, int] = {}
        self._first: set[int] = set()
        self._last: set[int] = set()
        self._is_first_pass = True
        self._previous_pass = array("q")
        self._are_unchanged = False
        self.is_unchanged = False

    def start_pass(self) -> None:
        """Begin another pass over the pages."""
        if self._is_first_pass and self._pass:
            self._is_first_pass = False
            for response, (start, end) in enumerate(pairwise(self._edges_end)):
                edges = self._edges[start:end]
                self._join_by_ids(response, edges)
                self._record(response, edges)
            self._edges, self._edges_end = array("q"), array("q", [0])
        self._previous_pass, self._pass = self._pass, array("q")
        self._are_unchanged = True
        self.is_unchanged = False

    def add(self, ids: Sequence[int]) -> int:
        """Add the next response of the pass and return its number."""
        response = len(self._parents)
        self._parents.append(response)
        edges = ids if len(ids) <= 2 * _EDGE else (*ids[:_EDGE], *ids[-_EDGE:])
        if self._is_first_pass:
            self._edges.extend(edges)
            self._edges_end.append(len(self._edges))
        else:
            self._join_by_ids(response, ids)
            self._record(response, edges)
        self._append(response)
        return response

    def repeat(self, response: int, *, is_unchanged: bool) -> None:
        """Add a response with the same ids as one of an earlier pass.

        Args:
            response: number of the earlier response.
            is_unchanged: whether the items are the same in every respect.
        """
        self._are_unchanged = self._are_unchanged and is_unchanged
        self._append(response)

    def end_pass(self, *, last_is_short: bool, ignores_page: bool = False) -> None:
        """Note that the pass reached the end of the listing.

        Args:
            last_is_short: whether the page before an empty one was too short to be followed by
                another: then it was the last one itself.
            ignores_page: whether the end is inferred from two pages that are the same, which a
                second pass has to confirm.
        """
        is_repeated = self._pass == self._previous_pass
        self.is_unchanged = is_repeated and self._are_unchanged
        if self._pass and (is_repeated or not ignores_page):
            self._last.add(self._pass[-1])
            if last_is_short and len(self._pass) > 1:
                self._last.add(self._pass[-2])

    @property
    def is_complete(self) -> bool:
        """``True`` if a chain without a gap leads from a first page to a last one."""
        return not {self._root(n) for n in self._first}.isdisjoint(map(self._root, self._last))

    def _append(self, response: int) -> None:
        if not self._pass:
            self._first.add(response)
        self._pass.append(response)

    def _record(self, response: int, edges: Sequence[int]) -> None:
        for number in edges:
            self._response_of[number] = response

    def _join_by_ids(self, response: int, ids: Sequence[int]) -> None:
        for number in ids:
            if (neighbor := self._response_of.get(number)) is not None:
                self._join(response, neighbor)

    def _join(self, response: int, neighbor: int) -> None:
        self._parents[self._root(response)] = self._root(neighbor)

    def _root(self, response: int) -> int:
        parents = self._parents
        while parents[response] != response:
            parents[response] = parents[parents[response]]
            response = parents[response]
        return response
