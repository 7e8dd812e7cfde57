"""Delete the groups of a plan: compare, delete, record, verify."""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import TYPE_CHECKING, Final

import attrs

from .._owners import namespace_of, parse_owner
from .._session.hooks import call_hook
from ..errors import (
    APIError,
    DeletionRefused,
    Forbidden,
    GitHubPackagesError,
    InvalidResponse,
    NotFound,
    RateLimited,
    Unauthorized,
)
from ._apply_result import ApplyResult, BrokenImage
from ._errors import first_of
from ._graph import ListedVersion, VersionGraph
from ._journal import Intent, Journal, Outcome, intents_of, last_outcomes
from ._manifests import Unreadable
from ._reading import GraphReader
from ._recheck import PackageState, short_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from .._client import GitHubPackages
    from .._refs import PackageRef
    from ._journal import ApplyRecord, OutcomeStatus
    from ._manifests import Manifest
    from ._plan_file import Plan
    from ._preflight import ServerClock
    from ._records import Deletion, Group, PackageKey
    from ._registry import Registry

__all__ = ["Deleter", "is_active"]

WORKERS: Final = 4
"""Groups that are deleted side by side. GitHub asks for a second between writes, so more would only
wait."""
_FINAL: Final = frozenset({"deleted", "gone", "refused"})
_GONE: Final = frozenset({"deleted", "gone"})


