"""Draw the results as one image."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from .clients import CLIENTS, OURS
from .workloads import PACKAGES_CPU, VERSIONS_CPU, cpu_label, ideal_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .measure import Result, Spread
    from .report import Report, Results
    from .worker import Step

    _Series = dict[str, list[tuple[float, Spread]]]

_COLORS: Final = {name: f"C{number}" for number, name in enumerate(CLIENTS)}


def can_draw() -> bool:
    """Return true if matplotlib is installed."""
    return find_spec("matplotlib") is not None


def draw(report: Report, path: Path) -> None:
    """Draw CPU time, one large listing, memory, and time by size and latency, where measured."""
    import_module("matplotlib").use("agg")
    figure, grid = import_module("matplotlib.pyplot").subplots(3, 2, figsize=(13, 12))
    cpu, listing, memory = (report.parts.get(part, {}) for part in ("cpu", "listing", "memory"))
    for axes, what in zip(grid[0], (PACKAGES_CPU, VERSIONS_CPU), strict=True):
        label = cpu_label(what, report.scale.pages_latencies[-1])
        title = f"CPU, ms a page of 100 {label}"
        _bars(axes, title, [(each.client, each.cpu_a_page) for each in _right(cpu, label)], 1e3)
    _bars(
        grid[1, 0],
        f"{report.scale.many:,} packages, {report.scale.many_latency * 1e3:g} ms a response: s",
        [(each.client, each.wall) for each in _right(listing, "")],
    )
    for each in _right(listing, "")[:1]:
        grid[1, 0].axvline(ideal_seconds(each.step), color="black", linestyle=":", label="ideal")
        grid[1, 0].legend()
    _bars(
        grid[1, 1],
        f"MB grown over {report.scale.streamed:,} versions",
        [(each.client, each.growth) for each in _right(memory, "")],
        1e-6,
    )
    _lines(grid[2, 0], "Versions: s by items", _series(report, "items", _items))
    grid[2, 0].set(xscale="log", yscale="log")
    _lines(grid[2, 1], "Packages: s by ms a response", _series(report, "latency", _latency))
    for axes in grid.flat:
        if not axes.has_data():
            axes.remove()
    figure.tight_layout()
    figure.savefig(path, dpi=120, bbox_inches="tight")


def _right(results: Results, label: str) -> list[Result]:
    """Return the results of the clients that listed everything."""
    return [result for result in results.get(label, []) if not result.fault]


def _items(step: Step) -> float:
    return sum(listing.size for listing in step.listings)


def _latency(step: Step) -> float:
    return step.latency * 1e3


def _series(report: Report, part: str, of: Callable[[Step], float]) -> _Series:
    """Return the times of each client that listed everything, by a number taken from the step."""
    series: _Series = {}
    for results in report.parts.get(part, {}).values():
        for each in results:
            if not each.fault:
                series.setdefault(each.client, []).append((of(each.step), each.wall))
    return series


def _lines(axes: Any, title: str, series: _Series) -> None:
    axes.set_title(title)
    for name, points in series.items():
        places, spreads = [place for place, _ in points], [spread for _, spread in points]
        below = [spread.median - spread.least for spread in spreads]
        above = [spread.most - spread.median for spread in spreads]
        axes.errorbar(
            places,
            [spread.median for spread in spreads],
            yerr=[below, above],
            label=name,
            color=_COLORS[name],
            linewidth=2.5 if name == OURS else 1.2,
            marker="o",
            capsize=3,
        )
    if series:
        axes.legend()


def _bars(axes: Any, title: str, values: Sequence[tuple[str, Spread]], unit: float = 1.0) -> None:
    axes.set_title(title)
    for name, spread in values:
        below, above = spread.median - spread.least, spread.most - spread.median
        bar = axes.barh(
            name,
            spread.median * unit,
            xerr=[[below * unit], [above * unit]],
            color=_COLORS[name],
            capsize=3,
        )
        axes.bar_label(bar, fmt="%.3g", padding=6)
    axes.invert_yaxis()
    axes.margins(x=0.15)
