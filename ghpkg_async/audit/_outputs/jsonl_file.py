"""JSON Lines: one record a line, written during the audit, which can be resumed.

Each write appends complete lines, so a killed process leaves at most its last line incomplete. A
listing is done if its ``done`` marker is in the file with as many records as the marker says. When
an audit is resumed, all other lines are removed first and their listings are requested again.
"""

from __future__ import annotations

import os
import stat
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..._files import AtomicFile, FileLock, draft_of, unwritable
from ...errors import ConfigurationError
from .._records import AuditHeader, ListingKey, PackageEntry, from_record, fullest_first, to_line
from .files import foreign, header_in, readable
from .output_file import OutputFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from typing import BinaryIO

    from .._records import Record

__all__ = ["JsonlFile"]

_BEGINNING: Final = b'{"record":"audit",'
_KEPT: Final = frozenset({"package", "conflict", "done"})


class _Glance(msgspec.Struct):
    """Fields of a line that identify its listing."""

    record: str
    owner: str = ""
    package_type: str | None = None
    count: int = -1

    def key(self) -> ListingKey:
        is_conflict = self.record == "conflict"
        return ListingKey(self.owner, None if is_conflict else self.package_type)


_glance = msgspec.json.Decoder(_Glance)


class JsonlFile(OutputFile):
    """Records as JSON Lines. An interrupted audit of the same owners and options is resumed.

    With ``fresh_since``, the records are written to a draft beside the file, and `finish` replaces
    the file by it. A draft of an interrupted run is resumed if its audit began at this time or
    later.
    """

    suffix = ".jsonl"
    is_resumable = True

    def __init__(
        self, path: Path, header: AuditHeader, *, fresh_since: datetime | None = None
    ) -> None:
        self.path = path
        self.header = header
        self._fresh_since = fresh_since
        self._started = False
        self.is_new = True
        self._has_incomplete = False
        self._has_packages = False
        self._lock = FileLock(path)
        with self._lock.release_on_error():
            if fresh_since is None:
                self._written = path
            else:
                _check_replaceable(path)
                self._written = draft_of(path)
            self._created = not os.path.lexists(self._written)
            self._file = _open(self._written, is_draft=fresh_since is not None)
            try:
                self._read_or_start_anew()
            except BaseException:
                self._file.close()
                raise

    def begin(self) -> None:
        """Remove the lines of incomplete listings; write the header of a new file."""
        self._started = True
        if self.is_new:
            self._file.truncate(0)
            self._file.write(to_line(self.header))
            self._file.flush()
        elif self._has_incomplete:
            self._remove_incomplete()

    def kept(self) -> Iterator[Record]:
        """Yield the records of complete listings, in the order of the file; after `begin`."""
        if not self.is_new:
            yield from self.read(self._written)

    def finish(self) -> None:
        super().finish()
        if self._fresh_since is None:
            return
        path = Path(os.path.realpath(self.path))
        self._file.flush()
        os.fsync(self._file.fileno())
        if path.exists():
            self._written.chmod(stat.S_IMODE(path.stat().st_mode))
        self._file.close()  # Windows replaces no open file.
        self._written.replace(path)

    def write(self, records: Sequence[Record]) -> None:
        """Append the records, whole lines at once."""
        if not self._has_packages:
            records = fullest_first(records)
            self._has_packages = any(isinstance(record, PackageEntry) for record in records)
        self._file.write(b"".join(map(to_line, records)))
        self._file.flush()

    def close(self) -> None:
        """Close the file, and remove one that was created and never begun."""
        try:
            if self._file.closed:
                return
            if self._started:
                os.fsync(self._file.fileno())
            elif self._created:
                self._written.unlink(missing_ok=True)
        finally:
            with suppress(OSError):  # Closing writes the buffer; `write` raised that already.
                self._file.close()
            self._lock.release()

    @classmethod
    def read(cls, path: Path) -> Iterator[Record]:
        """Yield the records of a file of JSON Lines, without an incomplete last line.

        Raises:
            ConfigurationError: the file cannot be read, or is not an audit's of this schema.
        """
        with readable(path), path.open("rb") as file:
            _read_header(path, file.readline())
            for number, line in enumerate(_complete_lines(file), 2):
                try:
                    record = from_record(_read_line(line))
                except (msgspec.DecodeError, UnicodeDecodeError, ConfigurationError) as error:
                    raise _broken(path, number, error) from None
                if record is not None and not isinstance(record, AuditHeader):
                    yield record

    @classmethod
    def read_header(cls, path: Path) -> AuditHeader:
        """Return the header of a file of JSON Lines.

        Raises:
            ConfigurationError: the file cannot be read, or is not an audit's of this schema.
        """
        return _read_file_header(path)

    def _read_or_start_anew(self) -> None:
        """Read the header and which listings are done; a draft that cannot be resumed is new."""
        try:
            self._read_existing()
        except ConfigurationError:
            if self._fresh_since is None:
                raise
            self.is_new = True

    def _read_existing(self) -> None:
        self._file.seek(0)
        first = self._file.readline()
        is_incomplete = not first.endswith(b"\n")
        self.is_new = is_incomplete and (
            first.startswith(_BEGINNING) or _BEGINNING.startswith(first)
        )
        if self.is_new:
            return
        existing = _read_header(self.path, first)
        _check_same(self.path, existing, self.header)
        if self._fresh_since is not None and existing.started_at < self._fresh_since:
            self.is_new = True
            return
        records: Counter[ListingKey] = Counter()
        finished: dict[ListingKey, int] = {}
        lines = 0
        for line in _complete_lines(self._file):
            glance = _glance_at(self.path, line, lines + 2)
            lines += 1
            if glance.record == "done":
                finished[glance.key()] = glance.count
            elif glance.record in _KEPT:
                records[glance.key()] += 1
        self.done = frozenset(key for key, count in finished.items() if records[key] == count)
        kept = sum(records[key] + 1 for key in self.done)
        self._has_incomplete = kept != lines or not _ends_with_newline(self._file)
        self.header = existing

    def _remove_incomplete(self) -> None:
        """Replace the file by one with only the header and the lines of complete listings."""
        replacement = AtomicFile(self._written)
        with replacement.discard_on_error():
            self._file.seek(0)
            replacement.file.write(self._file.readline())
            for line in _complete_lines(self._file):
                glance = _glance.decode(line)
                if glance.record in _KEPT and glance.key() in self.done:
                    replacement.file.write(line)
        self._file.close()
        replacement.commit()
        self._file = _open(self._written, is_draft=self._fresh_since is not None)


