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
    from .tables import TableColumn

__all__ = ["Output", "QuietConsole"]

T = TypeVar("T")
Item = TypeVar("Item", Package, PackageVersion)


class QuietConsole(Console):
    """A console that raises `BrokenPipeError` instead of exiting with status 1."""

    def on_broken_pipe(self) -> None:
        """Re-raise the error that rich is handling."""
        raise


class Output:
    """Standard output and standard error of one run of a command.

    Args:
        json: whether to write results as JSON Lines instead of tables.
    """

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.progress = QuietConsole(stderr=True, highlight=False)
        """Console on standard error, for notes and progress."""
        self._writing = asyncio.Lock()

    @property
    def shows_progress(self) -> bool:
        """True if standard error is a terminal, and no JSON Lines are written to the terminal."""
        # Not console.is_terminal: FORCE_COLOR sets it for a log file too.
        return sys.stderr.isatty() and not (self.json and sys.stdout.isatty())

    def note(self, text: str) -> None:
        """Print a line on standard error."""
        self.progress.print(_text(text), soft_wrap=True)

    async def listing(
        self,
        listing: Listing[Item],
        columns: Sequence[TableColumn[Item]],
        *,
        noun: str,
        nothing: str,
    ) -> None:
        """Print a listing, as JSON Lines page by page or as one table at the end.

        Items received before an error or Ctrl-C are printed too.

        Args:
            listing: the listing.
            columns: columns of the table.
            noun: name of one item, in the singular.
            nothing: message on standard error if the listing is empty.
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
                self.note(f"Incomplete: {counted(obtained, noun)} received before this error:")
            raise
        if not obtained and not self.json:
            self.note(nothing)

    async def lines(self, items: Iterable[Package | PackageVersion]) -> None:
        """Write one line of JSON per item.

        In a thread: a slow reader, such as ``less``, would block the event loop, and requests in
        flight would time out.
        """
        text = "".join(f"{json.dumps(to_dict(item))}\n" for item in items)
        async with self._writing:
            await asyncio.to_thread(_write, text)

    def table(self, items: Sequence[T], columns: Sequence[TableColumn[T]]) -> None:
        """Write a table; nothing if there are no items."""
        if not items:
            return
        console = QuietConsole(highlight=False)
        if not sys.stdout.isatty() or console.width < least_width(columns):
            _write(plain(items, columns))
            return
        console.print(rich_table(items, columns))

    def line(self, text: str) -> None:
        """Write a line of text to standard output."""
        _write(f"{printable(text)}\n")

    @contextmanager
    def _status(self, noun: str) -> Iterator[Callable[[int], None]]:
        """Show a count on standard error in the block; yield the function that sets it."""
        if not self.shows_progress:
            yield lambda count: None
            return
        with self.progress.status(_text(f"Listing {noun}s")) as status:
            yield lambda count: status.update(_text(f"{counted(count, noun)} so far"))


def _text(text: str) -> Text:
    """Return text in which rich interprets neither markup nor emoji."""
    return Text(printable(text))


def _write(text: str) -> None:
    """Write the whole text to standard output.

    Under ``PYTHONUNBUFFERED``, ``sys.stdout.write`` drops the rest of a partial write, which a
    signal or a closed pipe can cause.
    """
    stream = sys.stdout
    stream.flush()
    rest = memoryview(text.encode(stream.encoding, stream.errors or "strict"))
    while rest:
        rest = rest[stream.buffer.write(rest) :]
    stream.buffer.flush()
