"""CSV: a row a record, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ..._files import AtomicFile, FileLock
from .._records import SCHEMA_VERSION, AuditHeader
from .columns import COLUMNS, from_row, to_row
from .files import foreign, readable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .._records import Record
    from .columns import Column

__all__ = ["CsvFile", "read_csv"]

HEADINGS: Final = [*(column.name for column in COLUMNS), "schema_version"]

# The beginning of a formula, where a cell begins: a spreadsheet may split cells at any separator,
# and drops control characters and spaces in front. Apostrophes count, so that ours can be removed.
_FORMULA: Final = "=+@\uff1d\uff0b\uff0d\uff20-"
_CELL_BEGINS: Final = rf"(?:\A|(?<=[^\w./'{_FORMULA}]))"
_FORMULA_BEGINS: Final = re.compile(rf"{_CELL_BEGINS}(?='*[{_FORMULA}])")
_GUARD: Final = re.compile(rf"{_CELL_BEGINS}'(?='*[{_FORMULA}])")


class CsvFile:
    """An audit's records as CSV (RFC 4180, UTF-8), in place once it is closed.

    No spreadsheet runs a text as a formula, whichever separator it splits cells at: ``=``, ``+``,
    ``-`` and ``@`` (and their full-width forms) get an apostrophe in front at the beginning of a
    cell and after each character that is no letter, digit, ``_``, ``.``, ``/`` or apostrophe.
    Where apostrophes of the text precede them, one is added; `read_csv` removes one at each of
    these places. JSON Lines and Parquet hold texts unchanged.

    Args:
        path: where. An earlier audit there is replaced.
        header: what the audit is asked.

    Raises:
        ConfigurationError: the file cannot be written, or holds something else.
    """

    def __init__(self, path: Path, header: AuditHeader) -> None:
        del header  # A table has no place for it.
        self.path = path
        self._begun = False
        self._lock = FileLock(path)
        with self._lock.release_on_error():
            _check_replaceable(path)
            self._draft = AtomicFile(path)

    def begin(self) -> None:
        """Writes the headings, beside the file that is there."""
        self._begun = True
        self._write_rows([HEADINGS])

    def write(self, records: Sequence[Record]) -> None:
        """Writes a row for each."""
        self._write_rows([_cells(record) for record in records])

    def close(self) -> None:
        """Puts the file in its place, if all was written."""
        try:
            if self._begun:
                self._draft.commit()
            else:
                self._draft.discard()
        finally:
            self._lock.release()

    def _write_rows(self, rows: Sequence[Sequence[object]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        with self._draft.discard_on_error():
            self._draft.file.write(text.getvalue().encode())


def read_csv(path: Path) -> Iterator[Record]:
    """The records of a CSV file.

    Raises:
        ConfigurationError: the file cannot be read, or is no audit's of this schema.
    """
    with readable(path), path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        headings = _headings(path, rows)
        for cells in rows:
            try:
                named = dict(zip(headings, cells, strict=True))
                row = {
                    column.name: _value(named.get(column.name, ""), column) for column in COLUMNS
                }
                record = from_row(row)
            except (ValueError, csv.Error) as error:
                raise foreign(
                    path, f"its line {rows.line_num} is not an audit's: {error}"
                ) from None
            if named.get("schema_version") != str(SCHEMA_VERSION):
                raise foreign(path, f"its schema_version is {named.get('schema_version')!r}")
            if record is not None and not isinstance(record, AuditHeader):
                yield record


def _headings(path: Path, rows: Iterator[list[str]]) -> list[str]:
    headings = next(rows, [])
    if not set(HEADINGS) <= set(headings):
        raise foreign(path)
    return headings


def _check_replaceable(path: Path) -> None:
    if path.is_file() and path.stat().st_size:
        # Its headings, and the schema of its first row.
        next(read_csv(path), None)


def _cells(record: Record) -> list[object]:
    row = to_row(record)
    return [*(_cell(row.get(column.name), column) for column in COLUMNS), SCHEMA_VERSION]


def _cell(value: Any, column: Column) -> object:
    if value is None:
        return ""
    if column.kind == "time":
        return _written(value)
    if column.kind == "number":
        return value
    if column.kind == "flag":
        return str(value).lower()
    text = " ".join(value) if column.kind == "texts" else str(value)
    return _FORMULA_BEGINS.sub("'", text)


def _value(cell: str, column: Column) -> Any:
    if not cell and not column.required:
        return None
    if column.kind == "number":
        return int(cell)
    if column.kind == "flag":
        return {"true": True, "false": False}.get(cell, cell)
    if column.kind == "time":
        return datetime.fromisoformat(cell)
    text = _GUARD.sub("", cell)
    return text.split() if column.kind == "texts" else text


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
