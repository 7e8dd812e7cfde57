"""Decide about the versions of one package: rules, protection and groups. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from .._text import counted, printable
from ._evaluate import Verdict, evaluate, tags_text
from ._policy_values import duration_text
from ._records import Deletion, Held, PackagePlan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from ._graph import Cause, Link, ListedVersion, VersionGraph
    from ._policy import Policy
    from ._records import PackageKey, Role

__all__ = ["Decision", "decide_container", "decide_versions"]

_DIGEST_SHOWN: Final = len("sha256:") + 12
_LINKS: Final[Mapping[Link, str]] = {
    "child": "part of",
    "mention": "mentioned by",
    "referrer": "refers to",
}

Kept: TypeAlias = "tuple[ListedVersion, str]"
"""A version that stays, and the reason."""


@attrs.frozen(kw_only=True)
class Decision:
    """Decision about every version of a package.

    Attributes:
        package: counts.
        deletions: versions to delete, by group, in the order of their deletion.
        held: versions that a rule selects and something else keeps.
        kept: all other versions, with the reason of each.
        unread: digests of deletions whose manifests must be read first. If there are any, the
            decision is provisional.
    """

    package: PackagePlan
    deletions: tuple[Deletion, ...] = ()
    held: tuple[Held, ...] = ()
    kept: tuple[Kept, ...] = ()
    unread: tuple[str, ...] = ()

    def explain(self) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
        """Yield for each version: ``delete``, ``held`` or ``keep``, its name, tags and reason."""
        for deletion in self.deletions:
            yield "delete", deletion.version, deletion.tags, deletion.reason
        for held in self.held:
            yield "held", held.version, held.tags, held.reason
        for version, reason in self.kept:
            yield "keep", version.name, version.tags, reason


def decide_versions(
    versions: Sequence[ListedVersion], package: PackageKey, policy: Policy, now: datetime
) -> Decision:
    """Decide about the versions of a package without images, like npm; one always stays.

    Args:
        versions: every version of the package.
        package: owner, type and name.
        policy: the rules and guards.
        now: time that ages count to.
    """
    verdicts = evaluate(policy, package[1], package[2], versions, now)
    if versions and all(verdict.action == "delete" for verdict in verdicts):
        last = max(range(len(versions)), key=lambda i: versions[i].newness)
        verdicts[last] = Verdict("hold", verdicts[last].rule, "the last version of the package")
    deletions, held, kept = [], [], []
    for version, verdict in zip(versions, verdicts, strict=True):
        fields = _fields(package, version)
        if verdict.action == "keep":
            kept.append((version, verdict.reason))
            continue
        fields |= {"group": version.name, "rule": verdict.rule, "reason": verdict.reason}
        if verdict.action == "hold":
            held.append(Held(**fields, role="root"))
        else:
            deletions.append(Deletion(**fields, role="root"))
    return Decision(
        package=_counts(
            package,
            versions,
            images=len(versions),
            kept=len(versions) - len(deletions),
            deletes=len(deletions),
            held=len(held),
        ),
        deletions=tuple(deletions),
        held=tuple(held),
        kept=tuple(kept),
    )


def decide_container(
    graph: VersionGraph, package: PackageKey, policy: Policy, now: datetime
) -> Decision:
    """Decide about the versions of a container package.

    Args:
        graph: every version; its `VersionGraph.next_to_read` is empty.
        package: owner, type and name.
        policy: the rules and guards.
        now: time that ages count to.

    Raises:
        AssertionError: the decision would break an image that stays: a defect of this package.
    """
    return _ContainerDecision(graph, package, policy, now).result()


class _ContainerDecision:
    def __init__(
        self, graph: VersionGraph, package: PackageKey, policy: Policy, now: datetime
    ) -> None:
        self._graph = graph
        self._package = package
        self._guards = dict(_guarded(graph, policy, now))
        images = graph.roots()
        orphans = graph.orphans() if policy.selects_orphans else []
        images += orphans
        versions = [graph.versions[i] for i in images]
        names = {graph.versions[i].name for i in orphans}
        verdicts = evaluate(policy, package[1], package[2], versions, now, names)
        self._verdicts = dict(zip(images, verdicts, strict=True))
        for i, verdict in self._verdicts.items():
            if verdict.action == "delete" and (reason := _unfit(graph, i)):
                self._verdicts[i] = Verdict("hold", verdict.rule, reason)
        self._select()

    def _select(self) -> None:
        """Find the deletions, holding back images until the package keeps enough."""
        graph = self._graph
        selected = [i for i, verdict in self._verdicts.items() if verdict.action == "delete"]
        while True:
            self._deleted, self._causes = graph.deletable(selected, self._guards)
            if graph.leaves_enough(self._deleted):
                return
            tagged = [i for i in selected if graph.versions[i].real_tags]
            last = (tagged or selected)[0]
            selected.remove(last)
            reason = f"the last {'tagged ' if tagged else ''}image of the package"
            self._verdicts[last] = Verdict("hold", self._verdicts[last].rule, reason)

    def result(self) -> Decision:
        graph, deleted = self._graph, self._deleted
        unread = tuple(graph.versions[i].name for i in deleted if not graph.is_read(i))
        if unread:
            return Decision(package=_counts(self._package, graph.versions), unread=unread)
        graph.check(deleted)
        deletions = [
            deletion for group in graph.components(deleted) for deletion in self._group(group)
        ]
        held = list(self._held())
        known = {held.version for held in held}
        kept = tuple(
            (version, self._kept_reason(i))
            for i, version in enumerate(graph.versions)
            if i not in deleted and version.name not in known
        )
        images = len(self._verdicts)
        package = _counts(
            self._package,
            graph.versions,
            images=images,
            kept=images - sum(deletion.role == "root" for deletion in deletions),
            deletes=len(deletions),
            held=len(held),
            missing=tuple(graph.versions[i].name for i in sorted(graph.missing)),
            broken=tuple(graph.versions[i].name for i in sorted(graph.broken)),
        )
        return Decision(package=package, deletions=tuple(deletions), held=tuple(held), kept=kept)

    def _group(self, group: Sequence[int]) -> Iterator[Deletion]:
        name = self._graph.versions[group[0]].name
        for i in group:
            root = self._deleted[i]
            reason = self._verdicts[i].reason if i == root else self._follows(i)
            yield Deletion(
                **_fields(self._package, self._graph.versions[i]),
                group=name,
                role=self._role(i),
                rule=self._verdicts[root].rule,
                reason=reason,
            )

    def _held(self) -> Iterator[Held]:
        """Yield the images that are held, and the parts of deleted ones that are needed."""
        roots = {i for i in self._deleted if i in self._verdicts}
        followers = self._graph.reached(sorted(roots))
        for i in range(len(self._graph)):
            verdict = self._verdicts.get(i)
            if i in self._deleted:
                continue
            if verdict is None:
                if i not in followers:
                    continue
                rule, reason = self._verdicts[followers[i]].rule, self._protection(i)
            elif verdict.action == "keep":
                continue
            else:
                rule = verdict.rule
                reason = verdict.reason if verdict.action == "hold" else self._protection(i)
            version = self._graph.versions[i]
            yield Held(
                **_fields(self._package, version),
                group=version.name,
                role=self._role(i),
                rule=rule,
                reason=reason,
                image=self._graph.versions[followers[i]].name if i in followers else None,
            )

    def _kept_reason(self, i: int) -> str:
        verdict = self._verdicts.get(i)
        return verdict.reason if verdict else self._protection(i)

    def _protection(self, i: int) -> str:
        """Return the reason why a version must stay, for people."""
        cause = self._causes[i]
        if cause.link is not None:
            return f"{_LINKS[cause.link]} {self._label(self._tagged_source(cause))}, which stays"
        if i in self._guards:
            return self._guards[i]
        if i in self._graph.missing:
            return "the registry does not have its manifest"
        return "refers to a manifest that is no version of the package"

    def _tagged_source(self, cause: Cause) -> int:
        """Follow the parts of an image up to a tag that people know."""
        source = cause.source
        while not self._graph.versions[source].real_tags:
            cause = self._causes[source]
            if cause.link != "child":
                break
            source = cause.source
        return source

    def _follows(self, i: int) -> str:
        """Return the reason why a version is deleted with an image, for people."""
        graph = self._graph
        if graph.is_referrer(i):
            subject = next((j for j in graph.subjects(i) if j in self._deleted), None)
            if subject is not None:
                return f"refers to {self._label(subject)}"
        platform = graph.platforms.get(i)
        return f"{f'{printable(platform)}: ' if platform else ''}part of " + self._label(
            self._deleted[i]
        )

    def _role(self, i: int) -> Role:
        if i in self._verdicts:
            return "root"
        return "referrer" if self._graph.is_referrer(i) else "child"

    def _label(self, i: int) -> str:
        version, name = self._graph.versions[i], printable(self._package[2])
        tags = version.real_tags
        return f"{name}:{tags_text(tags)}" if tags else f"{name}@{version.name[:_DIGEST_SHOWN]}"


def _guarded(graph: VersionGraph, policy: Policy, now: datetime) -> Iterator[tuple[int, str]]:
    """Yield the versions that stay in any case, images or not, and the reason of each."""
    guard = policy.guard
    young = f"younger than min-age {duration_text(guard.min_age)}"
    for i, version in enumerate(graph.versions):
        if now - version.changed_at < guard.min_age:
            yield i, young
    for digest in guard.protect_digests:
        if digest in graph.index:
            yield graph.index[digest], "its digest is protected"


def _unfit(graph: VersionGraph, i: int) -> str | None:
    """Return the reason why a selected image cannot be judged by its manifest."""
    if i in graph.missing:
        return "the registry does not have its manifest"
    if i in graph.opaque:
        return "its media type is unknown"
    if i in graph.broken:
        return f"broken: {counted(graph.broken[i], 'manifest')} of the index not in the package"
    return None


def _counts(package: PackageKey, versions: Sequence[ListedVersion], **counts: Any) -> PackagePlan:
    owner, package_type, name = package
    return PackagePlan(
        owner=owner,
        package_type=package_type,
        name=name,
        versions=len(versions),
        tagged=sum(bool(version.real_tags) for version in versions),
        **counts,
    )


def _fields(package: PackageKey, version: ListedVersion) -> dict[str, Any]:
    owner, package_type, name = package
    return {
        "owner": owner,
        "package_type": package_type,
        "name": name,
        "id": version.id,
        "version": version.name,
        "tags": version.tags,
        "created_at": version.created_at,
        "updated_at": version.updated_at,
    }
