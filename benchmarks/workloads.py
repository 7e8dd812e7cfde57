"""Definitions of the workloads, at full size and at the size of a smoke run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .clients import BYTES, CLIENTS, CONCURRENCY, JSON, OURS, PACED
from .data import PER_PAGE, Listing
from .worker import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGE_TYPES: Final = ("npm", "maven", "rubygems", "docker", "nuget", "container")

_VARIANTS: Final = (PACED, "ghapi, pages()")


@dataclass(frozen=True)
class Scale:
    """Sizes of the workloads; ``peers``: other clients are in all parts, not only in "requests"."""

    rounds: int
    pages: int
    pages_latencies: tuple[float, ...]
    many: int
    many_latency: float
    organizations: int
    longest: int
    organizations_latency: float
    linkless: tuple[int, ...]
    streamed: int
    items: tuple[int, ...]
    items_latency: float
    latencies: tuple[float, ...]
    latencies_over: int
    first_latency: float
    slow_pages: int
    imports_a_round: int
    peers: bool


FULL: Final = Scale(
    rounds=5,
    pages=50,
    pages_latencies=(0.0, 0.020),
    many=10_000,
    many_latency=0.080,
    organizations=60,
    longest=3_000,
    organizations_latency=0.040,
    linkless=(9_000, 1_000),
    streamed=200_000,
    items=(1_000, 10_000, 50_000, 200_000),
    items_latency=0.010,
    latencies=(0.0, 0.020, 0.050, 0.100, 0.200),
    latencies_over=3_000,
    first_latency=0.080,
    slow_pages=100,
    imports_a_round=3,
    peers=True,
)
QUICK: Final = Scale(
    rounds=1,
    pages=3,
    pages_latencies=(0.002,),
    many=500,
    many_latency=0.005,
    organizations=4,
    longest=600,
    organizations_latency=0.002,
    linkless=(900,),
    streamed=7_000,
    items=(200, 600),
    items_latency=0.001,
    latencies=(0.0, 0.005),
    latencies_over=400,
    first_latency=0.010,
    slow_pages=24,
    imports_a_round=1,
    peers=False,
)


@dataclass(frozen=True)
class Workload:
    """Steps that each client executes in its own process.

    Attributes:
        steps: steps by label of a table row or plot point.
        clients: names of the clients.
        warm: true if each process starts with a warm-up.
        most_rounds: largest useful number of rounds.
    """

    steps: dict[str, Step]
    clients: Sequence[str]
    warm: bool = True
    most_rounds: int = 1_000

    @property
    def warm_up(self) -> Listing | None:
        """Listing of two pages of the same item type, or ``None`` without a warm-up."""
        if not self.warm:
            return None
        step = next(iter(self.steps.values()))
        return Listing("warm-up", 2 * PER_PAGE, name=step.listings[0].name)

    @property
    def listings(self) -> list[Listing]:
        """All listings that the server must serve."""
        listings = {each: None for step in self.steps.values() for each in step.listings}
        return [*listings, *([self.warm_up] if self.warm_up else [])]


def cpu_label(what: str, latency: float) -> str:
    """Return the label of CPU results for listings named ``what``."""
    return f"{what}, {latency * 1000:g} ms a response"


def fewest_requests(step: Step) -> int:
    """Return the smallest number of requests that lists everything in the step."""
    return sum(_fewest_requests(listing, step) for listing in step.listings)


def _fewest_requests(listing: Listing, step: Step) -> int:
    """Return the number of pages, plus an empty one if only that proves the end of the listing."""
    unproven = step.link == "never" or (step.link == "github" and listing.size == PER_PAGE)
    return listing.fewest_requests + (unproven and listing.size > 0)


def ideal_seconds(step: Step) -> float:
    """Return the seconds of the ideal schedule: the longest listing in waves, or all slots busy."""
    longest = max(_fewest_requests(listing, step) for listing in step.listings)
    waves = 1 + -(-(longest - 1) // CONCURRENCY)
    return step.latency * max(waves, fewest_requests(step) / CONCURRENCY)


PACKAGES_CPU: Final = "packages"
SCATTERED_CPU: Final = "packages, each of its own repository"
VERSIONS_CPU: Final = "versions"
LINKED: Final = "`Link` on every response"
AS_GITHUB: Final = "no `Link` where all fits one page"
AT_ONCE: Final = "all listings at once"


def linkless_label(size: int) -> str:
    """Return the label of the results of a listing without ``Link``."""
    return f"{size:,} packages"


def workloads(scale: Scale, repositories: int) -> dict[str, list[Workload]]:
    """Return the workloads by the part of the report.

    Args:
        scale: sizes of the workloads.
        repositories: number of distinct repositories on a page of 100 packages.
    """

    def packages(org: str, size: int, repositories: int = repositories) -> Listing:
        return Listing(org, size, repositories=repositories)

    size = scale.pages * PER_PAGE
    many = packages("acme", scale.many)
    versions = Listing("acme", scale.streamed, name="app")
    organizations = _organizations(scale, repositories)
    every = [name for name in CLIENTS if scale.peers or name in (OURS, PACED, BYTES, JSON)]
    each = [name for name in every if name not in _VARIANTS]
    parsing = [name for name in each if name != BYTES]
    return {
        "cpu": [
            Workload({cpu_label(label, latency): Step([listing], latency)}, each)
            for latency in scale.pages_latencies
            for label, listing in (
                (PACKAGES_CPU, packages("acme", size)),
                (SCATTERED_CPU, packages("acme", size, PER_PAGE)),
                (VERSIONS_CPU, Listing("acme", size, name="app")),
            )
        ],
        "listing": [Workload({"": Step([many], scale.many_latency)}, every, most_rounds=3)],
        "organizations": [
            Workload(
                {
                    LINKED: Step(organizations, scale.organizations_latency, "always"),
                    AS_GITHUB: Step(organizations, scale.organizations_latency, "github"),
                },
                each,
                most_rounds=3,
            )
        ],
        "linkless": [
            Workload(
                {
                    **{
                        linkless_label(size): Step(
                            [packages(f"silent-{size}", size)], scale.many_latency, "never"
                        )
                        for size in scale.linkless
                    },
                    AT_ONCE: Step(organizations, scale.organizations_latency, "never"),
                },
                [name for name in each if name != BYTES],
                most_rounds=3,
            )
        ],
        "memory": [Workload({"": Step([versions])}, each, most_rounds=3)],
        "start": [
            Workload(
                {"": Step([packages("acme", 2 * PER_PAGE)], scale.first_latency)}, each, warm=False
            )
        ],
        "items": [
            Workload(
                {
                    f"{size:,}": Step(
                        [Listing("acme", size, name=f"app-{size}")], scale.items_latency
                    )
                    for size in scale.items
                },
                parsing,
                most_rounds=3,
            )
        ],
        "latency": [
            Workload(
                {
                    f"{latency * 1000:g} ms": Step(
                        [packages("acme", scale.latencies_over)], latency
                    )
                    for latency in scale.latencies
                },
                parsing,
                most_rounds=3,
            )
        ],
        "requests": [
            Workload(
                {
                    f"{scale.many:,} packages": Step([many]),
                    f"{len(organizations)} listings, {LINKED}": Step(organizations, link="always"),
                    f"{len(organizations)} listings, {AS_GITHUB}": Step(organizations),
                    "250 packages, no `Link` at all": Step([packages("silent", 250)], link="never"),
                    "250 versions of `team/app`": Step([Listing("acme", 250, name="team/app")]),
                },
                [name for name in CLIENTS if name != PACED],
                most_rounds=1,
            ),
        ],
    }


def _organizations(scale: Scale, repositories: int) -> list[Listing]:
    """Return listings of many organizations and all types: most small or empty, one large."""
    sizes = (0, 12, 0, 45, 100, 0, 140, 7, 0, 260)
    count = scale.organizations * len(PACKAGE_TYPES)
    return [
        Listing(
            f"org-{index // len(PACKAGE_TYPES):02}",
            scale.longest if index == count // 2 else sizes[index % len(sizes)],
            PACKAGE_TYPES[index % len(PACKAGE_TYPES)],
            repositories=repositories,
        )
        for index in range(count)
    ]
