"""What the formats share: who may write a file, and how one takes another's place."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from ghpkg_async.audit.records import SCHEMA_VERSION, AuditHeader, from_record
from ghpkg_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

if sys.platform != "win32":
    import fcntl

__all__ = ["Draft", "foreign", "header_in", "open_locked", "readable"]


def open_locked(path: Path) -> BinaryIO:
    """Opens a file to read and to append to, made where there is none, for this process alone.

    The lock goes with the process, however it ends.

    Raises:
        ConfigurationError: it cannot be written, or another process writes it.
    """
    while True:
        try:
            file = path.open("a+b")
        except OSError as error:
            raise _unwritable(path, error) from None
        _lock(file, path)
        try:
            if _is_at(file, path):
                return file
        except FileNotFoundError:
            pass
        file.close()  # Another process put a new file in its place meanwhile.


def _lock(file: BinaryIO, path: Path) -> None:
    """Keeps other processes from writing the file, where the system can."""
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise ConfigurationError(f"{path}: another audit is writing it") from None
    except OSError:
        return  # A file system without locks.


class Draft:
    """A new file that takes a path's place once it is whole.

    Until then it is beside it, with ``.part`` behind its name.

    Args:
        path: the place.

    Raises:
        ConfigurationError: nothing can be written there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()  # A link stays one, and leads to the new file.
        self._draft = self.path.with_name(f"{path.name}.part")
        if path.is_dir():
            raise ConfigurationError(f"{path}: is a directory")
        if path.exists() and not os.access(path, os.W_OK):
            raise ConfigurationError(f"{path}: cannot be written: it is read-only")
        try:
            self.file = open_locked(self._draft)
        except ConfigurationError as error:
            raise ConfigurationError(str(error).replace(str(self._draft), str(path), 1)) from None

    def begin(self) -> None:
        """Empties it of what an earlier process left."""
        self.file.truncate(0)

    @contextmanager
    def kept_whole(self) -> Iterator[None]:
        """Takes the draft away where the block, which writes to it, fails."""
        try:
            yield
        except BaseException:
            self.discard()
            raise

    def commit(self) -> None:
        """Puts it in its place, and closes it; one that was taken away stays away."""
        if self.file.closed:
            return
        with self.kept_whole():
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()
            if self.path.exists():
                shutil.copymode(self.path, self._draft)
            self._draft.replace(self.path)

    def discard(self) -> None:
        """Takes it away; what is in its place stays."""
        with suppress(OSError):  # Closing writes what is left, which may be what failed.
            self.file.close()
        self._draft.unlink(missing_ok=True)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what goes wrong in reading a file into a `ConfigurationError` that names it."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise foreign(path) from None


def header_in(path: Path, mapping: Mapping[str, Any]) -> AuditHeader:
    """The header that a file has, as it was decoded.

    Raises:
        ConfigurationError: it is no audit's, or one of another schema.
    """
    if mapping.get("record") != "audit":
        raise foreign(path)
    version = mapping.get("schema_version")
    if version != SCHEMA_VERSION:
        raise foreign(
            path, f"its schema_version is {version!r}, and this version writes {SCHEMA_VERSION}"
        )
    with suppress(ConfigurationError):
        header = from_record(mapping)
        if isinstance(header, AuditHeader):
            return header
    raise foreign(path)


def foreign(path: Path, what: str = "it is not an audit's output") -> ConfigurationError:
    """The error of a file that holds something else."""
    return ConfigurationError(f"{path}: {what}; it is left as it is, name another file")


def _is_at(file: BinaryIO, path: Path) -> bool:
    return os.path.samestat(os.fstat(file.fileno()), path.stat())


def _unwritable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"{path}: cannot be written: {error.strerror or error}")
