"""What an audit comes to: sums by owner and type, and all of it in one object. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import attrs

from .._text import counted
from ..errors import ConfigurationError
from ._compare import Baseline, Comparer
from ._findings import Rule, findings_of
from ._records import (
    ConflictEntry,
    FailureEntry,
    ListingDone,
    ListingKey,
    PackageEntry,
    listing_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    import polars as pl
    import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

    from ._compare import Comparison
    from ._findings import Finding
    from ._records import AuditHeader, Entry, Record

__all__ = ["MOST_BY_TYPE", "AuditReport", "SummaryRow", "Tally", "by_owner"]

MOST_BY_TYPE: Final = 60
"""Above so many rows, a summary for people is by owner instead of by owner and type."""


@attrs.define
class SummaryRow:
    """Numbers of one owner's packages of one type.

    Attributes:
        owner: as the audit was asked for it.
        package_type: the type; ``None`` where nothing of the owner could be listed.
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
        """Counts an entry of this owner and type."""
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
        """Adds the numbers of another row."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(row, name))
        times = [each for each in (self.updated_at, row.updated_at) if each is not None]
        self.updated_at = max(times, default=None)

    @property
    def versions_text(self) -> str:
        """Like ``702``; ``at least 702`` if some counts are unknown, ``-`` if all are."""
        if self.packages and self.uncounted == self.packages:
            return "-"
        return f"{'at least ' if self.uncounted else ''}{self.versions:,}"

    @property
    def versions_phrase(self) -> str:
        """Like ``702 versions``, ``at least 702 versions``, ``unknown number of versions``."""
        if self.versions_text == "-":
            return "unknown number of versions"
        return f"{'at least ' if self.uncounted else ''}{counted(self.versions, 'version')}"


_NUMBERS: Final = tuple(field.name for field in attrs.fields(SummaryRow) if field.default == 0)


class Tally:
    """Sums up records as they come; keeps a row for each owner and type, and no record.

    Args:
        header: what the audit was asked; its order is the rows'.

    Attributes:
        done: the listings that are complete.
    """

    def __init__(self, header: AuditHeader) -> None:
        self.done: set[ListingKey] = set()
        self._order = _Order(header)
        self._rows: dict[tuple[str, str | None], SummaryRow] = {}

    def add(self, record: Record) -> None:
        """Counts a record."""
        if not isinstance(record, ListingDone):
            self._row(record.owner, _type_of(record)).add(record)
            return
        self.done.add(ListingKey(record.owner, record.package_type))
        if record.package_type is not None:
            self._row(record.owner, record.package_type)

    def rows(self) -> list[SummaryRow]:
        """The rows, by owner and type."""
        return sorted(
            self._rows.values(), key=lambda row: self._order.place(row.owner, row.package_type)
        )

    def total(self) -> SummaryRow:
        """The sum of all rows."""
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
    """The rows with the types of each owner summed up."""
    owners: dict[str, SummaryRow] = {}
    for row in rows:
        owners.setdefault(row.owner, SummaryRow(row.owner, None)).include(row)
    return list(owners.values())


class _Order:
    """Owners and types in the order in which the audit was asked for them."""

    def __init__(self, header: AuditHeader) -> None:
        self._owners = {owner.lower(): place for place, owner in enumerate(header.owners)}
        self._types = {each: place for place, each in enumerate(header.package_types)}

    def place(self, owner: str, package_type: str | None) -> tuple[int, int]:
        return (
            self._owners.get(owner.lower(), len(self._owners)),
            self._types.get(package_type or "", len(self._types)),
        )


_NEEDS: Final = {
    "versions": "an audit with versions=True",
    "compare": "compared_to, an earlier report",
    "docker": "an audit with 'docker' among its package_types",
}
_KIND: Final[dict[type, int]] = {PackageEntry: 0, ConflictEntry: 1, FailureEntry: 2}


def _type_of(entry: Entry) -> str | None:
    if isinstance(entry, FailureEntry) and entry.listing == "docker_conflicts":
        return "docker"
    return entry.package_type


@attrs.frozen
class AuditReport:
    """A whole audit, in memory. A notebook shows its summary as a table.

    Attributes:
        header: what was asked.
        entries: packages, conflicts and failures, by owner and type in the order asked.
        done: the listings that are complete.
    """

    header: AuditHeader
    entries: tuple[Entry, ...] = attrs.field(repr=False)
    done: frozenset[ListingKey] = attrs.field(repr=False)

    @classmethod
    def of(cls, header: AuditHeader, records: Iterable[Record]) -> AuditReport:
        """The report of an audit's records, in whatever order they came."""
        entries: list[Entry] = []
        done: set[ListingKey] = set()
        for record in records:
            if isinstance(record, ListingDone):
                done.add(ListingKey(record.owner, record.package_type))
            else:
                entries.append(record)
        order = _Order(header)
        entries.sort(
            key=lambda each: (*order.place(each.owner, each.package_type), _KIND[type(each)])
        )
        return cls(header, tuple(entries), frozenset(done))

    @property
    def packages(self) -> tuple[PackageEntry, ...]:
        """The packages."""
        return tuple(each for each in self.entries if isinstance(each, PackageEntry))

    @property
    def conflicts(self) -> tuple[ConflictEntry, ...]:
        """The packages in conflict since the Docker migration."""
        return tuple(each for each in self.entries if isinstance(each, ConflictEntry))

    @property
    def failures(self) -> tuple[FailureEntry, ...]:
        """What could not be listed, and why. Without any, the report is complete."""
        return tuple(each for each in self.entries if isinstance(each, FailureEntry))

    @property
    def summary(self) -> tuple[SummaryRow, ...]:
        """Numbers by owner and type."""
        return tuple(self._tally().rows())

    @property
    def total(self) -> SummaryRow:
        """The sum of `summary`."""
        return self._tally().total()

    def _tally(self) -> Tally:
        tally = Tally(self.header)
        for record in self.records():
            tally.add(record)
        return tally

    def findings(
        self,
        rules: Sequence[str | Rule],
        *,
        now: datetime | None = None,
        compared_to: AuditReport | None = None,
    ) -> list[Finding]:
        """What the rules find, in the entries' order.

        Args:
            rules: like ``"public"`` or ``"stale:90"``; see `ghpkg_async.audit._findings`.
            now: what ``stale`` counts back from, aware. Default: now.
            compared_to: the earlier report that ``visibility_widened`` needs.

        Raises:
            ConfigurationError: a rule is none, or lacks what it needs.
        """
        parsed = [Rule.parse(rule) if isinstance(rule, str) else rule for rule in rules]
        for rule in parsed:
            missing = rule.missing_requirement(
                versions=self.header.with_versions,
                has_baseline=compared_to is not None,
                conflicts="docker" in self.header.package_types,
            )
            if missing is not None:
                raise ConfigurationError(f"rules: {rule} needs {_NEEDS[missing]}")
        old = Baseline.of(compared_to.records() if compared_to else ())
        moment = now or datetime.now(UTC)
        return [
            finding
            for entry in self.entries
            for finding in findings_of(entry, parsed, now=moment, before=old.visibility(entry))
        ]

    def compare(self, old: AuditReport) -> Comparison:
        """What changed since an earlier report.

        Args:
            old: the earlier one.
        """
        comparer = Comparer(Baseline.of(old.records()))
        for record in self.records():
            comparer.add(record)
        return comparer.comparison()

    def records(self) -> Iterable[Record]:
        """The entries, and the markers of what is complete: what an output file holds."""
        counts: dict[ListingKey | None, int] = {}
        for entry in self.entries:
            key = listing_key(entry)
            counts[key] = counts.get(key, 0) + 1
            yield entry
        for key in sorted(self.done, key=str):
            yield ListingDone(
                owner=key.owner,
                listing=key.listing,
                package_type=key.package_type,
                count=counts.get(key, 0),
            )

    def to_arrow(self) -> pa.Table:
        """The records as a table of Arrow; see `ghpkg_async.tables.to_arrow`."""
        from ..tables import to_arrow

        return to_arrow(self)

    def to_pandas(self) -> pd.DataFrame:
        """The records as a data frame of pandas; see `ghpkg_async.tables.to_pandas`."""
        from ..tables import to_pandas

        return to_pandas(self)

    def to_polars(self) -> pl.DataFrame:
        """The records as a data frame of Polars; see `ghpkg_async.tables.to_polars`."""
        from ..tables import to_polars

        return to_polars(self)

    def _repr_html_(self) -> str:
        from ..tables._display import report_html

        return report_html(self)
