"""Items to Arrow, pandas and Polars."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import contextmanager
from datetime import UTC
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from ..audit._audit_report import AuditReport
from ..audit._outputs.parquet_file import audit_schema, schema_of
from ..errors import ConfigurationError
from ._shapes import RECORDS, Shape, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    import polars as pl
    import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

    from ..audit._records import AuditHeader

__all__ = ["to_arrow", "to_pandas", "to_polars"]

_EXTRAS: Final = {"pyarrow": "parquet", "pandas": "pandas", "polars": "polars"}
_DTYPES: Final[Mapping[str, str]] = {
    "text": "string",
    "number": "Int64",
    "flag": "boolean",
    "time": "datetime64[us, UTC]",
    "texts": "object",
}
"""Those of pandas that know of missing cells; the same whether a table has any or not."""


def to_arrow(items: Iterable[object] | AuditReport, *, kind: type | None = None) -> pa.Table:
    """The items as a table of Arrow, a row each.

    Times are UTC timestamps and tags are lists. The columns depend on what the items are, not on
    what they hold: those of packages, of versions, or of an audit's records. A report becomes the
    table that an audit's ``.parquet`` output is; written to such a file, it can be read as one.

    Args:
        items: packages, versions, an audit's records, or an `AuditReport`.
        kind: what an empty list would hold, like ``Package``; what a listing gave remembers it.

    Raises:
        ConfigurationError: pyarrow is not installed, the items are none of these, or a value does
            not fit its column.
    """
    pyarrow = _library("pyarrow")
    rows, shape, header = _rows(items, kind)
    schema = audit_schema(pyarrow, header) if header else schema_of(pyarrow, shape.columns)
    arrays = []
    for column, values in zip(schema, shape.cells(rows).values(), strict=True):
        with _fitting(column.name):
            arrays.append(pyarrow.array(values, column.type))
    table: pa.Table = pyarrow.Table.from_arrays(arrays, schema=schema)
    return table


def to_pandas(items: Iterable[object] | AuditReport, *, kind: type | None = None) -> pd.DataFrame:
    """The items as a data frame of pandas, a row each.

    The columns are those of `to_arrow`: times are ``datetime64[us, UTC]``, tags are lists,
    numbers are ``Int64``, flags ``boolean`` and texts ``string``, which have missing cells.

    Args:
        items: packages, versions, an audit's records, or an `AuditReport`.
        kind: what an empty list would hold, like ``Package``; what a listing gave remembers it.

    Raises:
        ConfigurationError: pandas is not installed, the items are none of these, or a value does
            not fit its column.
    """
    pandas = _library("pandas")
    rows, shape, _ = _rows(items, kind)
    cells = shape.cells(rows)
    series = {}
    for column in shape.columns:
        with _fitting(column.name):
            series[column.name] = pandas.Series(cells[column.name], dtype=_DTYPES[column.cell_type])
    frame: pd.DataFrame = pandas.DataFrame(series)
    return frame


def to_polars(items: Iterable[object] | AuditReport, *, kind: type | None = None) -> pl.DataFrame:
    """The items as a data frame of Polars, a row each.

    The columns are those of `to_arrow`: times are ``Datetime("us", "UTC")``, tags ``List(String)``,
    numbers ``Int64``, flags ``Boolean`` and texts ``String``.

    Args:
        items: packages, versions, an audit's records, or an `AuditReport`.
        kind: the type of the items of an empty list, like ``Package``; a listing's result knows it.

    Raises:
        ConfigurationError: polars is not installed, the items are none of these, or a value does
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
    rows, shape, _ = _rows(items, kind)
    cells = shape.cells(rows)
    series = []
    for column in shape.columns:
        values = cells[column.name]
        with _fitting(column.name, polars.exceptions.PolarsError):
            if column.cell_type == "time":
                values = [value and value.astimezone(UTC) for value in values]
            series.append(polars.Series(column.name, values, dtype=types[column.cell_type]))
    frame: pl.DataFrame = polars.DataFrame(series)
    return frame


def _rows(
    items: Iterable[object] | AuditReport, kind: type | None
) -> tuple[Iterable[Any], Shape, AuditHeader | None]:
    """What the rows are made of, how, and what was asked if that is known."""
    if isinstance(items, AuditReport):
        return items.records(), RECORDS, items.header
    if isinstance(items, (str, bytes)) or not hasattr(items, "__iter__"):
        raise ConfigurationError(
            f"items: {items!r} is no list; of a listing or an audit, pass what awaiting it gives"
        )
    rows = items if isinstance(items, Collection) else list(items)
    return rows, shape_of(rows, kind), None


@contextmanager
def _fitting(column: str, *more: type[Exception]) -> Iterator[None]:
    errors: tuple[type[Exception], ...] = (ValueError, TypeError, OverflowError, *more)
    try:
        yield
    except errors as error:
        raise ConfigurationError(
            f"items: a value does not fit the column {column!r}: {error}"
        ) from error


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise ConfigurationError(
            f'{name} is not installed: pip install "ghpkg-async[{_EXTRAS[name]}]"'
        ) from None
