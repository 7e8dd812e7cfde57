"""What changed between two audits. Pure.

Only listings that are complete in both are compared: a package that one of them did not get to see
is neither new nor gone. Soft-deleted packages are left out; a ``version_count`` that one audit does
not know is no change.
"""

from __future__ import annotations

from sys import intern
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

from ._records import ListingDone, ListingKey, PackageEntry, listing_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._records import Entry, Record

__all__ = ["Baseline", "Change", "ChangeKind", "Comparer", "Comparison"]

ChangeKind: TypeAlias = Literal["new", "gone", "visibility", "grown", "shrunk"]
"""What became of a package; ``grown`` and ``shrunk`` are of its number of versions."""

_Key: TypeAlias = tuple[str, str, str]
_Known: TypeAlias = tuple[str, int | None]


@attrs.frozen
class Change:
    """What became of a package.

    Attributes:
        kind: what happened.
        owner: whose it is.
        package_type: of which type.
        name: which package.
        before: its visibility, or its number of versions, at the earlier audit; ``None``: new.
        after: the same at the later one; ``None``: gone.
    """

    kind: ChangeKind
    owner: str
    package_type: str
    name: str
    before: str | int | None
    after: str | int | None


@attrs.frozen
class Comparison:
    """What changed since an earlier audit.

    Attributes:
        changes: in the order of the later one; what is gone comes last.
        not_compared: the listings that are not complete in both.
    """

    changes: tuple[Change, ...] = attrs.field(repr=False)
    not_compared: tuple[ListingKey, ...]

    def of_kind(self, kind: ChangeKind) -> list[Change]:
        """The changes of one kind."""
        return [change for change in self.changes if change.kind == kind]


class Baseline:
    """What a later audit is compared with: of each package no more than that takes.

    Attributes:
        covered: the listings that are complete.
    """

    def __init__(self) -> None:
        self.covered: set[ListingKey] = set()
        self.known: dict[_Key, _Known] = {}

    @classmethod
    def of(cls, records: Iterable[Record]) -> Baseline:
        """The baseline an earlier audit's records make."""
        baseline = cls()
        for record in records:
            if isinstance(record, PackageEntry) and not record.soft_deleted:
                known = (intern(record.visibility), record.version_count)
                baseline.known[_key(record)] = known
            elif isinstance(record, ListingDone):
                baseline.covered.add(ListingKey(record.owner, record.package_type))
        return baseline

    def visibility(self, entry: Entry) -> str | None:
        """A package's visibility then; ``None``: it was not there."""
        if not isinstance(entry, PackageEntry):
            return None
        known = self.known.get(_key(entry))
        return None if known is None else known[0]


class Comparer:
    """Compares as records come; keeps the changes, and of the rest nothing.

    Args:
        baseline: the earlier audit.
    """

    def __init__(self, baseline: Baseline) -> None:
        self._old = baseline
        self._seen: set[_Key] = set()
        self._done: set[ListingKey] = set()
        self._met: set[ListingKey] = set()
        self._lost: set[str] = set()
        self._written: dict[str, str] = {}
        self._changes: list[Change] = []

    def add(self, record: Record) -> None:
        """Compares a record of the later audit."""
        key = listing_key(record)
        owner = record.owner.lower()
        self._written.setdefault(owner, record.owner)
        if key is None:
            self._lost.add(owner)
        else:
            self._met.add(key)
        if isinstance(record, ListingDone) and key is not None:
            self._done.add(key)
        elif isinstance(record, PackageEntry) and not record.soft_deleted:
            self._compare(record)

    def comparison(self) -> Comparison:
        """All that changed, after the last record."""
        whole = self._done & self._old.covered
        gone = [
            Change("gone", self._written.get(owner, owner), package_type, name, visibility, None)
            for (owner, package_type, name), (visibility, _) in self._old.known.items()
            if (owner, package_type, name) not in self._seen
            and ListingKey(owner, package_type) in whole
        ]
        lost = {key for key in self._old.covered if key.owner.lower() in self._lost}
        return Comparison(
            tuple(self._changes + gone),
            tuple(sorted((self._met - whole) | lost, key=str)),
        )

    def _compare(self, entry: PackageEntry) -> None:
        key = _key(entry)
        self._seen.add(key)
        known = self._old.known.get(key)
        if known is None:
            if ListingKey(entry.owner, entry.package_type) in self._old.covered:
                self._changed("new", entry, None, entry.visibility)
            return
        visibility, versions = known
        if visibility != entry.visibility:
            self._changed("visibility", entry, visibility, entry.visibility)
        now = entry.version_count
        if versions is not None and now is not None and versions != now:
            self._changed("grown" if now > versions else "shrunk", entry, versions, now)

    def _changed(
        self, kind: ChangeKind, entry: PackageEntry, before: str | int | None, after: str | int
    ) -> None:
        change = Change(kind, entry.owner, entry.package_type, entry.name, before, after)
        self._changes.append(change)


def _key(entry: PackageEntry) -> _Key:
    return intern(entry.owner.lower()), intern(entry.package_type), entry.name