class Deleter:
    """Deletes the versions of one plan, package by package."""

    def __init__(
        self,
        client: GitHubPackages,
        registry: Registry,
        journal: Journal[ApplyRecord] | None,
        clock: ServerClock,
        records: Sequence[ApplyRecord],
        on_outcome: Callable[[Outcome], object] | None,
    ) -> None:
        self._client = client
        self._registry = registry
        self._journal = journal
        self._clock = clock
        self._intents = dict(intents_of(records))
        self._earlier = last_outcomes(records)
        self._on_outcome = on_outcome
        self._outcomes: dict[int, Outcome] = {}
        self._broken: list[BrokenImage] = []
        self._unverified: dict[PackageKey, str] = {}
        self._stopped: str | None = None
        self._no_access: dict[PackageKey, str] = {}

    def result(self, plan: Plan, journal: Path) -> ApplyResult:
        return ApplyResult(
            outcomes=self._outcomes,
            to_delete=tuple(
                deletion for deletion in plan.deletions if deletion.id not in self._outcomes
            ),
            broken=tuple(self._broken),
            unverified=self._unverified,
            journal=journal,
        )

    async def apply_to(self, key: PackageKey, groups: Sequence[Group]) -> None:
        """Compare a package with its groups, delete those that are not stale, verify the rest."""
        owner, package_type, name = key
        ref = namespace_of(self._client, parse_owner(owner)).package(package_type, name)
        if self._stopped is not None:
            self._settle(groups, "failed", self._stopped)
            return
        try:
            state = await self._state_of(ref, groups)
            await self._settle_known(ref, groups, state)
        except NotFound as error:
            self._settle(groups, "stale", f"the package is not there: {error.message}")
            return
        except GitHubPackagesError as error:
            self._settle(groups, "failed", f"could not be compared with the plan: {error}")
            return
        for group, reason in state.stale(self._open(groups)):
            self._settle([group], "stale", reason)
        waiting = self._open(groups)
        if self._journal is not None and waiting:
            await self._delete(self._journal, ref, state, waiting)
            await self._verify(key, ref, state)

    async def _state_of(self, ref: PackageRef, groups: Sequence[Group]) -> PackageState:
        package = await ref.get()
        login = package.owner.login if package.owner is not None else ""
        listed = [ListedVersion.of(version) for version in await ref.versions(consistent=True)]
        graph = None
        if ref.package_type == "container":
            graph = VersionGraph(listed)

            async def list_digests() -> set[str]:
                return {version.name for version in await ref.versions(consistent=True)}

            reader = GraphReader(self._registry, login, ref.name, graph, list_digests)
            planned = {deletion.version for group in groups for deletion in group.deletions}
            await reader.read(planned & graph.index.keys())
            await reader.read_links()
        return PackageState(login, package.id, {version.id: version for version in listed}, graph)

    async def _delete(
        self,
        journal: Journal[ApplyRecord],
        ref: PackageRef,
        state: PackageState,
        groups: Sequence[Group],
    ) -> None:
        """Delete groups side by side, each in its order."""
        waiting = iter(groups)

        async def work() -> None:
            for group in waiting:
                await self._delete_group(journal, ref, state, group)

        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(min(WORKERS, len(groups))):
                    tasks.create_task(work())
        except BaseExceptionGroup as errors:
            raise first_of(errors) from None

    async def _delete_group(
        self,
        journal: Journal[ApplyRecord],
        ref: PackageRef,
        state: PackageState,
        group: Group,
    ) -> None:
        """Delete a group in its order; a version that cannot be deleted keeps those it needs."""
        held: dict[str, tuple[OutcomeStatus, str]] = {}
        for _, batch in groupby(group.deletions, key=lambda deletion: deletion.role == "root"):
            deletions = list(batch)
            if self._stop_reason(group.package) is None:
                intents = [
                    self._intent(deletion, state)
                    for deletion in deletions
                    if deletion.version not in held
                ]
                await journal.append_durably(*intents)
                self._intents.update({intent.id: intent for intent in intents})
            for deletion in deletions:
                stopped = self._stop_reason(group.package)
                if deletion.version in held:
                    outcome = self.outcome(deletion, *held[deletion.version])
                elif stopped is not None:
                    outcome = self.outcome(deletion, "failed", f"not requested: {stopped}")
                else:
                    outcome = await self._delete_one(ref, deletion)
                self._record(deletion, outcome)
                if outcome.status not in _GONE:
                    message = f"not requested: {short_name(deletion.version)} stays and needs it"
                    for name in state.needed_by(deletion.version):
                        held.setdefault(name, (outcome.status, message))

    def _stop_reason(self, package: PackageKey) -> str | None:
        """Return why nothing more is deleted of a package, or ``None``."""
        return self._stopped or self._no_access.get(package)

    def _intent(self, deletion: Deletion, state: PackageState) -> Intent:
        return Intent(
            owner=deletion.owner,
            package_type=deletion.package_type,
            name=deletion.name,
            login=state.login,
            package_id=state.package_id,
            id=deletion.id,
            version=deletion.version,
            tags=deletion.tags,
            role=deletion.role,
            group=deletion.group,
            at=self._clock.now(),
        )

    async def _delete_one(self, ref: PackageRef, deletion: Deletion) -> Outcome:
        """Delete a version; after an unclear response, request its state."""
        try:
            await ref.version(deletion.id).delete()
            return self.outcome(deletion, "deleted")
        except DeletionRefused as error:
            message = str(error)
            if error.reason == "download_limit" and ref.package_type == "container":
                message += ". To leave it out of later plans, add its digest to protect-digests"
            return self.outcome(deletion, "refused", message, error)
        except (RateLimited, Unauthorized) as error:
            self._stopped = str(error)
            return self.outcome(deletion, "failed", error=error)
        except GitHubPackagesError as error:
            failure = error
        try:
            active = await is_active(ref, deletion.id)
        except GitHubPackagesError as error:
            message = f"{failure}; and its state is unknown: {error}"
            return self.outcome(deletion, "failed", message, failure)
        if not active:
            status: OutcomeStatus = "gone" if isinstance(failure, NotFound) else "deleted"
            return self.outcome(deletion, status, error=failure)
        if isinstance(failure, (NotFound, Forbidden)):
            # Without admin rights to the package, every DELETE of its versions has this response.
            reason = f"{failure}. The token needs admin rights to the package"
            self._no_access.setdefault(deletion.package, reason)
        return self.outcome(deletion, "failed", error=failure)

    async def _settle_known(
        self, ref: PackageRef, groups: Sequence[Group], state: PackageState
    ) -> None:
        """Settle the versions that are not listed, and those that an earlier run settled."""
        for group in groups:
            for deletion in group.deletions:
                earlier = self._earlier.get(deletion.id)
                settled = earlier is not None and earlier.status in _FINAL
                if deletion.id not in state.versions:
                    self._record(
                        deletion,
                        earlier
                        if earlier is not None and settled
                        else self.outcome(deletion, "gone", "not listed any more"),
                        again=settled,
                    )
                elif earlier is not None and settled:
                    # A listing may be older than the deletion; the version itself is not.
                    if earlier.status != "refused" and await is_active(ref, deletion.id):
                        self._settle([group], "stale", "restored after this plan deleted it")
                        break
                    self._record(deletion, earlier, again=True)

    def _open(self, groups: Iterable[Group]) -> list[Group]:
        """Return the groups with versions that have no outcome yet, without the other versions."""
        waiting = []
        for group in groups:
            rest = tuple(
                deletion for deletion in group.deletions if deletion.id not in self._outcomes
            )
            if rest:
                waiting.append(attrs.evolve(group, deletions=rest))
        return waiting

    def _settle(self, groups: Iterable[Group], status: OutcomeStatus, message: str) -> None:
        """Record the same outcome for every version of the groups that has none yet."""
        for group in self._open(groups):
            for deletion in group.deletions:
                self._record(deletion, self.outcome(deletion, status, message))

    def outcome(
        self,
        deletion: Deletion,
        status: OutcomeStatus,
        message: str | None = None,
        error: GitHubPackagesError | None = None,
    ) -> Outcome:
        """Return an outcome of a version, now.

        Args:
            deletion: the version.
            status: category of the result.
            message: description for people.
            error: the error that decided, if one did.
        """
        response = error if isinstance(error, APIError) else None
        intent = self._intents.get(deletion.id) if status in _GONE else None
        return Outcome(
            id=deletion.id,
            status=status,
            http_status=None if response is None else response.status,
            message=message if message is not None or error is None else str(error),
            request_id=None if response is None else response.request_id,
            at=self._clock.now(),
            restorable_until=None if intent is None else intent.restorable_until,
        )

    def _record(self, deletion: Deletion, outcome: Outcome, *, again: bool = False) -> None:
        """Take an outcome, and write it to the journal unless it is there already."""
        self._outcomes[deletion.id] = outcome
        if self._journal is not None and not again:
            self._journal.append(outcome)
        if self._on_outcome is not None:
            call_hook("on_outcome", self._on_outcome, outcome)

    async def _verify(self, key: PackageKey, ref: PackageRef, state: PackageState) -> None:
        """List the package again: every image that is there must have its parts."""
        try:
            listed = await ref.versions(consistent=True)
            remaining = {version.name: ListedVersion.of(version) for version in listed}
            pushed = await self._read_pushed(ref, state, remaining)
        except GitHubPackagesError as error:
            self._unverified[key] = str(error)
            return
        for version, lost in state.broken_by(remaining, pushed):
            self._broken.append(BrokenImage(key, version.name, version.tags, tuple(lost)))

    async def _read_pushed(
        self, ref: PackageRef, state: PackageState, remaining: Iterable[str]
    ) -> list[Manifest]:
        """Read the manifests of versions that were pushed while others were deleted.

        Raises:
            InvalidResponse: one cannot be read.
        """
        if state.graph is None:
            return []
        digests = [digest for digest in remaining if digest not in state.graph.index]
        manifests = []
        for outcome in (await self._registry.read(state.login, ref.name, digests)).values():
            if isinstance(outcome, Unreadable):
                raise InvalidResponse(f"manifest {outcome.digest}: {outcome.message}")
            manifests.append(outcome)
        return manifests


async def is_active(ref: PackageRef, version_id: int) -> bool:
    """Return whether a version is there and not deleted."""
    try:
        await ref.version(version_id).get()
    except NotFound:
        return False
    return True
