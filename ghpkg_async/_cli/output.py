"""Results to standard output; notes, progress and questions to standard error."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.text import Text

from .. import GitHubPackagesError, Package, PackageVersion, to_dict
from .._text import counted, printable
from .tables import least_width, plain, rich_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from .. import Listing
    from .tables import Column

__all__ = ["Output", "QuietConsole"]

T = TypeVar("T")
Item = TypeVar("Item", Package, PackageVersion)


class QuietConsole(Console):
    """A console that leaves it to the command what a reader's leaving means."""

    def on_broken_pipe(self) -> None:
        """Called by rich while it handles the error; by itself it would exit with 1."""
        raise


class Output:
    """What one run of a command says.

    Args:
        json: results as JSON Lines rather than as tables.
    """

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.progress = QuietConsole(stderr=True, highlight=False)
        """Standard error, for what moves."""
        self._writing = asyncio.Lock()

    @property
    def shows_progress(self) -> bool:
        """Whether what moves on standard error is seen, and disturbs no results."""
        # Not the console's opinion: FORCE_COLOR makes no terminal of a log file.
        return sys.stderr.isatty() and not (self.json and sys.stdout.isatty())

    def note(self, text: str) -> None:
        """A line on standard error."""
        self.progress.print(_text(text), soft_wrap=True)

    async def listing(
        self, listing: Listing[Item], columns: Sequence[Column[Item]], *, noun: str, nothing: str
    ) -> None:
        """Shows a listing: JSON Lines page by page, or a table of all there is.

        What was obtained before an error, or before Ctrl-C, is shown in any case.

        Args:
            listing: what to show.
            columns: the table's.
            noun: what one item is.
            nothing: what to tell a person when there is none.
        """
        items: list[Item] = []
        obtained = 0
        try:
            try:
                with self._status(noun) as status:
                    async with aclosing(listing.pages()) as pages:
                        async for page in pages:
                            obtained += len(page.items)
                            status(obtained)
                            if self.json:
                                await self.lines(page.items)
                            else:
                                items += page.items
            finally:
                self.table(items, columns)
        except GitHubPackagesError:
            if obtained:
                self.note(f"Incomplete: {counted(obtained, noun)} came before this:")
            raise
        if not obtained and not self.json:
            self.note(nothing)

    async def lines(self, items: Iterable[Package | PackageVersion]) -> None:
        """Writes a line of JSON for each.

        In a thread: a reader that takes its time, like ``less``, must not hold the event loop, or
        the requests under way time out.
        """
        text = "".join(f"{json.dumps(to_dict(item))}\n" for item in items)
        async with self._writing:
            await asyncio.to_thread(_write, text)

    def table(self, items: Sequence[T], columns: Sequence[Column[T]]) -> None:
        """Writes a table, if there is anything to put in it."""
        if not items:
            return
        console = QuietConsole(highlight=False)
        if not sys.stdout.isatty() or console.width < least_width(columns):
            _write(plain(items, columns))
            return
        console.print(rich_table(items, columns))

    def line(self, text: str) -> None:
        """Writes a line for people to standard output."""
        _write(f"{printable(text)}\n")

    @contextmanager
    def _status(self, noun: str) -> Iterator[Callable[[int], None]]:
        """A count on standard error for as long as it takes; yields what sets it."""
        if not self.shows_progress:
            yield lambda count: None
            return
        with self.progress.status(_text(f"Listing {noun}s")) as status:
            yield lambda count: status.update(_text(f"{counted(count, noun)} so far"))


def _text(text: str) -> Text:
    """For rich to show as it is: in a string it would look for markup and emoji."""
    return Text(printable(text))


def _write(text: str) -> None:
    """Writes all of it to standard output.

    Under ``PYTHONUNBUFFERED``, `sys.stdout` drops the rest of a write that a signal, or a reader
    that left, cut short.
    """
    stream = sys.stdout
    stream.flush()
    rest = memoryview(text.encode(stream.encoding, stream.errors or "strict"))
    while rest:
        rest = rest[stream.buffer.write(rest) :]
    stream.buffer.flush()
