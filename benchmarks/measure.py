"""Run the workloads in rounds and collect the results."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from .clients import CLIENTS
from .control import Control, Stats, serving
from .data import PER_PAGE, Listing
from .worker import Job, Measured, encode
from .workloads import Workload, fewest_requests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .worker import Step

_TIMEOUT: Final = 900.0
_NOTHING: Final = Measured(0, 0, 0, 0, 0, 0, Stats(0, 0, 0))

BASELINE: Final = "aiohttp, attrs, cattrs"
_NO_BYTECODE: Final = "PYTHONDONTWRITEBYTECODE"
_MODULES: Final = {"ghpkg_async": "ghpkg_async", BASELINE: BASELINE}
_IMPORT: Final = """
import time
began = time.perf_counter()
import {modules}
seconds = time.perf_counter() - began
import os
pages = int(open("/proc/self/statm").read().split()[1])
print(seconds, pages * os.sysconf("SC_PAGE_SIZE"))
"""


@dataclass(frozen=True)
class Spread:
    """Median, minimum and maximum of some rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of one or more values."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Result:
    """Measurements of one client for one step, over all rounds.

    Attributes:
        client: name of the client.
        step: step that was measured.
        rounds: measurement of each round.
        fault: description of a failure; empty if every round listed everything.
    """

    client: str
    step: Step
    rounds: list[Measured]
    fault: str

    @property
    def cpu_a_page(self) -> Spread:
        """CPU time of the client process in seconds, for one page."""
        return Spread.of([each.cpu / fewest_requests(self.step) for each in self.rounds])

    @property
    def wall(self) -> Spread:
        """Wall-clock time in seconds."""
        return Spread.of([each.wall for each in self.rounds])

    @property
    def first(self) -> Spread:
        """Wall-clock time until the first item, in seconds."""
        return Spread.of([each.first for each in self.rounds])

    @property
    def growth(self) -> Spread:
        """Growth of the resident memory in bytes."""
        return Spread.of([each.growth for each in self.rounds])

    @property
    def requests(self) -> int:
        """Largest number of requests of a round."""
        return max(each.server.requests for each in self.rounds)

    @property
    def max_in_flight(self) -> int:
        """Largest number of requests in flight in any round."""
        return max(each.server.max_in_flight for each in self.rounds)


def run(workload: Workload, rounds: int) -> dict[str, list[Result]]:
    """Measure all installed clients; return the results by the label of the step."""
    measured: dict[str, list[list[Measured]]] = {name: [] for name in workload.clients}
    installed = [name for name in workload.clients if CLIENTS[name].installed]
    with serving(workload.listings) as base_url:
        for turn in range(min(rounds, workload.most_rounds)):
            first = turn % len(installed)
            for name in (*installed[first:], *installed[:first]):
                measured[name].append(_work(name, base_url, workload))
    return {
        label: [
            Result(name, step, taken, _fault(name, step, taken))
            for name in workload.clients
            for taken in [[each[place] for each in measured[name]]]
        ]
        for place, (label, step) in enumerate(workload.steps.items())
    }


def pages_ahead(pages: int) -> int:
    """Return the largest number of pages that the client prefetched for a slow consumer."""
    listing = Listing("acme", pages * PER_PAGE, name="app")
    with serving([listing]) as base_url:
        Control(base_url).reset(latency=0.002)
        arguments = base_url, json.dumps(asdict(listing)), "0.02"
        return int(_python("-m", "benchmarks.ahead", *arguments))


def imports(rounds: int) -> dict[str, tuple[Spread, Spread]]:
    """Return the time in seconds and the memory in bytes of an import in a new process."""
    taken: dict[str, list[tuple[float, float]]] = {what: [] for what in _MODULES}
    for modules in _MODULES.values():
        _python("-c", _IMPORT.format(modules=modules))  # Writes the bytecode, as pip does.
    for _ in range(rounds):
        for what, modules in _MODULES.items():
            seconds, memory = _python("-c", _IMPORT.format(modules=modules)).split()
            taken[what].append((float(seconds), float(memory)))
    return {
        what: (Spread.of([each[0] for each in values]), Spread.of([each[1] for each in values]))
        for what, values in taken.items()
    }


def _work(name: str, base_url: str, workload: Workload) -> list[Measured]:
    steps = list(workload.steps.values())
    job = Job(name, base_url, steps, workload.warm_up)
    print(f"{', '.join(workload.steps) or 'listing'}: {name}", file=sys.stderr)
    try:
        results = json.loads(_python("-m", "benchmarks.worker", read=encode(job)))
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or [f"exit status {error.returncode}"]
        return [Measured(**{**vars(_NOTHING), "error": lines[-1]}) for _ in steps]
    except subprocess.TimeoutExpired:
        return [Measured(**{**vars(_NOTHING), "error": f"over {_TIMEOUT:g} s"}) for _ in steps]
    return [Measured(**{**each, "server": Stats(**each["server"])}) for each in results]


def _python(*arguments: str, read: str = "") -> str:
    """Run Python in a new process; return its standard output."""
    environ = {key: value for key, value in os.environ.items() if key != _NO_BYTECODE}
    return subprocess.run(
        [sys.executable, *arguments],
        input=read,
        env=environ,
        check=True,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
    ).stdout


def _fault(name: str, step: Step, rounds: list[Measured]) -> str:
    if not rounds:
        return "not installed"
    parses = CLIENTS[name].parses
    expected = sum(each.size for each in step.listings) if parses else fewest_requests(step)
    ids = sum(each.ids() for each in step.listings) if parses else 0
    for each in rounds:
        if each.error:
            kind = each.error.partition(":")[0]
            return f"raises {kind} after {each.visited:,} of {expected:,}"
        if each.visited != expected:
            return f"incomplete: {each.visited:,} of {expected:,}"
        if each.ids != ids:
            return "lists wrong items"
    return ""
