"""Changes between two audits. Pure.

Only listings that are complete in both audits are compared, so a package missing from an incomplete
listing is neither new nor gone. Soft-deleted packages are ignored, and so is a ``version_count``
that is unknown in one of the audits.
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
"""Kind of change; ``grown`` and ``shrunk`` concern the number of versions."""

_Key: TypeAlias = tuple[str, str, str]
_Known: TypeAlias = tuple[str, int | None]


@attrs.frozen
class Change:
    """Change of a package.

    Attributes:
        kind: the kind of change.
        owner: the owner as passed to the later audit.
        package_type: the package type.
        name: the package name.
        before: visibility, or number of versions, in the earlier audit; ``None`` if new.
        after: the same in the later audit; ``None`` if gone.
    """

    kind: ChangeKind
    owner: str
    package_type: str
    name: str
    before: str | int | None
    after: str | int | None


@attrs.frozen
class Comparison:
    """Changes since an earlier audit.

    Attributes:
        changes: the changes in the order of the later audit, packages that are gone last.
        not_compared: the listings that are not complete in both audits.
    """

    changes: tuple[Change, ...] = attrs.field(repr=False)
    not_compared: tuple[ListingKey, ...]

    def of_kind(self, kind: ChangeKind) -> list[Change]:
        """Return the changes of one kind."""
        return [change for change in self.changes if change.kind == kind]


class Baseline:
    """Fields of an earlier audit that a comparison needs.

    Attributes:
        covered: the complete listings.
        known: visibility and number of versions of each package.
    """

    def __init__(self) -> None:
        self.covered: set[ListingKey] = set()
        self.known: dict[_Key, _Known] = {}

    @classmethod
    def of(cls, records: Iterable[Record]) -> Baseline:
        """Make the baseline of the records of an earlier audit."""
        baseline = cls()
        for record in records:
            if isinstance(record, PackageEntry) and not record.soft_deleted:
                known = (intern(record.visibility), record.version_count)
                baseline.known[_key(record)] = known
            elif isinstance(record, ListingDone):
                baseline.covered.add(ListingKey(record.owner, record.package_type))
        return baseline

    def visibility(self, entry: Entry) -> str | None:
        """Return the visibility of a package in the earlier audit; ``None`` if it was not in it."""
        if not isinstance(entry, PackageEntry):
            return None
        known = self.known.get(_key(entry))
        return None if known is None else known[0]


class Comparer:
    """Compares records one by one with an earlier audit, keeping only the changes.

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
        """Compare a record of the later audit."""
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
        """Return the changes; called after the last record."""
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
