"""What the caller awaits and iterates: pages fetched side by side, handed over in order."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import attrs
from yarl import URL

from .errors import (
    InvalidResponse,
    PaginationCapReached,
    RequestTimeout,
    ServerError,
    partial_results,
)
from .items import Items
from .pagination import Course, SeenIds, read_links

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Sequence

    from .codec import Buffer
    from .errors import SSORequired
    from .session import Session
    from .transport import Answer

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
        number: its place in the listing, from the listing's ``page`` on.
        items: what it holds, in the server's order, without what an earlier page held.
        last: the number of the last page, as far as the server told.
    """

    number: int
    items: list[T_co]
    last: int | None = None


@attrs.frozen(eq=False, repr=False)
class Query(Generic[T]):
    """What a listing asks, and how its answers read.

    Attributes:
        kind: what the items are; where none come, nothing else tells.
        course: makes a new way through the pages.
        decoder: makes the decoder of one walk along them.
        beyond_cap: the queries that together reach what lies beyond the cap.
    """

    kind: type[T]
    course: Callable[[], Course]
    decoder: Callable[[], Callable[[Buffer], list[T]]]
    beyond_cap: Sequence[Query[T]] = ()


@attrs.frozen(eq=False, repr=False)
class _Fetched:
    answer: Answer
    finished_before: int
    begun_after: int
    came: float


