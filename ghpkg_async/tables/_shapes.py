"""Items as rows and columns. Knows neither pyarrow nor pandas nor Polars.

Other modules register the tables of their own records with `shape_of_item` and `table_of`. Columns
of the same name hold the same field, so that tables of packages and of audits can be combined.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import singledispatch
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import attrs

from ..errors import ConfigurationError
from ..models import Package, PackageVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = [
    "PACKAGE_COLUMNS",
    "Column",
    "Shape",
    "Table",
    "package_fields",
    "shape_of_item",
    "table_of",
]

CellType: TypeAlias = Literal["text", "number", "flag", "time", "texts"]

SOFT_DELETED_PREFIX: Final = "deleted_"
"""Prefix under which GitHub lists a package that was deleted and can still be restored."""


@attrs.frozen
class Column:
    """A column.

    Attributes:
        name: its heading.
        cell_type: type of its cells.
        required: whether an empty text is a value, not a missing one.
    """

    name: str
    cell_type: CellType = "text"
    required: bool = False


@attrs.frozen
class Shape:
    """Columns of items of one type, and the conversion of an item to a row.

    Attributes:
        columns: the columns.
        row: returns an item's cells by column name; missing ones are left out.
    """

    columns: tuple[Column, ...]
    row: Callable[[Any], Mapping[str, Any]]

    def cells(self, items: Iterable[Any]) -> dict[str, list[Any]]:
        """Return the cells of each column, from top to bottom."""
        # Rows are not kept: a row's dict takes several times the memory of its cells.
        cells: dict[str, list[Any]] = {column.name: [] for column in self.columns}
        for item in items:
            row = self.row(item)
            for name, column in cells.items():
                column.append(row.get(name))
        return cells


@attrs.frozen
class Table:
    """Items with their shape.

    Attributes:
        items: one for each row.
        shape: their columns.
        metadata: stored with an Arrow schema.
    """

    items: Iterable[Any]
    shape: Shape
    metadata: Mapping[bytes, bytes] | None = None


def package_fields(package: Package) -> dict[str, Any]:
    """Return the fields of a package's row by column name, without its owner."""
    return {
        "package_type": package.package_type,
        "name": package.name,
        "id": package.id,
        "visibility": package.visibility,
        "version_count": package.version_count,
        "created_at": package.created_at,
        "updated_at": package.updated_at,
        "html_url": package.html_url,
        "repository": package.repository and package.repository.full_name,
        "soft_deleted": package.name.startswith(SOFT_DELETED_PREFIX),
    }


def _package(package: Package) -> dict[str, Any]:
    return {"owner": package.owner and package.owner.login, **package_fields(package)}


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


PACKAGE_COLUMNS: Final = (
    *(Column(name) for name in ("owner", "package_type", "name")),
    Column("id", "number"),
    Column("visibility"),
    Column("version_count", "number"),
    Column("created_at", "time"),
    Column("updated_at", "time"),
    Column("html_url", required=True),
    Column("repository"),
)
"""Columns of a package, in a table of packages and in an audit's."""
_PACKAGES: Final = Shape(PACKAGE_COLUMNS, _package)
_VERSIONS: Final = Shape(
    (
        *(Column(name) for name in ("package_type", "name")),
        Column("id", "number"),
        Column("tags", "texts"),
        Column("created_at", "time"),
        Column("updated_at", "time"),
        Column("deleted_at", "time"),
        Column("license"),
        Column("description"),
        Column("html_url", required=True),
        Column("package_html_url"),
    ),
    _version,
)


@singledispatch
def shape_of_item(item: Any) -> Shape | None:
    """Return the shape of the items of a type; ``None`` for a type that makes no table."""
    del item
    return None


shape_of_item.register(Package, lambda _item: _PACKAGES)
shape_of_item.register(PackageVersion, lambda _item: _VERSIONS)


@singledispatch
def table_of(items: Any, kind: type | None = None) -> Table:
    """Return the table of items.

    Args:
        items: packages, versions or records of one table.
        kind: the type of the items of an empty list.

    Raises:
        ConfigurationError: ``items`` is not iterable, they make no table or two of them, or an
            empty list has no ``kind``.
    """
    if isinstance(items, (str, bytes)) or not hasattr(items, "__iter__"):
        raise ConfigurationError(
            f"items: {items!r} is not a list; await a listing or an audit and pass the result"
        )
    rows = items if isinstance(items, Collection) else list(items)
    return Table(rows, _shape_of_all(rows, kind))


def _shape_of_all(items: Collection[Any], kind: type | None) -> Shape:
    types = set(map(type, items))
    if not types:
        if kind is None:
            raise ConfigurationError(
                "kind: missing; an empty list has columns only with a kind, like kind=Package"
            )
        return _shape(kind, "kind")
    first, *others = sorted(types, key=lambda item_type: item_type.__name__)
    shape = _shape(first, "items")
    for other in others:
        if _shape(other, "items") is not shape:
            raise ConfigurationError(
                f"items: {first.__name__} and {other.__name__} are rows of different tables"
            )
    return shape


def _shape(item_type: type, argument: str) -> Shape:
    shape = shape_of_item.dispatch(item_type)(None) if isinstance(item_type, type) else None
    if shape is None:
        name = getattr(item_type, "__name__", repr(item_type))
        known = ", ".join(known.__name__ for known in shape_of_item.registry if known is not object)
        raise ConfigurationError(f"{argument}: {name} is not one of {known}")
    return shape
