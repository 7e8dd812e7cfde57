"""`Audit`, the result of `GitHubPackages.audit`."""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .._context import segment
from .._items import AwaitFirst
from .._namespaces import Namespace, is_organization
from .._owners import OwnerName, namespace_of, parse_owner
from ..errors import ConfigurationError
from ..models import PACKAGE_TYPES
from ._audit_report import AuditReport
from ._events import Progress
from ._records import AuditHeader, ListingDone, ListingKey, listings_of
from ._runner import AuditRunner, OwnerJob

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Generator, Iterable

    from .._namespaces import NamespaceFactory
    from ._events import OnEvent
    from ._records import Entry
    from ._runner import Batch

__all__ = ["Audit"]


class Audit(AwaitFirst):
    """Packages, conflicts and failures of many owners. Each iteration or ``await`` requests anew.

    ``async for entry in audit`` yields a `PackageEntry`, `ConflictEntry` or `FailureEntry` for
    each item in order of arrival: packages of one owner and type in the server's order, owners and
    types interleaved. A bounded number of pages is prefetched; a slow consumer slows the audit.
    ``await audit`` returns an `AuditReport` of all entries.

    A listing that the server refuses, or that gets no response, is a `FailureEntry`, and the other
    listings continue. Other errors, such as `ClientClosed`, are raised.

    Returned by `GitHubPackages.audit`, which documents the arguments.
    """

    def __init__(
        self,
        factory: NamespaceFactory,
        owners: Iterable[str | Namespace],
        *,
        package_types: Iterable[str] = PACKAGE_TYPES,
        versions: bool = False,
        consistent: bool = False,
        skip: Collection[ListingKey] = (),
        on_event: OnEvent | None = None,
    ) -> None:
        types = _types(package_types)
        namespaces = _namespaces(factory, owners)
        self._context = factory.context
        self._versions = versions
        self._consistent = consistent
        self._on_event = on_event or (lambda _event: None)
        self._types = types
        self._owners = tuple(namespaces)
        self._jobs = [
            OwnerJob(owner, namespace, listings)
            for owner, namespace in namespaces.items()
            if (listings := [key for key in listings_of(owner, types) if key not in skip])
        ]
        self._skipped_owners = len(namespaces) - len(self._jobs)
        self.progress: Progress = self._initial_progress()
        """Progress of the last iteration."""

    def __repr__(self) -> str:
        return f"<Audit of {len(self._owners)} owners>"

    @property
    def owners(self) -> tuple[str, ...]:
        """The owners as passed, without duplicates."""
        return self._owners

    @property
    def listings(self) -> tuple[ListingKey, ...]:
        """The listings to request, without the skipped ones."""
        return tuple(key for job in self._jobs for key in job.listings)

    async def __aiter__(self) -> AsyncGenerator[Entry, None]:
        async with aclosing(self.batches()) as batches:
            async for batch in batches:
                for record in batch:
                    if not isinstance(record, ListingDone):
                        yield record

    def __await__(self) -> Generator[Any, None, AuditReport]:
        return self._report().__await__()

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Yield the records in batches of about a page; `ListingDone` follows a complete listing.

        Wrap it in `contextlib.aclosing` if the loop may end early: the requests in flight are then
        cancelled at once.
        """
        self.progress = self._initial_progress()
        context = self._context
        runner = AuditRunner(
            self._jobs,
            context.session.scheduler,
            versions=self._versions,
            consistent=self._consistent,
            concurrency=context.concurrency,
            progress=self.progress,
            on_event=self._on_event,
        )
        async with aclosing(runner.batches()) as batches:
            async for batch in batches:
                yield batch

    def header(self, started_at: datetime | None = None) -> AuditHeader:
        """Return the owners and options of the audit, the first record of an output file.

        Args:
            started_at: start of the audit, aware. Default: now.
        """
        return AuditHeader(
            base_url=str(self._context.session.base_url),
            owners=self._owners,
            package_types=self._types,
            with_versions=self._versions,
            started_at=started_at or datetime.now(UTC),
        )

    async def _report(self) -> AuditReport:
        header = self.header()
        async with aclosing(self.batches()) as batches:
            return AuditReport.of(header, [record async for batch in batches for record in batch])

    def _initial_progress(self) -> Progress:
        return Progress(
            owners=len(self._owners),
            owners_done=self._skipped_owners,
            listings=sum(len(job.listings) for job in self._jobs),
        )


def _namespaces(
    factory: NamespaceFactory, owners: Iterable[str | Namespace]
) -> dict[str, Namespace]:
    """Map the owners as written, without duplicates, to their namespaces."""
    if isinstance(owners, (str, Namespace)):
        raise ConfigurationError(f"owners: {owners!r} is one owner; give a list of them")
    first: dict[str, tuple[str, Namespace]] = {}
    for owner in owners:
        if isinstance(owner, Namespace):
            if not factory.made(owner):
                raise ConfigurationError(f"owners: {owner!r} belongs to another client")
            name, namespace = _written(owner), owner
        elif isinstance(owner, str):
            parsed = parse_owner(owner)
            name, namespace = str(parsed), namespace_of(factory, parsed)
        else:
            raise ConfigurationError(f"owners: {owner!r} is neither a name nor a namespace")
        first.setdefault(name.lower(), (name, namespace))
    return dict(first.values())


def _written(namespace: Namespace) -> str:
    """Return a namespace as an owner is written; ``org:me`` is the organization named ``me``."""
    name = namespace.name
    return str(OwnerName("org", name)) if is_organization(namespace) else name


def _types(package_types: Iterable[str]) -> tuple[str, ...]:
    if isinstance(package_types, str):
        raise ConfigurationError(
            f"package_types: {package_types!r} is one type; give a list of them"
        )
    types = tuple(dict.fromkeys(package_types))
    for package_type in types:
        segment(package_type, "package_types")
    if not types:
        raise ConfigurationError("package_types: none; give at least one type")
    return types
