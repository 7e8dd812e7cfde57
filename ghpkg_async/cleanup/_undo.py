"""Restore the deletions of a journal.

GitHub documents that a version can be restored for 30 days, but not whether its tags are set again,
nor whether that removes them from another version that has them by then. A version is therefore
held if another one has a tag of it, and every restored version is compared with the journal.

https://docs.github.com/en/packages/learn-github-packages/deleting-and-restoring-a-package
"""

from __future__ import annotations

import asyncio
import shlex
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
from yarl import URL

from .._client import session_of
from .._files import FileLock
from .._owners import namespace_of, parse_owner
from .._session.hooks import call_hook
from ..errors import (
    APIError,
    ConfigurationError,
    GitHubPackagesError,
    NotFound,
    RateLimited,
    Unauthorized,
)
from ._apply import check_header
from ._deleter import is_active
from ._errors import first_of
from ._graph import ListedVersion
from ._journal import (
    APPLY_CODEC,
    UNDO_CODEC,
    ApplyHeader,
    Journal,
    RestoreIntent,
    RestoreOutcome,
    UndoEnd,
    UndoHeader,
    intents_of,
    journal_of,
    last_outcomes,
    read_journal,
)
from ._plan_file import is_plan
from ._preflight import preflight
from ._recheck import short_name

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from .._client import GitHubPackages
    from .._refs import PackageRef
    from ._journal import ApplyRecord, Intent, RestoreStatus, UndoRecord
    from ._preflight import ServerClock
    from ._records import PackageKey

__all__ = ["UndoResult", "undo", "undo_journal_of"]

WORKERS: Final = 4
URGENT: Final = timedelta(hours=24)
"""Versions that can be restored for less than this are restored first of all."""
_BACK: Final = frozenset({"restored", "active"})


@attrs.frozen(kw_only=True)
class UndoResult:
    """Results of undoing deletions.

    Attributes:
        intents: the selected versions that, by the journal, were or may have been deleted.
        outcomes: the result of each, by id; with ``check``, only of those that would not be
            restored.
        retag: commands that set the tags that GitHub did not set again.
        journal: file of the restores.
    """

    intents: tuple[Intent, ...]
    outcomes: Mapping[int, RestoreOutcome]
    retag: tuple[str, ...] = ()
    journal: Path

    @property
    def counts(self) -> Mapping[RestoreStatus, int]:
        """Number of versions by status."""
        return Counter(outcome.status for outcome in self.outcomes.values())

    @property
    def to_restore(self) -> tuple[Intent, ...]:
        """With ``check``, the versions that would be restored."""
        return tuple(intent for intent in self.intents if intent.id not in self.outcomes)

    @property
    def complete(self) -> bool:
        """Every version is there again, with its tags."""
        return not self.retag and all(outcome.status in _BACK for outcome in self.outcomes.values())


def undo_journal_of(journal: Path) -> Path:
    """Return the file for the restores: ``PLAN.undo.jsonl`` beside ``PLAN.journal.jsonl``."""
    stem = journal.name.removesuffix(".jsonl").removesuffix(".journal")
    return journal.with_name(f"{stem}.undo.jsonl")


