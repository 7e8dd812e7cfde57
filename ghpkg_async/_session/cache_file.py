"""The SQLite file of the cache: who may use it, its schema, and its bounds of time and size."""

from __future__ import annotations

import logging
import math
import os
import sqlite3
import stat
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, TypeVarTuple

from .bodies import MAX_BODY_BYTES
from .cache_entry import Entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from .cache_entry import Key

__all__ = ["CacheFile"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_log = logging.getLogger("ghpkg_async")

SCHEMA_VERSION: Final = 2
APPLICATION_ID: Final = 0x67687067  # "ghpg", in the SQLite header of every file of this cache.

LOCK_SECONDS: Final = 0.1
"""Wait for another process's lock; after one wait in vain, none until a write succeeds."""
OPERATION_SECONDS: Final = 1.0
"""Bound of one operation; a file that exceeds it is not used again."""
_PROGRESS_STEPS: Final = 10_000
"""SQLite instructions between two looks at the clock, about a millisecond."""
_USED_WITHIN: Final = 3600.0
"""Seconds for which a use is not recorded again: eviction needs a rough order only."""
_MOST_EVICTED: Final = 64
"""Entries evicted for a new one, at most."""
_LARGEST_VALUE: Final = MAX_BODY_BYTES + 2**20

_TABLE: Final = """response (
    key BLOB PRIMARY KEY, used REAL NOT NULL, digest BLOB NOT NULL, head BLOB NOT NULL,
    body BLOB NOT NULL
)"""
_INDEX: Final = "response_used ON response (used)"
_SCHEMA: Final = [
    ("table", "response", "response", f"CREATE TABLE {_TABLE}"),
    ("index", "sqlite_autoindex_response_1", "response", None),
    ("index", "response_used", "response", f"CREATE INDEX {_INDEX}"),
]
_EMPTY_PAGES: Final = 1 + len(_SCHEMA)
_MAGIC: Final = b"SQLite format 3\0"


class _Distrusted(Exception):
    """The file is neither used nor changed."""


class CacheFile:
    """The SQLite file, opened by the first operation. Used in one thread at a time.

    Each operation takes `OPERATION_SECONDS` at most, and raises nothing.
    """

    def __init__(self, path: str, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._database: sqlite3.Connection | None = None
        self._lock_seconds = LOCK_SECONDS
        self._deadline = math.inf
        self._usable = True
        self._was_replaced = False
        self._warned: set[str] = set()

    def get(self, key: Key) -> Entry | None:
        """Return the intact entry of a key, or ``None``."""
        read = self._attempt(_read, key)
        if read is None:
            return None
        entry, is_recent = read
        if not is_recent:
            self._attempt(_record_use, key)
        return entry

    def put(self, key: Key, entry: Entry) -> bool:
        """Store an entry. Return whether it was stored."""
        stored = bool(self._attempt(_write, key, entry, self._max_bytes))
        if stored and self._lock_seconds == 0:
            self._wait_for_locks(LOCK_SECONDS)
        return stored

    def close(self) -> None:
        """Close the file. A later operation opens it again."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _attempt(self, operation: Callable[[sqlite3.Connection, *Ts], T], *args: *Ts) -> T | None:
        if not self._usable:
            return None
        self._deadline = time.monotonic() + OPERATION_SECONDS
        try:
            with self._database or self._open() as database:
                return operation(database, *args)
        except sqlite3.OperationalError as error:
            match _error_code(error):
                case sqlite3.SQLITE_INTERRUPT:
                    self._disable(f"an operation took more than {OPERATION_SECONDS:g} seconds")
                case sqlite3.SQLITE_BUSY:
                    self._wait_for_locks(0)
            # Locked, read-only, disk full: a later operation may succeed.
            self._warn(f"{error}; the client goes on without it where necessary")
        except (sqlite3.Error, UnicodeDecodeError, OSError, _Distrusted) as error:
            self.close()
            if self._was_replaced or not _remove_damaged(self._path, error):
                self._disable(error)
            self._was_replaced = True
        return None

    def _open(self) -> sqlite3.Connection:
        _create_missing(self._path)
        for suffix in ("", "-journal", "-wal", "-shm"):
            _check_owner(self._path + suffix)
        # As a URI with mode=rw: SQLite would create a missing file readable by other users.
        self._database = database = sqlite3.connect(
            f"{Path(self._path).as_uri()}?mode=rw",
            uri=True,
            timeout=self._lock_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        database.set_progress_handler(self._is_late, _PROGRESS_STEPS)
        try:
            _configure(database)
            is_outdated = _check_schema(database)
        except BaseException:
            self.close()
            raise
        if not is_outdated:
            return database
        self.close()
        _remove(self._path)
        return self._open()

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline

    def _wait_for_locks(self, seconds: float) -> None:
        self._lock_seconds = seconds
        if self._database is not None:
            self._database.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    def _disable(self, reason: object) -> None:
        self._usable = False
        self._warn(f"{reason}; the client goes on without a cache")

    def _warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            _log.warning("cache %s: %s", self._path, message)


def _create_missing(path: str) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with suppress(FileExistsError):
        os.close(os.open(path, flags, 0o600))


def _check_owner(path: str) -> None:
    """Raise `_Distrusted` if another user may have written the file, or may read it."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise _Distrusted(f"{path!r} is no regular file")
    if os.name != "posix":
        return
    if status.st_uid != os.geteuid():
        raise _Distrusted(f"{path!r} belongs to another user; pass a path of your own")
    if status.st_mode & 0o077:
        raise _Distrusted(f"{path!r} is accessible to other users; run chmod 600 on it")


def _configure(database: sqlite3.Connection) -> None:
    # A damaged value may claim to be text and not be UTF-8.
    database.text_factory = partial(str, encoding="utf-8", errors="replace")
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_VALUE)
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA synchronous = OFF")
    # No second file with private content. A crash within a commit may damage the cache file,
    # which is then replaced.
    [mode] = database.execute("PRAGMA journal_mode = MEMORY").fetchone()
    if mode != "memory":
        raise _Distrusted(f"its journal mode is {mode}; delete it or pass another path")


def _check_schema(database: sqlite3.Connection) -> bool:
    """Create the schema in an empty file. Return whether the file is of an older version.

    Raises:
        _Distrusted: another program's file, a newer version's, or one whose schema was changed.
    """
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master"
    schema = database.execute(query).fetchmany(len(_SCHEMA) + 1)
    [application] = database.execute("PRAGMA application_id").fetchone()
    [version] = database.execute("PRAGMA user_version").fetchone()
    if (schema, application, version) == ([], 0, 0):
        # Another process may do the same at this moment.
        database.executescript(
            f"BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS {_TABLE};"
            f"CREATE INDEX IF NOT EXISTS {_INDEX}; PRAGMA application_id = {APPLICATION_ID};"
            f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"
        )
        return False
    if application == APPLICATION_ID and version < SCHEMA_VERSION:
        return True
    if (schema, application, version) != (_SCHEMA, APPLICATION_ID, SCHEMA_VERSION):
        raise _Distrusted(
            "not a cache file of this version of ghpkg-async; it is left unchanged. Delete it or "
            "pass another path"
        )
    return False


def _remove_damaged(path: str, error: Exception) -> bool:
    """Remove a cache file that SQLite found damaged. Return whether it was one."""
    # A message of SQLite that is not UTF-8 quotes a damaged schema.
    is_damaged = isinstance(error, UnicodeDecodeError) or _error_code(error) in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )
    if not is_damaged:
        return False
    # Closing the file drops every lock that this process has on it: only for a damaged one.
    with suppress(OSError), open(path, "rb") as file:
        header = file.read(72)
        if header.startswith(_MAGIC) and header[68:] == APPLICATION_ID.to_bytes(4, "big"):
            _remove(path)
            return True
    return False


