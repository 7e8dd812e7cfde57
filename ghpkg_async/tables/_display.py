"""Items and reports as HTML, for notebooks to show.

All of it comes from a server: text is escaped and cut, what cannot be seen or would turn the
direction is written out, and only https addresses become links.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC
from html import escape
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import attrs

from .._text import counted, printable
from ..models import Package, PackageVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from ..audit._audit_report import AuditReport
    from ..audit._records import FailureEntry
    from ..audit._summary import SummaryRow

__all__ = ["items_html", "report_html"]

T = TypeVar("T")

ROWS_SHOWN: Final = 10
LONGEST_TEXT: Final = 100
"""Characters in a cell; a name may be longer than any screen is wide."""
LONGEST_LINK: Final = 2000
# A host without a user's name in front, which passes for a host, and only the characters that
# addresses are made of (RFC 3986): browsers read others as if they were not there.
_LINK: Final = re.compile(
    r"https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*)?"
)
_LEFT: Final = ' style="text-align: left"'
_RIGHT: Final = ' style="text-align: right"'


@attrs.frozen
class _Column(Generic[T]):
    """What an item shows in one column, and where that leads."""

    header: str
    cell: Callable[[T], object]
    link: Callable[[T], str | None] = lambda _item: None
    align: str = _LEFT


def _number(header: str, cell: Callable[[T], int | None]) -> _Column[T]:
    return _Column(header, lambda item: _thousands(cell(item)), align=_RIGHT)


def _thousands(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _day(moment: datetime | None) -> str:
    if moment is None:
        return ""
    with suppress(OverflowError):  # The first or last hours of the calendar.
        moment = moment.astimezone(UTC)
    return moment.date().isoformat()


_PACKAGES: Final[tuple[_Column[Package], ...]] = (
    _Column("Name", lambda each: each.name, lambda each: each.html_url),
    _Column("Type", lambda each: each.package_type),
    _Column("Visibility", lambda each: each.visibility),
    _number("Versions", lambda each: each.version_count),
    _Column("Updated", lambda each: _day(each.updated_at)),
    _Column(
        "Repository",
        lambda each: each.repository.full_name if each.repository else "",
        lambda each: each.repository.html_url if each.repository else None,
    ),
)
_VERSIONS: Final[tuple[_Column[PackageVersion], ...]] = (
    _Column("Id", lambda each: each.id, align=_RIGHT),
    _Column("Name", lambda each: each.name, lambda each: each.html_url),
    _Column("Tags", lambda each: ", ".join(each.tags)),
    _Column("Created", lambda each: _day(each.created_at)),
    _Column("Deleted", lambda each: _day(each.deleted_at)),
)
_SUMMARY: Final[tuple[_Column[SummaryRow], ...]] = (
    _Column("Owner", lambda row: row.owner),
    _Column("Type", lambda row: row.package_type or ""),
    _number("Packages", lambda row: row.packages),
    _number("Public", lambda row: row.public),
    _number("Private", lambda row: row.private),
    _number("Internal", lambda row: row.internal),
    _Column("Versions", lambda row: row.versions_text, align=_RIGHT),
    _number("Conflicts", lambda row: row.conflicts),
    _number("Failures", lambda row: row.failures),
    _Column("Updated", lambda row: _day(row.updated_at)),
)
_FAILURES: Final[tuple[_Column[FailureEntry], ...]] = (
    _Column("Owner", lambda each: each.owner),
    _Column("Type", lambda each: each.package_type or each.listing or ""),
    _Column("Package", lambda each: each.name or ""),
    _Column("Reason", lambda each: each.reason, lambda each: each.authorization_url),
    _Column("Message", lambda each: each.message),
)
_KINDS: Final[Mapping[type, tuple[str, Sequence[_Column[Any]]]]] = {
    Package: ("package", _PACKAGES),
    PackageVersion: ("version", _VERSIONS),
}


def items_html(items: Sequence[Any], kind: type | None) -> str | None:
    """The first items as a table, and how many there are; ``None``: not a table's items.

    Args:
        items: packages, or versions.
        kind: what counts where there are none.
    """
    kinds = set(map(type, items)) if items else {kind or object}
    if len(kinds) > 1 or not kinds <= _KINDS.keys():
        return None
    noun, columns = _KINDS[kinds.pop()]
    return _told(len(items), noun) + _table(items, columns)


def report_html(report: AuditReport) -> str:
    """The report's summary as a table, and its failures, if there are any, as another.

    Args:
        report: what to show.
    """
    summary, total, failures = report.summary, report.total, report.failures
    sums = ", ".join(
        (
            counted(len(report.header.owners), "owner"),
            counted(total.packages, "package"),
            total.versions_phrase,
            counted(len(report.conflicts), "conflict"),
        )
    )
    told = _told(len(summary), "row", "by owner and type")
    html = f"<p>{sums}</p>{told}{_table(summary, _SUMMARY)}"
    if failures:
        told = _told(len(failures), "failure", "for which this is incomplete")
        html += told + _table(failures, _FAILURES)
    return html


def _told(number: int, noun: str, more: str = "") -> str:
    shown = f"; the first {ROWS_SHOWN}:" if number > ROWS_SHOWN else ""
    return f"<p>{counted(number, noun)}{more and f' {more}'}{shown}</p>"


def _table(items: Sequence[T], columns: Sequence[_Column[T]]) -> str:
    if not items:
        return ""
    head = _row("th", ((column.align, escape(column.header)) for column in columns))
    rows = (
        _row("td", ((column.align, _cell(item, column)) for column in columns))
        for item in islice(items, ROWS_SHOWN)
    )
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _row(tag: str, cells: Iterable[tuple[str, str]]) -> str:
    return f"<tr>{''.join(f'<{tag}{align}>{html}</{tag}>' for align, html in cells)}</tr>"


def _cell(item: T, column: _Column[T]) -> str:
    text = str(column.cell(item))
    if len(text) > LONGEST_TEXT:
        text = text[: LONGEST_TEXT - 1] + "…"
    html = escape(printable(text))
    link = column.link(item) or ""
    if len(link) > LONGEST_LINK or not _LINK.fullmatch(link):
        return html
    return f'<a href="{escape(link)}" target="_blank" rel="noopener noreferrer">{html}</a>'
