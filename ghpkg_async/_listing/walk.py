"""One walk along the pages of one URL: accept each response in order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

from .._paging.coverage import Coverage
from .._paging.known_pages import KnownPage, KnownPages
from .._session.error_mapping import partial_results
from ..errors import InvalidResponse, RequestTimeout, ServerError
from .fetcher import PageFetcher
from .spec import Identified

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from .._codec import DecodedPage
    from .._paging.paginator import Paginator
    from .._paging.seen_ids import SeenIds
    from .._session.messages import Response
    from ..errors import GitHubPackagesError
    from .fetcher import FetchedPage
    from .session import ListingSession
    from .spec import ListingSpec

__all__ = ["ListedPages", "Walk", "take_new"]

T = TypeVar("T", bound=Identified)


@attrs.define(eq=False)
class ListedPages(Generic[T]):
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

    def start_pass(self, *, resize: bool) -> None:
        """Begin at the first page, with what the pass before learned about the pages.

        Args:
            resize: request pages of another size than in the pass before.
        """
        self.paginator = (
            self.paginator.restart(resize=resize) if self.known else self.spec.paginator()
        )
        self.coverage.start_pass()


class Walk(Generic[T]):
    """One walk along the pages of one URL.

    Args:
        session: sends the requests.
        listed: the pages, of which a pass has been started.
        window: most requests in flight.
        seen: ids of the items of this walk.
        defer: receives the errors of responses that also have items.
    """

    def __init__(
        self,
        session: ListingSession,
        listed: ListedPages[T],
        window: int,
        seen: SeenIds,
        defer: Callable[[GitHubPackagesError], None],
    ) -> None:
        spec = listed.spec
        self._session = session
        self._paginator = listed.paginator
        self._coverage = listed.coverage
        self._known = listed.known
        self._support = spec.link_support
        self._decode = spec.decode
        self._fetcher = PageFetcher(
            session, listed.paginator, listed.known, spec.link_support, window
        )
        self._seen = seen
        self._defer = defer
        self._previous_fingerprint = 0
        self._last_response: Response | None = None

    async def pages(self) -> AsyncGenerator[list[T], None]:
        """Yield the items of each page that no earlier page of this walk had."""
        failure: ServerError | RequestTimeout | None = None
        try:
            while (page := self._paginator.next_page) is not None:
                try:
                    fetched = await self._fetcher.fetch(page, retry=failure is None)
                    failure = None
                except (ServerError, RequestTimeout) as error:
                    failure = failure or error
                    await self._fetcher.cancel()
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
                    raise invalid
            self._coverage.end_pass(
                last_is_short=self._paginator.last_is_short,
                ignores_page=self._paginator.ignores_page,
            )
            last = self._last_response if self._paginator.is_end_proven else None
            if last is not None and last.stored and not last.was_last:
                await self._session.remember_last(last)
        finally:
            await self._fetcher.cancel()

    def _accept(
        self, page: int, fetched: FetchedPage
    ) -> tuple[InvalidResponse | None, list[T] | None]:
        """Advance past a response; return the error to raise after its items, and its items."""
        response, key = fetched.response, self._paginator.key(page)
        known = self._known.get(key)
        if response.status == 304 and known is not None:
            self._last_response = None
            repeats = self._repeats(known.size, known.fingerprint)
            self._coverage.repeat(known.response, is_unchanged=True)
            self._paginator.advance_unchanged(known, repeats_page=repeats)
            self._fetcher.prefetch()
            return None, None
        self._last_response = response
        decoded = response.read(self._decode)
        items, ids = decoded.items, decoded.ids
        new = self._seen.add(ids)
        self._defer_errors(response, decoded)
        invalid = fetched.error
        fingerprint = hash(tuple(ids))
        repeats = self._repeats(len(ids), fingerprint)
        try:
            self._paginator.advance(
                fetched.links,
                size=len(ids),
                new=len(new),
                repeats_page=repeats,
                # A page that was the last in an earlier run needs no other evidence.
                sends_link=response.was_last or self._support.sends_link,
                links_may_be_stale=response.from_cache,
                will_be_cached=response.from_cache or response.stored,
            )
        except InvalidResponse as error:
            invalid = invalid or error
        if invalid is None:
            self._remember(key, response, ids, fingerprint)
            self._fetcher.prefetch()
        return invalid, items if len(new) == len(ids) else take_new(items, new)

    def _repeats(self, size: int, fingerprint: int) -> bool:
        """Return whether a page has the same items as the page before it."""
        repeats = size > 0 and fingerprint == self._previous_fingerprint
        self._previous_fingerprint = fingerprint
        return repeats

    def _remember(
        self, key: int | str, response: Response, ids: list[int], fingerprint: int
    ) -> None:
        """Record the page in the coverage, and for a conditional request in the next pass."""
        known, etag = self._known.get(key), response.headers.get("ETag", "")
        if not (etag.isascii() and etag.isprintable()):
            etag = ""
        if known is not None and known.fingerprint == fingerprint:
            number = known.response
            self._coverage.repeat(number, is_unchanged=etag == known.etag)
        else:
            number = self._coverage.add(ids)
        page = KnownPage(
            etag,
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


def take_new(items: list[T], new: set[int]) -> list[T]:
    """Return the items with a new id, each once, and remove their ids from the new ones."""
    taken: list[T] = []
    for item in items:
        if item.id in new:
            new.discard(item.id)
            taken.append(item)
    return taken
