"""`OutputFile`: the interface of an output format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from .._records import AuditHeader, ListingKey, Record

__all__ = ["OutputFile"]


class OutputFile(ABC):
    """A file that an audit is written to, and an output format as a class.

    Args:
        path: the file. The constructor checks that it can be written, and does not change it.
        header: the header of the audit.
        fresh_since: start anew instead of resuming; only a draft of an audit begun at this time or
            later is resumed. Without effect on formats that are not resumable.

    Attributes:
        path: the file.
        header: the header in the file that is resumed, or the one passed.
        done: the complete listings in the file, which need not be requested again.
        is_new: whether there is no earlier run to resume.

    Raises:
        ConfigurationError: the file cannot be written, or holds something else.
    """

    suffix: ClassVar[str]
    """Suffix of the names of files in this format."""
    is_resumable: ClassVar[bool] = False
    """True if an interrupted audit can be resumed from the file."""
    has_header: ClassVar[bool] = True
    """True if the file has the owners and options of the audit."""

    path: Path
    header: AuditHeader
    done: frozenset[ListingKey] = frozenset()
    is_new: bool = True
    _is_finished: bool = False

    @abstractmethod
    def __init__(
        self, path: Path, header: AuditHeader, *, fresh_since: datetime | None = None
    ) -> None: ...

    @abstractmethod
    def begin(self) -> None:
        """Start writing. From here on, the content of the file may be replaced."""

    @abstractmethod
    def write(self, records: Sequence[Record]) -> None:
        """Write records; the marker of a complete listing follows its records."""

    @abstractmethod
    def close(self) -> None:
        """Complete the file. Without `begin`, or after an error, leave the earlier file.

        A format that cannot be resumed also leaves it if the audit has not ended (see `finish`),
        and writes the records so far only where there is no earlier file.
        """

    def kept(self) -> Iterator[Record]:
        """Yield the records of the earlier run that is resumed; called after `begin`."""
        yield from ()

    def finish(self) -> None:
        """Replace the earlier file by the audit, now or in `close`; called when it has ended."""
        self._is_finished = True

    @property
    def has_earlier(self) -> bool:
        """``True`` if there is an earlier file that the audit has not replaced."""
        return not self._is_finished and self.path.is_file() and self.path.stat().st_size > 0

    @classmethod
    @abstractmethod
    def read(cls, path: Path) -> Iterator[Record]:
        """Yield the records of a file.

        Raises:
            ConfigurationError: the file cannot be read, or is not an audit's.
        """

    @classmethod
    @abstractmethod
    def read_header(cls, path: Path) -> AuditHeader | None:
        """Return the header of a file; ``None`` for a format without header.

        Raises:
            ConfigurationError: the file cannot be read, or is not an audit's.
        """