async def undo(
    client: GitHubPackages,
    journal: str | os.PathLike[str],
    *,
    check: bool = False,
    group: str | None = None,
    package: PackageKey | None = None,
    registry_url: str | None = None,
    on_outcome: Callable[[RestoreOutcome], object] | None = None,
) -> UndoResult:
    """Restore the versions that a journal says were deleted.

    The parts of an image are restored before the image, and tagged versions last, so that no tag
    leads to an incomplete image. Versions that can be restored for less than 24 hours more are
    restored first of all. Called again, it restores the rest.

    Args:
        client: sends the requests; its token needs the scopes ``read:packages`` and
            ``write:packages``.
        journal: the journal of `apply`. The restores are written to ``PLAN.undo.jsonl`` beside it.
        check: do everything but restore.
        group: restore this group only: its name, or the first characters of it.
        package: restore versions of this package only: owner, type and name.
        registry_url: root of the registry, for commands that set tags; ``None``: the journal's.
        on_outcome: called with each outcome; what it raises is logged.

    Raises:
        ConfigurationError: the journal cannot be read or is of another server, it has no such
            group or package, the journal of the restores cannot be written, or the token lacks
            a scope.
        GitHubPackagesError: the server did not respond at all.
        OSError: the journal of the restores could not be written. Nothing is restored after that.
    """
    path = Path(journal)
    records = _read_deletions(path)
    header = records[0] if records else None
    if not isinstance(header, ApplyHeader):
        raise ConfigurationError(f"{path}: not a journal of deletions: it has no header")
    base_url = str(session_of(client).base_url)
    if header.base_url != base_url:
        raise ConfigurationError(
            f"{path}: a journal of {header.base_url}, but the client's base URL is {base_url}"
        )
    outcomes = last_outcomes(records)
    intents = [
        intent
        for intent in intents_of(records).values()
        if (outcome := outcomes.get(intent.id)) is None or outcome.status != "refused"
    ]
    chosen = _chosen(path, intents, group, package)
    undo_path = undo_journal_of(path)
    with ExitStack() as stack:
        writer: Journal[UndoRecord] | None = None
        if not check:
            # `apply` must not go on deleting while this restores.
            stack.callback(FileLock(path).release)
            writer = stack.enter_context(Journal(undo_path, UNDO_CODEC))
            check_header(undo_path, writer.records, header.plan_sha256)
        clock = await preflight(client, "read:packages", "write:packages")
        if writer is not None and not writer.records:
            await writer.append_durably(
                UndoHeader(
                    plan_sha256=header.plan_sha256,
                    started_at=clock.now(),
                    base_url=header.base_url,
                )
            )
        run = _Run(client, writer, clock, registry_url or header.registry_url, on_outcome)
        await run.restore(chosen)
        result = UndoResult(
            intents=tuple(chosen),
            outcomes=run.outcomes,
            retag=tuple(run.retag),
            journal=undo_path,
        )
        if writer is not None:
            await writer.append_durably(UndoEnd(at=clock.now(), counts=dict(result.counts)))
        return result


def _read_deletions(path: Path) -> list[ApplyRecord]:
    """Read a journal of deletions.

    Raises:
        ConfigurationError: the file cannot be read, or is not such a journal.
    """
    try:
        return list(read_journal(path, APPLY_CODEC))
    except ConfigurationError:
        if not is_plan(path):
            raise
    raise ConfigurationError(
        f"{path}: a plan, not a journal. Pass the journal of apply, by default {journal_of(path)}. "
        "If it is lost: ghpkg restore OWNER TYPE NAME --version ID, for each id of the plan"
    )


def _chosen(
    path: Path, intents: Sequence[Intent], group: str | None, package: PackageKey | None
) -> list[Intent]:
    """Return the intents of a group and of a package.

    Raises:
        ConfigurationError: the journal has no such intents, or of more than one group.
    """
    chosen = [intent for intent in intents if package in (None, intent.package)]
    if package is not None and not chosen:
        raise ConfigurationError(f"package: {path} has no deletion of {'/'.join(package)}")
    if group is None:
        return chosen
    chosen = [intent for intent in chosen if group and intent.group.startswith(group)]
    groups = {intent.group for intent in chosen}
    if len(groups) != 1:
        number = f"{len(groups)} groups of" if groups else "no group of"
        raise ConfigurationError(f"group: {number} {path} begin with {group!r}")
    return chosen


