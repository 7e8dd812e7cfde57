"""ETags and bodies between runs, in one SQLite file.

Asking with an ETag costs a round trip, but where nothing changed, no body and nothing of the
hourly budget. Whatever is wrong with the file costs speed, never a call.

Conditional requests: https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Cache", "Entry"]

T = TypeVar("T")

_log = logging.getLogger("ghpkg_async")

MAX_BYTES: Final = 256 * 2**20
SCHEMA_VERSION: Final = 1
APPLICATION_ID: Final = 0x67687067  # "ghpg": a file of somebody else's is left alone.

_BUSY_SECONDS: Final = 0.1
_USED_WITHIN: Final = 60.0
"""Seconds for which a use need not be written down again: least recently used is a rough order."""
_OVERHEAD: Final = 512

_CREATE: Final = f"""
    CREATE TABLE response (
        key BLOB PRIMARY KEY,
        used REAL NOT NULL,
        size INTEGER NOT NULL,
        digest BLOB NOT NULL,
        etag TEXT NOT NULL,
        link TEXT NOT NULL,
        encoding TEXT NOT NULL,
        body BLOB NOT NULL
    );
    CREATE INDEX response_used ON response (used, size, key);
    PRAGMA application_id = {APPLICATION_ID};
    PRAGMA user_version = {SCHEMA_VERSION};
"""


@attrs.frozen
class Entry:
    """An answer that was kept: what a 304 stands for, and what it leaves out.

    Attributes:
        etag: what to ask with.
        link: the ``Link`` header; empty where there was none.
        encoding: the ``Content-Encoding`` header; empty where there was none.
        body: the body on the wire.
    """

    etag: str
    link: str
    encoding: str
    body: bytes = attrs.field(repr=False)


class Cache:
    """Answers kept in a file that several processes may share.

    Args:
        path: the file; made where there is none.
        max_bytes: how much it holds; the least recently used goes first.
    """

    def __init__(self, path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> None:
        self.path = os.fspath(path)
        self._max_bytes = max_bytes
        self._thread: ThreadPoolExecutor | None = None
        self._database: sqlite3.Connection | None = None
        self._broken = False
        self._warned: set[str] = set()

    @staticmethod
    def key(token: str, *parts: str) -> bytes:
        """What an answer is kept under: each token has its own, and no key tells the token."""
        secret = blake2b(token.encode(), digest_size=32).digest()
        return blake2b("\0".join(parts).encode(), key=secret, digest_size=32).digest()

    async def get(self, key: bytes) -> Entry | None:
        """The answer kept under a key, if there is a whole one."""
        return await self._in_thread(lambda database: _get(database, key))

    async def put(self, key: bytes, *, etag: str, link: str, encoding: str, body: bytes) -> None:
        """Keeps an answer."""
        entry = Entry(etag, link, encoding, body)
        await self._in_thread(lambda database: _put(database, key, entry, self._max_bytes))

    async def close(self) -> None:
        """Closes the file. A later call opens it again."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(thread, self._close)
            thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        if self._broken:
            return None
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="ghpkg-cache")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._try, work)

    def _try(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        try:
            if self._database is None:
                self._database = _open(self.path, self._max_bytes)
            with self._database:
                return work(self._database)
        except sqlite3.OperationalError as error:
            # Locked, read-only, disk full: the next call may have more luck.
            self._warn(f"{error}; going on without it where need be")
        except (sqlite3.Error, _NotOurs) as error:
            self._broken = True
            self._warn(f"{error}; going on without it")
        return None

    def _close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            _log.warning("cache %s: %s", self.path, message)


class _NotOurs(Exception):
    pass


def _open(path: str, max_bytes: int) -> sqlite3.Connection:
    with suppress(OSError):  # What it cannot make, SQLite says better.
        # For the owner's eyes only: it holds what private packages answer.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    database = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
    try:
        with closing(database.execute("PRAGMA page_size")) as row:
            [page_size] = row.fetchone()
        # Twice, for SQLite's own pages and for what an entry takes until another made room.
        database.execute(f"PRAGMA max_page_count = {2 * max_bytes // page_size + 64}")
        database.execute("PRAGMA synchronous = OFF")  # It can be had again.
        [tables] = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        [version] = database.execute("PRAGMA user_version").fetchone()
        [application] = database.execute("PRAGMA application_id").fetchone()
        if not tables:
            database.executescript(f"BEGIN EXCLUSIVE;{_CREATE}COMMIT;")
        elif (application, version) != (APPLICATION_ID, SCHEMA_VERSION):
            raise _NotOurs("not a cache of this version of ghpkg-async; it is left as it is")
    except BaseException:
        database.close()
        raise
    return database


def _get(database: sqlite3.Connection, key: bytes) -> Entry | None:
    row = database.execute(
        "SELECT etag, link, encoding, body, digest, used FROM response WHERE key = ?", [key]
    ).fetchone()
    if row is None:
        return None
    *parts, digest, used = row
    if [type(part) for part in parts] != [str, str, str, bytes] or type(used) is not float:
        return None
    entry = Entry(*parts)
    if _digest(entry) != digest:
        return None
    now = time.time()
    if abs(now - used) > _USED_WITHIN:
        try:
            database.execute("UPDATE response SET used = ? WHERE key = ?", [now, key])
        except sqlite3.OperationalError:
            return entry  # Read-only or locked: it can be used all the same.
    return entry


def _put(database: sqlite3.Connection, key: bytes, entry: Entry, max_bytes: int) -> None:
    size = len(entry.body) + len(entry.etag) + len(entry.link) + _OVERHEAD
    if size > max_bytes:
        return
    [total] = database.execute(
        "SELECT coalesce(sum(size), 0) FROM response WHERE key != ?", [key]
    ).fetchone()
    excess, leaving = total + size - max_bytes, []
    for old, freed in database.execute("SELECT key, size FROM response ORDER BY used"):
        if excess <= 0:
            break
        leaving.append([old])
        excess -= freed
    database.executemany("DELETE FROM response WHERE key = ?", leaving)
    database.execute(
        "INSERT OR REPLACE INTO response (key, used, size, digest, etag, link, encoding, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [key, time.time(), size, _digest(entry), *attrs.astuple(entry)],
    )


def _digest(entry: Entry) -> bytes:
    digest = blake2b(entry.body, digest_size=16)
    digest.update("\0".join((entry.etag, entry.link, entry.encoding)).encode())
    return digest.digest()
