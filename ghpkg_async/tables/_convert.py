"""Items to Arrow, pandas and Polars."""

from __future__ import annotations

from datetime import UTC
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from ..errors import ConfigurationError
from ._shapes import table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    import polars as pl
    import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

    from ._shapes import Column, Table

__all__ = ["to_arrow", "to_pandas", "to_polars"]

_EXTRAS: Final = {"pyarrow": "parquet", "pandas": "pandas", "polars": "polars"}
_DTYPES: Final[Mapping[str, str]] = {
    "text": "string",
    "number": "Int64",
    "flag": "boolean",
    "time": "datetime64[us, UTC]",
    "texts": "object",
}
"""Nullable types, also for columns without missing cells."""


def to_arrow(items: object, *, kind: type | None = None) -> pa.Table:
    """Return the items as an Arrow table, one row each.

    Times are UTC timestamps and tags are lists. The columns depend on the items' type only. A
    report becomes the table of an audit's ``.parquet`` output; written to such a file, it can be
    read as one.

    Args:
        items: a list of packages, versions or an audit's records, or an `AuditReport`.
        kind: type of an empty list's items, like ``Package``; not needed for a listing's result.

    Raises:
        ConfigurationError: pyarrow is not installed, the items make no table, or a value does
            not fit its column.
    """
    pyarrow = _library("pyarrow")
    table = table_of(items, kind)
    schema = schema_of(pyarrow, table.shape.columns, table.metadata)
    arrays = _converted(
        table, lambda column, cells: pyarrow.array(cells, schema.field(column.name).type)
    )
    converted: pa.Table = pyarrow.Table.from_pydict(arrays, schema=schema)
    return converted


def to_pandas(items: object, *, kind: type | None = None) -> pd.DataFrame:
    """Return the items as a pandas data frame, one row each.

    The columns are those of `to_arrow`: times are ``datetime64[us, UTC]``, tags are lists,
    numbers are ``Int64``, flags ``boolean`` and texts ``string``, which have missing cells.

    Args:
        items: a list of packages, versions or an audit's records, or an `AuditReport`.
        kind: type of an empty list's items, like ``Package``; not needed for a listing's result.

    Raises:
        ConfigurationError: pandas is not installed, the items make no table, or a value does
            not fit its column.
    """
    pandas = _library("pandas")
    series = _converted(
        table_of(items, kind),
        lambda column, cells: pandas.Series(cells, dtype=_DTYPES[column.cell_type]),
    )
    frame: pd.DataFrame = pandas.DataFrame(series)
    return frame


def to_polars(items: object, *, kind: type | None = None) -> pl.DataFrame:
    """Return the items as a Polars data frame, one row each.

    The columns are those of `to_arrow`: times are ``Datetime("us", "UTC")``, tags ``List(String)``,
    numbers ``Int64``, flags ``Boolean`` and texts ``String``.

    Args:
        items: a list of packages, versions or an audit's records, or an `AuditReport`.
        kind: type of an empty list's items, like ``Package``; not needed for a listing's result.

    Raises:
        ConfigurationError: polars is not installed, the items make no table, or a value does
            not fit its column.
    """
    polars = _library("polars")
    types = {
        "text": polars.String,
        "number": polars.Int64,
        "flag": polars.Boolean,
        "time": polars.Datetime("us", "UTC"),
        "texts": polars.List(polars.String),
    }

    def series_of(column: Column, cells: list[Any]) -> pl.Series:
        if column.cell_type == "time":
            cells = [cell and cell.astimezone(UTC) for cell in cells]
        series: pl.Series = polars.Series(cells, dtype=types[column.cell_type])
        return series

    series = _converted(table_of(items, kind), series_of, polars.exceptions.PolarsError)
    frame: pl.DataFrame = polars.DataFrame(series)
    return frame


def schema_of(
    arrow: Any, columns: Iterable[Column], metadata: Mapping[bytes, bytes] | None = None
) -> Any:
    """Return the Arrow schema of a table.

    Args:
        arrow: the module ``pyarrow``.
        columns: the columns of the table.
        metadata: stored with the schema.
    """
    types = {
        "text": arrow.string(),
        "number": arrow.int64(),
        "flag": arrow.bool_(),
        "time": arrow.timestamp("us", tz="UTC"),
        "texts": arrow.list_(arrow.string()),
    }
    return arrow.schema(
        [(column.name, types[column.cell_type]) for column in columns], metadata=metadata
    )


def _converted(
    table: Table, convert: Callable[[Column, list[Any]], Any], *errors: type[Exception]
) -> dict[str, Any]:
    """Return the converted cells of each column.

    Args:
        table: the table.
        convert: called with each column and its cells.
        errors: raised by ``convert`` if a cell does not fit, beside Python's own.
    """
    misfits: tuple[type[Exception], ...] = (ValueError, TypeError, OverflowError, *errors)
    cells = table.shape.cells(table.items)
    converted = {}
    for column in table.shape.columns:
        try:
            converted[column.name] = convert(column, cells[column.name])
        except misfits as error:
            raise ConfigurationError(
                f"items: a value does not fit the column {column.name!r}: {error}"
            ) from error
    return converted


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise ConfigurationError(
            f'{name} is not installed: pip install "ghpkg-async[{_EXTRAS[name]}]"'
        ) from None
