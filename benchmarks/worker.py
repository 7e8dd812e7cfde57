"""``python -m benchmarks.worker``: measure one client in a new process, with JSON in and out."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .clients import CLIENTS, CONCURRENCY, Client
from .control import Control, LinkMode, Stats
from .data import PER_PAGE, Listing
from .touch import toucher

if TYPE_CHECKING:
    from collections.abc import Sequence

MEMORY_FROM: Final = 5_000
"""Number of items after which the reference value of the memory is taken."""
_MEMORY_EVERY: Final = 1_000


@dataclass(frozen=True)
class Step:
    """One measurement.

    Attributes:
        listings: listings to request, concurrently if the client can.
        latency: duration of a response of the server, in seconds.
        link: condition on which the server sends ``Link``.
    """

    listings: Sequence[Listing]
    latency: float = 0.0
    link: LinkMode = "github"


@dataclass(frozen=True)
class Job:
    """Measurements of one process.

    Attributes:
        client: name of the client.
        base_url: base URL of the server.
        steps: steps to measure, one after another, each with a newly opened client.
        warm_up: listing to request before the first step; ``None`` for no warm-up.
    """

    client: str
    base_url: str
    steps: Sequence[Step]
    warm_up: Listing | None = None


@dataclass(frozen=True)
class Measured:
    """Measurement of one step.

    Attributes:
        cpu: CPU time of this process in seconds.
        wall: wall-clock time in seconds.
        first: wall-clock time until the first item, in seconds.
        visited: number of items, or of responses if the client does not parse.
        ids: sum of the ids of the items.
        growth: largest growth of memory in bytes after the first 5,000 items.
        server: statistics of the server.
        error: type and message of the exception raised; empty if none.
    """

    cpu: float
    wall: float
    first: float
    visited: int
    ids: int
    growth: int
    server: Stats
    error: str = ""


class _Visitor:
    """Reads the fields of each item, counts items, and regularly measures the memory."""

    def __init__(self, client: Client, *, versions: bool) -> None:
        self._touch = (
            toucher(versions=versions, attributes=client.attributes)
            if client.parses
            else lambda _: 0
        )
        self._weight = 1 if client.parses else PER_PAGE
        self._next_look = MEMORY_FROM // self._weight
        self._memory = 0
        self.began = time.perf_counter()
        self.first = 0.0
        self.visited = self.ids = self.growth = 0

    def __call__(self, item: Any) -> None:
        self.ids += self._touch(item)
        self.visited += 1
        if self.visited == 1:
            self.first = time.perf_counter() - self.began
        if self.visited == self._next_look:
            self._look()

    def _look(self) -> None:
        memory = resident()
        self._memory = self._memory or memory
        self.growth = max(self.growth, memory - self._memory)
        self._next_look += _MEMORY_EVERY // self._weight


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def _walk(client: Client, base_url: str, step: Step, visit: _Visitor) -> None:
    at_once = asyncio.Semaphore(len(step.listings) if client.many_at_once else CONCURRENCY)
    async with client.open(base_url) as walk, asyncio.TaskGroup() as tasks:

        async def one(listing: Listing) -> None:
            async with at_once:
                await walk(listing, visit)

        for listing in step.listings:
            tasks.create_task(one(listing))


async def _measure(client: Client, base_url: str, step: Step) -> Measured:
    control, error = Control(base_url), ""
    visit = _Visitor(client, versions=step.listings[0].name is not None)
    control.reset(latency=step.latency, link=step.link)
    cpu, visit.began = time.process_time(), time.perf_counter()
    try:
        await _walk(client, base_url, step, visit)
    except* Exception as group:  # Any exception of a client is its result.
        raised: BaseException = group
        while isinstance(raised, BaseExceptionGroup):
            raised = raised.exceptions[0]
        error = f"{type(raised).__name__}: {raised}".strip()[:300]
    return Measured(
        cpu=time.process_time() - cpu,
        wall=time.perf_counter() - visit.began,
        first=visit.first,
        visited=visit.visited,
        ids=visit.ids,
        growth=visit.growth,
        server=control.stats(),
        error=error,
    )


async def _run(job: Job) -> list[Measured]:
    client = CLIENTS[job.client]
    client.load()
    if job.warm_up is not None:
        await _measure(client, job.base_url, Step([job.warm_up], link="always"))
    return [await _measure(client, job.base_url, step) for step in job.steps]


def encode(job: Job) -> str:
    """Return a job as JSON for the worker's standard input."""
    return json.dumps(asdict(job))


def _decode(text: str) -> Job:
    job = json.loads(text)
    for step in job["steps"]:
        step["listings"] = [Listing(**each) for each in step["listings"]]
    return Job(
        client=job["client"],
        base_url=job["base_url"],
        steps=[Step(**step) for step in job["steps"]],
        warm_up=Listing(**job["warm_up"]) if job["warm_up"] else None,
    )


if __name__ == "__main__":
    print(json.dumps([asdict(each) for each in asyncio.run(_run(_decode(sys.stdin.read())))]))
