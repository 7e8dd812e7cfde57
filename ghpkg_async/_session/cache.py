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
import os
import stat
import weakref
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Final, TypeVar, TypeVarTuple

from ..errors import ConfigurationError
from .cache_entry import Entry, stored_headers
from .cache_file import OPERATION_SECONDS, CacheFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from multidict import MultiMapping

    from .cache_entry import Key

__all__ = ["Cache"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

MAX_BYTES: Final = 256 * 2**20


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
        self._file = CacheFile(full_path, max_bytes)
        self._worker: _Worker | None = None

    async def get(self, key: Key) -> Entry | None:
        """Return the intact entry of a key, or ``None``."""
        return await self._run(self._file.get, key)

    async def put(
        self, key: Key, headers: MultiMapping[str], body: bytes, *, was_last: bool = False
    ) -> bool:
        """Store a response under a key.

        Args:
            key: replaces the entry of the same key.
            headers: all headers of the response; `Entry` names those that are stored.
            body: the body as received.
            was_last: see `Entry`.

        Returns:
            Whether it was stored. It is not if it has no ETag that can be sent, if it is too
            large, or if the file cannot be written now.
        """
        entry = Entry.of(headers, body, was_last=was_last)
        return entry is not None and await self._run(self._file.put, key, entry)

    async def update(self, key: Key, entry: Entry, headers: MultiMapping[str]) -> Entry:
        """Return the entry of a key with other headers, and store it if they differ."""
        stored = stored_headers(headers)
        if stored == entry.headers:
            return entry  # Still known as the last page, if it was.
        updated = Entry(entry.etag, stored, entry.body)
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
