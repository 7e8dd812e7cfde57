"""Columns of audit tables, shared by CSV and Parquet, and records as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ...tables._shapes import PACKAGE_COLUMNS, Column, Shape, shape_of_item
from .._records import (
    ConflictEntry,
    FailureEntry,
    ListingDone,
    PackageEntry,
    from_record,
    to_record,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._records import AuditHeader, Record

__all__ = ["COLUMNS", "SHAPE", "Column", "from_row", "to_row"]


COLUMNS: Final = (
    Column("record"),
    *PACKAGE_COLUMNS,
    Column("soft_deleted", "flag"),
    Column("versions_count", "number"),
    Column("versions_newest", "time"),
    Column("versions_oldest", "time"),
    Column("versions_tagged", "number"),
    Column("versions_untagged", "number"),
    Column("listing"),
    Column("count", "number"),
    Column("reason"),
    Column("message", required=True),
    Column("status", "number"),
    Column("authorization_url"),
    Column("organizations", "texts"),
    Column("granted", "texts"),
    Column("required", "texts"),
    Column("retry_at", "time"),
)

_VERSIONS: Final = "versions_"


def to_row(record: Record) -> dict[str, Any]:
    """Return a record as a flat mapping without ``None`` values; times are datetimes."""
    row = to_record(record, times=True)
    for name, value in (row.pop("versions", None) or {}).items():
        row[f"{_VERSIONS}{name}"] = value
    return row


def from_row(row: Mapping[str, Any]) -> AuditHeader | Record | None:
    """Return the record of a row made by `to_row`; cells may be ``None``."""
    record = {
        name: value
        for name, value in row.items()
        if value is not None and not name.startswith(_VERSIONS)
    }
    if row.get("versions_count") is not None:
        record["versions"] = {
            name.removeprefix(_VERSIONS): value
            for name, value in row.items()
            if name.startswith(_VERSIONS)
        }
    return from_record(record)


SHAPE: Final = Shape(COLUMNS, to_row)
"""All kinds of records in one table."""

for _record in (PackageEntry, ConflictEntry, FailureEntry, ListingDone):
    shape_of_item.register(_record, lambda _item: SHAPE)
