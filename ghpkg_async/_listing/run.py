"""One iteration of a listing: passes over its pages until it is complete."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Generic, TypeVar

from .._paging.passes import MAX_PASSES, delay_before_pass, is_resized
from .._paging.seen_ids import SeenIds
from ..errors import ListingUnstable
from .beyond_cap import BeyondCap
from .spec import Identified
from .walk import ListedPages, Walk, take_new

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ..errors import GitHubPackagesError
    from .session import ListingSession
    from .spec import ListingSpec

__all__ = ["Run"]

T = TypeVar("T", bound=Identified)


class Run(Generic[T]):
    """One iteration of a listing.

    Attributes:
        deferred: the first error of a response that also had items.
    """

    def __init__(self, session: ListingSession, spec: ListingSpec[T], window: int) -> None:
        self.deferred: GitHubPackagesError | None = None
        self._session = session
        self._spec = spec
        self._window = window
        self._resize = False
        self._seen = SeenIds()
        self._listed = ListedPages(spec)
        self._beyond_cap = BeyondCap(session, spec, self._seen, self._walk)

    async def pages(self, *, verify: bool) -> AsyncGenerator[tuple[list[T], int | None], None]:
        """Yield the new items of each page, and the number of the last page if it is known.

        Args:
            verify: whether it has to be proven complete even if nothing shows a change.

        Raises:
            ListingUnstable: the listing still changed in the last pass.
        """
        mutations = self._spec.mutations
        for number in range(1, MAX_PASSES + 1):
            if number > 1:  # A read may lag behind a write; this pass has to see newer data.
                await asyncio.sleep(max(mutations.replica_lag, delay_before_pass(number)))
            with mutations.observe(self._spec.collection) as observed:
                async with aclosing(self._pass(is_first=number == 1)) as pages:
                    async for items, last in pages:
                        yield items, last
            is_truncated = self._listed.paginator.truncated_at_cap
            # At the cap, the parts list every item, so that only they need proof.
            listed = self._beyond_cap.listed if is_truncated else [self._listed]
            changed = observed.any or any(pages.paginator.changed for pages in listed)
            is_unchanged = not observed.any and all(each.coverage.is_unchanged for each in listed)
            proven = is_unchanged or all(pages.coverage.is_complete for pages in listed)
            needs_proof = number > 1 or verify or changed
            is_missing = is_truncated and self._beyond_cap.missing is not None
            if not is_missing and (proven or not needs_proof):
                return
            self._resize = is_resized(number + 1)
        raise ListingUnstable(
            f"{self._spec.paginator().url(1)}: still changing after {MAX_PASSES} passes; "
            f"{len(self._seen)} items were yielded. List it again when fewer changes are made"
        )

    async def _pass(self, *, is_first: bool) -> AsyncGenerator[tuple[list[T], int | None], None]:
        walk = self._walk(self._listed, self._seen if is_first else SeenIds())
        async with aclosing(walk.pages()) as walked:
            async for items in walked:
                self._beyond_cap.note(items)
                if is_first:
                    yield items, self._listed.paginator.last_page
                elif new := take_new(items, self._seen.add([item.id for item in items])):
                    yield new, None
        if self._listed.paginator.truncated_at_cap:
            async with aclosing(self._beyond_cap.pages()) as pages:
                async for items in pages:
                    yield items, None

    def _walk(self, listed: ListedPages[T], seen: SeenIds) -> Walk[T]:
        listed.start_pass(resize=self._resize)
        return Walk(self._session, listed, self._window, seen, self._defer)

    def _defer(self, error: GitHubPackagesError) -> None:
        self.deferred = self.deferred or error
