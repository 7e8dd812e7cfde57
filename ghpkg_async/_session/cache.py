"""HTTP cache of one or more clients: ETags, headers and bodies in one SQLite file.

A conditional request for an unchanged response costs a round trip, but no body and nothing of the
hourly budget. No state of the file fails a request: an unusable file or entry is ignored.

The file holds responses about private packages, unencrypted. It is created for its owner only,
and one that another user owns or may read or write is not used. Processes of one user may share
it, also with different tokens: each reads only entries stored with its own token, because every
entry is addressed and authenticated by a keyed digest. A program that can write the file without
knowing the token can delete entries, but neither forge one nor move it to another URL. Responses
to anonymous requests have no such protection.

Conditional requests: https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate
Updating a stored response by a 304: https://www.rfc-editor.org/rfc/rfc9111#section-4.3.4
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import math
import os
import sqlite3
import stat
import time
import weakref
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Final, TypeVar, TypeVarTuple

import attrs
from multidict import CIMultiDict

from ..errors import ConfigurationError
from .bodies import MAX_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from multidict import MultiMapping

__all__ = ["Cache", "Entry", "Key"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_log = logging.getLogger("ghpkg_async")

MAX_BYTES: Final = 256 * 2**20
SCHEMA_VERSION: Final = 2
APPLICATION_ID: Final = 0x67687067  # "ghpg", in the SQLite header of every file of this cache.

STORED_HEADERS: Final = ("Content-Encoding", "Link", "X-GitHub-SSO")
"""The response headers that the library reads of a 200."""

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


@attrs.frozen
class Key:
    """Address of one cached response. It reveals no token.

    Attributes:
        address: primary key of the entry.
        secret: key of the digest that authenticates the entry.
    """

    address: bytes
    secret: bytes = attrs.field(repr=False)


@attrs.frozen
class Entry:
    """A stored 200 response.

    Attributes:
        etag: value for ``If-None-Match``.
        headers: names and values of those `STORED_HEADERS` that the response had.
        body: the body as received, still compressed.
        was_last: a listing proved that no page followed this response's page.
    """

    etag: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = attrs.field(repr=False)
    was_last: bool = False

    def updated(self, headers: MultiMapping[str]) -> CIMultiDict[str]:
        """Return the headers of this response after a 304 with ``headers``.

        The 304's own headers replace the stored ones, except ``Content-Encoding``, which
        describes the stored body, and ``ETag``, which was sent.
        """
        merged = CIMultiDict(headers)
        merged.popall("Content-Encoding", None)
        merged.extend([(name, value) for name, value in self.headers if name not in merged])
        merged["ETag"] = self.etag
        return merged


class Cache:
    """Responses in a file that several processes may share.

    Every operation runs in one worker thread, within bounds of time and memory.

    Args:
        path: the file; created with mode 0600 if it does not exist. Its folder must exist.
        max_bytes: size of the file, greater than 0; the least recently used entries are evicted.

    Raises:
        ConfigurationError: ``path`` cannot be a file: the folder does not exist, or ``path`` is a
            folder, a symbolic link or a device.
    """

    def __init__(self, path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> None:
        try:
            full_path = os.path.abspath(os.fsdecode(path))
            folder_exists = os.path.isdir(os.path.dirname(full_path))
            regular = stat.S_ISREG(os.lstat(full_path).st_mode)
        except FileNotFoundError:
            regular = True
        except (OSError, TypeError, ValueError):
            raise ConfigurationError(f"cache: {path!r} is not the path of a file") from None
        if not folder_exists:
            raise ConfigurationError(f"cache: the folder of {full_path!r} does not exist")
        if not regular:
            raise ConfigurationError(
                f"cache: {full_path!r} is no regular file (a folder, symbolic link or device); "
                "pass the path of a file, which is created if it does not exist"
            )
        self._file = _File(full_path, max_bytes)
        self._worker: _Worker | None = None

    @staticmethod
    def key(token: str, *parts: str, identity: str = "") -> Key:
        """Return the key of a response.

        Args:
            token: the token of the request, ``""`` if anonymous.
            parts: the URL and the request headers that the response depends on.
            identity: used instead of ``token``, if not empty: the same for all tokens of a
                rotating token source.
        """
        owner = f"identity\0{identity}" if identity else f"token\0{token}"
        secret = blake2b(owner.encode("utf-8", "surrogatepass"), digest_size=32).digest()
        address = blake2b("\0".join(parts).encode(), key=secret, person=b"key", digest_size=32)
        return Key(address.digest(), secret)

    async def get(self, key: Key) -> Entry | None:
        """Return the intact entry of a key, or ``None``."""
        return await self._run(self._file.get, key)

    async def put(
        self, key: Key, headers: MultiMapping[str], body: bytes, *, was_last: bool = False
    ) -> bool:
        """Store a response under a key.

        Args:
            key: replaces the entry of the same key.
            headers: all headers of the response; `STORED_HEADERS` and ``ETag`` are stored.
            body: the body as received.
            was_last: see `Entry`.

        Returns:
            Whether it was stored. It is not if it has no ETag that can be sent, if it is too
            large, or if the file cannot be written now.
        """
        etag = headers.get("ETag", "")
        if not etag or not etag.isascii() or not etag.isprintable() or len(body) > MAX_BODY_BYTES:
            return False
        entry = Entry(etag, _stored_headers(headers), body, was_last)
        return await self._run(self._file.put, key, entry)

    async def update(self, key: Key, entry: Entry, headers: MultiMapping[str]) -> Entry:
        """Return the entry of a key with other headers, and store it if they differ."""
        updated = Entry(entry.etag, _stored_headers(headers), entry.body)
        if updated.headers == entry.headers:
            return entry  # Still known as the last page, if it was.
        await self._run(self._file.put, key, updated)
        return updated

    async def close(self) -> None:
        """Close the file, within `OPERATION_SECONDS`. A later operation opens it again."""
        worker, self._worker = self._worker, None
        if worker is not None:
            closed = worker.submit(self._file.close)
            worker.stop()
            await asyncio.wait([closed], timeout=OPERATION_SECONDS)

    async def _run(self, operation: Callable[[*Ts], T], *args: *Ts) -> T:
        if self._worker is None:
            self._worker = _Worker()
        return await self._worker.submit(operation, *args)


class _Worker:
    """A daemon thread that runs operations one after another.

    Half the CPU time of an executor; and a file system that hangs delays no interpreter's exit.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.stop = weakref.finalize(self, self._calls.put, None)
        Thread(target=_run_calls, args=[self._calls], name="ghpkg-cache", daemon=True).start()

    def submit(self, operation: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def call() -> None:
            settle: Callable[[], None]
            try:
                settle = partial(future.set_result, operation(*args))
            except Exception as error:
                settle = partial(future.set_exception, error)
            with suppress(RuntimeError):  # The event loop was closed.
                loop.call_soon_threadsafe(_unless_cancelled, future, settle)

        self._calls.put(call)
        return future


def _unless_cancelled(future: asyncio.Future[T], settle: Callable[[], None]) -> None:
    if not future.done():
        settle()


def _run_calls(calls: SimpleQueue[Callable[[], None] | None]) -> None:
    while (call := calls.get()) is not None:
        call()


class _Distrusted(Exception):
    """The file is neither used nor changed."""


class _File:
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
        found = self._attempt(_read, key)
        if found is None:
            return None
        entry, is_recent = found
        if not is_recent:
            self._attempt(_record_use, key)
        return entry

    def put(self, key: Key, entry: Entry) -> bool:
        stored = bool(self._attempt(_write, key, entry, self._max_bytes))
        if stored and self._lock_seconds == 0:
            self._wait_for_locks(LOCK_SECONDS)
        return stored

    def close(self) -> None:
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
            match error.sqlite_errorcode & 0xFF:
                case sqlite3.SQLITE_INTERRUPT:
                    self._disable(f"an operation took more than {OPERATION_SECONDS:g} seconds")
                case sqlite3.SQLITE_BUSY:
                    self._wait_for_locks(0)
            # Locked, read-only, disk full: a later operation may succeed.
            self._warn(f"{error}; the client goes on without it where necessary")
        except (sqlite3.Error, OSError, _Distrusted) as error:
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


def _stored_headers(headers: MultiMapping[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name in STORED_HEADERS for value in headers.getall(name, ()))


def _create_missing(path: str) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with suppress(FileExistsError):
        os.close(os.open(path, flags, 0o600))


def _check_owner(path: str) -> None:
    """Raise `_Distrusted` if another user may have written the file, or may read it."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise _Distrusted(f"{path!r} is no regular file")
    if os.name != "posix":
        return
    if found.st_uid != os.geteuid():
        raise _Distrusted(f"{path!r} belongs to another user; pass a path of your own")
    if found.st_mode & 0o077:
        raise _Distrusted(f"{path!r} is accessible to other users; run chmod 600 on it")


def _configure(database: sqlite3.Connection) -> None:
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
    if not isinstance(error, sqlite3.DatabaseError) or error.sqlite_errorcode & 0xFF not in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    ):
        return False
    # Closing the file drops every lock that this process has on it: only for a damaged one.
    with suppress(OSError), open(path, "rb") as file:
        header = file.read(72)
        if header.startswith(_MAGIC) and header[68:] == APPLICATION_ID.to_bytes(4, "big"):
            _remove(path)
            return True
    return False


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
    used, digest, head, body = row
    if not all(isinstance(value, bytes) for value in (digest, head, body)):
        return None
    if not hmac.compare_digest(_digest(key, head, body), digest):
        return None
    etag, headers, was_last = json.loads(head)
    is_recent = isinstance(used, float) and abs(time.time() - used) < _USED_WITHIN
    return Entry(etag, tuple(map(tuple, headers)), body, was_last), is_recent


def _record_use(database: sqlite3.Connection, key: Key) -> None:
    database.execute("UPDATE response SET used = ? WHERE key = ?", [time.time(), key.address])


def _write(database: sqlite3.Connection, key: Key, entry: Entry, max_bytes: int) -> bool:
    # ASCII, so that a header that is not UTF-8 is stored as well.
    head = json.dumps([entry.etag, entry.headers, entry.was_last]).encode()
    digest = _digest(key, head, entry.body)
    database.execute("BEGIN IMMEDIATE")
    if not _make_room(database, len(head) + len(entry.body), max_bytes):
        return False
    database.execute(
        "INSERT OR REPLACE INTO response (key, used, digest, head, body) VALUES (?, ?, ?, ?, ?)",
        [key.address, time.time(), digest, head, entry.body],
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


def _digest(key: Key, head: bytes, body: bytes) -> bytes:
    message = b"".join((key.address, len(head).to_bytes(8, "big"), head, body))
    return hmac.digest(key.secret, message, "sha256")
