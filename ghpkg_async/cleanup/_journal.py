"""Journals: write down each deletion and each restore before it is requested.

A journal is a file of JSON lines that is only appended to. An intent is on disk before the request
is sent, so after a crash of the process or of the machine the file names every version that may
have been changed; the server shows whether a version without an outcome was. Without a journal
that can be written, nothing is deleted or restored.

A process that is killed while it writes leaves an incomplete line. Such a line is ignored: an
intent that is not whole was never followed by a request.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Generic, Literal, TypeAlias, TypeVar

import attrs
import msgspec

from .._files import FileLock, unwritable
from ..errors import ConfigurationError
from ._records import FORMAT, PackageKey, RecordCodec, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Self

__all__ = [
    "APPLY_CODEC",
    "RESTORABLE_FOR",
    "UNDO_CODEC",
    "ApplyEnd",
    "ApplyHeader",
    "ApplyRecord",
    "Intent",
    "Journal",
    "Outcome",
    "OutcomeStatus",
    "RestoreIntent",
    "RestoreOutcome",
    "RestoreStatus",
    "UndoEnd",
    "UndoHeader",
    "UndoRecord",
    "journal_of",
    "read_journal",
]

RESTORABLE_FOR: Final = timedelta(days=30)
"""Time for which GitHub restores a deleted version.

https://docs.github.com/en/packages/learn-github-packages/deleting-and-restoring-a-package
"""

Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
OutcomeStatus: TypeAlias = Literal["deleted", "gone", "refused", "failed", "stale"]
"""``deleted``: by this plan. ``gone``: not there any more. ``refused``: GitHub keeps it, or it
belongs to an image that GitHub keeps. ``failed``: unknown, or still there after an error.
``stale``: changed since the plan, so not touched."""
RestoreStatus: TypeAlias = Literal["restored", "active", "expired", "held", "failed"]
"""``active``: there already. ``expired``: deleted too long ago. ``held``: not requested, for a
reason that the message names. ``failed``: not there after the request."""

R = TypeVar("R")

_OPEN: Final = os.O_RDWR | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@attrs.frozen(kw_only=True)
class ApplyHeader:
    """The first record of a journal of deletions.

    Attributes:
        format: version of the file's format.
        plan_sha256: hash of the plan that is applied.
        started_at: time at which the journal was created, by the server's clock.
        base_url: root of the API.
        registry_url: root of the registry.
        host: name of the machine.
        pid: process that created the journal.
    """

    format: int = FORMAT
    plan_sha256: str
    started_at: Moment
    base_url: str
    registry_url: str
    host: str
    pid: int


@attrs.frozen(kw_only=True)
class Intent:
    """A version that is about to be deleted.

    Attributes:
        owner: as passed to the plan: ``acme``, ``user:octocat``, ``me``.
        package_type: like ``container``.
        name: full name of the package, slashes included.
        login: login of the package's owner, if the server named it.
        package_id: id of the package; a package created later under the same name has another.
        id: id of the version.
        version: name of the version; of a container, its digest.
        tags: tags of the version.
        role: position in the group.
        group: name of the group in the plan.
        at: time of the intent, by the server's clock.
    """

    owner: str
    package_type: str
    name: str
    login: str = ""
    package_id: int
    id: int
    version: str
    tags: tuple[str, ...] = ()
    role: Role
    group: str
    at: Moment

    @property
    def package(self) -> PackageKey:
        """Owner, type and name of the package."""
        return self.owner, self.package_type, self.name

    @property
    def restorable_until(self) -> datetime:
        """Time until which GitHub restores the version."""
        return self.at + RESTORABLE_FOR


@attrs.frozen(kw_only=True)
class Outcome:
    """Result for one version of a plan.

    Attributes:
        id: id of the version.
        status: category of the result.
        http_status: status of the response that decided, if one did.
        message: description for people, for other statuses than ``deleted``.
        request_id: GitHub's id of the request, if the response had one.
        at: time of the outcome, by the server's clock.
        restorable_until: time until which GitHub restores the version, if this plan deleted it.
    """

    id: int
    status: OutcomeStatus
    http_status: int | None = None
    message: str | None = None
    request_id: str | None = None
    at: Moment
    restorable_until: Moment | None = None


@attrs.frozen(kw_only=True)
class ApplyEnd:
    """The record after a run that reached its end.

    Attributes:
        at: time of the end, by the server's clock.
        counts: number of versions of the plan by status.
    """

    at: Moment
    counts: dict[OutcomeStatus, int] = attrs.field(hash=False)


@attrs.frozen(kw_only=True)
class UndoHeader:
    """The first record of a journal of restores.

    Attributes:
        format: version of the file's format.
        plan_sha256: hash of the plan whose deletions are undone.
        started_at: time at which the journal was created, by the server's clock.
        base_url: root of the API.
    """

    format: int = FORMAT
    plan_sha256: str
    started_at: Moment
    base_url: str


@attrs.frozen(kw_only=True)
class RestoreIntent:
    """A version that is about to be restored. The attributes are those of `Intent`."""

    owner: str
    package_type: str
    name: str
    id: int
    version: str
    tags: tuple[str, ...] = ()
    group: str
    at: Moment


@attrs.frozen(kw_only=True)
class RestoreOutcome:
    """Result for one version.

    Attributes:
        id: id of the version.
        status: category of the result.
        missing_tags: tags that the version had and that GitHub did not set again.
        message: description for people, for other statuses than ``restored``.
        http_status: status of the response that decided, if one did.
        request_id: GitHub's id of the request, if the response had one.
        at: time of the outcome, by the server's clock.
    """

    id: int
    status: RestoreStatus
    missing_tags: tuple[str, ...] = ()
    message: str | None = None
    http_status: int | None = None
    request_id: str | None = None
    at: Moment


@attrs.frozen(kw_only=True)
class UndoEnd:
    """The record after a run that reached its end.

    Attributes:
        at: time of the end, by the server's clock.
        counts: number of versions by status.
    """

    at: Moment
    counts: dict[RestoreStatus, int] = attrs.field(hash=False)


ApplyRecord: TypeAlias = ApplyHeader | Intent | Outcome | ApplyEnd
UndoRecord: TypeAlias = UndoHeader | RestoreIntent | RestoreOutcome | UndoEnd

APPLY_CODEC: Final = RecordCodec[ApplyRecord](
    {"apply": ApplyHeader, "intent": Intent, "outcome": Outcome, "end": ApplyEnd}
)
UNDO_CODEC: Final = RecordCodec[UndoRecord](
    {
        "undo": UndoHeader,
        "restore_intent": RestoreIntent,
        "restore_outcome": RestoreOutcome,
        "end": UndoEnd,
    }
)


def journal_of(plan: Path) -> Path:
    """Return the default file for the deletions of a plan: ``PLAN.journal.jsonl`` beside it."""
    return plan.with_name(f"{plan.name.removesuffix('.jsonl')}.journal.jsonl")


def read_journal(path: Path, codec: RecordCodec[R]) -> Iterator[R]:
    """Read the records of a journal; incomplete lines are ignored.

    Raises:
        ConfigurationError: the file cannot be read, or a line is of another kind of file or of a
            newer version.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror or error}") from None
    for number, line in enumerate(lines, 1):
        if _is_whole(line):
            try:
                yield codec.decode(line)
            except ConfigurationError as error:
                raise ConfigurationError(
                    f"{path}: line {number}: {error}. Not a journal of this kind, or one of a "
                    "newer version of ghpkg-async"
                ) from None


