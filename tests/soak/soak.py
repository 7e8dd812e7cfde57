"""Execution of a soak: its tasks, its faults, and the measurements during and after it."""

from __future__ import annotations

import asyncio
import gc
import os
import tracemalloc
from collections import Counter
from statistics import median
from typing import TYPE_CHECKING

from attrs import define, field

from ghpkg_async import GitHubPackages
from ghpkg_async._clock import loop_time
from ghpkg_async.testing import EmbeddedGitHub, Faults, PrimaryLimit, SecondaryLimit, World
from tests.soak.model import Ledger
from tests.soak.tasks import workers

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 2**20
#: Bytes of memory growth, from the first third of a soak to the last, that are not a leak.
MEMORY_NOISE = 1 * MIB
#: Limit of requests in flight for the second client.
SECOND_CONCURRENCY = 4


@define
class Report:
    """Results of a soak.

    Attributes:
        seed: seed of the tasks' decisions and of the faults.
        seconds: duration of the run.
        tasks: number of tasks.
        concurrency: limit of requests in flight for the first client.
        requests: number of requests that the server received.
        in_flight: highest number of requests in flight on the server.
        retries: number of requests that were retries.
        waited: seconds for which rate limits delayed the clients.
        actions: number of actions, by name and outcome.
        faults: number of requests, by fault.
        memory: bytes of memory in use, one value per second.
        problems: descriptions of errors; empty after a successful run.
    """

    seed: int
    seconds: float
    tasks: int
    concurrency: int
    requests: int = 0
    in_flight: int = 0
    retries: int = 0
    waited: float = 0.0
    actions: Counter[str] = field(factory=Counter)
    faults: Counter[str] = field(factory=Counter)
    memory: list[int] = field(factory=list)
    problems: list[str] = field(factory=list)

    def __str__(self) -> str:
        first, last = self.thirds()
        return "\n".join(
            [
                f"soak: seed {self.seed}, {self.seconds:g} s, {self.tasks} tasks",
                f"  requests  {self.requests}, of them {self.retries} further attempts; "
                f"{self.waited:.1f} s held by limits",
                f"  in flight {self.in_flight} at most, "
                f"{self.concurrency} and {SECOND_CONCURRENCY} allowed",
                f"  memory    {first / MIB:.2f} MiB in the first third, "
                f"{last / MIB:.2f} in the last",
                f"  faults    {_listed(self.faults)}",
                f"  actions   {_listed(self.actions)}",
                f"  problems  {len(self.problems)}",
                *(f"    {problem}" for problem in self.problems[:50]),
            ]
        )

    def thirds(self) -> tuple[float, float]:
        """Return the median memory of the first third, without warm-up, and of the last third."""
        at_work = self.memory[: int(self.seconds)] or [0]  # Without the end, when tasks finish.
        third = -(-len(at_work) // 3)
        return median(at_work[third // 3 : third]), median(at_work[-third:])


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def all_faults(seed: int) -> Faults:
    """Return every fault at once, frequent enough to occur and rare enough for calls to succeed."""
    return Faults(
        seed=seed,
        latency=(0.0, 0.01),
        reset_before=0.015,
        reset_after=0.015,
        reset_headers=0.015,
        reset_body=0.015,
        cut_body=0.015,
        close_keep_alive=0.015,
        stall=0.003,
        stall_after=0.003,
        server_error=0.02,
        server_error_after=0.02,
        missing_link=0.05,
        clock_skew=-1800,
    )


async def soak(
    *,
    seconds: float,
    seed: int,
    tasks: int = 40,
    concurrency: int = 12,
    progress: Callable[[str], object] = lambda _: None,
) -> Report:
    """Run a soak, and return its report.

    Args:
        seconds: duration for which tasks start new actions.
        seed: seed of the tasks' decisions and of the faults.
        tasks: number of tasks that share the two clients.
        concurrency: limit of requests in flight for the first client.
        progress: function called with a line of text every 10 seconds.
    """
    report = Report(seed, seconds, tasks, concurrency)
    files = _open_files()
    tracemalloc.start()
    try:
        await _run(report, progress)
    except Exception as error:
        report.problems.append(f"it ended early: {error!r}")
    finally:
        tracemalloc.stop()
    await asyncio.sleep(0.1)
    gc.collect()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    report.problems += [f"a task is left: {task!r}" for task in left]
    report.problems += [f"a file stayed open: {file}" for file in _open_files() - files]
    if report.in_flight > concurrency + SECOND_CONCURRENCY:
        report.problems.append(f"{report.in_flight} requests were in flight")
    first, last = report.thirds()
    if last > first + MEMORY_NOISE:
        report.problems.append(f"memory grew by {(last - first) / MIB:.2f} MiB")
    return report


async def _run(report: Report, progress: Callable[[str], object]) -> None:
    ledger = Ledger()
    world = World()
    world.token("ghp_soak", login="octocat", limit=10**9)  # The hourly limit is not to be reached.
    async with EmbeddedGitHub(world) as server:
        gh, second = (
            GitHubPackages(
                server.token,
                base_url=server.url,
                concurrency=concurrency,
                points_per_minute=None,
                timeout=1.0,
            )
            for concurrency in (report.concurrency, SECOND_CONCURRENCY)
        )
        async with gh, second:
            staff = workers(gh, second, server.world, tasks=report.tasks, seed=report.seed)
            shared = staff[0].shared
            server.faults = all_faults(report.seed)
            until = loop_time() + report.seconds
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(_watch(report, server, ledger, progress))
                trouble = group.create_task(_outages(server))
                async with asyncio.TaskGroup() as work:
                    for worker in staff:
                        work.create_task(worker.run(until))
                watch.cancel()
                trouble.cancel()
            report.retries = gh.stats.retries + second.stats.retries
            report.waited = gh.stats.seconds_waited + second.stats.seconds_waited
        ledger.take(server.requests, until=loop_time())
        report.requests, report.faults = ledger.requests, ledger.faults
        report.in_flight = server.max_in_flight
    report.actions = shared.actions
    every = {id(item): item for worker in staff for item in worker.mine}
    report.problems += [*shared.problems, *ledger.judge(every.values())]


async def _watch(
    report: Report, server: EmbeddedGitHub, ledger: Ledger, progress: Callable[[str], object]
) -> None:
    """Measure the memory every second, and move settled request records to the ledger."""
    while True:
        await asyncio.sleep(1)
        ledger.take(server.requests, until=loop_time() - Ledger.SETTLED)
        gc.collect()
        report.memory.append(tracemalloc.get_traced_memory()[0])
        if len(report.memory) % 10 == 0:
            memory = report.memory[-1] / MIB
            progress(f"{len(report.memory)} s: {ledger.requests} requests, {memory:.2f} MiB")


async def _outages(server: EmbeddedGitHub) -> None:
    """Cause rate limits and outages, which affect all tasks."""
    while True:
        await asyncio.sleep(1.5)
        server.faults.primary_limit = PrimaryLimit(15, window=1)
        await asyncio.sleep(1)
        server.faults.primary_limit = None
        await asyncio.sleep(1.5)
        async with server.down():
            await asyncio.sleep(0.2)
        await asyncio.sleep(1.5)
        server.faults.secondary_limit = SecondaryLimit(15, retry_after=1, status=429)
        await asyncio.sleep(1)
        server.faults.secondary_limit = None


def _open_files() -> set[str]:
    """Return open files and sockets, except files in ``/proc``, which a monitor may have opened."""
    folder = "/proc/self/fd"
    found = set()
    for number in os.listdir(folder):
        try:
            file = os.readlink(f"{folder}/{number}")
        except FileNotFoundError:  # Descriptor of the folder itself.
            continue
        if not file.startswith("/proc/"):
            found.add(f"{number} {file}")
    return found