class _Run:
    """One run of `undo`."""

    def __init__(
        self,
        client: GitHubPackages,
        journal: Journal[UndoRecord] | None,
        clock: ServerClock,
        registry_url: str,
        on_outcome: Callable[[RestoreOutcome], object] | None,
    ) -> None:
        self.outcomes: dict[int, RestoreOutcome] = {}
        self.retag: list[str] = []
        self._client = client
        self._journal = journal
        self._clock = clock
        self._registry = URL(registry_url).authority
        self._on_outcome = on_outcome
        self._stopped: str | None = None
        self._parts: dict[tuple[PackageKey, str], list[Intent]] = {}

    async def restore(self, intents: Sequence[Intent]) -> None:
        packages: dict[PackageKey, list[Intent]] = {}
        for intent in intents:
            packages.setdefault(intent.package, []).append(intent)
            if intent.role == "child":
                self._parts.setdefault((intent.package, intent.group), []).append(intent)
        for of_package in packages.values():
            await self._check(of_package)
        waiting = [intent for intent in intents if intent.id not in self.outcomes]
        if self._journal is None:
            return
        for batch in _batches(waiting, self._clock.now()):
            await self._restore_batch(self._journal, batch)
        for of_package in packages.values():
            await self._verify([intent for intent in of_package if self._is_requested(intent)])

    def _ref(self, intent: Intent) -> PackageRef:
        namespace = namespace_of(self._client, parse_owner(intent.owner))
        return namespace.package(intent.package_type, intent.name)

    async def _check(self, intents: Sequence[Intent]) -> None:
        """Settle the versions of one package that need not or must not be restored."""
        ref = self._ref(intents[0])
        try:
            package = await ref.get()
            versions = [
                ListedVersion.of(version) for version in await ref.versions(consistent=True)
            ]
        except GitHubPackagesError as error:
            advice = ". Restore the package first" if isinstance(error, NotFound) else ""
            for intent in intents:
                self._record(intent, "held", f"the package cannot be listed: {error}{advice}")
            return
        ids = {version.name: version.id for version in versions}
        tagged = {tag: version.id for version in versions for tag in version.tags}
        for intent in intents:
            if package.id != intent.package_id:
                message = "the package was deleted, and another one has its name"
                self._record(intent, "held", message)
            else:
                self._check_version(intent, ids, tagged)

    def _check_version(
        self, intent: Intent, ids: Mapping[str, int], tagged: Mapping[str, int]
    ) -> None:
        """Settle a version that need not or must not be restored.

        Args:
            intent: the version.
            ids: id of each version that the package has, by name.
            tagged: id of the version that has a tag, by tag.
        """
        present = ids.get(intent.version)
        moved = [tag for tag in intent.tags if tagged.get(tag, intent.id) != intent.id]
        if present is not None:
            lost = [tag for tag in intent.tags if tag not in tagged]
            again = "" if present == intent.id else f"pushed again, as version {present}"
            self._record_restored(intent, "active", lost, again)
        elif self._clock.now() >= intent.restorable_until:
            until = f"{intent.restorable_until:%Y-%m-%d %H:%M} UTC"
            self._record(intent, "expired", f"it could be restored until {until}")
        elif moved:
            command = ("ghpkg", "restore", *intent.package, "--version", str(intent.id))
            self._record(
                intent,
                "held",
                f"version {tagged[moved[0]]} has the tag {moved[0]} now, and GitHub does not "
                "document which one of two would keep it. To restore it all the same: "
                f"{shlex.join(command)}",
            )

    async def _restore_batch(self, journal: Journal[UndoRecord], batch: Sequence[Intent]) -> None:
        waiting = []
        for intent in batch:
            if self._stopped is not None:
                self._record(intent, "failed", f"not requested: {self._stopped}")
            elif lost := self._lost_part(intent):
                message = f"its part {short_name(lost.version)} is not there"
                self._record(intent, "held", message)
            else:
                waiting.append(intent)
        if not waiting:
            return
        await journal.append_durably(
            *(
                RestoreIntent(
                    owner=intent.owner,
                    package_type=intent.package_type,
                    name=intent.name,
                    id=intent.id,
                    version=intent.version,
                    tags=intent.tags,
                    group=intent.group,
                    at=self._clock.now(),
                )
                for intent in waiting
            )
        )
        queue = iter(waiting)

        async def work() -> None:
            for intent in queue:
                await self._restore_one(intent)

        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(min(WORKERS, len(waiting))):
                    tasks.create_task(work())
        except BaseExceptionGroup as errors:
            raise first_of(errors) from None

    def _lost_part(self, intent: Intent) -> Intent | None:
        """Return a part of a tagged image that could not be restored."""
        if intent.tags:
            for part in self._parts.get((intent.package, intent.group), ()):
                outcome = self.outcomes.get(part.id)
                if outcome is not None and outcome.status not in _BACK:
                    return part
        return None

    async def _restore_one(self, intent: Intent) -> None:
        ref = self._ref(intent)
        if self._stopped is not None:
            self._record(intent, "failed", f"not requested: {self._stopped}")
            return
        try:
            await ref.version(intent.id).restore()
        except (RateLimited, Unauthorized) as error:
            self._stopped = str(error)
            self._record(intent, "failed", str(error), error)
        except GitHubPackagesError as failure:
            try:
                active = await is_active(ref, intent.id)
            except GitHubPackagesError as error:
                message = f"{failure}; and its state is unknown: {error}"
                self._record(intent, "failed", message, failure)
                return
            if active:
                self._record(intent, "restored", str(failure), failure)
            else:
                self._record(intent, "failed", str(failure), failure)
        else:
            self._record(intent, "restored")

    def _is_requested(self, intent: Intent) -> bool:
        return self.outcomes[intent.id].status == "restored"

    async def _verify(self, intents: Sequence[Intent]) -> None:
        """Compare the restored versions of one package with the journal."""
        if not intents:
            return
        try:
            listed = await self._ref(intents[0]).versions(consistent=True)
        except GitHubPackagesError as error:
            for intent in intents:
                message = f"restored, but the package cannot be listed: {error}"
                self._record(intent, "failed", message)
            return
        versions = {version.id: version for version in listed}
        for intent in intents:
            version = versions.get(intent.id)
            if version is None or version.name != intent.version:
                self._record(intent, "failed", "restored, but it is not listed")
            elif missing := [tag for tag in intent.tags if tag not in version.tags]:
                self._record_restored(intent, "restored", missing)

    def _record_restored(
        self, intent: Intent, status: RestoreStatus, missing: Sequence[str], message: str = ""
    ) -> None:
        """Record a version that exists, and the commands that set its missing tags."""
        without = f"without its tags {', '.join(missing)}" if missing else ""
        texts = ", ".join(filter(None, (message, without)))
        self._record(intent, status, texts or None, missing_tags=tuple(missing))
        image = f"{self._registry}/{intent.login}/{intent.name}".lower()
        for tag in missing:
            arguments = ("--tag", f"{image}:{tag}", f"{image}@{intent.version}")
            self.retag.append(f"docker buildx imagetools create {shlex.join(arguments)}")

    def _record(
        self,
        intent: Intent,
        status: RestoreStatus,
        message: str | None = None,
        error: GitHubPackagesError | None = None,
        missing_tags: tuple[str, ...] = (),
    ) -> None:
        response = error if isinstance(error, APIError) else None
        outcome = RestoreOutcome(
            id=intent.id,
            status=status,
            missing_tags=missing_tags,
            message=message,
            http_status=None if response is None else response.status,
            request_id=None if response is None else response.request_id,
            at=self._clock.now(),
        )
        self.outcomes[intent.id] = outcome
        if self._journal is not None:
            self._journal.append(outcome)
        if self._on_outcome is not None:
            call_hook("on_outcome", self._on_outcome, outcome)


def _batches(intents: Iterable[Intent], now: datetime) -> Iterable[list[Intent]]:
    """Return the versions in the order of their restores; each list before the next one."""

    def rank(intent: Intent) -> int:
        if intent.restorable_until - now < URGENT:
            return 0
        if intent.tags:
            return 3
        return 2 if intent.role == "root" else 1

    # Deletions begin with an image and end with the smallest of its parts.
    ordered = list(intents)[::-1]
    ordered.sort(key=rank)
    for urgency, batch in groupby(ordered, key=rank):
        whole = list(batch)
        yield sorted(whole, key=lambda intent: intent.at) if urgency == 0 else whole
