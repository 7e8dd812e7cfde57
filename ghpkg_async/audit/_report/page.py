"""Content of the HTML report of an audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from ..._text import counted
from .._links import Links
from .._wording import CHANGES, advice_on, no_changes_text, reason_label, what_failed
from .charts import charts_of
from .rows import Row, rules_of, table_of
from .sums import unfinished

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from .._audit_report import AuditReport
    from .._compare import Change, Comparison
    from .._findings import Finding
    from .._records import AuditHeader, FailureEntry
    from .._summary import SummaryRow
    from .charts import Chart
    from .rows import FoundRule, Table

__all__ = ["MOST_LISTED", "Changes", "Figure", "Lost", "Page", "page_of"]

MOST_LISTED: Final = 1000
"""Maximum number of listed changes of a kind, failures and conflicts; the rest is counted."""


@attrs.frozen
class Figure:
    """A headline figure.

    Attributes:
        label: the name of the figure.
        value: the number as text.
        note: an explanation, or ``""``.
        tone: ``"bad"`` if it needs attention, else ``""``.
    """

    label: str
    value: str
    note: str = ""
    tone: str = ""


@attrs.frozen
class Lost:
    """A failure.

    Attributes:
        owner: the owner as passed to the audit.
        part: the part of the owner's listings that failed.
        reason: the reason, for people.
        message: the error message.
        advice: details of the response that help to fix it, or ``""``.
        url: page to authorize the token, if there is one.
    """

    owner: str
    part: str
    reason: str
    message: str
    advice: str
    url: str | None


@attrs.frozen
class Changes:
    """The changes of one kind.

    Attributes:
        kind: the kind of change.
        title: its heading.
        changes: the first changes, at most `MOST_LISTED`.
        count: the number of all changes of the kind.
    """

    kind: str
    title: str
    changes: Sequence[Change]
    count: int


@attrs.frozen
class Page:
    """Content of the page.

    Attributes:
        header: owners and options of the audit.
        figures: the headline figures.
        charts: the charts.
        findings: the rules with findings; ``None`` if no rules were applied.
        compares: whether the audit was compared with an earlier one.
        since: start of the earlier audit, if known.
        changes: the changes by kind.
        no_changes: sentence for a comparison without changes.
        not_compared: the listings that were not compared.
        lost: the first failures, at most `MOST_LISTED`.
        lost_count: the number of all failures.
        unfinished: the listings that neither ended nor failed.
        conflicts: packages in conflict since the Docker migration, at most `MOST_LISTED`.
        conflict_count: the number of all such packages.
        table: the packages.
        has_untagged: whether untagged versions were counted.
    """

    header: AuditHeader
    figures: Sequence[Figure]
    charts: Sequence[Chart]
    findings: Sequence[FoundRule] | None
    compares: bool
    since: datetime | None
    changes: Sequence[Changes]
    no_changes: str
    not_compared: Sequence[str]
    lost: Sequence[Lost]
    lost_count: int
    unfinished: Sequence[str]
    conflicts: Sequence[Row]
    conflict_count: int
    table: Table
    has_untagged: bool


def page_of(
    report: AuditReport,
    *,
    comparison: Comparison | None,
    findings: Iterable[Finding] | None,
    since: datetime | None,
) -> Page:
    """Return the content of the page of an audit.

    Args:
        report: the audit.
        comparison: the changes since an earlier audit, if it was compared.
        findings: the findings to show; ``None`` if no rules were applied.
        since: start of the earlier audit, if known.
    """
    links = Links(report.header.base_url)
    all_findings = None if findings is None else list(findings)
    lost, conflicts, waiting = report.failures, report.conflicts, unfinished(report)
    changes = comparison.changes if comparison is not None else ()
    return Page(
        header=report.header,
        figures=_figures(report, comparison, len(lost) + len(waiting)),
        charts=charts_of(report, comparison, report.header.started_at),
        findings=None if all_findings is None else rules_of(all_findings),
        compares=comparison is not None,
        since=since,
        changes=[
            Changes(kind, title, of_kind[:MOST_LISTED], len(of_kind))
            for kind, title in CHANGES
            if (of_kind := [change for change in changes if change.kind == kind])
        ],
        no_changes=no_changes_text(comparison) if comparison else "",
        not_compared=[str(key) for key in comparison.not_compared] if comparison else [],
        lost=[_lost(failure, links) for failure in lost[:MOST_LISTED]],
        lost_count=len(lost),
        unfinished=[str(key) for key in waiting],
        conflicts=[Row.of(conflict, links) for conflict in conflicts[:MOST_LISTED]],
        conflict_count=len(conflicts),
        table=table_of(report.packages, all_findings or (), links),
        has_untagged=report.header.with_versions,
    )


def _figures(report: AuditReport, comparison: Comparison | None, lost: int) -> list[Figure]:
    total = report.total
    owners = {failure.owner.lower() for failure in report.failures if failure.listing is None}
    figures = [
        Figure("Packages", f"{total.packages:,}", _packages_note(total, comparison)),
        Figure("Versions", total.versions_text, _versions_note(total)),
        Figure(
            "Owners",
            f"{len(report.header.owners):,}",
            f"{len(owners):,} not reached" if owners else "",
        ),
        Figure("Public packages", f"{total.public:,}", _share(total.public, total.packages)),
    ]
    if "docker" in report.header.package_types:
        figures.append(Figure("Docker conflicts", f"{len(report.conflicts):,}"))
    return [*figures, Figure("Not obtained", f"{lost:,}", tone="bad" if lost else "")]


def _packages_note(total: SummaryRow, comparison: Comparison | None) -> str:
    notes = []
    if comparison is not None:
        new, gone = len(comparison.of_kind("new")), len(comparison.of_kind("gone"))
        notes.append(f"{new:,} new, {gone:,} gone")
    if total.soft_deleted:
        notes.append(f"{total.soft_deleted:,} soft-deleted besides")
    return "; ".join(notes)


def _versions_note(total: SummaryRow) -> str:
    return f"unknown for {counted(total.uncounted, 'package')}" if total.uncounted else ""


def _share(part: int, whole: int) -> str:
    if not part:
        return ""
    percent = 100 * part / whole
    return f"{percent:.0f} % of all" if percent >= 1 else "under 1 % of all"


def _lost(failure: FailureEntry, links: Links) -> Lost:
    return Lost(
        owner=failure.owner,
        part=what_failed(failure),
        reason=reason_label(failure.reason),
        message=failure.message,
        advice=advice_on(failure),
        url=links(failure.authorization_url),
    )
