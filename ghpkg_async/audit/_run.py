"""One run of an audit: which listings go when, what becomes of their pages, and how it ends."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from ..errors import ConfigurationError, InvalidResponse, Unauthorized
from ._events import OwnerDone, OwnerStarted, PageDone, Waiting
from ._failures import FAILURES, Failure, concerns_all, ends_owner, failure_entry
from ._records import ConflictEntry, ListingDone, PackageEntry, VersionsSummary, fields_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from datetime import datetime

    from .._namespaces import Namespace
    from .._session.scheduler import RequestScheduler
    from ..models import Package, PackageVersion
    from ._events import Event, Progress
    from ._records import FailureEntry, ListingKey, Record

__all__ = ["Batch", "Run"]

Batch: TypeAlias = "list[Record]"

BUFFERED_BATCHES: Final = 64
"""Pages that wait for the caller; then their listings wait too."""
TOKEN_REFUSALS: Final = 3
"""So many owners answer 401, and none anything better: the token is of no use."""

TAGGED_TYPES: Final = frozenset({"container", "docker"})
"""The package types whose versions have tags."""


@attrs.frozen
class Task:
    """An owner, and what to ask of it.

    Attributes:
        owner: as the caller wrote it.
        namespace: whom to ask.
        listings: the listings, in order; at least one.
    """

    owner: str
    namespace: Namespace
    listings: Sequence[ListingKey]


class Run:
    """Goes once through every listing of every owner.

    An owner begins with one listing, and its others follow once that was answered: an owner who is
    not there, or lets nobody in, costs one request.

    Args:
        tasks: the owners, in order.
        gate: the client's.
        versions: whether to sum up each package's versions.
        consistent: whether to repeat each listing until a pass brings nothing new.
        concurrency: how many requests the client has in flight at once.
        progress: is kept up to date.
        on_event: is told what happens.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        gate: RequestScheduler,
        *,
        versions: bool,
        consistent: bool,
        concurrency: int,
        progress: Progress,
        on_event: Callable[[Event], object],
    ) -> None:
        self._tasks = tasks
        self._gate = gate
        self._versions = versions
        self._consistent = consistent
        self._progress = progress
        self._tell = on_event
        self._queue: asyncio.Queue[Batch | None] = asyncio.Queue(BUFFERED_BATCHES)
        # As many owners as requests keep the client busy while each begins with one; twice as many
        # listings do while pages are decoded. More would only wait at the gate, and hold memory.
        self._owners = asyncio.Semaphore(concurrency)
        self._listings = asyncio.Semaphore(2 * concurrency)
        self._packages = asyncio.Semaphore(2 * concurrency)
        self._answered = False
        self._refusal: Unauthorized | None = None
        self._token_refusals = 0

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """The records as they come, about a page at a time."""
        # Not a task group around the `yield`: should it fail while the caller holds the page, it
        # would cancel the caller.
        producer = asyncio.create_task(self._produce())
        try:
            while (batch := await self._queue.get()) is not None:
                yield batch
            await producer
        finally:
            producer.cancel()
            await asyncio.gather(producer, return_exceptions=True)

    async def _produce(self) -> None:
        failed: BaseException | None = None
        try:
            with self._gate.listening("on_event", lambda wait: self._tell(Waiting(wait))):
                async with asyncio.TaskGroup() as group:
                    for task in self._tasks:
                        await self._owners.acquire()
                        group.create_task(_Owner(self, task).audit())
        except BaseExceptionGroup as several:
            failed = _first(several)
        await self._queue.put(None)
        if failed is not None:
            # Not from within the handler: its context would be the group that holds it, a circle
            # that no pickle survives.
            raise failed

    async def _put(self, batch: Batch) -> None:
        if batch:
            await self._queue.put(batch)

    def _page_done(self, page: PageDone, counted: int) -> int:
        """Counts a page of a listing of which so many pages were known; returns how many are."""
        known = max(counted, page.last or 0, page.number)
        self._progress.pages += known - counted
        self._progress.pages_done += 1
        self._tell(page)
        return known

    def _pages_end(self, known: int, done: int) -> None:
        """A listing ended: the pages it still owed, having failed, will not come."""
        self._progress.pages -= known - done

    def _failed(self, error: Failure) -> None:
        self._progress.failures += 1
        if isinstance(error, Unauthorized):
            self._refusal = error
            self._token_refusals += 1

    @property
    def _token_refused(self) -> Unauthorized | None:
        """The refusal of a token that no owner took."""
        hopeless = not self._answered and self._token_refusals >= TOKEN_REFUSALS
        return self._refusal if hopeless else None


