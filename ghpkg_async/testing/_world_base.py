"""Base of a world, used by its owners and packages: clock, ids and rules of restoring."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import attrs

from ._times import instant

Clock: TypeAlias = Callable[[], datetime]
"""Returns the current time, with a zone."""

RESTORABLE_FOR: Final = timedelta(days=30)


@attrs.define(eq=False)
class WorldBase:
    """Clock, id counter and rules of restoring; ``World`` describes the arguments."""

    clock: Clock = attrs.field(default=lambda: datetime.now(UTC), repr=False)
    restores_tags: bool = attrs.field(default=True, kw_only=True)
    _next_id: int = attrs.field(default=1001, init=False, repr=False)

    def now(self) -> datetime:
        """Return the current time of the world's clock, in whole seconds."""
        return instant(self.clock())

    def restorable(self, deleted_at: datetime) -> bool:
        """Return whether GitHub still restores an item deleted at that time."""
        return self.now() - deleted_at <= RESTORABLE_FOR

    def new_id(self, wanted: int | None = None) -> int:
        """Return the wanted id, or a new one by default; later new ids are greater."""
        new = self._next_id if wanted is None else wanted
        self._next_id = max(self._next_id, new + 1)
        return new