def _is_whole(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


class Journal(Generic[R]):
    """A journal that is open for appending, and locked against other processes.

    Args:
        path: the file; created with mode 0600 if it does not exist.
        codec: encodes and decodes the records.

    Attributes:
        records: the records that the file had when it was opened.

    Raises:
        ConfigurationError: the file cannot be created, written or read, or another process has it
            open.
    """

    def __init__(self, path: Path, codec: RecordCodec[R]) -> None:
        self.path = path
        self._codec = codec
        self._is_named_durably = False
        self._lock = FileLock(path)
        with self._lock.release_on_error():
            try:
                self._file = os.open(path, _OPEN | os.O_CREAT, 0o600)
            except OSError as error:
                raise unwritable(path, error) from None
            try:
                if not stat.S_ISREG(os.fstat(self._file).st_mode):
                    raise ConfigurationError(f"{path}: cannot be written: not a regular file")
                self.records: list[R] = list(read_journal(path, codec))
                # After an incomplete line, the next record begins on a line of its own.
                size = os.fstat(self._file).st_size
                self._begins_line = size == 0 or _last_byte(path) == b"\n"
            except BaseException:
                os.close(self._file)
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and release the lock."""
        os.close(self._file)
        self._lock.release()

    def append(self, *records: R) -> None:
        """Write records to the file, without waiting for the disk.

        Raises:
            OSError: they could not be written as a whole.
        """
        lines = b"".join(map(self._codec.encode, records))
        rest = memoryview(lines if self._begins_line else b"\n" + lines)
        self._begins_line = False
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            raise _named(error, self.path) from None
        self._begins_line = True

    async def append_durably(self, *records: R) -> None:
        """Write records and wait until the disk has them.

        Raises:
            OSError: writing or syncing failed, for example because the disk is full.
        """
        self.append(*records)
        await asyncio.to_thread(self._sync)

    def _sync(self) -> None:
        try:
            os.fsync(self._file)
            if not self._is_named_durably:
                _sync_folder(self.path)
                self._is_named_durably = True
        except OSError as error:
            raise _named(error, self.path) from None


def _sync_folder(path: Path) -> None:
    """Make the names of the folder's files durable."""
    if sys.platform == "win32":
        return
    folder = os.open(Path(os.path.realpath(path)).parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)


def _named(error: OSError, path: Path) -> OSError:
    """Return the error with the path in its message."""
    return OSError(error.errno, f"{error.strerror}; nothing more is changed", str(path))


def last_outcomes(records: Iterable[ApplyRecord]) -> Mapping[int, Outcome]:
    """Return the last outcome of each version, by id."""
    return {record.id: record for record in records if isinstance(record, Outcome)}


def intents_of(records: Iterable[ApplyRecord]) -> Mapping[int, Intent]:
    """Return the first intent of each version, by id: GitHub's 30 days may begin with it."""
    intents: dict[int, Intent] = {}
    for record in records:
        if isinstance(record, Intent):
            intents.setdefault(record.id, record)
    return intents
