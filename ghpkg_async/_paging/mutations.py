"""The deletes and restores of one client, for listings of the collection they change."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import attrs

from .._clock import loop_time
from ..errors import GitHubPackagesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["MutationTracker", "Mutations"]

REPLICA_LAG: Final = 0.25
"""Seconds by which a read may be older than the last confirmed write."""
LOST_WRITE_DELAY: Final = 60.0
"""Seconds in which the server may still carry out a write whose response never arrived."""


@attrs.define(eq=False)
class Mutations:
    """Writes that may have changed one collection while it was listed.

    Attributes:
        collection: the collection's name.
        any: whether there was one.
    """

    collection: str
    any: bool = False


@attrs.define(eq=False)
class _Write:
    collections: tuple[str, ...]
    may_apply_until: float = math.inf


class MutationTracker:
    """Records a client's writes and reports them to the listings that they overlap.

    A collection is named by package type and package, without the owner: ``/user`` and
    ``/users/LOGIN`` list the same packages.

    Args:
        clock: returns seconds that never decrease.
        replica_lag: seconds by which a read may be older than the last confirmed write.
    """

    def __init__(
        self, clock: Callable[[], float] = loop_time, *, replica_lag: float = REPLICA_LAG
    ) -> None:
        self.replica_lag = replica_lag
        self._clock = clock
        self._recent: list[_Write] = []
        self._observers: list[Mutations] = []

    @contextmanager
    def observe(self, collection: str) -> Iterator[Mutations]:
        """Report the writes that may apply to a collection while the block runs."""
        self._forget_settled()
        mutations = Mutations(collection, any(collection in w.collections for w in self._recent))
        self._observers.append(mutations)
        try:
            yield mutations
        finally:
            self._observers.remove(mutations)

    @contextmanager
    def record(self, *collections: str) -> Iterator[None]:
        """Record a write that the block carries out.

        It may apply until shortly after its response. If the response to one of its attempts was
        lost or a server error, or the write was cancelled, it may still apply for
        ``LOST_WRITE_DELAY`` seconds.
        """
        write = _Write(collections)
        self._forget_settled()
        self._recent.append(write)
        for mutations in self._observers:
            mutations.any = mutations.any or mutations.collection in collections
        delay = LOST_WRITE_DELAY
        try:
            yield
            delay = self.replica_lag
        except GitHubPackagesError as error:
            if not error.maybe_applied:
                delay = self.replica_lag
            raise
        finally:
            write.may_apply_until = self._clock() + delay

    def _forget_settled(self) -> None:
        now = self._clock()
        self._recent = [write for write in self._recent if write.may_apply_until > now]
