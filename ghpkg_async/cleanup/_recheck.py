"""Compare a plan with the versions that a package has now. No I/O.

The policy is not evaluated again: a group is deleted as it was reviewed, or it is stale.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from ._graph import ListedVersion, VersionGraph
    from ._manifests import Manifest
    from ._records import Deletion, Group

__all__ = ["PackageState", "short_name"]

_DIGEST: Final = re.compile(r"^(sha256[:-][0-9a-f]{12})[0-9a-f]{52}")


@attrs.frozen
class PackageState:
    """Versions of one package, as listed before a plan is applied.

    Attributes:
        login: login of the package's owner.
        package_id: id of the package.
        versions: every version by id.
        graph: the links between the versions of a container; ``None`` for other types.
    """

    login: str
    package_id: int
    versions: Mapping[int, ListedVersion]
    graph: VersionGraph | None

    def stale(self, groups: Sequence[Group]) -> Iterator[tuple[Group, str]]:
        """Yield the groups that must not be deleted, each once, with the reason.

        Args:
            groups: groups of the package. Versions that no longer exist do not make a group stale.
        """
        rest = []
        for group in groups:
            if reason := next(filter(None, map(self._change, group.deletions)), None):
                yield group, reason
            else:
                rest.append(group)
        while needed := self._needed(rest):
            yield from needed
            names = {group.name for group, _ in needed}
            rest = [group for group in rest if group.name not in names]
        deleted = self._indexes(rest)
        if self.graph is not None:
            self.graph.check(deleted)

    def _change(self, deletion: Deletion) -> str | None:
        """Return how a version differs from the plan."""
        version = self.versions.get(deletion.id)
        if version is None:
            return None
        shown = short_name(deletion.version)
        if version.name != deletion.version:
            return f"version {version.id} is {short_name(version.name)} now, not {shown}"
        if added := sorted({*version.tags} - {*deletion.tags}):
            return f"{shown} was tagged {', '.join(added)} after the plan"
        if removed := sorted({*deletion.tags} - {*version.tags}):
            return f"{shown} lost the tag {', '.join(removed)} after the plan"
        if self.graph is not None and not self.graph.is_read(self.graph.index[version.name]):
            return f"{shown}: the registry does not have its manifest any more"
        return None

    def _needed(self, groups: Sequence[Group]) -> list[tuple[Group, str]]:
        """Return the groups with a version that must stay because of one outside of all groups."""
        deleted = self._indexes(groups)
        if self.graph is None:
            if deleted and len(deleted) == len(self.versions):
                return [(group, "no version of the package would stay") for group in groups]
            return []
        if deleted and not self.graph.leaves_enough(deleted):
            return [(group, "no tagged image of the package would stay") for group in groups]
        causes = self.graph.protected(i for i in range(len(self.graph)) if i not in deleted)
        needed = []
        for group in groups:
            for deletion in group.deletions:
                i = self.graph.index.get(deletion.version)
                if i is not None and i in causes:
                    source = self.graph.versions[causes[i].source]
                    relation = "about" if causes[i].link == "referrer" else "part of"
                    label = ", ".join(source.tags) or short_name(source.name)
                    reason = f"{short_name(deletion.version)} is {relation} {label}, which stays"
                    needed.append((group, reason))
                    break
        return needed

    def _indexes(self, groups: Iterable[Group]) -> set[int]:
        """Return the deletions that are listed: by index in the graph, or by id without one."""
        ids = {
            deletion.id for group in groups for deletion in group.deletions
        } & self.versions.keys()
        if self.graph is None:
            return ids
        return {self.graph.index[self.versions[number].name] for number in ids}

    def needed_by(self, version: str) -> Collection[str]:
        """Return the names of the versions that must stay if a version does, itself included."""
        if self.graph is None:
            return (version,)
        causes = self.graph.protected([self.graph.index[version]])
        return {self.graph.versions[i].name for i in causes}

    def broken_by(
        self, remaining: Mapping[str, ListedVersion], pushed: Iterable[Manifest]
    ) -> Iterator[tuple[ListedVersion, list[str]]]:
        """Yield the versions that are there and lost others that they need.

        Args:
            remaining: versions that the package has afterwards, by name.
            pushed: manifests of those that it did not have before.
        """
        if self.graph is None:
            return
        needs = [
            (version.name, [self.graph.versions[target].name for target in self.graph.links(i)])
            for i, version in enumerate(self.graph.versions)
            if version.name in remaining
        ]
        needs += [
            (manifest.digest, [child.digest for child in manifest.children] + [*manifest.mentions])
            for manifest in pushed
        ]
        before = self.graph.index.keys()
        for name, needed in needs:
            if lost := [
                digest for digest in needed if digest in before and digest not in remaining
            ]:
                yield remaining[name], lost


def short_name(name: str) -> str:
    """Return a version's name or tag for messages: of a digest in it, the first 12 digits."""
    return _DIGEST.sub(r"\1...", name)
