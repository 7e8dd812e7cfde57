"""Own changes of a collection that is being listed: they move what is yet to be reached.

A delete moves from what is active to what is deleted, a restore back.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ChangeLog", "Changes"]


class Changes:
    """How many changes one client began and finished in one collection."""

    def __init__(self) -> None:
        self.begun = 0
        self.finished = 0
        self._settled = asyncio.Event()
        self._settled.set()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Counts a change; whatever became of it, it is finished at the end."""
        self.begun += 1
        self._settled.clear()
        try:
            yield
        finally:
            self.finished += 1
            if self.finished == self.begun:
                self._settled.set()

    async def settled(self) -> None:
        """Waits until no change is under way."""
        await self._settled.wait()


class ChangeLog:
    """The changes of collections, for as long as somebody lists or changes them."""

    def __init__(self) -> None:
        self._listed: WeakValueDictionary[str, Changes] = WeakValueDictionary()

    def watch(self, collection: str) -> Changes:
        """The changes of a collection, recorded for as long as the result is kept."""
        key = collection.lower()  # Owners are not case sensitive, and nothing is lost otherwise.
        changes = self._listed.get(key)
        if changes is None:
            changes = self._listed[key] = Changes()
        return changes

    @contextmanager
    def changing(self, *collections: str) -> Iterator[None]:
        """Records a change of what collections hold, also for listings that begin meanwhile."""
        with ExitStack() as stack:
            for collection in collections:
                stack.enter_context(self.watch(collection).one())
            yield
