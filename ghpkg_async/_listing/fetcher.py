"""The requests of one walk along the pages of a listing: later pages are fetched concurrently."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs
from yarl import URL

from .._paging.link_header import parse_link_header
from ..errors import InvalidResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._paging.known_pages import KnownPages
    from .._paging.link_header import Links
    from .._paging.link_support import LinkSupport
    from .._paging.paginator import Paginator
    from .._session.messages import Response
    from .session import ListingSession

__all__ = ["FetchedPage", "PageFetcher"]


@attrs.define(eq=False)
class FetchedPage:
    """A response and its page relations; an invalid ``Link`` is raised after its items."""

    response: Response
    links: Links | None
    error: InvalidResponse | None = None


@attrs.define(eq=False)
class _Prefetch:
    is_speculative: bool
    is_admitted: bool = False
    task: asyncio.Task[FetchedPage] = attrs.field(init=False)

    def admit(self) -> None:
        self.is_admitted = True


class PageFetcher:
    """Fetches pages, and those after them ahead of time.

    Args:
        session: sends the requests.
        paginator: decides which pages to request.
        known: the pages of earlier passes, requested conditionally.
        support: evidence of whether the server sends ``Link`` with this operation.
        window: most requests in flight.
    """

    def __init__(
        self,
        session: ListingSession,
        paginator: Paginator,
        known: KnownPages,
        support: LinkSupport,
        window: int,
    ) -> None:
        self._session = session
        self._origin = str(session.origin)
        self._paginator = paginator
        self._known = known
        self._support = support
        self._window = window
        self._in_flight: dict[int, _Prefetch] = {}

    async def fetch(self, page: int, *, retry: bool) -> FetchedPage | None:
        """Return the response for the next page.

        Args:
            page: number of the page.
            retry: ``False`` after a failure of a larger page: send the request once, and prefetch
                nothing.

        Returns:
            ``None`` if responses of other listings proved that the page before was the last.
        """
        if self._paginator.is_end_unconfirmed:
            return await self._confirm_end(page, retry=retry)
        if retry:
            self.prefetch()
        prefetch = self._in_flight.pop(page, None)
        if prefetch is not None and (prefetch.is_admitted or not prefetch.is_speculative):
            return await prefetch.task
        if prefetch is not None:  # A speculative request would keep waiting behind others.
            await _cancel([prefetch])
        if self._paginator.is_first(page):
            with self._support.first_page():
                return await self._send(page, retry=retry)
        return await self._send(page, retry=retry)

    def prefetch(self) -> None:
        """Request the pages after the current one that are not in flight."""
        certain, speculative = self._paginator.pages_to_request(self._window)
        if len(certain) + len(speculative) <= 1 and not self._in_flight:
            return  # A single request needs no task of its own.
        for pages, is_speculative in ((certain, False), (speculative, True)):
            for page in pages:
                if page not in self._in_flight:
                    prefetch = _Prefetch(is_speculative)
                    prefetch.task = asyncio.create_task(
                        self._send(page, speculative=is_speculative, admit=prefetch.admit)
                    )
                    self._in_flight[page] = prefetch

    async def cancel(self) -> None:
        """Cancel the requests in flight and wait until they have ended."""
        prefetched = list(self._in_flight.values())
        self._in_flight.clear()
        await _cancel(prefetched)

    async def _confirm_end(self, page: int, *, retry: bool) -> FetchedPage | None:
        """Request the page past a short one, unless another listing's response is evidence."""
        support = self._support
        if support.sends_link is None:
            await support.wait_for_first_pages()
            async with support.probing:
                if support.sends_link is None:
                    return await self._send(page, retry=retry)
        if support.sends_link:
            self._paginator.confirm_end()
            return None
        return await self._send(page, retry=retry)

    async def _send(
        self,
        page: int,
        *,
        retry: bool = True,
        speculative: bool = False,
        admit: Callable[[], object] | None = None,
    ) -> FetchedPage:
        known, is_first = self._known.get(self._paginator.key(page)), self._paginator.is_first(page)
        response = await self._session.get(
            URL(self._paginator.url(page), encoded=True),
            flow=self._paginator,
            is_continuation=not is_first,
            retry=retry,
            speculative=speculative,
            on_admitted=admit,
            etag=known.etag if known is not None else "",
        )
        links, invalid = None, None
        try:
            links = parse_link_header(response.link, self._origin)
        except InvalidResponse as error:
            invalid = error
        if links is not None:
            self._support.learn(sends_link=True)
        elif not is_first and response.status == 200:
            self._support.learn(sends_link=False)
        return FetchedPage(response, links, invalid)


async def _cancel(prefetched: Sequence[_Prefetch]) -> None:
    for prefetch in prefetched:
        prefetch.task.cancel()
    if prefetched:
        await asyncio.gather(*(prefetch.task for prefetch in prefetched), return_exceptions=True)