class Listing(Generic[T]):
    """A listing: iterate it, await it, or take its pages. Each time, it asks again.

    It is complete, or it raises: after what could be reached was yielded.

    ``async for item in listing`` yields the items in the server's order, each once, while the
    pages behind are fetched side by side; ``await listing`` is the whole list, as `Items`;
    ``async for page in listing.pages()`` yields `Page` objects. Leaving the loop ends what is
    under way.

    Raises, when iterated: `APIError` and its kin (`SSORequired` also where GitHub says that it
    left organizations out), `ConnectionFailed`, `InvalidResponse`, `PaginationCapReached`.
    """

    def __init__(self, session: Session, query: Query[T], *, ahead: int) -> None:
        self._session = session
        self._query = query
        self._ahead = ahead

    def __repr__(self) -> str:
        return f"<Listing of {self._query.course().url(1)}>"

    async def __aiter__(self) -> AsyncGenerator[T, None]:
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                for item in page.items:
                    yield item

    def __await__(self) -> Generator[Any, None, Items[T]]:
        return self._whole().__await__()

    async def _whole(self) -> Items[T]:
        items: Items[T] = Items(kind=self._query.kind)
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                items += page.items
        return items

    async def pages(self) -> AsyncGenerator[Page[T], None]:
        """The pages in order, fetched up to the client's ``concurrency`` ahead."""
        course, seen = self._query.course(), SeenIds()
        number = course.number or 1
        async with aclosing(self._walk(self._query, course, seen)) as walk:
            async for items in walk:
                yield Page(number, items, course.last)
                number += 1
        if course.more_beyond_cap:
            async with aclosing(self._beyond_cap(course, seen)) as walk:
                async for items in walk:
                    yield Page(number, items)
                    number += 1

    async def _beyond_cap(self, course: Course, seen: SeenIds) -> AsyncGenerator[list[T], None]:
        """What the cap kept back, part by part; raises unless that is shown to be all."""
        reached, covered, cut_short = len(seen), SeenIds(), not self._query.beyond_cap
        for query in self._query.beyond_cap:
            part = query.course()
            async with aclosing(self._walk(query, part, SeenIds())) as walk:
                async for items in walk:
                    ids = [item.id for item in items]
                    covered.add(ids)
                    if new := seen.add(ids):
                        yield _first_of_each(items, new)
            cut_short = cut_short or part.more_beyond_cap
        # A filter that only sifts what the cap lets through brings nothing new, and a visibility
        # nobody knows leaves packages that no part covers.
        all_covered = len(covered) == len(seen) > reached and len(seen) >= course.at_least
        if cut_short or not all_covered:
            raise PaginationCapReached(
                f"more packages exist than page * per_page <= 10000 can reach; {len(seen)} were "
                "yielded. Ask for less at once: by visibility, with per_page=100"
            )

    async def _walk(
        self, query: Query[T], course: Course, seen: SeenIds
    ) -> AsyncGenerator[list[T], None]:
        """The new items of each page along the course."""
        decode, origin = query.decoder(), str(self._session.origin)
        wrong: InvalidResponse | None
        under_way: dict[int, asyncio.Task[_Fetched]] = {}
        partial: SSORequired | None = None
        failure: ServerError | RequestTimeout | None = None
        try:
            while (number := course.number) is not None:
                try:
                    fetched = await self._next(course, number, under_way, retry=failure is None)
                    failure = None
                except (ServerError, RequestTimeout) as error:
                    failure = failure or error
                    await _end(under_way)
                    if not course.shrink():
                        raise failure from failure.__cause__
                    continue
                # The next requests go out first: they would wait while a page is decoded.
                await asyncio.sleep(0)
                if not course.continues(fetched.finished_before, fetched.begun_after):
                    await _end(under_way)
                    continue
                answer, wrong = fetched.answer, None
                with self._session.secrets.hidden():
                    items = answer.read(decode)
                ids = [item.id for item in items]
                new = seen.add(ids)
                if len(new) < len(ids):
                    # Something was inserted: a page behind that the server put together before
                    # this one lacks what was pushed over its beginning.
                    await _end(under_way)
                elif not course.is_further(number):
                    # The first page shows no sign of an insertion before it.
                    await _end(_came_before(fetched, under_way))
                try:
                    with self._session.secrets.hidden():
                        links = read_links(answer.link, origin)
                        course.took(links, len(ids), len(new), kept=answer.kept)
                        partial = partial or _partial(answer)
                    self._fetch_ahead(course, under_way)
                except InvalidResponse as error:
                    wrong = error
                yield items if len(new) == len(ids) else _first_of_each(items, new)
                if wrong is not None:
                    raise wrong
            if partial is not None:
                with self._session.secrets.hidden():
                    raise partial
        finally:
            await _end(under_way)

    async def _next(
        self,
        course: Course,
        number: int,
        under_way: dict[int, asyncio.Task[_Fetched]],
        *,
        retry: bool,
    ) -> _Fetched:
        if retry:
            self._fetch_ahead(course, under_way)
        if number in under_way:
            return await under_way.pop(number)
        # A page asked for while deletes are under way may be moved by them.
        await course.changes.settled()
        return await self._fetch(course, number, retry=retry)

    def _fetch_ahead(self, course: Course, under_way: dict[int, asyncio.Task[_Fetched]]) -> None:
        numbers = course.ahead(self._ahead)
        if len(numbers) > 1 or under_way:
            for number in numbers:
                if number not in under_way:
                    under_way[number] = asyncio.create_task(self._fetch(course, number))

    async def _fetch(self, course: Course, number: int, *, retry: bool = True) -> _Fetched:
        changes = course.changes
        finished_before = changes.finished
        url = URL(course.url(number), encoded=True)
        answer = await self._session.get(
            url, lane=course, further=course.is_further(number), retry=retry
        )
        return _Fetched(answer, finished_before, changes.begun, asyncio.get_running_loop().time())


def _came_before(
    fetched: _Fetched, under_way: dict[int, asyncio.Task[_Fetched]]
) -> dict[int, asyncio.Task[_Fetched]]:
    """Takes out the pages that came before one that they are behind."""
    early = {
        number: task
        for number, task in under_way.items()
        if task.done() and not task.exception() and task.result().came < fetched.came
    }
    for number in early:
        del under_way[number]
    return early


def _partial(answer: Answer) -> SSORequired | None:
    if "X-GitHub-SSO" not in answer.headers:
        return None
    return partial_results(answer.headers, answer.status, "GET", answer.request.shown_url)


def _first_of_each(items: list[T], new: set[int]) -> list[T]:
    """The items with a new id, each once."""
    first: list[T] = []
    for item in items:
        if item.id in new:
            new.discard(item.id)
            first.append(item)
    return first


async def _end(under_way: dict[int, asyncio.Task[_Fetched]]) -> None:
    """Ends the fetches nobody will take any more, and waits until they have ended."""
    tasks = list(under_way.values())
    under_way.clear()
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)
