"""All that the page tells of an audit, ready to be laid out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from ..._text import counted
from .._links import Links
from .._wording import CHANGES, advice_on, reason_label, what_failed
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
"""Changes of a kind, failures and conflicts that are listed; how many more there are is told."""


@attrs.frozen
class Figure:
    """A headline figure.

    Attributes:
        label: what it counts.
        value: the number as text.
        note: what is worth knowing about it, or ``""``.
        tone: ``"bad"`` where somebody should look, else ``""``.
    """

    label: str
    value: str
    note: str = ""
    tone: str = ""


@attrs.frozen
class Lost:
    """What could not be obtained.

    Attributes:
        owner: whose it is.
        what: which part.
        reason: why, in a few words.
        message: what happened.
        advice: what the server told besides, or ``""``.
        url: where the token can be authorized, if it can be there.
    """

    owner: str
    what: str
    reason: str
    message: str
    advice: str
    url: str | None


@attrs.frozen
class Changes:
    """The changes of one kind.

    Attributes:
        kind: which.
        title: for people.
        changes: those that are listed.
        count: how many there are.
    """

    kind: str
    title: str
    changes: Sequence[Change]
    count: int


@attrs.frozen
class Page:
    """The page.

    Attributes:
        header: what the audit was asked.
        figures: the headline.
        charts: what can be seen at a glance.
        findings: the rules that found something; ``None``: nothing was looked for.
        compares: whether it was compared with an earlier audit.
        since: when that one began, if it is known.
        changes: what changed, by kind.
        not_compared: the listings that were not compared.
        lost: what could not be obtained.
        lost_count: how much that is.
        unfinished: the listings that nothing is known of.
        conflicts: packages in conflict since the Docker migration.
        conflict_count: how many there are.
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
    """The page of an audit.

    Args:
        report: the audit.
        comparison: what changed since an earlier one.
        findings: what to point out; ``None``: nothing was looked for.
        since: when the earlier one began.
    """
    links = Links(report.header.base_url)
    found = None if findings is None else list(findings)
    lost, conflicts, waiting = report.failures, report.conflicts, unfinished(report)
    changes = comparison.changes if comparison is not None else ()
    return Page(
        header=report.header,
        figures=_figures(report, comparison, len(lost) + len(waiting)),
        charts=charts_of(report, comparison, report.header.started_at),
        findings=None if found is None else rules_of(found),
        compares=comparison is not None,
        since=since,
        changes=[
            Changes(kind, title, of_kind[:MOST_LISTED], len(of_kind))
            for kind, title in CHANGES
            if (of_kind := [change for change in changes if change.kind == kind])
        ],
        not_compared=[str(key) for key in comparison.not_compared] if comparison else [],
        lost=[_lost(failure, links) for failure in lost[:MOST_LISTED]],
        lost_count=len(lost),
        unfinished=[str(key) for key in waiting],
        conflicts=[Row.of(each, links) for each in conflicts[:MOST_LISTED]],
        conflict_count=len(conflicts),
        table=table_of(report.packages, found or (), links),
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
        what=what_failed(failure),
        reason=reason_label(failure.reason),
        message=failure.message,
        advice=advice_on(failure),
        url=links(failure.authorization_url),
    )
