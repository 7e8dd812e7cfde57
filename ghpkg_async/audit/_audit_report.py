"""A whole audit in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import attrs

from ..errors import ConfigurationError
from ..tables._shapes import Table, table_of
from ._compare import Baseline, Comparer
from ._findings import Rule, findings_of
from ._outputs.columns import SHAPE
from ._outputs.parquet_file import metadata_of
from ._records import (
    ConflictEntry,
    FailureEntry,
    ListingDone,
    ListingKey,
    PackageEntry,
    listing_key,
)
from ._summary import ListingOrder, SummaryBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    import polars as pl
    import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

    from ._compare import Comparison
    from ._findings import Finding, Requirement
    from ._records import AuditHeader, Entry, Record
    from ._summary import SummaryRow

__all__ = ["AuditReport"]

_REQUIREMENTS: Final[Mapping[Requirement, str]] = {
    "versions": "an audit with versions=True",
    "compare": "compared_to, an earlier report",
    "docker": "an audit with 'docker' among its package_types",
}
_ENTRY_ORDER: Final[Mapping[type[Entry], int]] = {
    PackageEntry: 0,
    ConflictEntry: 1,
    FailureEntry: 2,
}


@attrs.frozen
class AuditReport:
    """A whole audit, in memory. A notebook shows its summary as a table.

    Attributes:
        header: the owners and options of the audit.
        entries: packages, conflicts and failures, in the order of the header's owners and types.
        done: the complete listings.
    """

    header: AuditHeader
    entries: tuple[Entry, ...] = attrs.field(repr=False)
    done: frozenset[ListingKey] = attrs.field(repr=False)

    @classmethod
    def of(cls, header: AuditHeader, records: Iterable[Record]) -> AuditReport:
        """Make the report of records in any order of listings."""
        entries: list[Entry] = []
        done: set[ListingKey] = set()
        for record in records:
            if isinstance(record, ListingDone):
                done.add(ListingKey(record.owner, record.package_type))
            else:
                entries.append(record)
        order = ListingOrder(header)
        entries.sort(
            key=lambda entry: (
                *order.index(entry.owner, entry.package_type),
                _ENTRY_ORDER[type(entry)],
            )
        )
        return cls(header, tuple(entries), frozenset(done))

    @property
    def packages(self) -> tuple[PackageEntry, ...]:
        """The packages, soft-deleted ones included."""
        return tuple(entry for entry in self.entries if isinstance(entry, PackageEntry))

    @property
    def conflicts(self) -> tuple[ConflictEntry, ...]:
        """The packages in conflict since the Docker migration."""
        return tuple(entry for entry in self.entries if isinstance(entry, ConflictEntry))

    @property
    def failures(self) -> tuple[FailureEntry, ...]:
        """Listings that failed, and the reasons. Empty if the audit ended and listed everything."""
        return tuple(entry for entry in self.entries if isinstance(entry, FailureEntry))

    @property
    def summary(self) -> tuple[SummaryRow, ...]:
        """Counts by owner and type."""
        return tuple(self._summary_builder().rows())

    @property
    def total(self) -> SummaryRow:
        """The sum of `summary`."""
        return self._summary_builder().total()

    def _summary_builder(self) -> SummaryBuilder:
        builder = SummaryBuilder(self.header)
        for record in self.records():
            builder.add(record)
        return builder

    def findings(
        self,
        rules: Sequence[str | Rule],
        *,
        now: datetime | None = None,
        compared_to: AuditReport | None = None,
    ) -> list[Finding]:
        """Return the findings of the rules, in the order of the entries.

        Args:
            rules: rules like ``"public"`` or ``"stale:90"``; the kinds are `FINDING_KINDS`.
            now: the time from which ``stale`` counts back, aware. Default: now.
            compared_to: the earlier report that ``visibility_widened`` requires.

        Raises:
            ConfigurationError: a rule is malformed, or requires an option the audit lacks.
        """
        parsed = [Rule.parse(rule) if isinstance(rule, str) else rule for rule in rules]
        for rule in parsed:
            missing = rule.missing_requirement(
                versions=self.header.with_versions,
                has_baseline=compared_to is not None,
                conflicts="docker" in self.header.package_types,
            )
            if missing is not None:
                raise ConfigurationError(f"rules: {rule} needs {_REQUIREMENTS[missing]}")
        baseline = Baseline.of(compared_to.records() if compared_to else ())
        now = now or datetime.now(UTC)
        return [
            finding
            for entry in self.entries
            for finding in findings_of(entry, parsed, now=now, before=baseline.visibility(entry))
        ]

    def compare(self, old: AuditReport) -> Comparison:
        """Return the changes since an earlier report."""
        comparer = Comparer(Baseline.of(old.records()))
        for record in self.records():
            comparer.add(record)
        return comparer.comparison()

    def records(self) -> Iterable[Record]:
        """Yield the entries, then the markers of complete listings, as in an output file."""
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
        """Return the records as an Arrow table; see `ghpkg_async.tables.to_arrow`."""
        from ..tables import to_arrow

        return to_arrow(self)

    def to_pandas(self) -> pd.DataFrame:
        """Return the records as a pandas data frame; see `ghpkg_async.tables.to_pandas`."""
        from ..tables import to_pandas

        return to_pandas(self)

    def to_polars(self) -> pl.DataFrame:
        """Return the records as a Polars data frame; see `ghpkg_async.tables.to_polars`."""
        from ..tables import to_polars

        return to_polars(self)

    def _repr_html_(self) -> str:
        from ._notebook import report_html

        owners = len(self.header.owners)
        return report_html(self.summary, self.total, self.failures, owners=owners)


def _table_of_report(report: AuditReport, kind: type | None = None) -> Table:
    del kind
    return Table(report.records(), SHAPE, metadata_of(report.header))


table_of.register(AuditReport, _table_of_report)
