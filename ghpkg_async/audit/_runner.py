"""List all owners of an audit concurrently, and turn pages and errors into records."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from ..errors import ConfigurationError, InvalidResponse, Unauthorized
from ..tables._shapes import package_fields
from ._events import OwnerDone, OwnerStarted, PageDone, Waiting
from ._failures import FAILURES, Failure, concerns_all, ends_owner, failure_entry
from ._records import ConflictEntry, ListingDone, PackageEntry, VersionsSummary

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from datetime import datetime

    from .._namespaces import Namespace
    from .._session.scheduler import RequestScheduler
    from ..models import Package, PackageVersion
    from ._events import Event, Progress
    from ._records import FailureEntry, ListingKey, Record

__all__ = ["AuditRunner", "Batch"]

Batch: TypeAlias = "list[Record]"

BUFFERED_BATCHES: Final = 64
"""Maximum number of pages buffered for the caller; further listings then wait."""
TOKEN_REFUSALS: Final = 3
"""Number of 401 failures, before any page was received, after which no owner is requested."""

TAGGED_TYPES: Final = frozenset({"container", "docker"})
"""The package types whose versions have tags."""


@attrs.frozen
class OwnerJob:
    """Listings to request of one owner.

    Attributes:
        owner: the owner as passed to the audit.
        namespace: the namespace of the owner.
        listings: the listings in order; at least one.
    """

    owner: str
    namespace: Namespace
    listings: Sequence[ListingKey]


class AuditRunner:
    """Requests each listing of each owner once.

    The other listings of an owner start after the first response for it, so that an owner that is
    missing or forbidden costs one request.

    Args:
        jobs: the owners, in order.
        scheduler: the request scheduler of the client.
        versions: whether to list the versions of each package and summarize them.
        consistent: whether to list with ``consistent=True``.
        concurrency: maximum number of requests in flight of the client.
        progress: updated after each page, listing and owner.
        on_event: called with each event.
    """

    def __init__(
        self,
        jobs: Sequence[OwnerJob],
        scheduler: RequestScheduler,
        *,
        versions: bool,
        consistent: bool,
        concurrency: int,
        progress: Progress,
        on_event: Callable[[Event], object],
    ) -> None:
        self._jobs = jobs
        self._scheduler = scheduler
        self._versions = versions
        self._consistent = consistent
        self._progress = progress
        self._emit = on_event
        self._queue: asyncio.Queue[Batch | None] = asyncio.Queue(BUFFERED_BATCHES)
        # As many owners as requests in flight keep the client busy if each owner has one
        # listing, twice as many listings do while pages are decoded; more would only use memory.
        self._owners = asyncio.Semaphore(concurrency)
        self._listings = asyncio.Semaphore(2 * concurrency)
        self._packages = asyncio.Semaphore(2 * concurrency)
        self._has_listed = False
        self._refusal: Unauthorized | None = None
        self._token_refusals = 0

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Yield the records in order of arrival, one batch per page."""
        # A task group around the `yield` would cancel the caller if it failed while the caller
        # processes a page.
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
            with self._scheduler.listening("on_event", lambda wait: self._emit(Waiting(wait))):
                async with asyncio.TaskGroup() as group:
                    for job in self._jobs:
                        await self._owners.acquire()
                        group.create_task(_OwnerAudit(self, job).audit())
        except BaseExceptionGroup as group_error:
            failed = _first_error(group_error)
        await self._queue.put(None)
        if failed is not None:
            # Raised outside the handler: as the context of its own exception the group would make
            # a reference cycle, which cannot be pickled.
            raise failed

    async def _put(self, batch: Batch) -> None:
        if batch:
            await self._queue.put(batch)

    def _on_page(self, page: PageDone, counted: int) -> int:
        """Count a page; return the number of pages of its listing known so far."""
        known = max(counted, page.last or 0, page.number)
        self._progress.pages += known - counted
        self._progress.pages_done += 1
        self._emit(page)
        return known

    def _on_listing_end(self, known: int, done: int) -> None:
        """Remove the pages of an ended listing that were expected but not received."""
        self._progress.pages -= known - done

    def _failed(self, error: Failure) -> None:
        self._progress.failures += 1
        if isinstance(error, Unauthorized):
            self._refusal = error
            self._token_refusals += 1

    @property
    def _token_refused(self) -> Unauthorized | None:
        """The 401 response, if the token has been refused for every owner so far."""
        hopeless = not self._has_listed and self._token_refusals >= TOKEN_REFUSALS
        return self._refusal if hopeless else None