def _error_code(error: Exception) -> int:
    """Return SQLite's primary error code; 0 for an error that is not SQLite's own."""
    # Errors that Python's module detects have no such attribute.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _read(database: sqlite3.Connection, key: Key) -> tuple[Entry, bool] | None:
    """Return the entry and whether its use was recorded lately."""
    query = "SELECT used, digest, head, body FROM response WHERE key = ?"
    try:
        row = database.execute(query, [key.address]).fetchone()
    except sqlite3.DataError:
        return None  # A value larger than any that is stored.
    if row is None:
        return None
    used, *packed = row
    entry = Entry.unpack(key, *packed)
    is_recent = isinstance(used, float) and abs(time.time() - used) < _USED_WITHIN
    return None if entry is None else (entry, is_recent)


def _record_use(database: sqlite3.Connection, key: Key) -> None:
    database.execute("UPDATE response SET used = ? WHERE key = ?", [time.time(), key.address])


def _write(database: sqlite3.Connection, key: Key, entry: Entry, max_bytes: int) -> bool:
    digest, head, body = entry.pack(key)
    database.execute("BEGIN IMMEDIATE")
    if not _make_room(database, len(head) + len(body), max_bytes):
        return False
    database.execute(
        "INSERT OR REPLACE INTO response (key, used, digest, head, body) VALUES (?, ?, ?, ?, ?)",
        [key.address, time.time(), digest, head, body],
    )
    return True


def _make_room(database: sqlite3.Connection, size: int, max_bytes: int) -> bool:
    """Evict the least recently used entries. Return whether there is room for ``size`` bytes."""
    [page_size] = database.execute("PRAGMA page_size").fetchone()
    # A row and its place in two indexes may fill three pages more than the bytes of the entry.
    limit = (max_bytes - size) // page_size - 3
    if limit < _EMPTY_PAGES:
        return False
    for _ in range(_MOST_EVICTED):
        [pages] = database.execute("PRAGMA page_count").fetchone()
        [free] = database.execute("PRAGMA freelist_count").fetchone()
        if pages - free <= limit:
            return True
        database.execute(
            "DELETE FROM response WHERE rowid = (SELECT rowid FROM response ORDER BY used LIMIT 1)"
        )
    return False
