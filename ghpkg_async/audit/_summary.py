"""Counts of an audit by owner and type. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from .._text import counted
from ._records import ConflictEntry, FailureEntry, ListingDone, ListingKey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ._records import AuditHeader, Entry, Record

__all__ = ["MOST_BY_TYPE", "ListingOrder", "SummaryBuilder", "SummaryRow", "by_owner"]

MOST_BY_TYPE: Final = 60
"""Number of rows above which a summary for people is by owner instead of by owner and type."""


@attrs.define
class SummaryRow:
    """Counts of one owner's packages of one type.

    Attributes:
        owner: the owner as passed to the audit.
        package_type: the type; ``None`` for the failure of a whole owner, and in sums of types.
        packages: number of packages, without soft-deleted ones.
        public: number of these that are public.
        private: number of these that are private.
        internal: number of these that are internal.
        versions: number of versions of the packages whose ``version_count`` is known.
        uncounted: number of packages whose ``version_count`` is unknown.
        soft_deleted: number of soft-deleted packages.
        conflicts: number of packages in conflict since the Docker migration.
        failures: number of failures.
        updated_at: time of the last update of any of the packages.
    """

    owner: str
    package_type: str | None
    packages: int = 0
    public: int = 0
    private: int = 0
    internal: int = 0
    versions: int = 0
    uncounted: int = 0
    soft_deleted: int = 0
    conflicts: int = 0
    failures: int = 0
    updated_at: datetime | None = None

    def add(self, entry: Entry) -> None:
        """Count an entry of this owner and type."""
        if isinstance(entry, FailureEntry):
            self.failures += 1
            return
        if isinstance(entry, ConflictEntry):
            self.conflicts += 1
            return
        if entry.soft_deleted:
            self.soft_deleted += 1
            return
        self.packages += 1
        self.versions += entry.version_count or 0
        self.uncounted += entry.version_count is None
        self.public += entry.visibility == "public"
        self.private += entry.visibility == "private"
        self.internal += entry.visibility == "internal"
        self.updated_at = max(self.updated_at or entry.updated_at, entry.updated_at)

    def include(self, row: SummaryRow) -> None:
        """Add the counts of another row."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(row, name))
        times = [time for time in (self.updated_at, row.updated_at) if time is not None]
        self.updated_at = max(times, default=None)

    @property
    def versions_text(self) -> str:
        """Like ``702``; ``at least 702`` if some counts are unknown, ``-`` if all are."""
        if self.packages and self.uncounted == self.packages:
            return "-"
        return f"{'at least ' if self.uncounted else ''}{self.versions:,}"

    @property
    def versions_phrase(self) -> str:
        """Like ``702 versions``; ``at least 702 versions`` or ``versions not counted``."""
        if self.versions_text == "-":
            return "versions not counted"
        return f"{'at least ' if self.uncounted else ''}{counted(self.versions, 'version')}"


_COUNTS: Final = tuple(field.name for field in attrs.fields(SummaryRow) if field.default == 0)


class SummaryBuilder:
    """Counts records one by one, without keeping them.

    Args:
        header: the header of the audit; the rows are in the order of its owners and types.

    Attributes:
        done: the complete listings.
    """

    def __init__(self, header: AuditHeader) -> None:
        self.done: set[ListingKey] = set()
        self._order = ListingOrder(header)
        self._rows: dict[tuple[str, str | None], SummaryRow] = {}

    def add(self, record: Record) -> None:
        """Count a record."""
        if not isinstance(record, ListingDone):
            self._row(record.owner, _type_of(record)).add(record)
            return
        self.done.add(ListingKey(record.owner, record.package_type))
        if record.package_type is not None:
            self._row(record.owner, record.package_type)

    def rows(self) -> list[SummaryRow]:
        """Return the rows by owner and type; complete listings without packages have one too."""
        return sorted(
            self._rows.values(), key=lambda row: self._order.index(row.owner, row.package_type)
        )

    def total(self) -> SummaryRow:
        """Return the sum of all rows."""
        total = SummaryRow("total", None)
        for row in self._rows.values():
            total.include(row)
        return total

    def _row(self, owner: str, package_type: str | None) -> SummaryRow:
        key = (owner, package_type)
        if key not in self._rows:
            self._rows[key] = SummaryRow(owner, package_type)
        return self._rows[key]


def by_owner(rows: Sequence[SummaryRow]) -> list[SummaryRow]:
    """Return one row for each owner, with the sum of its types."""
    owners: dict[str, SummaryRow] = {}
    for row in rows:
        owners.setdefault(row.owner, SummaryRow(row.owner, None)).include(row)
    return list(owners.values())


class ListingOrder:
    """Sort order of owners and types: the order in which they were passed to the audit."""

    def __init__(self, header: AuditHeader) -> None:
        self._owners = {owner.lower(): index for index, owner in enumerate(header.owners)}
        self._types = {name: index for index, name in enumerate(header.package_types)}

    def index(self, owner: str, package_type: str | None) -> tuple[int, int]:
        """Return the sort key of a listing; unknown owners and types are last."""
        return (
            self._owners.get(owner.lower(), len(self._owners)),
            self._types.get(package_type or "", len(self._types)),
        )


def _type_of(entry: Entry) -> str | None:
    if isinstance(entry, FailureEntry) and entry.listing == "docker_conflicts":
        return "docker"
    return entry.package_type
