"""CSV: one row for each record, safe to open in a spreadsheet."""

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
from .output_file import OutputFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .._records import Record
    from .columns import Column

__all__ = ["CsvFile"]

HEADINGS: Final = [*(column.name for column in COLUMNS), "schema_version"]

# Start of a formula at the start of a cell. A spreadsheet may split cells at any separator, and
# ignores leading spaces and control characters. Apostrophes of the text are matched too, so that
# reading removes only the one that was added.
_FORMULA: Final = "=+@\uff1d\uff0b\uff0d\uff20-"
_CELL_BEGINS: Final = rf"(?:\A|(?<=[^\w./'{_FORMULA}]))"
_FORMULA_BEGINS: Final = re.compile(rf"{_CELL_BEGINS}(?='*[{_FORMULA}])")
_GUARD: Final = re.compile(rf"{_CELL_BEGINS}'(?='*[{_FORMULA}])")


class CsvFile(OutputFile):
    """Records as CSV (RFC 4180, UTF-8). `close` replaces an earlier audit in one step.

    No spreadsheet runs a text as a formula, whichever separator it splits cells at: an apostrophe
    is inserted before ``=``, ``+``, ``-`` and ``@`` (and their full-width forms) at the start of a
    cell and after each character that is not a letter, digit, ``_``, ``.``, ``/`` or apostrophe,
    before any apostrophes of the text; `read` removes it. JSON Lines and Parquet hold texts
    unchanged.
    """

    suffix = ".csv"
    has_header = False

    def __init__(
        self, path: Path, header: AuditHeader, *, fresh_since: datetime | None = None
    ) -> None:
        del fresh_since  # A CSV is always written anew.
        self.path = path
        self.header = header
        self._started = False
        self._lock = FileLock(path)
        with self._lock.release_on_error():
            _check_replaceable(path)
            self._lock.remove_drafts()
            self._draft = AtomicFile(path)

    def begin(self) -> None:
        """Write the headings to a draft beside the file."""
        self._started = True
        self._write_rows([HEADINGS])

    def write(self, records: Sequence[Record]) -> None:
        """Write one row for each record."""
        self._write_rows([_cells(record) for record in records])

    def close(self) -> None:
        """Replace the file by the draft, unless the audit has not ended or writing failed."""
        try:
            if self._started and not self.has_earlier:
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

    @classmethod
    def read(cls, path: Path) -> Iterator[Record]:
        """Yield the records of a CSV file.

        Raises:
            ConfigurationError: the file cannot be read, or is not an audit's of this schema.
        """
        with readable(path), path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            headings = _headings(path, rows)
            for cells in rows:
                try:
                    named = dict(zip(headings, cells, strict=True))
                    row = {
                        column.name: _value(named.get(column.name, ""), column)
                        for column in COLUMNS
                    }
                    record = from_row(row)
                except (ValueError, csv.Error) as error:
                    raise foreign(
                        path, f"line {rows.line_num} is not an audit record: {error}"
                    ) from None
                if named.get("schema_version") != str(SCHEMA_VERSION):
                    raise foreign(path, f"its schema_version is {named.get('schema_version')!r}")
                if record is not None and not isinstance(record, AuditHeader):
                    yield record

    @classmethod
    def read_header(cls, path: Path) -> None:
        """Return ``None``: a CSV has no header of the audit."""
        del path


def _headings(path: Path, rows: Iterator[list[str]]) -> list[str]:
    headings = next(rows, [])
    if not set(HEADINGS) <= set(headings):
        raise foreign(path)
    return headings


def _check_replaceable(path: Path) -> None:
    if path.is_file() and path.stat().st_size:
        # Reads the headings and the schema version of the first row.
        next(CsvFile.read(path), None)


def _cells(record: Record) -> list[object]:
    row = to_row(record)
    return [*(_cell(row.get(column.name), column) for column in COLUMNS), SCHEMA_VERSION]


def _cell(value: Any, column: Column) -> object:
    if value is None:
        return ""
    if column.cell_type == "time":
        return _format_time(value)
    if column.cell_type == "number":
        return value
    if column.cell_type == "flag":
        return str(value).lower()
    text = " ".join(value) if column.cell_type == "texts" else str(value)
    return _FORMULA_BEGINS.sub("'", text)


def _value(cell: str, column: Column) -> Any:
    if not cell and not column.required:
        return None
    if column.cell_type == "number":
        return int(cell)
    if column.cell_type == "flag":
        return {"true": True, "false": False}.get(cell, cell)
    if column.cell_type == "time":
        return datetime.fromisoformat(cell)
    text = _GUARD.sub("", cell)
    return text.split() if column.cell_type == "texts" else text


def _format_time(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