class _Owner:
    """The part of a run that is one owner's."""

    def __init__(self, run: Run, task: Task) -> None:
        self._run = run
        self._task = task
        self._ended = False
        self._answered = asyncio.Event()
        self._packages = 0
        self._failures: list[FailureEntry] = []
        self._incomplete: set[ListingKey] = set()

    async def audit(self) -> None:
        run, task = self._run, self._task
        try:
            run._tell(OwnerStarted(task.owner))
            if (refused := run._token_refused) is not None:
                await self._fail(refused, None)
                self._ended = True
            else:
                await self._ask(task.listings)
            if self._ended:
                run._progress.listings_begun += len(task.listings)
                run._progress.listings_done += len(task.listings)
            run._progress.owners_done += 1
            run._tell(OwnerDone(task.owner, self._packages, tuple(self._failures)))
        finally:
            run._owners.release()

    async def _ask(self, listings: Sequence[ListingKey]) -> None:
        first, *others = listings
        async with asyncio.TaskGroup() as group:
            group.create_task(self._list(first, first=True))
            await self._answered.wait()
            if not self._ended:
                for key in others:
                    group.create_task(self._list(key))

    async def _list(self, key: ListingKey, *, first: bool = False) -> None:
        run = self._run
        try:
            async with run._listings:
                await self._walk(key, first=first)
        finally:
            self._answered.set()
        if not self._ended:
            run._progress.listings_done += 1

    async def _walk(self, key: ListingKey, *, first: bool) -> None:
        run, count, known, done = self._run, 0, 0, 0
        try:
            listing = (
                self._task.namespace.docker_conflicts(consistent=run._consistent)
                if key.package_type is None
                else self._task.namespace.packages(key.package_type, consistent=run._consistent)
            )
            async with aclosing(listing.pages()) as pages:
                async for page in pages:
                    if not done:
                        self._first_page_came()
                    done += 1
                    told = PageDone(key, page.number, page.last, len(page.items))
                    known = run._page_done(told, known)
                    batch = await self._batch(key, page.items)
                    count += len(page.items)
                    self._count_packages(key, len(page.items))
                    await run._put(batch)
        except FAILURES as error:
            if first and not done and ends_owner(error):
                self._ended = True
            elif not done:
                run._progress.listings_begun += 1
            await self._fail(error, None if self._ended else key)
        else:
            if key not in self._incomplete:
                await run._put([_done(key, count)])
        finally:
            run._pages_end(known, done)

    def _first_page_came(self) -> None:
        self._run._answered = True
        self._run._progress.listings_begun += 1
        self._answered.set()

    def _count_packages(self, key: ListingKey, count: int) -> None:
        if key.package_type is not None:
            self._packages += count
            self._run._progress.packages += count

    async def _batch(self, key: ListingKey, packages: Sequence[Package]) -> Batch:
        """The records of a page, in its order."""
        if key.package_type is None:
            return [ConflictEntry(**_fields(key, package)) for package in packages]
        if not self._run._versions:
            return [PackageEntry(**_fields(key, package)) for package in packages]
        batch: Batch = []
        failed: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._with_versions(key, each)) for each in packages]
        except BaseExceptionGroup as several:
            # The packages are known, whatever became of their versions.
            await self._run._put([PackageEntry(**_fields(key, each)) for each in packages])
            failed = _first(several)
        if failed is not None:
            raise failed
        for task in tasks:
            batch += task.result()
        return batch

    async def _with_versions(self, key: ListingKey, package: Package) -> Batch:
        """A package's record; where its versions failed, the failure's behind it."""
        fields = _fields(key, package)
        if fields["soft_deleted"]:
            return [PackageEntry(**fields)]
        try:
            async with self._run._packages:
                summary = await self._sum_up(key, package)
        except FAILURES as error:
            if concerns_all(error):
                raise
            self._incomplete.add(key)
            failure = self._record_failure(error, key, package.name)
            return [PackageEntry(**fields), failure]
        if package.version_count is None:
            fields["version_count"] = summary.count
        return [PackageEntry(**fields, versions=summary)]

    async def _sum_up(self, key: ListingKey, package: Package) -> VersionsSummary:
        summing = _Summing(package.package_type in TAGGED_TYPES)
        if package.version_count == 0:
            return summing.summary()
        try:
            listing = self._task.namespace.package(package).versions(
                consistent=self._run._consistent
            )
        except ConfigurationError as error:  # The name is the server's, not the caller's.
            raise InvalidResponse(f"a package's versions cannot be asked for: {error}") from None
        known = done = 0
        try:
            async with aclosing(listing.pages()) as pages:
                async for page in pages:
                    done += 1
                    told = PageDone(key, page.number, page.last, len(page.items), package.name)
                    known = self._run._page_done(told, known)
                    for version in page.items:
                        summing.add(version)
        finally:
            self._run._pages_end(known, done)
        return summing.summary()

    async def _fail(self, error: Failure, key: ListingKey | None) -> None:
        await self._run._put([self._record_failure(error, key)])

    def _record_failure(
        self, error: Failure, key: ListingKey | None, name: str | None = None
    ) -> FailureEntry:
        failure = failure_entry(error, self._task.owner, key, name)
        self._failures.append(failure)
        self._run._failed(error)
        return failure


class _Summing:
    """A `VersionsSummary` in the making; the versions themselves are not kept."""

    def __init__(self, has_tags: bool) -> None:
        self._has_tags = has_tags
        self._count = self._tagged = 0
        self._newest: datetime | None = None
        self._oldest: datetime | None = None

    def add(self, version: PackageVersion) -> None:
        created = version.created_at
        self._count += 1
        self._tagged += bool(version.tags)
        self._newest = max(self._newest or created, created)
        self._oldest = min(self._oldest or created, created)

    def summary(self) -> VersionsSummary:
        tagged, untagged = self._tagged, self._count - self._tagged
        return VersionsSummary(
            count=self._count,
            newest=self._newest,
            oldest=self._oldest,
            tagged=tagged if self._has_tags else None,
            untagged=untagged if self._has_tags else None,
        )


def _done(key: ListingKey, count: int) -> ListingDone:
    return ListingDone(
        owner=key.owner, listing=key.listing, package_type=key.package_type, count=count
    )


def _fields(key: ListingKey, package: Package) -> dict[str, Any]:
    fields = {"owner": key.owner, **fields_of(package)}
    if key.package_type:
        # What was asked for, so that a listing's records are known by it.
        fields["package_type"] = key.package_type
    return fields


def _first(several: BaseExceptionGroup[BaseException]) -> BaseException:
    """Of errors that ended tasks at once, the first one: what a caller can catch by its type."""
    error: BaseException = several
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