def _check_replaceable(path: Path) -> None:
    """Refuse to put an audit in place of anything else."""
    if path.is_dir():
        raise ConfigurationError(f"{path}: is a directory")
    if path.exists() and path.stat().st_size:
        _read_file_header(path)


def _open(path: Path, *, is_draft: bool) -> BinaryIO:
    """Open a file to read and append to.

    Other users can guess the name of a draft, so a symbolic link or another user's file is refused.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    if is_draft:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    try:
        file = os.fdopen(os.open(path, flags, 0o666), "a+b")
    except OSError as error:
        raise unwritable(path, error) from None
    if is_draft and sys.platform != "win32" and os.fstat(file.fileno()).st_uid != os.geteuid():
        file.close()
        raise ConfigurationError(f"{path}: belongs to another user; remove it")
    return file


def _complete_lines(file: BinaryIO) -> Iterator[bytes]:
    for line in file:
        if line.endswith(b"\n"):
            yield line


def _ends_with_newline(file: BinaryIO) -> bool:
    file.seek(-1, 2)
    return file.read(1) == b"\n"


def _read_line(line: bytes) -> dict[str, Any]:
    return msgspec.json.decode(line, type=dict[str, Any])


def _glance_at(path: Path, line: bytes, number: int) -> _Glance:
    try:
        return _glance.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _broken(path, number, error) from None


def _broken(path: Path, number: int, error: Exception) -> ConfigurationError:
    return foreign(path, f"line {number} is not an audit record: {error}")


def _read_file_header(path: Path) -> AuditHeader:
    with readable(path), path.open("rb") as file:
        return _read_header(path, file.readline())


def _read_header(path: Path, line: bytes) -> AuditHeader:
    try:
        mapping = _read_line(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise foreign(path) from None
    return header_in(path, mapping)


def _check_same(path: Path, existing: AuditHeader, requested: AuditHeader) -> None:
    """Refuse the file of an audit with other owners or options: the records would mix."""
    differing = [
        option
        for option, old, new in (
            ("--base-url", existing.base_url, requested.base_url),
            ("owners", _lower(existing.owners), _lower(requested.owners)),
            ("package types", set(existing.package_types), set(requested.package_types)),
            ("--versions", existing.with_versions, requested.with_versions),
        )
        if old != new
    ]
    if differing:
        raise foreign(path, f"it is the output of an audit with other {' and '.join(differing)}")


def _lower(owners: Sequence[str]) -> set[str]:
    return {owner.lower() for owner in owners}
