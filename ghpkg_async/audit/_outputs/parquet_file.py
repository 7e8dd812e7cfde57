"""Parquet: the table of records, typed and compressed. Needs pyarrow, which loads on first use."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..._files import AtomicFile, FileLock
from ...errors import ConfigurationError
from .._records import AuditHeader, to_record
from .columns import COLUMNS, from_row, to_row
from .files import foreign, header_in, readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from .._records import Record
    from .columns import Column

__all__ = ["ParquetFile", "audit_schema", "read_parquet", "read_parquet_header", "schema_of"]

ROWS_A_GROUP: Final = 2048
"""Rows written at a time: few enough not to hold up the event loop."""
METADATA_KEY: Final = b"ghpkg_audit"
"""Where in the file's metadata the audit's header is, as JSON."""


class ParquetFile:
    """An audit's records as Parquet, in place once it is closed.

    Times are UTC timestamps, lists are lists. The file's metadata have the audit's header as JSON
    under ``ghpkg_audit``.

    Args:
        path: where. An earlier audit there is replaced.
        header: what the audit is asked.

    Raises:
        ConfigurationError: pyarrow is not installed, the file cannot be written, or it holds
            something else.
    """

    def __init__(self, path: Path, header: AuditHeader) -> None:
        self.path = path
        self._arrow, self._parquet = _pyarrow(path)
        self._schema = audit_schema(self._arrow, header)
        self._writer: Any = None
        self._rows: list[dict[str, Any]] = []
        self._lock = FileLock(path)
        with self._lock.release_on_error():
            if path.is_file() and path.stat().st_size:
                _read_header(path, self._parquet)
            self._draft = AtomicFile(path)

    def begin(self) -> None:
        """Begins the file, beside the one that is there."""
        self._writer = self._parquet.ParquetWriter(
            self._draft.file, self._schema, compression="zstd"
        )

    def write(self, records: Sequence[Record]) -> None:
        """Takes the records, and writes them some thousands at a time."""
        self._rows += map(to_row, records)
        if len(self._rows) >= ROWS_A_GROUP:
            self._write_group()

    def close(self) -> None:
        """Writes what is left, and puts the file in its place, if all was written."""
        try:
            self._finish()
        finally:
            self._lock.release()

    def _finish(self) -> None:
        if self._writer is None:
            self._draft.discard()
            return
        if self._rows:
            self._write_group()
        if self._writer.is_open:
            with self._finishing():
                self._writer.close()
        self._draft.commit()

    def _write_group(self) -> None:
        rows, self._rows = self._rows, []
        with self._finishing():
            self._writer.write_table(self._arrow.Table.from_pylist(rows, schema=self._schema))

    @contextmanager
    def _finishing(self) -> Iterator[None]:
        try:
            with self._draft.discard_on_error():
                yield
        except BaseException:
            self._writer.is_open = False  # Or it would try to finish what is gone.
            raise


def read_parquet(path: Path) -> Iterator[Record]:
    """The records of a Parquet file.

    Raises:
        ConfigurationError: pyarrow is not installed, or the file cannot be read, or is no audit's
            of this schema.
    """
    _, parquet = _pyarrow(path)
    with readable(path):
        _read_header(path, parquet)
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_A_GROUP):
                for row in batch.to_pylist():
                    try:
                        record = from_row(row)
                    except ConfigurationError as error:
                        raise foreign(path, f"a row of it is not an audit's: {error}") from None
                    if record is not None and not isinstance(record, AuditHeader):
                        yield record


def read_parquet_header(path: Path) -> AuditHeader:
    """What the audit was asked that a Parquet file is of.

    Raises:
        ConfigurationError: pyarrow is not installed, or the file cannot be read, or is no audit's
            of this schema.
    """
    _, parquet = _pyarrow(path)
    return _read_header(path, parquet)


def _pyarrow(path: Path) -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ModuleNotFoundError:
        raise ConfigurationError(
            f'{path}: Parquet needs pyarrow: pip install "ghpkg-async[parquet]"'
        ) from None


def audit_schema(arrow: Any, header: AuditHeader) -> Any:
    """The schema of an audit's file.

    Args:
        arrow: the module ``pyarrow``.
        header: what the audit was asked.
    """
    return schema_of(arrow, COLUMNS, {METADATA_KEY: msgspec.json.encode(to_record(header))})


def schema_of(
    arrow: Any, columns: Iterable[Column], metadata: Mapping[bytes, bytes] | None = None
) -> Any:
    """The schema of a table with these columns.

    Args:
        arrow: the module ``pyarrow``.
        columns: the columns.
        metadata: what else to keep with them.
    """
    types = {
        "text": arrow.string(),
        "number": arrow.int64(),
        "flag": arrow.bool_(),
        "time": arrow.timestamp("us", tz="UTC"),
        "texts": arrow.list_(arrow.string()),
    }
    return arrow.schema(
        [(column.name, types[column.kind]) for column in columns], metadata=metadata
    )


def _read_header(path: Path, parquet: Any) -> AuditHeader:
    try:
        with readable(path):
            written = parquet.read_metadata(path).metadata or {}
        mapping = msgspec.json.decode(written.get(METADATA_KEY, b"{}"), type=dict[str, Any])
    except (ValueError, msgspec.DecodeError):  # What pyarrow raises of a file that is none.
        raise foreign(path) from None
    return header_in(path, mapping)
