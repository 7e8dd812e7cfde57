"""Output files of an audit, and reading them back. The suffix selects the format.

``.jsonl``
    JSON Lines, one record a line, the header first; written during the audit. An interrupted audit
    can be resumed. See `JsonlFile`.
``.csv``
    One table with a row for each record and a column for each field of any record. An apostrophe
    precedes each character that a spreadsheet would interpret as the start of a formula. See
    `CsvFile`.
``.parquet``
    The same table with types; needs pyarrow. See `ParquetFile`.

The fields are those of `ghpkg_async.audit.to_record`; in tables, the fields of ``versions`` are
columns of their own, ``versions_count`` and so on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...errors import ConfigurationError
from .csv_file import CsvFile
from .jsonl_file import JsonlFile
from .output_file import OutputFile
from .parquet_file import ParquetFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from .._records import AuditHeader, Record

__all__ = [
    "SUFFIXES_WITH_HEADER",
    "CsvFile",
    "JsonlFile",
    "OutputFile",
    "ParquetFile",
    "format_of",
    "open_output",
    "read_header",
    "read_records",
]

_FORMATS: Final[Mapping[str, type[OutputFile]]] = {
    output.suffix: output for output in (JsonlFile, CsvFile, ParquetFile)
}
SUFFIXES_WITH_HEADER: Final = tuple(
    suffix for suffix, output in _FORMATS.items() if output.has_header
)
"""Suffixes of the formats that have the owners and options of the audit."""


def format_of(path: Path) -> type[OutputFile]:
    """Return the format that the suffix of a file selects.

    Raises:
        ConfigurationError: no format has this suffix.
    """
    output = _FORMATS.get(path.suffix.lower())
    if output is None:
        raise ConfigurationError(f"{path}: its name has to end in {', '.join(_FORMATS)}")
    return output


def open_output(
    path: Path, header: AuditHeader, *, fresh_since: datetime | None = None
) -> OutputFile:
    """Open a file for the records of an audit; see `OutputFile` for the arguments.

    Raises:
        ConfigurationError: the suffix is unknown, or the file cannot be written, or holds
            something else than an audit of the same owners and options.
    """
    return format_of(path)(path, header, fresh_since=fresh_since)


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a file; an interrupted audit's file can be read too.

    Raises:
        ConfigurationError: the suffix is unknown, or the file cannot be read, or is not an
            audit's.
    """
    return format_of(path).read(path)


def read_header(path: Path) -> AuditHeader | None:
    """Return the header of a file; ``None`` for a CSV, which has none and is not opened.

    Raises:
        ConfigurationError: the suffix is unknown, or the file cannot be read, or is not an
            audit's.
    """
    return format_of(path).read_header(path)
