"""Audit reports as HTML, for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._text import counted
from ..tables._display import RIGHT, HtmlColumn, count_html, day, number_column, table_html

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    HtmlColumn("Owner", lambda failure: failure.owner),
    HtmlColumn("Type", lambda failure: failure.package_type or failure.listing or ""),
    HtmlColumn("Package", lambda failure: failure.name or ""),
    HtmlColumn("Reason", lambda failure: failure.reason, lambda failure: failure.authorization_url),
    HtmlColumn("Message", lambda failure: failure.message),
)


def report_html(
    summary: Sequence[SummaryRow],
    total: SummaryRow,
    failures: Sequence[FailureEntry],
    *,
    owners: int,
) -> str:
    """Return the summary of an audit as a table, and its failures, if any, as another."""
    sums = ", ".join(
        (
            counted(owners, "owner"),
            counted(total.packages, "package"),
            total.versions_phrase,
            counted(total.conflicts, "conflict"),
        )
    )
    rows = count_html(len(summary), "row", "by owner and type")
    html = f"<p>{sums}</p>{rows}{table_html(summary, _SUMMARY)}"
    if failures:
        html += count_html(len(failures), "failure", "for which this is incomplete")
        html += table_html(failures, _FAILURES)
    return html