class _OwnerAudit:
    """Requests the listings of one owner."""

    def __init__(self, runner: AuditRunner, job: OwnerJob) -> None:
        self._runner = runner
        self._job = job
        self._ended = False
        self._first_response = asyncio.Event()
        self._packages = 0
        self._failures: list[FailureEntry] = []
        self._incomplete: set[ListingKey] = set()

    async def audit(self) -> None:
        runner, job = self._runner, self._job
        try:
            runner._emit(OwnerStarted(job.owner))
            if (refusal := runner._token_refused) is not None:
                await self._fail(refusal, None)
                self._ended = True
            else:
                await self._list_all(job.listings)
            if self._ended:
                runner._progress.listings_begun += len(job.listings)
                runner._progress.listings_done += len(job.listings)
            runner._progress.owners_done += 1
            runner._emit(OwnerDone(job.owner, self._packages, tuple(self._failures)))
        finally:
            runner._owners.release()

    async def _list_all(self, listings: Sequence[ListingKey]) -> None:
        first, *others = listings
        async with asyncio.TaskGroup() as group:
            group.create_task(self._list(first, first=True))
            await self._first_response.wait()
            if not self._ended:
                for key in others:
                    group.create_task(self._list(key))

    async def _list(self, key: ListingKey, *, first: bool = False) -> None:
        runner = self._runner
        try:
            async with runner._listings:
                await self._list_pages(key, first=first)
        finally:
            self._first_response.set()
        if not self._ended:
            runner._progress.listings_done += 1

    async def _list_pages(self, key: ListingKey, *, first: bool) -> None:
        runner, count, known, done = self._runner, 0, 0, 0
        try:
            listing = (
                self._job.namespace.docker_conflicts(consistent=runner._consistent)
                if key.package_type is None
                else self._job.namespace.packages(key.package_type, consistent=runner._consistent)
            )
            async with aclosing(listing.pages()) as pages:
                async for page in pages:
                    if not done:
                        self._on_first_page()
                    done += 1
                    event = PageDone(key, page.number, page.last, len(page.items))
                    known = runner._on_page(event, known)
                    batch = await self._batch(key, page.items)
                    count += len(page.items)
                    self._count_packages(key, len(page.items))
                    await runner._put(batch)
        except FAILURES as error:
            if first and not done and ends_owner(error):
                self._ended = True
            elif not done:
                runner._progress.listings_begun += 1
            await self._fail(error, None if self._ended else key)
        else:
            if key not in self._incomplete:
                await runner._put([_done(key, count)])
        finally:
            runner._on_listing_end(known, done)

    def _on_first_page(self) -> None:
        self._runner._has_listed = True
        self._runner._progress.listings_begun += 1
        self._first_response.set()

    def _count_packages(self, key: ListingKey, count: int) -> None:
        if key.package_type is not None:
            self._packages += count
            self._runner._progress.packages += count

    async def _batch(self, key: ListingKey, packages: Sequence[Package]) -> Batch:
        """Return the records of a page, in its order."""
        if key.package_type is None:
            return [ConflictEntry(**_fields(key, package)) for package in packages]
        if not self._runner._versions:
            return [PackageEntry(**_fields(key, package)) for package in packages]
        batch: Batch = []
        failed: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._with_versions(key, package)) for package in packages
                ]
        except BaseExceptionGroup as group_error:
            # The packages are recorded even though listing their versions failed.
            await self._runner._put([PackageEntry(**_fields(key, package)) for package in packages])
            failed = _first_error(group_error)
        if failed is not None:
            raise failed
        for task in tasks:
            batch += task.result()
        return batch

    async def _with_versions(self, key: ListingKey, package: Package) -> Batch:
        """Return the record of a package, followed by the failure to list its versions if any."""
        fields = _fields(key, package)
        if fields["soft_deleted"]:
            return [PackageEntry(**fields)]
        try:
            async with self._runner._packages:
                summary = await self._summarize(key, package)
        except FAILURES as error:
            if concerns_all(error):
                raise
            self._incomplete.add(key)
            failure = self._record_failure(error, key, package.name)
            return [PackageEntry(**fields), failure]
        if package.version_count is None:
            fields["version_count"] = summary.count
        return [PackageEntry(**fields, versions=summary)]

    async def _summarize(self, key: ListingKey, package: Package) -> VersionsSummary:
        builder = _VersionsSummaryBuilder(package.package_type in TAGGED_TYPES)
        if package.version_count == 0:
            return builder.summary()
        try:
            listing = self._job.namespace.package(package).versions(
                consistent=self._runner._consistent
            )
        except ConfigurationError as error:  # The server sent the name.
            raise InvalidResponse(f"a package's versions cannot be requested: {error}") from None
        known = done = 0
        try:
            async with aclosing(listing.pages()) as pages:
                async for page in pages:
                    done += 1
                    event = PageDone(key, page.number, page.last, len(page.items), package.name)
                    known = self._runner._on_page(event, known)
                    for version in page.items:
                        builder.add(version)
        finally:
            self._runner._on_listing_end(known, done)
        return builder.summary()

    async def _fail(self, error: Failure, key: ListingKey | None) -> None:
        await self._runner._put([self._record_failure(error, key)])

    def _record_failure(
        self, error: Failure, key: ListingKey | None, name: str | None = None
    ) -> FailureEntry:
        failure = failure_entry(error, self._job.owner, key, name)
        self._failures.append(failure)
        self._runner._failed(error)
        return failure


class _VersionsSummaryBuilder:
    """Summarizes versions one by one, without keeping them."""

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
    fields = {"owner": key.owner, **package_fields(package)}
    if key.package_type:
        # The type requested: records of a listing are identified by it.
        fields["package_type"] = key.package_type
    return fields


def _first_error(group_error: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group, which callers can catch by its type."""
    error: BaseException = group_error
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
