"""Audit reports as HTML, for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._text import counted
from ..tables._display import RIGHT, HtmlColumn, count_html, day, number_column, table_html

if TYPE_CHECKING:
    from ._audit_report import AuditReport
    from ._records import FailureEntry
    from ._summary import SummaryRow

__all__ = ["report_html"]

_SUMMARY: Final[tuple[HtmlColumn[SummaryRow], ...]] = (
    HtmlColumn("Owner", lambda row: row.owner),
    HtmlColumn("Type", lambda row: row.package_type or ""),
    number_column("Packages", lambda row: row.packages),
    number_column("Public", lambda row: row.public),
    number_column("Private", lambda row: row.private),
    number_column("Internal", lambda row: row.internal),
    HtmlColumn("Versions", lambda row: row.versions_text, align=RIGHT),
    number_column("Conflicts", lambda row: row.conflicts),
    number_column("Failures", lambda row: row.failures),
    HtmlColumn("Updated", lambda row: day(row.updated_at)),
)
_FAILURES: Final[tuple[HtmlColumn[FailureEntry], ...]] = (
    HtmlColumn("Owner", lambda each: each.owner),
    HtmlColumn("Type", lambda each: each.package_type or each.listing or ""),
    HtmlColumn("Package", lambda each: each.name or ""),
    HtmlColumn("Reason", lambda each: each.reason, lambda each: each.authorization_url),
    HtmlColumn("Message", lambda each: each.message),
)


def report_html(report: AuditReport) -> str:
    """Return the report's summary as a table, and its failures, if any, as another."""
    summary, total, failures = report.summary, report.total, report.failures
    sums = ", ".join(
        (
            counted(len(report.header.owners), "owner"),
            counted(total.packages, "package"),
            total.versions_phrase,
            counted(len(report.conflicts), "conflict"),
        )
    )
    told = count_html(len(summary), "row", "by owner and type")
    html = f"<p>{sums}</p>{told}{table_html(summary, _SUMMARY)}"
    if failures:
        told = count_html(len(failures), "failure", "for which this is incomplete")
        html += told + table_html(failures, _FAILURES)
    return html
