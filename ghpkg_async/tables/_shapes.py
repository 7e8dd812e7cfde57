"""Items as rows and columns. Pure; knows neither pyarrow nor pandas.

Fields that packages and audited packages have in common are columns of the same name, so tables of
both can be put side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from ..audit._outputs.columns import COLUMNS, Column, to_row
from ..audit._records import ConflictEntry, FailureEntry, ListingDone, PackageEntry, fields_of
from ..errors import ConfigurationError
from ..models import Package, PackageVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

__all__ = ["RECORDS", "Shape", "shape_of"]


@attrs.frozen
class Shape:
    """How items of one kind make a table.

    Attributes:
        columns: what they have.
        row: an item's cells by the column's name; those it lacks are left out.
    """

    columns: tuple[Column, ...]
    row: Callable[[Any], Mapping[str, Any]]

    def cells(self, items: Iterable[Any]) -> dict[str, list[Any]]:
        """What is in each column, from top to bottom."""
        # Row by row, and no row is kept: a whole one takes several times its cells.
        cells: dict[str, list[Any]] = {column.name: [] for column in self.columns}
        for item in items:
            row = self.row(item)
            for name, column in cells.items():
                column.append(row.get(name))
        return cells


def _package(package: Package) -> dict[str, Any]:
    return {"owner": package.owner and package.owner.login, **fields_of(package)}


def _version(version: PackageVersion) -> dict[str, Any]:
    return {
        "package_type": version.metadata and version.metadata.package_type,
        "name": version.name,
        "id": version.id,
        "tags": list(version.tags),
        "created_at": version.created_at,
        "updated_at": version.updated_at,
        "deleted_at": version.deleted_at,
        "license": version.license,
        "description": version.description,
        "html_url": version.html_url,
        "package_html_url": version.package_html_url,
    }


_OF_RECORDS: Final = {column.name: column for column in COLUMNS}


def _columns(*names: str) -> tuple[Column, ...]:
    """The audit's columns of these names."""
    return tuple(_OF_RECORDS[name] for name in names)


_PACKAGES: Final = Shape(
    _columns(
        *("owner", "package_type", "name", "id", "visibility", "version_count"),
        *("created_at", "updated_at", "html_url", "repository"),
    ),
    _package,
)
_VERSIONS: Final = Shape(
    (
        *_columns("package_type", "name", "id"),
        Column("tags", "texts"),
        *_columns("created_at", "updated_at"),
        Column("deleted_at", "time"),
        Column("license"),
        Column("description"),
        *_columns("html_url"),
        Column("package_html_url"),
    ),
    _version,
)
RECORDS: Final = Shape(COLUMNS, to_row)
"""What an audit's output has: all kinds of record in one table."""

_SHAPES: Final[Mapping[type, Shape]] = {
    Package: _PACKAGES,
    PackageVersion: _VERSIONS,
    PackageEntry: RECORDS,
    ConflictEntry: RECORDS,
    FailureEntry: RECORDS,
    ListingDone: RECORDS,
}


def shape_of(items: Collection[Any], kind: type | None) -> Shape:
    """How these items make a table.

    Args:
        items: what to look at.
        kind: what counts where there are none.

    Raises:
        ConfigurationError: something else is among them, or kinds of two tables are, or there is
            nothing to tell by.
    """
    kinds = set(map(type, items))
    if not kinds:
        if kind is None:
            raise ConfigurationError(
                "kind: missing; an empty list has columns only with a kind, like kind=Package"
            )
        return _shape(kind, "kind")
    first, *others = sorted(kinds, key=lambda each: each.__name__)
    shape = _shape(first, "items")
    for other in others:
        if _shape(other, "items") is not shape:
            raise ConfigurationError(
                f"items: {first.__name__} and {other.__name__} are rows of different tables"
            )
    return shape


def _shape(kind: type, argument: str) -> Shape:
    if isinstance(kind, type):
        for base in kind.__mro__:
            if base in _SHAPES:
                return _SHAPES[base]
    name = getattr(kind, "__name__", repr(kind))
    raise ConfigurationError(
        f"{argument}: {name} is none of {', '.join(each.__name__ for each in _SHAPES)}"
    )
