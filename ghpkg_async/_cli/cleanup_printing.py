"""Plans and results of `ghpkg cleanup`, printed, and passed to GitHub Actions."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, get_args

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .._text import counted
from ..audit._wording import moment
from ..cleanup import Plan
from ..cleanup._review import (
    GROUPS_SHOWN,
    Review,
    ReviewedPackage,
    image_name,
    plan_line,
)
from .github_actions import append_step_outputs, append_step_summary
from .output import Output
from .tables import TableColumn

__all__ = [
    "by_status",
    "counts_text",
    "noted_interruption",
    "pass_on",
    "progress_bar",
    "show_lines",
    "show_plan",
    "write_line",
]

LINES_SHOWN: Final = 20


@contextmanager
def progress_bar(console: Output, total: int | None, label: str) -> Iterator[Callable[[], None]]:
    """Show a bar with the time left on standard error; yield the function that advances it."""
    if not console.shows_progress:
        yield lambda: None
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console.progress,
    )
    with bar:
        task = bar.add_task(label, total=total)
        yield lambda: bar.advance(task)


def write_line(line: bytes) -> None:
    with suppress(ValueError):
        sys.stdout.buffer.write(line)
        sys.stdout.flush()


def show_plan(plan: Plan, console: Output, *, groups_shown: int = GROUPS_SHOWN) -> None:
    """Show a plan: a table of packages, then a number of groups of each."""
    review = Review.of(plan)
    columns: Sequence[TableColumn[ReviewedPackage]] = (
        TableColumn("PACKAGE", lambda package: package.label),
        TableColumn("IMAGES", lambda package: f"{package.images:,}", justify="right"),
        TableColumn("VERSIONS", lambda package: f"{package.plan.deletes:,}", justify="right"),
        TableColumn("KEPT", lambda package: f"{package.plan.kept:,}", justify="right"),
        TableColumn("HELD", lambda package: f"{package.plan.held:,}", justify="right"),
    )
    console.table(review.packages, columns)
    if review.unchanged:
        console.line(f"Nothing is deleted of {counted(len(review.unchanged), 'other package')}.")
    for package in review.packages:
        console.line("")
        console.line(f"{package.label}:")
        if not package.plan.complete:
            console.line(f"  left out: {package.plan.reason}")
        for group in package.groups[:groups_shown]:
            console.line(f"  delete {group.names}{group.others}: {group.reason}")
        _and_more(len(package.groups) - groups_shown, console)
        for held in package.held[:groups_shown]:
            console.line(f"  hold {image_name(held)}: {held.reason}")
        _and_more(len(package.held) - groups_shown, console)
    console.line("")
    console.line(f"{plan_line(plan)}. Deleting takes {plan.duration} at least.")
    console.line(f"Registry: {plan.header.registry_url}. Expires {moment(plan.header.expires_at)}.")
    if over := plan.over_limit():
        console.line(f"Over its limit, so apply refuses it: {over}")


def _and_more(count: int, console: Output) -> None:
    if count > 0:
        console.line(f"  ... and {count:,} more in the plan")


@contextmanager
def noted_interruption(console: Output) -> Iterator[None]:
    """Print how to resume if the block is interrupted."""
    try:
        yield
    except asyncio.CancelledError:
        console.note("Interrupted. Run the same command again to resume")
        raise


def counts_text(counts: Mapping[Any, int]) -> str:
    """Return the number of versions of each status, like ``12 deleted, 1 failed``."""
    return ", ".join(f"{count:,} {status}" for status, count in sorted(counts.items()))


def show_lines(lines: Sequence[str], console: Output) -> None:
    for line in lines[:LINES_SHOWN]:
        console.note(line)
    if len(lines) > LINES_SHOWN:
        console.note(f"... and {len(lines) - LINES_SHOWN:,} more in the journal")


def by_status(statuses: object, counts: Mapping[Any, int]) -> dict[str, int]:
    """Return the number of versions of each status, 0 included."""
    return {status: counts.get(status, 0) for status in get_args(statuses)}


def pass_on(summary: str, outputs: Mapping[str, int], console: Output) -> None:
    """Append a summary and outputs to the files of the job, inside GitHub Actions."""
    for problem in (append_step_summary(summary), append_step_outputs(outputs)):
        if problem is not None:
            console.note(problem)
