"""Parquet: the table of records, typed and compressed. pyarrow is imported on first use."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..._files import AtomicFile, FileLock
from ...errors import ConfigurationError
from ...tables._convert import schema_of
from .._records import AuditHeader, to_record
from .columns import COLUMNS, from_row, to_row
from .files import foreign, header_in, readable
from .output_file import OutputFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from .._records import Record

__all__ = ["ParquetFile", "audit_schema", "metadata_of"]

ROWS_A_GROUP: Final = 2048
"""Rows written at once; few enough not to block the event loop noticeably."""
METADATA_KEY: Final = b"ghpkg_audit"
"""Key of the audit's header, as JSON, in the metadata of the file."""


class ParquetFile(OutputFile):
    """Records as Parquet. `close` replaces an earlier audit in one step.

    Times are UTC timestamps, lists are lists. The metadata of the file hold the header of the
    audit as JSON under ``ghpkg_audit``.

    Raises:
        ConfigurationError: pyarrow is not installed, or the file cannot be written, or holds
            something else.
    """

    suffix = ".parquet"

    def __init__(
        self, path: Path, header: AuditHeader, *, fresh_since: datetime | None = None
    ) -> None:
        del fresh_since  # A Parquet file is always written anew.
        self.path = path
        self.header = header
        self._arrow, self._parquet = _pyarrow(path)
        self._schema = audit_schema(self._arrow, header)
        self._writer: Any = None
        self._rows: list[dict[str, Any]] = []
        self._lock = FileLock(path)
        with self._lock.release_on_error():
            if path.is_file() and path.stat().st_size:
                _read_header(path, self._parquet)
            self._lock.remove_drafts()
            self._draft = AtomicFile(path)

    def begin(self) -> None:
        """Start writing a draft beside the file."""
        self._writer = self._parquet.ParquetWriter(
            self._draft.file, self._schema, compression="zstd"
        )

    def write(self, records: Sequence[Record]) -> None:
        """Buffer the records; write them `ROWS_A_GROUP` at a time."""
        self._rows += map(to_row, records)
        if len(self._rows) >= ROWS_A_GROUP:
            self._write_group()

    def close(self) -> None:
        """Replace the file by the draft, unless the audit has not ended or writing failed."""
        try:
            self._close_draft()
        finally:
            self._lock.release()

    @classmethod
    def read(cls, path: Path) -> Iterator[Record]:
        """Yield the records of a Parquet file.

        Raises:
            ConfigurationError: pyarrow is not installed, or the file cannot be read, or is not an
                audit's of this schema.
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
                            raise foreign(path, f"a row is not an audit record: {error}") from None
                        if record is not None and not isinstance(record, AuditHeader):
                            yield record

    @classmethod
    def read_header(cls, path: Path) -> AuditHeader:
        """Return the header of a Parquet file.

        Raises:
            ConfigurationError: pyarrow is not installed, or the file cannot be read, or is not an
                audit's of this schema.
        """
        _, parquet = _pyarrow(path)
        return _read_header(path, parquet)

    def _close_draft(self) -> None:
        if self._writer is None:
            self._draft.discard()
            return
        if self._rows:
            self._write_group()
        if self._writer.is_open:
            with self._finishing():
                self._writer.close()
        if self.has_earlier:
            self._draft.discard()
        else:
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
            self._writer.is_open = False  # Or its finalizer would write to the removed draft.
            raise


def _pyarrow(path: Path) -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ModuleNotFoundError:
        raise ConfigurationError(
            f'{path}: Parquet needs pyarrow: pip install "ghpkg-async[parquet]"'
        ) from None


def audit_schema(arrow: Any, header: AuditHeader) -> Any:
    """Return the schema of an audit's file.

    Args:
        arrow: the module ``pyarrow``.
        header: the header of the audit, stored in the metadata.
    """
    return schema_of(arrow, COLUMNS, metadata_of(header))


def metadata_of(header: AuditHeader) -> dict[bytes, bytes]:
    """Return the metadata of a schema from which the header can be read."""
    return {METADATA_KEY: msgspec.json.encode(to_record(header))}


def _read_header(path: Path, parquet: Any) -> AuditHeader:
    try:
        with readable(path):
            metadata = parquet.read_metadata(path).metadata or {}
        mapping = msgspec.json.decode(metadata.get(METADATA_KEY, b"{}"), type=dict[str, Any])
    except (ValueError, msgspec.DecodeError):  # Raised by pyarrow for other files.
        raise foreign(path) from None
    return header_in(path, mapping)
