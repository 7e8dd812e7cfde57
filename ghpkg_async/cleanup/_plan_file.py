"""Cleanup plans: deletions with their reasons, saved as JSON Lines."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from .._files import AtomicFile
from ..errors import ConfigurationError
from ._policy import Policy
from ._records import (
    FORMAT,
    PLAN_CODEC,
    Deletion,
    Group,
    Held,
    PackagePlan,
    PlanEnd,
    PlanHeader,
    PlanRecord,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ._policy_values import MaxDeletes
    from ._records import PackageKey

__all__ = ["LEAST_IMAGES", "Plan", "is_plan"]

LEAST_IMAGES: Final = 10
"""Minimum number of a package's images for the percentage of max-deletes to apply."""

_PER_DELETE: Final = timedelta(seconds=1)
_POINTS_PER_DELETE: Final = 5


@attrs.frozen(kw_only=True, slots=False)
class Plan:
    """Versions to delete, in groups, with the reason of each.

    Attributes:
        header: times, URLs and the policy.
        packages: one record for each package that a rule applies to, in the plan's order.
        deletions: versions to delete, by package and group, in the order of their deletion.
        held: versions that a rule selects and something else keeps.
    """

    header: PlanHeader
    packages: tuple[PackagePlan, ...]
    deletions: tuple[Deletion, ...] = ()
    held: tuple[Held, ...] = ()

    @classmethod
    def of(
        cls,
        header: PlanHeader,
        packages: Iterable[PackagePlan],
        deletions: Iterable[Deletion],
        held: Iterable[Held],
    ) -> Plan:
        """Return a plan; packages whose deletions exceed the policy's limits are marked."""
        plan = cls(header=header, packages=tuple(packages), held=tuple(held))
        return plan._keeping(list(deletions))

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Deletions that belong together: each group is deleted as a whole or not at all."""
        by_group = groupby(self.deletions, key=lambda deletion: (deletion.package, deletion.group))
        return tuple(Group(package, name, tuple(group)) for (package, name), group in by_group)

    @property
    def kept(self) -> int:
        """Number of images that stay, of the packages in the plan."""
        return sum(package.kept for package in self.packages)

    @property
    def images(self) -> int:
        """Number of images to delete."""
        return sum(deletion.role == "root" for deletion in self.deletions)

    @property
    def complete(self) -> bool:
        """Every package was listed and read."""
        return all(package.complete for package in self.packages)

    @property
    def policy(self) -> Policy:
        """The policy that the plan was made by."""
        return Policy.from_dict(self.header.policy)

    @property
    def points(self) -> int:
        """Points of GitHub's secondary rate limit that the deletions cost."""
        return len(self.deletions) * _POINTS_PER_DELETE

    @property
    def duration(self) -> timedelta:
        """Least time that the deletions take: GitHub asks for a second between writes."""
        return len(self.deletions) * _PER_DELETE

    @cached_property
    def sha256(self) -> str:
        """Hash of the plan; a plan without one of its groups has another."""
        return self._end.sha256

    def over_limit(self, limits: MaxDeletes | None = None) -> str | None:
        """Return a description of each limit that the deletions exceed, or ``None``.

        Args:
            limits: limits instead of those of the policy.
        """
        limits = limits or self.policy.guard.max_deletes
        problems = [problem for package in self.packages if (problem := _excess(package, limits))]
        if limits.versions is not None and len(self.deletions) > limits.versions:
            problems.append(f"{len(self.deletions):,} versions, over max-deletes {limits.versions}")
        return "; ".join(problems) or None

    def without(self, group: str) -> Plan:
        """Return the plan without a group.

        Args:
            group: name of the group, or its first characters.

        Raises:
            ConfigurationError: no group or more than one has this name.
        """
        exact = [known for known in self.groups if known.name == group]
        matches = exact or [
            known for known in self.groups if group and known.name.startswith(group)
        ]
        if len(matches) != 1:
            problem = f"{len(matches)} groups of the plan have" if matches else "no group has"
            raise ConfigurationError(f"group: {problem} a name that begins with {group!r}")
        dropped = matches[0].deletions
        return self._keeping([deletion for deletion in self.deletions if deletion not in dropped])

    def _keeping(self, deletions: Sequence[Deletion]) -> Plan:
        """Return the plan with some of its deletions, and the counts that follow from them."""
        versions = Counter(deletion.package for deletion in deletions)
        images = Counter(deletion.package for deletion in deletions if deletion.role == "root")
        limits = self.policy.guard.max_deletes
        packages = []
        for package in self.packages:
            counted = attrs.evolve(
                package,
                kept=package.images - images[package.key],
                deletes=versions[package.key],
            )
            packages.append(attrs.evolve(counted, over_limit=_excess(counted, limits)))
        return attrs.evolve(self, packages=tuple(packages), deletions=tuple(deletions))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plan as JSON Lines; a file at the path is replaced in one step.

        Raises:
            ConfigurationError: the file cannot be written.
        """
        output = AtomicFile(Path(path))
        with output.discard_on_error():
            output.file.writelines(map(PLAN_CODEC.encode, self.records()))
        output.commit()

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Plan:
        """Read a saved plan.

        Whole groups may have been removed from the file: every line with the group's name.

        Raises:
            ConfigurationError: the file cannot be read, is not a plan, or was edited otherwise.
        """
        try:
            lines = Path(path).read_bytes().splitlines(keepends=True)
        except OSError as error:
            raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
        records = [_decode(path, number, line) for number, line in enumerate(lines, 1)]
        if not (records and isinstance(records[0], PlanHeader)):
            raise ConfigurationError(f"{path}: not a plan: its first line has no record `plan`")
        if records[0].format != FORMAT:
            raise ConfigurationError(
                f"{path}: format {records[0].format} is not {FORMAT}; plan again"
            )
        if not isinstance(records[-1], PlanEnd):
            raise ConfigurationError(f"{path}: not a whole plan: its last line is missing")
        _verify(path, records, lines)
        return cls.of(
            records[0],
            (record for record in records if isinstance(record, PackagePlan)),
            (record for record in records if isinstance(record, Deletion)),
            (record for record in records if isinstance(record, Held)),
        )

    def records(self) -> Iterator[PlanRecord]:
        """Yield the records of the file, in order."""
        yield self.header
        deletions, held = _by_package(self.deletions), _by_package(self.held)
        for package in self.packages:
            yield package
            yield from deletions.get(package.key, ())
            yield from held.get(package.key, ())
        yield self._end

    @cached_property
    def _end(self) -> PlanEnd:
        groups = (_hash(map(PLAN_CODEC.encode, group.deletions)) for group in self.groups)
        others: Sequence[PlanRecord] = (self.header, *self.packages, *self.held)
        end = PlanEnd(
            packages=len(self.packages),
            incomplete=sum(not package.complete for package in self.packages),
            images=self.images,
            deletes=len(self.deletions),
            held=len(self.held),
            over_limit=self.over_limit(),
            groups=tuple(groups),
            sha256="",
        )
        return attrs.evolve(end, sha256=_total(map(PLAN_CODEC.encode, others), end))


def _excess(package: PackagePlan, limits: MaxDeletes) -> str | None:
    images = package.images - package.kept
    if limits.percent is None or package.images < LEAST_IMAGES:
        return None
    if images * 100 <= package.images * limits.percent:
        return None
    return (
        f"{'/'.join(package.key)}: {images:,} of {package.images:,} images, "
        f"over max-deletes {limits.percent}%"
    )


def _by_package(
    records: Iterable[Deletion] | Iterable[Held],
) -> Mapping[PackageKey, list[Deletion | Held]]:
    by_package: dict[PackageKey, list[Deletion | Held]] = {}
    for record in records:
        by_package.setdefault(record.package, []).append(record)
    return by_package


def _decode(path: str | os.PathLike[str], number: int, line: bytes) -> PlanRecord:
    try:
        return PLAN_CODEC.decode(line)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: line {number}: not of a plan: {error}") from None


def _verify(
    path: str | os.PathLike[str], records: Sequence[PlanRecord], lines: Sequence[bytes]
) -> None:
    """Compare the hashes of the last line with the lines as they are.

    Raises:
        ConfigurationError: a line was changed, added or moved, or a group lost some of its lines.
    """
    end = records[-1]
    assert isinstance(end, PlanEnd)  # noqa: S101 - narrows the type
    pairs = list(zip(records, lines, strict=True))[:-1]
    deletions = [(record, line) for record, line in pairs if isinstance(record, Deletion)]
    known = iter(end.groups)
    for (_, group), members in groupby(deletions, key=lambda pair: _group_key(pair[0])):
        # Searched in the order of the groups: one that was moved or repeated is refused, too.
        if _hash(line for _, line in members) not in known:
            raise ConfigurationError(
                f"{path}: group {group} was edited; only whole groups may be removed. Plan again"
            )
    # Packages before held versions, as in the file they alternate.
    others = sorted(
        (pair for pair in pairs if not isinstance(pair[0], Deletion)),
        key=lambda pair: isinstance(pair[0], Held),
    )
    if _total((line for _, line in others), end) != end.sha256:
        raise ConfigurationError(
            f"{path}: a line was changed, added or removed; only whole groups may be removed. "
            "Plan again"
        )


_group_key = attrgetter("package", "group")


def _hash(lines: Iterable[bytes]) -> str:
    digest = sha256()
    for line in lines:
        digest.update(line)
    return digest.hexdigest()


def _total(lines: Iterable[bytes], end: PlanEnd) -> str:
    """Hash the lines without deletions, and the last record, which has the hashes of the groups."""
    return _hash([*lines, PLAN_CODEC.encode(attrs.evolve(end, sha256=""))])


def is_plan(path: Path) -> bool:
    """Return whether a file begins like a plan."""
    try:
        with path.open("rb") as file:
            return isinstance(PLAN_CODEC.decode(file.readline()), PlanHeader)
    except (ConfigurationError, OSError):
        return False
