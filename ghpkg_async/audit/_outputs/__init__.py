"""Files an audit is written to, and read back from, by their suffix.

``.jsonl``
    JSON Lines, written as it goes: a line a record, the first one what was asked. An audit that
    was broken off, in whatever way, goes on where it stopped. See `JsonlFile`.
``.csv``
    A table with a row a record, all fields of all kinds of record as columns. An apostrophe
    precedes each character that a spreadsheet would read as the beginning of a formula. See
    `CsvFile`.
``.parquet``
    The same table, typed; needs pyarrow. See `ParquetFile`.

The schema of the records is in `ghpkg_async.audit._records`; in tables, the fields of ``versions``
are columns of their own, ``versions_count`` and so on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from ...errors import ConfigurationError
from .csv_file import CsvFile, read_csv
from .jsonl_file import JsonlFile, read_jsonl, read_jsonl_header
from .parquet_file import ParquetFile, read_parquet, read_parquet_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from .._records import AuditHeader, Record

__all__ = [
    "CsvFile",
    "JsonlFile",
    "Output",
    "ParquetFile",
    "open_output",
    "read_header",
    "read_records",
]


class Output(Protocol):
    """Takes an audit's records. Opening one checks that it can be written, and changes nothing."""

    @property
    def path(self) -> Path:
        """Where it is."""

    def begin(self) -> None:
        """Makes ready to write. From here on, what was in the file may be replaced."""

    def write(self, records: Sequence[Record]) -> None:
        """Writes records; a listing's marker comes after its records."""

    def close(self) -> None:
        """Finishes the file; where it was not begun or not all written, leaves all as it was."""


_FORMATS: Final[Mapping[str, Callable[[Path, AuditHeader], Output]]] = {
    ".jsonl": JsonlFile,
    ".csv": CsvFile,
    ".parquet": ParquetFile,
}
_READERS: Final[Mapping[str, Callable[[Path], Iterator[Record]]]] = {
    ".jsonl": read_jsonl,
    ".csv": read_csv,
    ".parquet": read_parquet,
}
_HEADER_READERS: Final[Mapping[str, Callable[[Path], AuditHeader | None]]] = {
    ".jsonl": read_jsonl_header,
    ".csv": lambda _path: None,  # A table has no place for it.
    ".parquet": read_parquet_header,
}


def open_output(path: Path, header: AuditHeader) -> Output:
    """Opens a file for an audit's records.

    Args:
        path: where; its suffix says what it becomes.
        header: what the audit is asked.

    Raises:
        ConfigurationError: the suffix is none of these, the file cannot be written, or holds
            something else than an audit that was asked the same.
    """
    return _FORMATS[_suffix(path)](path, header)


def read_records(path: Path) -> Iterator[Record]:
    """The records of any output, as they are read.

    Args:
        path: the file; it may be one that was broken off.

    Raises:
        ConfigurationError: the file cannot be read, or is none.
    """
    return _READERS[_suffix(path)](path)


def read_header(path: Path) -> AuditHeader | None:
    """What the audit was asked that an output is of; ``None`` of a CSV, which does not tell.

    Args:
        path: the file. A CSV is not looked at.

    Raises:
        ConfigurationError: the file cannot be read, or is none.
    """
    return _HEADER_READERS[_suffix(path)](path)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in _FORMATS:
        raise ConfigurationError(f"{path}: its name has to end in {', '.join(_FORMATS)}")
    return suffix
