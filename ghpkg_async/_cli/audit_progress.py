"""How far an audit is: a line that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn

from .._text import counted, printable
from ..audit import OwnerDone, PageDone
from .durations import age_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .. import GitHubPackages
    from ..audit import Audit, Event
    from ..audit._outputs import JsonlFile
    from .output import Output

__all__ = ["Display"]


class Display:
    """Tells people on standard error what happens.

    Args:
        output: whose standard error.
        client: whose budget.
        quiet: whether to tell nothing while it goes on.
    """

    def __init__(self, output: Output, client: GitHubPackages, *, quiet: bool) -> None:
        self._output = output
        self._client = client
        self._quiet = quiet
        self._audit: Audit | None = None
        self._started = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[told]}", markup=False),
            console=output.progress,
            disable=quiet or not output.shows_progress,
            transient=True,
        )
        self._task = self._bar.add_task("Auditing", total=None, told="")

    @contextmanager
    def shown(self, audit: Audit) -> Iterator[None]:
        """Shows how far the audit is, for as long as it takes."""
        self._audit, self._started = audit, time.monotonic()
        with self._bar:
            yield

    def event(self, event: Event) -> None:
        """Takes an event of the audit."""
        if self._quiet:
            return
        if self._moves:
            if isinstance(event, (PageDone, OwnerDone)):
                self._move()
        elif isinstance(event, OwnerDone):
            self.note(f"{_ended(event)} [{self._told()}]")

    def note(self, text: str) -> None:
        """A line, above what moves."""
        self._output.note(text)

    def report_resume(self, resumed: JsonlFile | None) -> None:
        """Tells of an output that is gone on with."""
        if resumed is None or resumed.is_new or self._audit is None:
            return
        listings = len(resumed.done) + self._audit.progress.listings
        age = age_text(datetime.now(UTC) - resumed.header.started_at)
        if len(resumed.done) == listings:
            self.note(
                f"{resumed.path} is complete, begun {age} ago: nothing is requested. "
                "--fresh audits anew"
            )
        else:
            self.note(
                f"Resuming {resumed.path}, begun {age} ago: {len(resumed.done):,} of "
                f"{counted(listings, 'listing')} are done"
            )

    def requests_line(self) -> str:
        """What it took."""
        seconds = timedelta(seconds=round(time.monotonic() - self._started))
        left = self._client.rate_limit
        budget = f"; {left.remaining:,} left until {left.reset.astimezone():%H:%M}" if left else ""
        return f"{counted(self._client.stats.requests, 'request')} in {seconds}{budget}."

    @property
    def _moves(self) -> bool:
        return not self._bar.disable

    def _move(self) -> None:
        if self._audit is None:
            return
        progress = self._audit.progress
        self._bar.update(
            self._task,
            total=max(1, progress.pages_done + progress.requests_to_go()),
            completed=progress.pages_done,
            told=self._told(),
        )

    def _told(self) -> str:
        if self._audit is None:
            return ""
        progress, left = self._audit.progress, self._client.rate_limit
        told = [
            f"{progress.owners_done:,} of {counted(progress.owners, 'owner')}",
            f"{progress.pages_done:,} of {counted(progress.pages, 'page')}",
            counted(progress.packages, "package"),
        ]
        if progress.failures:
            told.append(counted(progress.failures, "failure"))
        if left is not None:
            told.append(f"{left.remaining:,} requests left")
        to_go = progress.seconds_to_go(
            time.monotonic() - self._started,
            remaining=left.remaining if left else None,
            reset_in=(left.reset - datetime.now(UTC)).total_seconds() if left else 0.0,
        )
        if to_go is not None and progress.requests_to_go():
            told.append(f"{timedelta(seconds=round(to_go))} to go")
        return ", ".join(told)


def _ended(event: OwnerDone) -> str:
    reasons = ", ".join(dict.fromkeys(each.reason for each in event.failures))
    failures = f", {counted(len(event.failures), 'failure')}: {reasons}" if reasons else ""
    return printable(f"{event.owner}: {counted(event.packages, 'package')}{failures}")
