"""Listings: await them, iterate them, or take them page by page."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from .._items import AwaitFirst, Items
from .run import Run
from .spec import Identified

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from .session import ListingSession
    from .spec import ListingSpec

__all__ = ["Listing", "Page"]

T = TypeVar("T", bound=Identified)
T_co = TypeVar("T_co", covariant=True)


@attrs.frozen
class Page(Generic[T_co]):
    """One page of a listing.

    Attributes:
        number: page number, counted from the listing's ``page`` argument.
        items: the page's items in the server's order, without those of earlier pages.
        last: number of the last page, if the server sent it.
    """

    number: int
    items: list[T_co]
    last: int | None = None


class Listing(AwaitFirst, Generic[T]):
    """A listing: iterate it, await it, or take its pages. Each iteration sends its own requests.

    Every item that exists from the first request to the last is yielded exactly once, or an error
    is raised after the items that could be listed: when the collection does not change, when this
    client changes it, and with ``consistent=True`` also when others do. Changes that show in the
    responses start another pass over the pages, whose new items follow.

    ``async for item in listing`` yields the items while later pages are fetched concurrently;
    ``await listing`` returns all of them as `Items`; ``async for page in listing.pages()`` yields
    `Page` objects. Leaving the loop cancels the requests in flight.

    Raises, when iterated: `APIError` and its subclasses (`SSORequired` also where GitHub left
    organizations out), `ConnectionFailed`, `InvalidResponse` (after all items that could be
    decoded), `PaginationCapReached`, `ListingUnstable`.
    """

    def __init__(
        self,
        session: ListingSession,
        spec: ListingSpec[T],
        *,
        window: int,
        consistent: bool = False,
    ) -> None:
        self._session = session
        self._spec = spec
        self._window = window
        self._consistent = consistent

    def __repr__(self) -> str:
        return f"<Listing of {self._spec.paginator().url(1)}>"

    async def __aiter__(self) -> AsyncGenerator[T, None]:
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                for item in page.items:
                    yield item

    def __await__(self) -> Generator[Any, None, Items[T]]:
        return self.all().__await__()

    async def all(self) -> Items[T]:
        """Return all items; the same as ``await listing``, as a coroutine."""
        items: Items[T] = Items(kind=self._spec.item_type)
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                items += page.items
        return items

    async def pages(self) -> AsyncGenerator[Page[T], None]:
        """Yield the pages in order, fetched up to the client's ``concurrency`` ahead.

        Pages that a second pass adds have no number of the server's: they continue the count.
        """
        session = self._session
        run = Run(session, self._spec, self._window)
        number = self._spec.paginator().next_page or 1
        with session.call():
            async with aclosing(run.pages(verify=self._consistent)) as pages:
                async for items, last in pages:
                    yield Page(number, items, last)
                    number += 1
            if run.deferred is not None:
                raise run.deferred
