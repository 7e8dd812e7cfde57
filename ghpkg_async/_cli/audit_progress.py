"""Progress of an audit: an animated line on a terminal, plain lines elsewhere."""

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
    from ..audit._outputs import OutputFile
    from .output import Output

__all__ = ["Display"]


class Display:
    """Progress on standard error.

    Args:
        output: the output to print notes and progress with.
        client: the client whose rate limit and number of requests are shown.
        quiet: whether to show no progress.
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
            TextColumn("{task.fields[details]}", markup=False),
            console=output.progress,
            disable=quiet or not output.shows_progress,
            transient=True,
        )
        self._task = self._bar.add_task("Auditing", total=None, details="")

    @contextmanager
    def shown(self, audit: Audit) -> Iterator[None]:
        """Show the progress of the audit in the block."""
        self._audit, self._started = audit, time.monotonic()
        with self._bar:
            yield

    def event(self, event: Event) -> None:
        """Show an event of the audit."""
        if self._quiet:
            return
        if self._is_animated:
            if isinstance(event, (PageDone, OwnerDone)):
                self._update_bar()
        elif isinstance(event, OwnerDone):
            self.note(f"{_owner_line(event)} [{self._details()}]")

    def note(self, text: str) -> None:
        """Print a line above the progress bar."""
        self._output.note(text)

    def report_resume(self, resumed: OutputFile | None) -> None:
        """Print the state of the output that is resumed, if there is one."""
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
        """Return the number of requests, the duration and the remaining budget as one line."""
        seconds = timedelta(seconds=round(time.monotonic() - self._started))
        left = self._client.rate_limit
        budget = f"; {left.remaining:,} left until {left.reset.astimezone():%H:%M}" if left else ""
        return f"{counted(self._client.stats.requests, 'request')} in {seconds}{budget}."

    @property
    def _is_animated(self) -> bool:
        return not self._bar.disable

    def _update_bar(self) -> None:
        if self._audit is None:
            return
        progress = self._audit.progress
        self._bar.update(
            self._task,
            total=max(1, progress.pages_done + progress.requests_to_go()),
            completed=progress.pages_done,
            details=self._details(),
        )

    def _details(self) -> str:
        if self._audit is None:
            return ""
        progress, left = self._audit.progress, self._client.rate_limit
        details = [
            f"{progress.owners_done:,} of {counted(progress.owners, 'owner')}",
            f"{progress.pages_done:,} of {counted(progress.pages, 'page')}",
            counted(progress.packages, "package"),
        ]
        if progress.failures:
            details.append(counted(progress.failures, "failure"))
        if left is not None:
            details.append(f"{left.remaining:,} requests left")
        to_go = progress.seconds_to_go(
            time.monotonic() - self._started,
            remaining=left.remaining if left else None,
            reset_in=(left.reset - datetime.now(UTC)).total_seconds() if left else 0.0,
        )
        if to_go is not None and progress.requests_to_go():
            details.append(f"{timedelta(seconds=round(to_go))} to go")
        return ", ".join(details)


def _owner_line(event: OwnerDone) -> str:
    reasons = ", ".join(dict.fromkeys(failure.reason for failure in event.failures))
    failures = f", {counted(len(event.failures), 'failure')}: {reasons}" if reasons else ""
    return printable(f"{event.owner}: {counted(event.packages, 'package')}{failures}")
