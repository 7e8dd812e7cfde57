"""Format the results as Markdown."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .clients import BYTES, CLIENTS, CONCURRENCY, JSON, OURS, PACED
from .data import PER_PAGE
from .measure import BASELINE
from .worker import MEMORY_FROM
from .workloads import (
    AS_GITHUB,
    AT_ONCE,
    FULL,
    LINKED,
    PACKAGES_CPU,
    SCATTERED_CPU,
    VERSIONS_CPU,
    Scale,
    cpu_label,
    fewest_requests,
    ideal_seconds,
    linkless_label,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .measure import Result, Spread

Results = dict[str, list["Result"]]

_MB: Final = 1e6
_CPU_GOALS: Final = (
    (PACKAGES_CPU, BYTES, 1.2),
    (PACKAGES_CPU, JSON, 0.4),
    (PACKAGES_CPU, "githubkit", 0.18),
    (SCATTERED_CPU, BYTES, 1.2),
    (SCATTERED_CPU, JSON, 0.4),
    (SCATTERED_CPU, "githubkit", 0.18),
    (VERSIONS_CPU, BYTES, 1.5),
    (VERSIONS_CPU, JSON, 0.8),
)
_BESIDE: Final = ("attrs", "cattrs", "msgspec", "isal", "yarl", "httpx", "httpx2", "pydantic")


@dataclass
class Report:
    """Measurements of one run.

    Attributes:
        scale: sizes of the workloads.
        repositories: number of distinct repositories on a page of packages.
        parts: results of each part of the run, by label.
        imports: time in seconds and memory in bytes of each import.
        ahead: largest number of pages prefetched for a slow consumer; ``None`` if not measured.
    """

    scale: Scale
    repositories: int
    parts: dict[str, Results] = field(default_factory=dict)
    imports: dict[str, tuple[Spread, Spread]] = field(default_factory=dict)
    ahead: int | None = None

    def markdown(self) -> str:
        """Return the machine, versions, goals and tables."""
        tables: dict[str, Callable[[Results], list[str]]] = {
            "cpu": self._cpu,
            "listing": self._listing,
            "organizations": self._organizations,
            "linkless": self._linkless,
            "memory": self._memory,
            "start": self._start,
            "items": self._items,
            "latency": self._latency,
            "requests": self._requests,
        }
        written = [tables[part](results) for part, results in self.parts.items()]
        return "\n".join(
            [*_machine(), *self._goals(), *(line for part in written for line in part)]
        )

    def result(self, part: str, label: str, client: str) -> Result | None:
        """Return the result of a client, or ``None`` if it was not measured or is incomplete."""
        for result in self.parts.get(part, {}).get(label, []):
            if result.client == client and not result.fault:
                return result
        return None

    def _cpu(self, results: Results) -> list[str]:
        rounds = [taken for each in results.values() for one in each for taken in one.rounds]
        served = sum(each.server.requests for each in rounds)
        spent = sum(each.server.cpu_seconds for each in rounds)
        return [
            f"## CPU time a page of {PER_PAGE}",
            "",
            f"Client process, one listing of {self.scale.pages} pages, every field of every item "
            f"touched. Packages: {self.repositories} distinct repositories on a page where not "
            f"said otherwise. The server spent {1000 * spent / served:.2f} ms a response.",
            "",
            *(line for label in results for line in self._cpu_of(label, results[label])),
        ]

    def _cpu_of(self, label: str, results: Sequence[Result]) -> list[str]:
        bare, ours = self.result("cpu", label, BYTES), self.result("cpu", label, OURS)
        return _by_client(
            (_title(label), "ms a page", "least - most", "x bytes only", "x ours"),
            results,
            lambda result: (
                *_milliseconds(result.cpu_a_page),
                _times(result.cpu_a_page, bare.cpu_a_page if bare else None),
                _times(result.cpu_a_page, ours.cpu_a_page if ours else None),
            ),
        )

    def _listing(self, results: Results) -> list[str]:
        scale = self.scale
        return [
            f"## {scale.many:,} packages, {scale.many_latency * 1000:g} ms a response",
            "",
            *(line for label in results for line in self._scheduled("listing", label)),
        ]

    def _organizations(self, results: Results) -> list[str]:
        scale = self.scale
        count = len(next(iter(results.values()))[0].step.listings)
        return [
            f"## {scale.organizations} organizations, {count} listings, one of "
            f"{scale.longest:,}, {scale.organizations_latency * 1000:g} ms a response",
            "",
            *(line for label in results for line in self._scheduled("organizations", label)),
        ]

    def _linkless(self, results: Results) -> list[str]:
        latencies = self.scale.many_latency * 1000, self.scale.organizations_latency * 1000
        return [
            "## No `Link` at all, {:g} ms a response, {:g} ms where all are listed at once".format(
                *latencies
            ),
            "",
            *(line for label in results for line in self._scheduled("linkless", label)),
        ]

    def _scheduled(self, part: str, label: str) -> list[str]:
        results, ours = self.parts[part][label], self.result(part, label, OURS)
        step = results[0].step
        ideal = ideal_seconds(step)
        header = ("s", "least - most", "x ideal", "x ours", "requests", "in flight")
        return [
            f"Ideal at concurrency {CONCURRENCY}: {ideal:.3f} s; fewest requests: "
            f"{fewest_requests(step):,}.",
            "",
            *_by_client(
                (_title(label) or "Client", *header),
                results,
                lambda result: (
                    *_seconds(result.wall),
                    f"{result.wall.median / ideal:.2f}",
                    _times(result.wall, ours.wall if ours else None),
                    f"{result.requests:,}",
                    f"{result.max_in_flight}",
                ),
            ),
        ]

    def _memory(self, results: Results) -> list[str]:
        return [
            f"## Memory: {self.scale.streamed:,} versions streamed",
            "",
            f"The most that the process grew by after the first {MEMORY_FROM:,}.",
            "",
            *_by_client(
                ("Client", "MB", "least - most"),
                results[""],
                lambda result: _megabytes(result.growth),
            ),
            f"Ahead of a slow consumer of {self.scale.slow_pages} pages: at most {self.ahead} "
            "pages.",
            "",
        ]

    def _start(self, results: Results) -> list[str]:
        one_response = self.result("start", "", BYTES)
        imported = [
            (f"`import {what}`", *_milliseconds(seconds), *_megabytes(memory))
            for what, (seconds, memory) in self.imports.items()
        ]
        return [
            "## Start",
            "",
            *_table(("Start", "ms", "least - most", "MB resident", "least - most"), imported),
            "The first item in a fresh process, modules imported, at "
            f"{self.scale.first_latency * 1000:g} ms a response:",
            "",
            *_by_client(
                ("Client", "ms", "least - most", "x one response"),
                results[""],
                lambda result: (
                    *_milliseconds(result.first),
                    _times(result.first, one_response.first if one_response else None),
                ),
            ),
        ]

    def _items(self, results: Results) -> list[str]:
        title = f"## Time by items: versions, {self.scale.items_latency * 1000:g} ms a response"
        return [title, "", *_growing(results)]

    def _latency(self, results: Results) -> list[str]:
        title = f"## Time by latency: {self.scale.latencies_over:,} packages"
        return [title, "", *_growing(results)]

    def _requests(self, results: Results) -> list[str]:
        names = [result.client for result in next(iter(results.values()))]
        rows = [
            (
                label,
                f"{fewest_requests(each[0].step):,}",
                *(result.fault or f"{result.requests:,}" for result in each),
            )
            for label, each in results.items()
        ]
        return [
            "## Requests",
            "",
            "Where no response has `Link`, the empty page that proves the end is among the fewest.",
            "",
            *_table(("Workload", "fewest", *names), rows),
        ]

    def _goals(self) -> list[str]:
        rows = [
            (text, f"{limit:g}", f"{value:.3g}", "yes" if value <= limit else "**no**")
            for text, limit, value in self._reached()
        ]
        if not rows or self.scale is not FULL:
            return []
        return ["## Goals", "", *_table(("Goal", "at most", "measured", "reached"), rows)]

    def _reached(self) -> Iterable[tuple[str, float, float]]:
        """Yield the text, limit and measured value of each goal."""
        for latency in self.scale.pages_latencies:
            for what, peer, limit in _CPU_GOALS:
                label = cpu_label(what, latency)
                ours, theirs = self.result("cpu", label, OURS), self.result("cpu", label, peer)
                if ours and theirs:
                    ratio = ours.cpu_a_page.median / theirs.cpu_a_page.median
                    yield f"CPU, {label}: x {peer}", limit, ratio
        yield from self._reached_schedules()
        if ours := self.result("memory", "", OURS):
            yield "Memory: MB grown", 6, ours.growth.median / _MB
        if self.ahead is not None:
            yield "Pages ahead of a slow consumer", CONCURRENCY, self.ahead
        if self.imports:
            seconds, memory = self.imports["ghpkg_async"]
            seconds_before, memory_before = self.imports[BASELINE]
            yield f"Import: x {BASELINE}", 1.12, seconds.median / seconds_before.median
            yield f"Import: MB over {BASELINE}", 3, (memory.median - memory_before.median) / _MB
        ours, one_response = self.result("start", "", OURS), self.result("start", "", BYTES)
        if ours and one_response:
            yield "First item: x one response", 1.1, ours.first.median / one_response.first.median

    def _reached_schedules(self) -> Iterable[tuple[str, float, float]]:
        yield from self._reached_without_link()
        for part, label, client, limit in (
            ("listing", "", OURS, 1.15),
            ("listing", "", PACED, 1.15),
            ("organizations", LINKED, OURS, 1.2),
            ("organizations", AS_GITHUB, OURS, 1.2),
        ):
            ours = self.result(part, label, client)
            if ours is None:
                continue
            what = f"{_title(part)}{f', {label}' if label else ''}, {client}"
            yield f"{what}: x ideal", limit, ours.wall.median / ideal_seconds(ours.step)
            yield f"{what}: requests", fewest_requests(ours.step), ours.requests
            yield f"{what}: in flight", CONCURRENCY, ours.max_in_flight
            for peer in ("gidgethub", "githubkit"):
                theirs = self.result(part, label, peer)
                if theirs and part == "listing":
                    yield f"{what}: x {peer}", 1 / 11, ours.wall.median / theirs.wall.median

    def _reached_without_link(self) -> Iterable[tuple[str, float, float]]:
        limits = (
            *((linkless_label(n), 2.2, 15) for n in self.scale.linkless if n > 1_000),
            *((linkless_label(n), 3.0, 10) for n in self.scale.linkless if n <= 1_000),
        )
        for label, times, more in limits:
            if ours := self.result("linkless", label, OURS):
                what = f"No `Link`, {label}"
                yield f"{what}: x ideal", times, ours.wall.median / ideal_seconds(ours.step)
                yield f"{what}: requests", fewest_requests(ours.step) + more, ours.requests
        if ours := self.result("linkless", AT_ONCE, OURS):
            fewest = fewest_requests(ours.step)
            what = f"No `Link`, {AT_ONCE}"
            yield f"{what}: x ideal", 1.25, ours.wall.median / ideal_seconds(ours.step)
            yield f"{what}: x fewest requests", 1.05, ours.requests / fewest


def _machine() -> list[str]:
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = [
            line.partition(":")[2].strip()
            for line in cpuinfo.read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ]
        processor = named[0] if named else processor
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    names = {*(client.requirement for client in CLIENTS.values()), *_BESIDE, "hishel"}
    versions = ", ".join(f"{name} {number}" for name in sorted(names) if (number := _version(name)))
    return [
        f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB; "
        f"{platform.system()} {platform.release()}; "
        f"{platform.python_implementation()} {platform.python_version()}; {versions}",
        "",
    ]


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _growing(results: Results) -> list[str]:
    """Return a table with a row per client and a column per step."""
    clients = [result.client for result in next(iter(results.values()))]
    rows = [
        (
            client,
            *(
                each[place].fault or "{} ({})".format(*_seconds(each[place].wall))
                for each in results.values()
            ),
        )
        for place, client in enumerate(clients)
    ]
    return _table(("Seconds (least - most)", *results), rows)


def _title(label: str) -> str:
    return label[:1].upper() + label[1:]


def _by_client(
    header: Sequence[str], results: Sequence[Result], cells: Callable[[Result], Sequence[str]]
) -> list[str]:
    """Return a table with a row per client; failed clients are last, with the reason."""
    empty = ("-",) * (len(header) - 2)
    right = [(each.client, *cells(each)) for each in results if not each.fault]
    wrong = [(each.client, each.fault, *empty) for each in results if each.fault]
    return _table(header, [*right, *wrong])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    rule = f"|{'---|' * len(header)}"
    written = [f"| {' | '.join(row)} |" for row in rows]
    return [f"| {' | '.join(header)} |", rule, *written, ""]


def _times(one: Spread, other: Spread | None) -> str:
    return "-" if other is None else f"{one.median / other.median:.2f}"


def _seconds(spread: Spread) -> tuple[str, str]:
    return f"{spread.median:.3f}", f"{spread.least:.3f} - {spread.most:.3f}"


def _milliseconds(spread: Spread) -> tuple[str, str]:
    return (
        f"{spread.median * 1000:.2f}",
        f"{spread.least * 1000:.2f} - {spread.most * 1000:.2f}",
    )


def _megabytes(spread: Spread) -> tuple[str, str]:
    return f"{spread.median / _MB:.1f}", f"{spread.least / _MB:.1f} - {spread.most / _MB:.1f}"
