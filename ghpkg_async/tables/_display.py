"""Tables of items as HTML, for notebooks.

The values are from a server: text is escaped and cut, invisible characters and those that change
the direction are shown escaped, and only https URLs become links.
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


__all__ = ["RIGHT", "HtmlColumn", "count_html", "day", "items_html", "number_column", "table_html"]

T = TypeVar("T")

ROWS_SHOWN: Final = 10
LONGEST_TEXT: Final = 100
"""Characters in a cell; a name may be longer than any screen is wide."""
LONGEST_LINK: Final = 2000
# No user name before the host, since it can be mistaken for the host, and only the characters of
# a URL (RFC 3986): browsers ignore some others.
_LINK: Final = re.compile(
    r"https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*)?"
)
_LEFT: Final = ' style="text-align: left"'
RIGHT: Final = ' style="text-align: right"'


@attrs.frozen
class HtmlColumn(Generic[T]):
    """A column: its heading, and the text and link of an item's cell."""

    header: str
    cell: Callable[[T], object]
    link: Callable[[T], str | None] = lambda _item: None
    align: str = _LEFT


def number_column(header: str, cell: Callable[[T], int | None]) -> HtmlColumn[T]:
    return HtmlColumn(header, lambda item: _thousands(cell(item)), align=RIGHT)


def _thousands(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def day(moment: datetime | None) -> str:
    if moment is None:
        return ""
    with suppress(OverflowError):  # The first or last hours of the calendar.
        moment = moment.astimezone(UTC)
    return moment.date().isoformat()


_PACKAGES: Final[tuple[HtmlColumn[Package], ...]] = (
    HtmlColumn("Name", lambda package: package.name, lambda package: package.html_url),
    HtmlColumn("Type", lambda package: package.package_type),
    HtmlColumn("Visibility", lambda package: package.visibility),
    number_column("Versions", lambda package: package.version_count),
    HtmlColumn("Updated", lambda package: day(package.updated_at)),
    HtmlColumn(
        "Repository",
        lambda package: package.repository.full_name if package.repository else "",
        lambda package: package.repository.html_url if package.repository else None,
    ),
)
_VERSIONS: Final[tuple[HtmlColumn[PackageVersion], ...]] = (
    HtmlColumn("Id", lambda version: version.id, align=RIGHT),
    HtmlColumn("Name", lambda version: version.name, lambda version: version.html_url),
    HtmlColumn("Tags", lambda version: ", ".join(version.tags)),
    HtmlColumn("Created", lambda version: day(version.created_at)),
    HtmlColumn("Deleted", lambda version: day(version.deleted_at)),
)
_KINDS: Final[Mapping[type, tuple[str, Sequence[HtmlColumn[Any]]]]] = {
    Package: ("package", _PACKAGES),
    PackageVersion: ("version", _VERSIONS),
}


def items_html(items: Sequence[Any], kind: type | None) -> str | None:
    """Return the first items as a table with their number; ``None`` if they make no table.

    Args:
        items: packages or versions.
        kind: the type of the items of an empty list.
    """
    kinds = set(map(type, items)) if items else {kind or object}
    if len(kinds) > 1 or not kinds <= _KINDS.keys():
        return None
    noun, columns = _KINDS[kinds.pop()]
    return count_html(len(items), noun) + table_html(items, columns)


def count_html(number: int, noun: str, more: str = "") -> str:
    shown = f"; the first {ROWS_SHOWN}:" if number > ROWS_SHOWN else ""
    return f"<p>{counted(number, noun)}{more and f' {more}'}{shown}</p>"


def table_html(items: Sequence[T], columns: Sequence[HtmlColumn[T]]) -> str:
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


def _cell(item: T, column: HtmlColumn[T]) -> str:
    text = str(column.cell(item))
    if len(text) > LONGEST_TEXT:
        text = text[: LONGEST_TEXT - 1] + "…"
    html = escape(printable(text))
    link = column.link(item) or ""
    if len(link) > LONGEST_LINK or not _LINK.fullmatch(link):
        return html
    return f'<a href="{escape(link)}" target="_blank" rel="noopener noreferrer">{html}</a>'
