"""Graph of a package's versions: images, their parts and the artifacts about them. No I/O.

A container's version is a manifest. Deleting a version that another one links to breaks the other,
so a version is deleted only if nothing that stays links to it, in three ways:

child
    An index contains the version. Its children are deleted with it, unless they are needed.
mention
    The digest of the version occurs elsewhere in a manifest, which protects the version. It is not
    deleted with that manifest.
referrer
    The version is a signature, an attestation or the like: its manifest has a ``subject``, or its
    tag is ``sha256-<hex>`` with the digest of its subject. It stays with its subject and
    is deleted with it, but does not protect it.

Whatever is not reached from a selected image stays, and protects whatever it links to.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import attrs

from ..errors import InvalidResponse
from ._manifests import is_digest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from ..models import PackageVersion
    from ._manifests import Manifest

__all__ = ["Cause", "ListedVersion", "VersionGraph", "is_helper_tag"]

_LEAST_READ: Final = 100
_HELPER_TAG: Final = re.compile(r"sha256-([0-9a-f]{64})(\..+)?", re.DOTALL)

Link: TypeAlias = Literal["child", "mention", "referrer"]


def is_helper_tag(tag: str) -> bool:
    """Return whether the tag names the subject of a signature or another artifact."""
    return _HELPER_TAG.fullmatch(tag) is not None


@attrs.frozen
class ListedVersion:
    """The fields of a listed version that plans need, without the rest of a `PackageVersion`.

    Attributes:
        id: GitHub's id.
        name: name of the version; of a container, its digest.
        tags: tags of a container.
        created_at: time of creation.
        updated_at: time of the last change.
        real_tags: tags other than those that name the subject of a signature.
    """

    id: int
    name: str
    tags: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    real_tags: tuple[str, ...] = attrs.field(init=False, eq=False, repr=False)

    @real_tags.default
    def _without_helpers(self) -> tuple[str, ...]:
        return tuple(tag for tag in self.tags if not is_helper_tag(tag)) if self.tags else ()

    @classmethod
    def of(cls, version: PackageVersion) -> ListedVersion:
        """Return the fields of a version as the client lists it."""
        return cls(version.id, version.name, version.tags, version.created_at, version.updated_at)

    @property
    def changed_at(self) -> datetime:
        """The later of creation and last change: its age counts from here."""
        return max(self.created_at, self.updated_at)

    @property
    def newness(self) -> tuple[datetime, int]:
        """Sort key: a version that is created later is newer, and at the same time by its id."""
        return self.created_at, self.id


@attrs.frozen
class Cause:
    """The reason why a version is protected.

    Attributes:
        link: link through which another version protects it; ``None``: it is protected itself.
        source: index of the other version, or of the version itself.
    """

    link: Link | None
    source: int


class VersionGraph:
    """Versions of one package and the links between them, by index in the listing.

    The links become known with `add`, which may be called between any other calls.

    Args:
        versions: every version of the package.

    Raises:
        InvalidResponse: a version's name is not a digest, or two versions have the same.
    """

    def __init__(self, versions: Sequence[ListedVersion]) -> None:
        self.versions: Final = tuple(versions)
        self.index: Final = {version.name: i for i, version in enumerate(self.versions)}
        """Index of each digest in the listing."""
        self.broken: Final[dict[int, int]] = {}
        """By index: number of manifests that an index names and the package does not have."""
        self.opaque: Final[set[int]] = set()
        """Indexes of versions with an unknown media type."""
        self.platforms: Final[dict[int, str]] = {}
        """Platforms that indexes declare for their children."""
        self.missing: Final[set[int]] = set()
        """Indexes of versions that the registry does not have."""
        self._read: Final[set[int]] = set()
        self._leaves: Final[set[int]] = set()
        self._maybe_indexes: Final[set[int]] = set()
        self._children: Final[dict[int, tuple[int, ...]]] = {}
        self._parents: Final[dict[int, list[int]]] = {}
        self._mentions: Final[dict[int, tuple[int, ...]]] = {}
        self._subjects: Final[dict[int, tuple[int, ...]]] = {}
        self._referrers: Final[dict[int, list[int]]] = {}
        if len(self.index) != len(self.versions):
            raise InvalidResponse("two versions have the same digest")
        for i, version in enumerate(self.versions):
            if not is_digest(version.name):
                raise InvalidResponse(f"version {version.id}: {version.name!r} is not a digest")
            for tag in version.tags:
                if helper := _HELPER_TAG.fullmatch(tag):
                    self._add_subject(i, f"sha256:{helper[1]}")

    def __len__(self) -> int:
        return len(self.versions)

    def add(self, manifest: Manifest) -> None:
        """Add the links of a manifest that was read."""
        i = self.index[manifest.digest]
        if i in self._read:
            return
        self._read.add(i)
        self.missing.discard(i)
        if manifest.is_opaque:
            self.opaque.add(i)
        children: list[int] = []
        for child in manifest.children:
            target = self.index.get(child.digest)
            if target is None:
                # Indexes of build caches name layers, which are no versions.
                self.broken[i] = self.broken.get(i, 0) + child.is_manifest
                continue
            children.append(target)
            (self._leaves if child.is_leaf else self._maybe_indexes).add(target)
            if child.platform:
                self.platforms.setdefault(target, child.platform)
        if not self.broken.get(i):
            self.broken.pop(i, None)
        if children:
            self._children[i] = tuple(dict.fromkeys(children))
            for target in self._children[i]:
                self._parents.setdefault(target, []).append(i)
        if mentions := [self.index[digest] for digest in manifest.mentions if digest in self.index]:
            self._mentions[i] = tuple(mentions)
        if manifest.subject is not None:
            self._add_subject(i, manifest.subject)

    def add_missing(self, digest: str) -> None:
        """Record that the registry does not have a manifest: it has no links and is not deleted."""
        i = self.index[digest]
        if i not in self._read:
            self.missing.add(i)

    def _add_subject(self, i: int, digest: str) -> None:
        subject = self.index.get(digest)
        known = self._subjects.get(i, ())
        if subject is None or subject in known:
            self._subjects[i] = known
            return
        self._subjects[i] = (*known, subject)
        self._referrers.setdefault(subject, []).append(i)

    def is_read(self, i: int) -> bool:
        """Return whether the manifest of a version was added."""
        return i in self._read

    def newest_read(self) -> str | None:
        """Return the digest of the newest manifest that was added; ``None`` without any."""
        newest = max(self._read, key=lambda i: self.versions[i].newness, default=None)
        return None if newest is None else self.versions[newest].name

    def is_referrer(self, i: int) -> bool:
        """Return whether a version is about another one, which may be absent."""
        return i in self._subjects

    def is_root(self, i: int) -> bool:
        """Return whether a version is an image, to which rules apply.

        A version with a tag of its own is one, even if it is part of another; else a version that
        is neither part of an index nor about another one.
        """
        if self.versions[i].real_tags:
            return True
        return i not in self._parents and i not in self._subjects

    def is_orphan(self, i: int) -> bool:
        """Return whether a version is about others that are all absent, and is part of none."""
        return self._subjects.get(i) == () and not self.is_root(i) and i not in self._parents

    def orphans(self) -> list[int]:
        """Return the indexes of the orphans, the newest first."""
        return self._newest_first(i for i in range(len(self)) if self.is_orphan(i))

    def roots(self) -> list[int]:
        """Return the indexes of the images, the newest first."""
        return self._newest_first(i for i in range(len(self)) if self.is_root(i))

    def next_to_read(self) -> list[str]:
        """Return digests to read next; empty once the links of the graph are known.

        Leaves are not among them, if every index that names them declares them as such. The tagged
        versions are read first, then the newest part of the others: an index is pushed after its
        children, and reading it spares them.
        """
        known = self._read | (self._leaves - self._maybe_indexes) | self.missing
        unread = [i for i in range(len(self)) if i not in known]
        tagged = [i for i in unread if self.versions[i].tags]
        part = max(_LEAST_READ, len(unread) // 4)
        return [self.versions[i].name for i in self._newest_first(tagged or unread)[:part]]

    def links(self, i: int) -> tuple[int, ...]:
        """Return the versions that a version needs: its children and those it mentions."""
        return self._children.get(i, ()) + self._mentions.get(i, ())

    def children(self, i: int) -> tuple[int, ...]:
        """Return the versions that an index contains."""
        return self._children.get(i, ())

    def subjects(self, i: int) -> tuple[int, ...]:
        """Return the versions that a signature or another artifact is about."""
        return self._subjects.get(i, ())

    def reached(self, roots: Iterable[int]) -> dict[int, int]:
        """Return the images and their followers: children and referrers, transitively.

        Returns:
            By index: the image that it is reached from first.
        """
        reached = {root: root for root in roots}
        queue = list(reached)
        for i in queue:
            for target in (*self._children.get(i, ()), *self._referrers.get(i, ())):
                if target not in reached:
                    reached[target] = reached[i]
                    queue.append(target)
        return reached

    def protected(self, seeds: Iterable[int]) -> dict[int, Cause]:
        """Return the versions that must stay if the seeds stay, with a cause of each.

        The smallest set with the seeds and, for each member, versions it needs and its referrers.
        """
        causes: dict[int, Cause] = {}
        targets: tuple[tuple[Link, Mapping[int, Sequence[int]]], ...] = (
            ("child", self._children),
            ("mention", self._mentions),
            ("referrer", self._referrers),
        )
        for seed in seeds:
            if seed in causes:
                continue
            causes[seed] = Cause(None, seed)
            queue = [seed]
            for i in queue:
                for link, linked in targets:
                    for target in linked.get(i, ()):
                        if target not in causes:
                            causes[target] = Cause(link, i)
                            queue.append(target)
        return causes

    def deletable(
        self, selected: Iterable[int], kept: Iterable[int] = ()
    ) -> tuple[dict[int, int], dict[int, Cause]]:
        """Return the versions to delete if images are selected, and all others with their cause.

        Images that are not selected stay, tagged or not, and so do missing versions.

        Args:
            selected: images to delete.
            kept: versions that stay in any case.

        Returns:
            Both by index: for each deletion, the image it was reached from; else the cause.
        """
        selected = set(selected)
        reached = self.reached(self._newest_first(selected))
        images = self._newest_first(
            i for i in range(len(self)) if i not in selected and self.is_root(i)
        )
        outside = (i for i in range(len(self)) if i not in reached)
        causes = self.protected([*images, *kept, *self.missing, *outside])
        return {i: root for i, root in reached.items() if i not in causes}, causes

    def components(self, deleted: Collection[int]) -> list[list[int]]:
        """Split deletions into groups with no link between them, each in the order of deletion.

        A version is deleted before those it needs and before its referrers, so that an interrupted
        or refused deletion leaves nothing broken; images are first and referrers last. The group
        with the newest image is first.
        """
        members = set(deleted)
        leader: dict[int, int] = {}

        def find(i: int) -> int:
            while (parent := leader.get(i, i)) != i:
                leader[i] = i = leader.get(parent, parent)
            return i

        for i in members:
            for target in (*self.links(i), *self.subjects(i)):
                if target in members:
                    leader[find(i)] = find(target)
        groups: dict[int, list[int]] = {}
        for i in self._needing_first(self._newest_first(members), members):
            groups.setdefault(find(i), []).append(i)
        for group in groups.values():
            group.sort(key=self._rank)
        return sorted(groups.values(), key=lambda group: self.versions[group[0]].newness)[::-1]

    def _rank(self, i: int) -> int:
        if self.is_root(i) or self.is_orphan(i):
            return 0
        return 2 if self.is_referrer(i) else 1

    def _needing_first(self, order: Iterable[int], members: Collection[int]) -> list[int]:
        """Sort topologically: depth first, in reverse of the order of completion."""
        done: list[int] = []
        seen: set[int] = set()
        for start in reversed(list(order)):
            stack = [(start, iter(self._later(start)))] if start not in seen else []
            seen.add(start)
            while stack:
                i, targets = stack[-1]
                for target in targets:
                    if target in members and target not in seen:
                        seen.add(target)
                        stack.append((target, iter(self._later(target))))
                        break
                else:
                    done.append(i)
                    stack.pop()
        return done[::-1]

    def _later(self, i: int) -> tuple[int, ...]:
        """Return the versions that are deleted after a version: those it needs, its referrers."""
        return (*self.links(i), *self._referrers.get(i, ()))

    def _newest_first(self, indexes: Iterable[int]) -> list[int]:
        return sorted(indexes, key=lambda i: self.versions[i].newness, reverse=True)

    def check(self, deleted: Collection[int]) -> None:
        """Check that deletions break nothing that stays.

        Raises:
            AssertionError: an invariant is violated, which is a defect of this package. Nothing
                may be deleted then.
        """
        for i in range(len(self)):
            if i in deleted:
                if any(subject not in deleted for subject in self.subjects(i)):
                    raise self._violation("a version that stays loses its referrer", i)
                if not self.is_read(i):
                    raise self._violation("a manifest was not read", i)
            elif any(target in deleted for target in self.links(i)):
                raise self._violation("a version that stays needs a deleted one", i)
        if not self.leaves_enough(deleted):
            raise AssertionError("no version, or no tagged image, would stay")

    def leaves_enough(self, deleted: Collection[int]) -> bool:
        """Return whether a version stays, and a tagged image if there are any."""
        if not deleted:
            return True
        tagged = [i for i, version in enumerate(self.versions) if version.real_tags]
        must_stay: Any = tagged or range(len(self))
        return any(i not in deleted for i in must_stay)

    def _violation(self, problem: str, i: int) -> AssertionError:
        return AssertionError(f"{problem}: {self.versions[i].name}")
