"""`Audit`: what `GitHubPackages.audit` returns."""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from .._items import AwaitFirst
from .._namespaces import Namespace, is_organization, segment
from ..errors import ConfigurationError
from ..models import PACKAGE_TYPES
from ._audit_report import AuditReport
from ._events import Progress
from ._owners import OwnerName, parse_owner
from ._records import AuditHeader, ListingDone, ListingKey
from ._run import Run, Task

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Generator, Iterable

    from .._namespaces import Context
    from ._events import OnEvent
    from ._records import Entry
    from ._run import Batch

__all__ = ["Audit"]


class Audit(AwaitFirst):
    """Many owners' packages, conflicts and failures: iterate it, or await it. Each time, it asks.

    ``async for entry in audit`` yields a `PackageEntry`, a `ConflictEntry` or a `FailureEntry` as
    it arrives. An owner's packages of one type come in the server's order; owners and types come
    mixed. A bounded number is fetched ahead: who takes them slowly slows the audit down.
    ``await audit`` is an `AuditReport` of all of them.

    What the server refuses, or cannot be reached for, is a `FailureEntry`; the rest goes on. Only
    what is no answer of the server's, like closing the client meanwhile, raises.

    Made by `GitHubPackages.audit`, which describes the arguments.
    """

    def __init__(
        self,
        context: Context,
        owners: Iterable[str | Namespace],
        *,
        package_types: Iterable[str] = PACKAGE_TYPES,
        versions: bool = False,
        consistent: bool = False,
        skip: Collection[ListingKey] = (),
        on_event: OnEvent | None = None,
    ) -> None:
        types = _types(package_types)
        namespaces = _namespaces(context, owners)
        self._context = context
        self._versions = versions
        self._consistent = consistent
        self._on_event = on_event or (lambda _event: None)
        self._types = types
        self._owners = tuple(namespaces)
        self._tasks = [
            Task(owner, namespace, listings)
            for owner, namespace in namespaces.items()
            if (listings := [key for key in _listings(owner, types) if key not in skip])
        ]
        self._skipped_owners = len(namespaces) - len(self._tasks)
        self.progress = self._fresh_progress()
        """How far the last iteration is."""

    def __repr__(self) -> str:
        return f"<Audit of {len(self._owners)} owners>"

    @property
    def owners(self) -> tuple[str, ...]:
        """The owners as written, each once."""
        return self._owners

    @property
    def listings(self) -> tuple[ListingKey, ...]:
        """The listings to request, without those to skip."""
        return tuple(key for task in self._tasks for key in task.listings)

    async def __aiter__(self) -> AsyncGenerator[Entry, None]:
        async with aclosing(self.batches()) as batches:
            async for batch in batches:
                for record in batch:
                    if not isinstance(record, ListingDone):
                        yield record

    def __await__(self) -> Generator[Any, None, AuditReport]:
        return self._whole().__await__()

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """The records about a page at a time, with a `ListingDone` behind each whole listing.

        This is what `ghpkg_async.audit._outputs` takes. Wrap it in `contextlib.aclosing` where the
        loop may be left early and nothing may go on behind it.
        """
        self.progress = self._fresh_progress()
        context = self._context
        run = Run(
            self._tasks,
            context.session.scheduler,
            versions=self._versions,
            consistent=self._consistent,
            concurrency=context.concurrency,
            progress=self.progress,
            on_event=self._on_event,
        )
        async with aclosing(run.batches()) as batches:
            async for batch in batches:
                yield batch

    def header(self, started_at: datetime | None = None) -> AuditHeader:
        """What is asked, as an output file has it in its first line.

        Args:
            started_at: when it begins, aware. Default: now.
        """
        return AuditHeader(
            base_url=str(self._context.session.base_url),
            owners=self._owners,
            package_types=self._types,
            with_versions=self._versions,
            started_at=started_at or datetime.now(UTC),
        )

    async def _whole(self) -> AuditReport:
        header = self.header()
        async with aclosing(self.batches()) as batches:
            return AuditReport.of(header, [each async for batch in batches for each in batch])

    def _fresh_progress(self) -> Progress:
        return Progress(
            owners=len(self._owners),
            owners_done=self._skipped_owners,
            listings=sum(len(task.listings) for task in self._tasks),
        )


class Namespaces(Protocol):
    """Makes namespaces: a client, or its context."""

    def org(self, org: str) -> Namespace:
        """The packages of an organization."""

    def me(self) -> Namespace:
        """The packages of the token's user."""

    def user(self, username: str) -> Namespace:
        """The packages of a user."""


def namespace_of(client: Namespaces, owner: OwnerName) -> Namespace:
    """Return the namespace of an owner."""
    if owner.kind == "me":
        return client.me()
    return client.org(owner.login) if owner.kind == "org" else client.user(owner.login)


def _namespaces(context: Context, owners: Iterable[str | Namespace]) -> dict[str, Namespace]:
    """The owners as written, each once, and their packages."""
    if isinstance(owners, (str, Namespace)):
        raise ConfigurationError(f"owners: {owners!r} is one owner; give a list of them")
    first: dict[str, tuple[str, Namespace]] = {}
    for owner in owners:
        if isinstance(owner, Namespace):
            if not context.names(owner):
                raise ConfigurationError(f"owners: {owner!r} belongs to another client")
            name, namespace = _written(owner), owner
        elif isinstance(owner, str):
            parsed = parse_owner(owner)
            name, namespace = str(parsed), namespace_of(context, parsed)
        else:
            raise ConfigurationError(f"owners: {owner!r} is neither a name nor a namespace")
        first.setdefault(name.lower(), (name, namespace))
    return dict(first.values())


def _written(namespace: Namespace) -> str:
    """How a namespace is written as an owner: ``org:me`` is the organization of that name."""
    name = namespace.name
    return str(OwnerName("org", name)) if is_organization(namespace) else name


def _types(package_types: Iterable[str]) -> tuple[str, ...]:
    if isinstance(package_types, str):
        raise ConfigurationError(
            f"package_types: {package_types!r} is one type; give a list of them"
        )
    types = tuple(dict.fromkeys(package_types))
    for each in types:
        segment(each, "package_types")
    if not types:
        raise ConfigurationError("package_types: none; give at least one type")
    return types


def _listings(owner: str, package_types: Iterable[str]) -> list[ListingKey]:
    """An owner's listings: a type each; those of Docker packages include their conflicts."""
    types = list(package_types)
    listings = [ListingKey(owner, each) for each in types]
    return [*listings, ListingKey(owner, None)] if "docker" in types else listings
