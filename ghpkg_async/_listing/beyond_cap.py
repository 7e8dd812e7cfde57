"""The items that the 10,000 cap cuts off, from listings of parts of the collection."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Generic, TypeVar

from yarl import URL

from .._paging.link_header import parse_link_header
from .._paging.seen_ids import SeenIds
from ..errors import PaginationCapReached
from .spec import Identified
from .walk import ListedPages, take_new

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from .session import ListingSession
    from .spec import ListingSpec
    from .walk import Walk

__all__ = ["BeyondCap"]

T = TypeVar("T", bound=Identified)


class BeyondCap(Generic[T]):
    """The part of a listing beyond its cap.

    Args:
        session: sends the request for the number of items.
        spec: the listing.
        seen: ids of the items yielded so far.
        walk: starts a pass over the pages of one of the parts.

    Attributes:
        listed: the pages of each part; empty until the cap was reached.
        missing: the number of items according to the server, if the last pass found fewer.
    """

    def __init__(
        self,
        session: ListingSession,
        spec: ListingSpec[T],
        seen: SeenIds,
        walk: Callable[[ListedPages[T], SeenIds], Walk[T]],
    ) -> None:
        self.listed: list[ListedPages[T]] = []
        self.missing: int | None = None
        self._session = session
        self._spec = spec
        self._seen = seen
        self._walk = walk
        self._are_all_listed = True

    def note(self, items: list[T]) -> None:
        """Note whether the parts have items like these."""
        if self._are_all_listed and self._spec.beyond_cap is not None:
            self._are_all_listed = self._spec.beyond_cap_has(items)

    async def pages(self) -> AsyncGenerator[list[T], None]:
        """Yield the new items of each page of the parts.

        Raises:
            PaginationCapReached: they are not all items, after those that could be listed.
        """
        if not self.listed and self._spec.beyond_cap is not None:
            self.listed = [ListedPages(part) for part in self._spec.beyond_cap()]
        is_complete = bool(self.listed) and self._are_all_listed
        for listed in self.listed:
            async with aclosing(self._walk(listed, SeenIds()).pages()) as walked:
                async for items in walked:
                    if new := take_new(items, self._seen.add([item.id for item in items])):
                        yield new
            is_complete = is_complete and not listed.paginator.truncated_at_cap
        total = await self._total() if is_complete else None
        missing = total if total is not None and total > len(self._seen) else None
        # Another pass finds an item that was inserted during this one.
        is_missing_again = missing is not None and missing == self.missing
        self.missing = missing
        if not is_complete or is_missing_again:
            raise PaginationCapReached(
                f"more packages exist than page * per_page <= 10000 can reach; {len(self._seen)} "
                "were yielded. List fewer at once: by visibility, with per_page=100"
            )

    async def _total(self) -> int | None:
        """The number of items: with one item a page, the number of the last page in ``Link``."""
        url = self._spec.paginator().url_of_one_item
        response = await self._session.get(URL(url, encoded=True), is_continuation=True)
        links = parse_link_header(response.link, str(self._session.origin))
        return links.last_page if links is not None else None
