"""Files that replace another in one step, and locks that only their owner can take."""

from __future__ import annotations

import glob
import os
import secrets
import stat
import sys
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

if sys.platform != "win32":
    import fcntl

__all__ = ["AtomicFile", "FileLock", "draft_of", "unwritable"]

# Windows has no O_NOFOLLOW, and is alone in having O_BINARY.
_FLAGS: Final = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_CREATE: Final = _FLAGS | os.O_CREAT | os.O_EXCL


class AtomicFile:
    """A new file that replaces ``path`` in one step; until `commit`, ``path`` is unchanged.

    The content is written to a hidden draft in the same directory. Its name is random and it is
    created exclusively, so it can be neither guessed nor redirected by a symbolic link. A file
    that is replaced passes on its mode; a new one has the mode that the umask leaves.

    Args:
        path: the file to create or replace. A symbolic link is followed and stays a link.

    Attributes:
        path: the file that `commit` creates or replaces.
        file: the draft, open for writing.

    Raises:
        ConfigurationError: ``path`` is a directory or read-only, or its directory is not writable.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.realpath(path))
        self._draft = _beside(self.path, f"{secrets.token_hex(8)}.part")
        self._mode: int | None = None
        if path.is_dir():
            raise ConfigurationError(f"{path}: is a directory")
        if path.exists():
            if not os.access(path, os.W_OK):
                raise ConfigurationError(f"{path}: cannot be written: it is read-only")
            self._mode = stat.S_IMODE(path.stat().st_mode)
        try:
            # Narrower than any file it may replace, until it gets the mode of that file.
            draft = os.open(self._draft, _CREATE, 0o666 if self._mode is None else 0o600)
        except OSError as error:
            raise unwritable(path, error) from None
        self.file: BinaryIO = os.fdopen(draft, "w+b")

    @contextmanager
    def discard_on_error(self) -> Iterator[None]:
        """Remove the draft if the block, which writes to it, raises."""
        try:
            yield
        except BaseException:
            self.discard()
            raise

    def commit(self) -> None:
        """Flush the draft to disk and rename it to ``path``. No effect after `discard`."""
        if self.file.closed:
            return
        with self.discard_on_error():
            self.file.flush()
            if self._mode is not None and sys.platform != "win32":
                os.fchmod(self.file.fileno(), self._mode)
            os.fsync(self.file.fileno())
            self.file.close()
            self._draft.replace(self.path)

    def discard(self) -> None:
        """Remove the draft; ``path`` stays unchanged."""
        with suppress(OSError):  # Closing writes the buffer, which may fail like the write before.
            self.file.close()
        self._draft.unlink(missing_ok=True)


class FileLock:
    """Exclusive lock for writing ``path``, held until `release` or the end of the process.

    The lock is on a hidden file beside ``path`` that only its owner can open: any user who can read
    a file can lock it, and a lock on ``path`` itself would let every reader block the writer.
    Without effect on Windows and on file systems without locks.

    Args:
        path: the file to be written. A symbolic link is followed.

    Raises:
        ConfigurationError: another process holds the lock, or the lock file cannot be created or
            belongs to another user.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(os.path.realpath(path))
        self._lock = _beside(self._path, "lock")
        self._file = None if sys.platform == "win32" else _open_locked(self._lock, path)

    def remove_drafts(self) -> None:
        """Remove the drafts of ``path`` that killed processes left.

        Only for files whose writers all hold the lock. No effect where locks are unsupported.
        """
        if self._file is None:
            return
        drafts = f".{glob.escape(self._path.name.removeprefix('.'))}.{'[0-9a-f]' * 16}.part"
        with suppress(OSError):
            # Held already; raises on a file system without locks, where a draft may be in use.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for draft in self._path.parent.glob(drafts):
                draft.unlink(missing_ok=True)

    def release(self) -> None:
        """Remove the lock file and release the lock. No effect the second time."""
        if self._file is not None and not self._file.closed:
            self._lock.unlink(
                missing_ok=True
            )  # While it is held, no other process can have created it.
            self._file.close()

    @contextmanager
    def release_on_error(self) -> Iterator[None]:
        """Release the lock if the block raises."""
        try:
            yield
        except BaseException:
            self.release()
            raise


def unwritable(path: Path, error: OSError) -> ConfigurationError:
    """The error for a path that cannot be written."""
    return ConfigurationError(f"{path}: cannot be written: {error.strerror or error}")


def _open_locked(lock: Path, path: Path) -> FileIO:
    while True:
        try:
            file = _open_lock(lock, path)
        except OSError as error:
            if isinstance(error, FileNotFoundError) and lock.parent.is_dir():
                continue  # The holder removed it between the two attempts to open it.
            raise unwritable(path, error) from None
        try:
            _lock(file, path)
            if os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                return file
        except FileNotFoundError:
            pass
        except BaseException:
            file.close()
            raise
        file.close()  # The holder removed it before releasing it.


def _open_lock(lock: Path, path: Path) -> FileIO:
    try:
        return FileIO(os.open(lock, _CREATE, 0o600), "r+")
    except FileExistsError:
        file = FileIO(os.open(lock, _FLAGS), "r+")
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_size:
        return file
    file.close()
    raise ConfigurationError(
        f"{path}: cannot be locked: {lock} belongs to another user or program; "
        "remove it if no other run of ghpkg is writing"
    )


def _lock(file: FileIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigurationError(f"{path}: another process is writing it") from None
    except OSError:
        return  # A file system without locks.


def draft_of(path: Path) -> Path:
    """The hidden file beside ``path`` for a draft that a later run continues."""
    return _beside(Path(os.path.realpath(path)), "fresh")


def _beside(path: Path, suffix: str) -> Path:
    """A hidden file in the same directory."""
    return path.with_name(f".{path.name.removeprefix('.')}.{suffix}")
