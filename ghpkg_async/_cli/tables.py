"""Tables for a terminal, and for a pipe or file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

import attrs
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from .._text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from .. import Package, PackageVersion

__all__ = [
    "DELETED_VERSIONS",
    "PACKAGES",
    "VERSIONS",
    "TableColumn",
    "least_width",
    "plain",
    "rich_table",
]

T = TypeVar("T")

GAP: Final = "  "
_DIGEST: Final = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")


@attrs.frozen
class TableColumn(Generic[T]):
    """One column of a table.

    Attributes:
        header: heading of the column.
        cell: function from an item to the text of its cell.
        justify: alignment.
        shorten: function that shortens the text on a terminal, such as a digest to 12 digits.
    """

    header: str
    cell: Callable[[T], str]
    justify: Literal["left", "right"] = "left"
    shorten: Callable[[str], str] = str


def rich_table(items: Iterable[T], columns: Sequence[TableColumn[T]]) -> Table:
    """Return a table for a terminal: as wide as the terminal, long names folded."""
    table = Table(box=None, pad_edge=False, padding=(0, len(GAP), 0, 0), header_style="bold")
    for column in columns:
        table.add_column(
            column.header,
            justify=column.justify,
            overflow="fold",
            min_width=cell_len(column.header),
        )
    for item in items:
        # Text, not str: rich would interpret brackets in a name as markup.
        table.add_row(*(Text(column.shorten(printable(column.cell(item)))) for column in columns))
    return table


def least_width(columns: Sequence[TableColumn[Any]]) -> int:
    """Return the minimum width at which no heading is folded."""
    headers = sum(cell_len(column.header) for column in columns)
    return headers + len(GAP) * (len(columns) - 1)


def plain(items: Iterable[T], columns: Sequence[TableColumn[T]]) -> str:
    """Return a table for a file or pipe: as wide as necessary, nothing cut or folded."""
    rows = [[column.header for column in columns]]
    rows += [[printable(column.cell(item)) for column in columns] for item in items]
    widths = [max(map(cell_len, cells)) for cells in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = []
        for cell, width, column in zip(row, widths, columns, strict=True):
            space = " " * (width - cell_len(cell))
            cells.append(space + cell if column.justify == "right" else cell + space)
        lines.append(GAP.join(cells).rstrip() + "\n")
    return "".join(lines)


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d}"


def _versions(package: Package) -> str:
    return "-" if package.version_count is None else str(package.version_count)


PACKAGES: Final[tuple[TableColumn[Package], ...]] = (
    TableColumn("NAME", lambda package: package.name),
    TableColumn("VISIBILITY", lambda package: package.visibility),
    TableColumn("VERSIONS", _versions, justify="right"),
    TableColumn("UPDATED", lambda package: _day(package.updated_at)),
    TableColumn(
        "REPOSITORY",
        lambda package: package.repository.full_name if package.repository else "",
    ),
)

_ID: Final[TableColumn[PackageVersion]] = TableColumn(
    "ID", lambda version: str(version.id), justify="right"
)
_NAME: Final[TableColumn[PackageVersion]] = TableColumn(
    "NAME", lambda version: version.name, shorten=lambda name: _DIGEST.sub(r"\1", name)
)
_TAGS: Final[TableColumn[PackageVersion]] = TableColumn(
    "TAGS", lambda version: ", ".join(version.tags)
)
_CREATED: Final[TableColumn[PackageVersion]] = TableColumn(
    "CREATED", lambda version: _day(version.created_at)
)
_DELETED: Final[TableColumn[PackageVersion]] = TableColumn(
    "DELETED", lambda version: _day(version.deleted_at)
)

VERSIONS: Final = (_ID, _NAME, _CREATED, _TAGS)
DELETED_VERSIONS: Final = (_ID, _NAME, _CREATED, _DELETED, _TAGS)
