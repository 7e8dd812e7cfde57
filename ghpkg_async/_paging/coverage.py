"""Evidence that no item is missing between the pages of a listing.

Items keep their order: they are inserted and deleted, but never move past each other. A response
has all items between its first and its last one, at one moment. If two responses share an item, no
item that existed all the time lies between them and is missing from both. If a page is the same
before and after the next one was read, no item moved from one to the other. A listing is complete
once a chain of such responses leads from a first page to a last one.
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
    """The responses of one listing over its passes, and which of them leave no gap."""

    def __init__(self) -> None:
        # Arrays: a listing of 100,000 pages would keep a few small objects for each.
        self._edges = array("q")
        self._edges_end = array("q", [0])
        self._parents = array("q")  # A union-find forest: joined responses have the same root.
        self._pass = array("q")
        self._response_of: dict[int, int] = {}
        self._following: dict[int, int] = {}
        self._first: set[int] = set()
        self._last: set[int] = set()
        self._is_first_pass = True
        self._is_repeated = False

    def start_pass(self) -> None:
        """Begin another pass over the pages."""
        if self._is_first_pass and self._pass:
            self._is_first_pass = False
            for response, (start, end) in enumerate(pairwise(self._edges_end)):
                edges = self._edges[start:end]
                self._join_by_ids(response, edges)
                self._record(response, edges)
            self._edges, self._edges_end = array("q"), array("q", [0])
        self._following, self._pass = dict(pairwise(self._pass)), array("q")
        self._is_repeated = True

    def add(self, ids: Sequence[int]) -> int:
        """Add the next response of the pass and return its number."""
        self._is_repeated = False
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

    def repeat(self, response: int) -> None:
        """Add a response that is the same as one of an earlier pass."""
        if (following := self._following.get(response)) is not None:
            self._join(response, following)
        self._append(response)

    def end_pass(self, *, last_is_short: bool, ignores_page: bool = False) -> None:
        """Note that the pass reached the end of the listing.

        Args:
            last_is_short: whether the page before an empty one was too short to be followed by
                another: then it was the last one itself.
            ignores_page: whether the end is inferred from two pages that are the same, which a
                second pass has to confirm.
        """
        is_confirmed = not ignores_page or self._is_repeated
        if self._pass and is_confirmed:
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
