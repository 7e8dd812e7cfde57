"""JSON Lines: a line a record, and an audit that goes on where it was broken off.

Lines are appended whole, so a process that is killed leaves at most its last line torn. A listing
counts as done once its ``done`` marker is there, and as many records as that says: when an audit
goes on, the lines of all others are taken out first, and their listings asked again.
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

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from typing import BinaryIO

    from .._records import Record

__all__ = ["JsonlFile", "read_jsonl", "read_jsonl_header"]

_BEGINNING: Final = b'{"record":"audit",'
_KEPT: Final = frozenset({"package", "conflict", "done"})


class _Glance(msgspec.Struct):
    """As much of a line as tells which listing it belongs to."""

    record: str
    owner: str = ""
    package_type: str | None = None
    count: int = -1

    def key(self) -> ListingKey:
        is_conflict = self.record == "conflict"
        return ListingKey(self.owner, None if is_conflict else self.package_type)


_glance = msgspec.json.Decoder(_Glance)


class JsonlFile:
    """An audit's records as JSON Lines.

    Args:
        path: the file. An audit of the same owners, types and options that is there is resumed.
        header: what the audit is asked.
        fresh_since: start anew instead: the records go to a draft beside the file, which `finish`
            puts in its place. A draft that an interrupted run left is resumed if its audit began
            at this time or later.

    Attributes:
        path: the file.
        header: the header in the file, or the one to write to it.
        done: the complete listings in the file, which need not be requested again.

    Raises:
        ConfigurationError: the file cannot be written, or holds something else.
    """

    def __init__(
        self, path: Path, header: AuditHeader, *, fresh_since: datetime | None = None
    ) -> None:
        self.path = path
        self.header = header
        self.done: frozenset[ListingKey] = frozenset()
        self._fresh_since = fresh_since
        self._begun = False
        self._is_new = True
        self._has_more = False
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
                self._look()
            except BaseException:
                self._file.close()
                raise

    @property
    def is_new(self) -> bool:
        """Whether there was nothing to go on with."""
        return self._is_new

    def begin(self) -> None:
        """Takes out what is not whole, and writes the first line where there is none."""
        self._begun = True
        if self._is_new:
            self._file.truncate(0)
            self._file.write(to_line(self.header))
            self._file.flush()
        elif self._has_more:
            self._drop_the_rest()

    def kept(self) -> Iterator[Record]:
        """The records that are there already, in the file's order; after `begin`."""
        if not self._is_new:
            yield from read_jsonl(self._written)

    def finish(self) -> None:
        """Put a fresh audit in place of the earlier one; called when the audit has ended."""
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
            if self._begun:
                os.fsync(self._file.fileno())
            elif self._created:
                self._written.unlink(missing_ok=True)
        finally:
            with suppress(OSError):  # Closing writes the buffer; `write` raised that already.
                self._file.close()
            self._lock.release()

    def _look(self) -> None:
        """Read the header and which listings are done; a draft that cannot be resumed is new."""
        try:
            self._read_existing()
        except ConfigurationError:
            if self._fresh_since is None:
                raise
            self._is_new = True

    def _read_existing(self) -> None:
        self._file.seek(0)
        first = self._file.readline()
        torn = not first.endswith(b"\n")
        self._is_new = torn and (first.startswith(_BEGINNING) or _BEGINNING.startswith(first))
        if self._is_new:
            return
        there = _read_header(self.path, first)
        _check_same(self.path, there, self.header)
        if self._fresh_since is not None and there.started_at < self._fresh_since:
            self._is_new = True
            return
        records: Counter[ListingKey] = Counter()
        finished: dict[ListingKey, int] = {}
        lines = 0
        for line in _whole_lines(self._file):
            glance = _look_at(self.path, line, lines + 2)
            lines += 1
            if glance.record == "done":
                finished[glance.key()] = glance.count
            elif glance.record in _KEPT:
                records[glance.key()] += 1
        self.done = frozenset(key for key, count in finished.items() if records[key] == count)
        kept = sum(records[key] + 1 for key in self.done)
        self._has_more = kept != lines or not _ends_whole(self._file)
        self.header = there

    def _drop_the_rest(self) -> None:
        """Replaces the file by one with the lines of finished listings alone."""
        whole = AtomicFile(self._written)
        with whole.discard_on_error():
            self._file.seek(0)
            whole.file.write(self._file.readline())
            for line in _whole_lines(self._file):
                glance = _glance.decode(line)
                if glance.record in _KEPT and glance.key() in self.done:
                    whole.file.write(line)
        self._file.close()
        whole.commit()
        self._file = _open(self._written, is_draft=self._fresh_since is not None)


def read_jsonl(path: Path) -> Iterator[Record]:
    """The records of a file of JSON Lines, but for a torn last line.

    Raises:
        ConfigurationError: the file cannot be read, or is no audit's of this schema.
    """
    with readable(path), path.open("rb") as file:
        _read_header(path, file.readline())
        for number, line in enumerate(_whole_lines(file), 2):
            try:
                record = from_record(_read_line(line))
            except (msgspec.DecodeError, UnicodeDecodeError, ConfigurationError) as error:
                raise _broken(path, number, error) from None
            if record is not None and not isinstance(record, AuditHeader):
                yield record


def read_jsonl_header(path: Path) -> AuditHeader:
    """What the audit was asked that a file of JSON Lines is of.

    Raises:
        ConfigurationError: the file cannot be read, or is no audit's of this schema.
    """
    with readable(path), path.open("rb") as file:
        return _read_header(path, file.readline())


def _check_replaceable(path: Path) -> None:
    """Refuse to put an audit in place of anything else."""
    if path.is_dir():
        raise ConfigurationError(f"{path}: is a directory")
    if path.exists() and path.stat().st_size:
        read_jsonl_header(path)


def _open(path: Path, *, is_draft: bool) -> BinaryIO:
    """Open a file to read and append to.

    Other users can guess the name of a draft: none of theirs is used, and no symbolic link.
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


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    for line in file:
        if line.endswith(b"\n"):
            yield line


def _ends_whole(file: BinaryIO) -> bool:
    file.seek(-1, 2)
    return file.read(1) == b"\n"


def _read_line(line: bytes) -> dict[str, Any]:
    return msgspec.json.decode(line, type=dict[str, Any])


def _look_at(path: Path, line: bytes, number: int) -> _Glance:
    try:
        return _glance.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _broken(path, number, error) from None


def _broken(path: Path, number: int, error: Exception) -> ConfigurationError:
    return foreign(path, f"its line {number} is not an audit's: {error}")


def _read_header(path: Path, line: bytes) -> AuditHeader:
    try:
        mapping = _read_line(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise foreign(path) from None
    return header_in(path, mapping)


def _check_same(path: Path, there: AuditHeader, asked: AuditHeader) -> None:
    """Refuses a file that is another audit's: their records would mix."""
    differing = [
        what
        for what, one, other in (
            ("--base-url", there.base_url, asked.base_url),
            ("owners", _lower(there.owners), _lower(asked.owners)),
            ("package types", set(there.package_types), set(asked.package_types)),
            ("--versions", there.with_versions, asked.with_versions),
        )
        if one != other
    ]
    if differing:
        raise foreign(path, f"it is the output of an audit with other {' and '.join(differing)}")


def _lower(owners: Sequence[str]) -> set[str]:
    return {owner.lower() for owner in owners}
