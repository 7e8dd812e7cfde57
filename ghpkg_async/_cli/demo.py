"""`ghpkg demo`: an audit of the embedded server, without a token or the internet."""

import asyncio
import time
from collections import Counter
from contextlib import aclosing, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

from cyclopts import Parameter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from .. import GitHubPackages
from .._text import counted
from ..audit import Audit, AuditReport, ListingDone, PackageEntry, Record
from .audit_printing import SUMMARY, print_records
from .failures import WrongUsage
from .output import Output

LATENCY: Final = 0.15
"""Seconds that the embedded server takes for a response, as GitHub does."""
CLEANUP_POLICY: Final = """\
[guard]
max-deletes = ["95%", 1000]

[[rule]]
name = "old builds"
tags = ["*"]
older-than = "14d"
keep-newest = 3

[[rule]]
name = "untagged"
untagged = true
older-than = "7d"
"""


def demo(
    *,
    json: Annotated[
        bool,
        Parameter(
            negative=(), show_default=False, help="Print every package as a line of JSON instead."
        ),
    ] = False,
    cleanup: Annotated[
        bool,
        Parameter(negative=(), show_default=False, help="Plan, apply and undo a cleanup instead."),
    ] = False,
) -> None:
    """Try it: audit three owners concurrently, without a token or the internet.

    Starts the embedded GitHub Packages of `ghpkg serve --demo`, lists all six package types and
    the Docker conflicts of every owner concurrently, and prints a summary. With --cleanup, deletes
    old images of an organization by a policy, and restores them.

    Example: ghpkg demo
    """
    if not cleanup:
        asyncio.run(_demo(Output(json=json)))
    elif json:
        raise WrongUsage("--cleanup: shows a demonstration for people; leave out --json")
    else:
        asyncio.run(_demo_cleanup(Output(json=False)))


async def _demo_cleanup(output: Output) -> None:
    from ..cleanup import Policy, apply, plan, undo
    from ..testing import EmbeddedGitHub, demo_world
    from .cleanup_printing import show_plan

    world = demo_world()
    container_packages = world.org("acme").packages("container")

    def present() -> set[tuple[str, tuple[str, ...]]]:
        return {
            (version.name, version.tags)
            for package in container_packages
            for version in package.versions()
        }

    async with (
        EmbeddedGitHub(world) as server,
        GitHubPackages(server.token, base_url=server.url, points_per_minute=None) as client,
    ):
        before = present()
        output.line("The policy:")
        for line in CLEANUP_POLICY.splitlines():
            output.line(f"  {line}".rstrip())
        output.line("")
        made = await plan(client, ["acme"], Policy.from_toml(CLEANUP_POLICY))
        show_plan(made, output, groups_shown=3)
        with TemporaryDirectory() as folder:
            journal = Path(folder) / "plan.journal.jsonl"
            applied = await apply(client, made, journal=journal)
            undone = await undo(client, journal)
    counts = ", ".join(f"{count:,} {status}" for status, count in applied.counts.items())
    same = "as before" if present() == before else "not as before"
    output.line("")
    output.line(f"Applied: {counts}; images that stayed and lost a part: {len(applied.broken)}.")
    output.line(f"Undone: {undone.counts['restored']:,} restored; digests and tags are {same}.")
    output.line("")
    output.line("The same on GitHub, for an organization, user:NAME or me:")
    output.line("  GH_TOKEN=ghp_... ghpkg cleanup plan POLICY.toml ORG --output plan.jsonl")


async def _demo(output: Output) -> None:
    from ..testing import EmbeddedGitHub, demo_world

    world = demo_world()
    async with (
        EmbeddedGitHub(world, latency=LATENCY) as server,
        GitHubPackages(server.token, base_url=server.url) as client,
    ):
        audit = client.audit(
            owner.login if owner.type == "Organization" else f"user:{owner.login}"
            for owner in world.owners
        )
        started = time.perf_counter()
        report = AuditReport.of(audit.header(), await _collect(audit, output))
        seconds = time.perf_counter() - started
        if not output.json:
            _show(report, client.stats.requests, seconds, output)


async def _collect(audit: Audit, output: Output) -> list[Record]:
    """Return all records; show the progress, or print packages as JSON Lines at once."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("listings, {task.fields[packages]} packages"),
        console=output.progress,
    )
    records: list[Record] = []
    with progress if output.shows_progress else nullcontext():
        bars = _Bars(progress, audit)
        async with aclosing(audit.batches()) as batches:
            async for batch in batches:
                records += batch
                for record in batch:
                    bars.add(record)
                if output.json:
                    await print_records(entry for entry in batch if isinstance(entry, PackageEntry))
    return records


class _Bars:
    """One progress bar per owner."""

    def __init__(self, progress: Progress, audit: Audit) -> None:
        self._progress = progress
        self._packages: Counter[str] = Counter()
        listings = audit.progress.listings // len(audit.owners)
        self._bars = {
            owner: progress.add_task(owner, total=listings, packages=0) for owner in audit.owners
        }

    def add(self, record: Record) -> None:
        bar = self._bars[record.owner]
        if isinstance(record, ListingDone):
            self._progress.advance(bar)
        elif isinstance(record, PackageEntry):
            self._packages[record.owner] += 1
            self._progress.update(bar, packages=self._packages[record.owner])


def _show(report: AuditReport, requests: int, seconds: float, output: Output) -> None:
    left_out = ("VERSIONS", "CONFLICTS")  # Not counted, and listed by name below.
    output.table(report.summary, [column for column in SUMMARY if column.header not in left_out])
    output.line("")
    packages = counted(report.total.packages, "package")
    output.line(f"{packages}; ghpkg audit --versions counts their versions, too.")
    output.line(f"{counted(requests, 'request')} of {LATENCY:g} s, side by side: {seconds:.1f} s.")
    output.line("Docker packages in conflict since the migration to the Container registry:")
    conflicts: dict[str, list[str]] = {}
    for conflict in report.conflicts:
        conflicts.setdefault(conflict.owner, []).append(conflict.name)
    for owner, names in conflicts.items():
        output.line(f"  {owner}: {', '.join(names)}")
    output.line("")
    output.line("The same on GitHub, for an organization, user:NAME or me:")
    output.line("  GH_TOKEN=ghp_... ghpkg audit ORG --output audit.jsonl")
    output.line("  GH_TOKEN=ghp_... ghpkg list ORG --type container")
