"""Listings: await them, iterate them, or take them page by page."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import attrs
from yarl import URL

from ._items import AwaitFirst, Items
from ._paging.coverage import Coverage
from ._paging.known_pages import KnownPage, KnownPages
from ._paging.link_header import parse_link_header
from ._paging.passes import MAX_PASSES, delay_before_pass
from ._paging.seen_ids import SeenIds
from ._session.error_mapping import partial_results
from .errors import (
    GitHubPackagesError,
    InvalidResponse,
    ListingUnstable,
    PaginationCapReached,
    RequestTimeout,
    ServerError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Sequence

    from ._codec import Buffer, DecodedPage
    from ._paging.link_header import Links
    from ._paging.link_support import LinkSupport
    from ._paging.mutations import MutationTracker
    from ._paging.paginator import Paginator
    from ._session.session import Session
    from ._session.transport import Response

__all__ = ["Listing", "Page"]


class _Identified(Protocol):
    @property
    def id(self) -> int: ...


T = TypeVar("T", bound=_Identified)
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


@attrs.frozen(eq=False, repr=False)
class ListingSpec(Generic[T]):
    """The requests of a listing and the decoding of its responses.

    Attributes:
        item_type: class of the items, for a listing that has none.
        paginator: makes the paginator of a first pass.
        decoder: makes the decoder of one walk along the pages.
        collection: name under which the client's own writes to it are recorded.
        mutations: records of the client's own writes.
        link_support: evidence of whether the server sends ``Link`` with this operation.
        beyond_cap: makes the listings that together have the items beyond the cap.
        are_beyond_cap_listed: whether each of some items is in one of ``beyond_cap``.
    """

    item_type: type[T]
    paginator: Callable[[], Paginator]
    decoder: Callable[[], Callable[[Buffer], DecodedPage[T]]]
    collection: str
    mutations: MutationTracker
    link_support: LinkSupport
    beyond_cap: Callable[[], Sequence[ListingSpec[T]]] | None = None
    are_beyond_cap_listed: Callable[[list[T]], bool] = lambda _items: True


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
        self, session: Session, spec: ListingSpec[T], *, window: int, consistent: bool = False
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
        run = _Run(self._session, self._spec, self._window)
        number = self._spec.paginator().next_page or 1
        with self._session.call():
            async with aclosing(run.passes(verify=self._consistent)) as pages:
                async for items, last in pages:
                    yield Page(number, items, last)
                    number += 1
            run.raise_deferred()


@attrs.define(eq=False)
class _Pages(Generic[T]):
    """The pages of one URL over all passes.

    Attributes:
        spec: the requests and their decoding.
        paginator: of the current pass.
        coverage: the evidence that no item is missing between the pages.
        known: the pages of earlier passes, by number and size or by URL.
    """

    spec: ListingSpec[T]
    paginator: Paginator = attrs.field(init=False)
    coverage: Coverage = attrs.field(factory=Coverage, init=False)
    known: KnownPages = attrs.field(factory=KnownPages, init=False)

    def start_pass(self) -> None:
        """Begin at the first page, with the URLs and the last page of the pass before."""
        self.paginator = self.paginator.restart() if self.known else self.spec.paginator()
        self.coverage.start_pass()


class _Run(Generic[T]):
    """One iteration of a listing: passes over its pages until it is proven complete."""

    def __init__(self, session: Session, spec: ListingSpec[T], window: int) -> None:
        self._session = session
        self._spec = spec
        self._window = window
        self._seen = SeenIds()
        self._pages = _Pages(spec)
        self._parts: list[_Pages[T]] = []
        self._all_listed = True
        self._missing: int | None = None
        self._deferred: GitHubPackagesError | None = None

    async def passes(self, *, verify: bool) -> AsyncGenerator[tuple[list[T], int | None], None]:
        """Yield the new items of each page, and the number of the last page if it is known."""
        mutations = self._spec.mutations
        for number in range(1, MAX_PASSES + 1):
            if number > 1:  # A read may be older by the lag, but not older than the pass before.
                await asyncio.sleep(max(mutations.replica_lag, delay_before_pass(number)))
            with mutations.observe(self._spec.collection) as observed:
                async with aclosing(self._pass(is_first=number == 1)) as pages:
                    async for items, last in pages:
                        yield items, last
            walked = self._parts if self._pages.paginator.truncated_at_cap else [self._pages]
            changed = observed.any or any(pages.paginator.changed for pages in walked)
            proven = all(pages.coverage.is_complete for pages in walked)
            if self._missing is None and (proven or not (number > 1 or verify or changed)):
                return
        raise ListingUnstable(
            f"{self._spec.paginator().url(1)}: still changing after {MAX_PASSES} passes; "
            f"{len(self._seen)} items were yielded. List it again when fewer changes are made"
        )

    def raise_deferred(self) -> None:
        """Raise the error that the responses had beside their items, if any."""
        if self._deferred is not None:
            with self._session.redactor.redacting():
                raise self._deferred

    async def _pass(self, *, is_first: bool) -> AsyncGenerator[tuple[list[T], int | None], None]:
        pages = self._pages
        walk = _Walk(self._session, pages, self._window, self._seen if is_first else SeenIds())
        async with aclosing(walk.pages()) as walked:
            async for items in walked:
                self._note(items)
                if is_first:
                    yield items, pages.paginator.last_page
                elif new := self._new(items):
                    yield new, None
        self._deferred = self._deferred or walk.deferred
        if pages.paginator.truncated_at_cap:
            async with aclosing(self._beyond_cap()) as parts:
                async for items in parts:
                    yield items, None

    async def _beyond_cap(self) -> AsyncGenerator[list[T], None]:
        """Yield the items beyond the cap; raise `PaginationCapReached` unless these are all."""
        if not self._parts and self._spec.beyond_cap is not None:
            self._parts = [_Pages(part) for part in self._spec.beyond_cap()]
        is_complete = bool(self._parts) and self._all_listed
        for pages in self._parts:
            walk = _Walk(self._session, pages, self._window, SeenIds())
            async with aclosing(walk.pages()) as walked:
                async for items in walked:
                    if new := self._new(items):
                        yield new
            self._deferred = self._deferred or walk.deferred
            is_complete = is_complete and not pages.paginator.truncated_at_cap
        total = await self._total() if is_complete else None
        missing = total if total is not None and total > len(self._seen) else None
        # Another pass finds an item that was inserted during this one.
        is_missing_again = missing is not None and missing == self._missing
        self._missing = missing
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

    def _new(self, items: list[T]) -> list[T]:
        return _first_of_each(items, self._seen.add([item.id for item in items]))

    def _note(self, items: list[T]) -> None:
        if self._all_listed and self._spec.beyond_cap is not None:
            self._all_listed = self._spec.are_beyond_cap_listed(items)


@attrs.define(eq=False)
class _FetchedPage:
    """A response and its page relations; an invalid ``Link`` is raised after its items."""

    response: Response
    links: Links | None
    error: InvalidResponse | None = None


@attrs.define(eq=False)
class _Prefetch:
    is_speculative: bool
    is_admitted: bool = False
    task: asyncio.Task[_FetchedPage] = attrs.field(init=False)

    def admit(self) -> None:
        self.is_admitted = True


class _Walk(Generic[T]):
    """One walk along the pages of one URL, with later pages fetched concurrently.

    Attributes:
        deferred: the first error that a response had beside its items.
    """

    def __init__(self, session: Session, pages: _Pages[T], window: int, seen: SeenIds) -> None:
        pages.start_pass()
        self.deferred: GitHubPackagesError | None = None
        self._paginator = pages.paginator
        self._coverage = pages.coverage
        self._known = pages.known
        self._session = session
        self._origin = str(session.origin)
        self._support = pages.spec.link_support
        self._decode = pages.spec.decoder()
        self._window = window
        self._seen = seen
        self._in_flight: dict[int, _Prefetch] = {}
        self._previous_fingerprint = 0
        self._last_response: Response | None = None

    async def pages(self) -> AsyncGenerator[list[T], None]:
        """Yield the items of each page that no earlier page of this walk had."""
        failure: ServerError | RequestTimeout | None = None
        try:
            while (page := self._paginator.next_page) is not None:
                try:
                    fetched = await self._response(page, retry=failure is None)
                    failure = None
                except (ServerError, RequestTimeout) as error:
                    failure = failure or error
                    await self._cancel_prefetched()
                    if not self._paginator.halve_page_size():
                        raise failure from failure.__cause__
                    continue
                if fetched is None:
                    break
                # The next requests are sent first: decoding would delay them.
                await asyncio.sleep(0)
                invalid, items = self._accept(page, fetched)
                if items is not None:
                    yield items
                if invalid is not None:
                    with self._session.redactor.redacting():
                        raise invalid
            self._coverage.end_pass(
                last_is_short=self._paginator.last_is_short,
                ignores_page=self._paginator.ignores_page,
            )
            if (last := self._last_response) is not None and last.stored and not last.was_last:
                await self._session.remember_last(last)
        finally:
            await self._cancel_prefetched()

    def _accept(
        self, page: int, fetched: _FetchedPage
    ) -> tuple[InvalidResponse | None, list[T] | None]:
        """Advance past a response; return the error to raise after its items, and its items."""
        response, key = fetched.response, self._paginator.key(page)
        known = self._known.get(key)
        if response.status == 304 and known is not None:
            repeats = self._repeats(known.size, known.fingerprint)
            self._coverage.repeat(known.response)
            self._paginator.advance_unchanged(known, repeats_page=repeats)
            self._prefetch()
            return None, None
        self._last_response = response
        with self._session.redactor.redacting():
            decoded = response.read(self._decode)
        items, ids = decoded.items, decoded.ids
        new = self._seen.add(ids)
        self._defer_errors(response, decoded)
        invalid = fetched.error
        fingerprint = hash(tuple(ids))
        repeats = self._repeats(len(ids), fingerprint)
        try:
            with self._session.redactor.redacting():
                self._paginator.advance(
                    fetched.links,
                    size=len(ids),
                    new=len(new),
                    repeats_page=repeats,
                    sends_link=response.was_last or self._support.sends_link,
                    from_cache=response.from_cache,
                    is_cached=response.from_cache or response.stored,
                )
        except InvalidResponse as error:
            invalid = invalid or error
        if invalid is None:
            self._remember(key, response, ids, fingerprint)
            self._prefetch()
        return invalid, items if len(new) == len(ids) else _first_of_each(items, new)

    def _repeats(self, size: int, fingerprint: int) -> bool:
        """Return whether a page has the same items as the page before it."""
        repeats = size > 0 and fingerprint == self._previous_fingerprint
        self._previous_fingerprint = fingerprint
        return repeats

    def _remember(
        self, key: int | str, response: Response, ids: list[int], fingerprint: int
    ) -> None:
        """Keep the page for the next pass, which requests it conditionally."""
        known = self._known.get(key)
        if known is not None and known.fingerprint == fingerprint:
            number = known.response
            self._coverage.repeat(number)
        else:
            number = self._coverage.add(ids)
        etag = response.headers.get("ETag", "")
        page = KnownPage(
            etag if etag.isascii() and etag.isprintable() else "",
            len(ids),
            fingerprint,
            number,
            not self._paginator.is_end_proven,
            None if self._paginator.is_numbered else self._paginator.url(page=0),
        )
        self._known.add(key, page)

    def _defer_errors(self, response: Response, decoded: DecodedPage[T]) -> None:
        if decoded.invalid:
            reasons = list(decoded.invalid.values())
            others = f", and {len(reasons) - 1} more on this page" if len(reasons) > 1 else ""
            self._defer(InvalidResponse(f"{response.request}: {reasons[0]}{others}"))
        if "X-GitHub-SSO" in response.headers:
            shown = response.request.shown_url
            if partial := partial_results(response.headers, response.status, "GET", shown):
                self._defer(partial)

    def _defer(self, error: GitHubPackagesError) -> None:
        self.deferred = self.deferred or error

    async def _response(self, page: int, *, retry: bool) -> _FetchedPage | None:
        """The response for a page; ``None`` if other responses proved the page before the last."""
        if self._paginator.is_end_unconfirmed:
            return await self._confirm_end(page, retry=retry)
        if retry:
            self._prefetch()
        prefetch = self._in_flight.pop(page, None)
        if prefetch is not None and (prefetch.is_admitted or not prefetch.is_speculative):
            return await prefetch.task
        if prefetch is not None:  # A speculative request would keep waiting behind others.
            await _cancel([prefetch])
        if self._paginator.is_first(page):
            with self._support.first_page():
                return await self._fetch(page, retry=retry)
        return await self._fetch(page, retry=retry)

    async def _confirm_end(self, page: int, *, retry: bool) -> _FetchedPage | None:
        """Request the page past a short one, unless another listing's response is evidence."""
        support = self._support
        if support.sends_link is None:
            await support.wait_for_first_pages()
            async with support.probing:
                if support.sends_link is None:
                    return await self._fetch(page, retry=retry)
        if support.sends_link:
            self._paginator.confirm_end()
            return None
        return await self._fetch(page, retry=retry)

    def _prefetch(self) -> None:
        certain, speculative = self._paginator.pages_to_request(self._window)
        if len(certain) + len(speculative) <= 1 and not self._in_flight:
            return  # A single request needs no task of its own.
        for pages, is_speculative in ((certain, False), (speculative, True)):
            for page in pages:
                if page not in self._in_flight:
                    prefetch = _Prefetch(is_speculative)
                    prefetch.task = asyncio.create_task(
                        self._fetch(page, speculative=is_speculative, admit=prefetch.admit)
                    )
                    self._in_flight[page] = prefetch

    async def _fetch(
        self,
        page: int,
        *,
        retry: bool = True,
        speculative: bool = False,
        admit: Callable[[], object] | None = None,
    ) -> _FetchedPage:
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
            with self._session.redactor.redacting():
                links = parse_link_header(response.link, self._origin)
        except InvalidResponse as error:
            invalid = error
        if links is not None:
            self._support.learn(sends_link=True)
        elif not is_first and response.status == 200:
            self._support.learn(sends_link=False)
        return _FetchedPage(response, links, invalid)

    async def _cancel_prefetched(self) -> None:
        prefetched = list(self._in_flight.values())
        self._in_flight.clear()
        await _cancel(prefetched)


async def _cancel(prefetched: Sequence[_Prefetch]) -> None:
    """Cancel the requests and wait until they have ended."""
    for prefetch in prefetched:
        prefetch.task.cancel()
    if prefetched:
        await asyncio.gather(*(prefetch.task for prefetch in prefetched), return_exceptions=True)


def _first_of_each(items: list[T], new: set[int]) -> list[T]:
    """The items with a new id, each once."""
    first: list[T] = []
    for item in items:
        if item.id in new:
            new.discard(item.id)
            first.append(item)
    return first
