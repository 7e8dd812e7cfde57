"""The charts of an audit: what each shows, as bars, in words, and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from ..._text import counted, printable
from .drawing import Series, draw
from .sums import AGES, ages, by_owner_and_type, growth, ordered_types, visibilities

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from markupsafe import Markup

    from .._audit_report import AuditReport
    from .._compare import Comparison

__all__ = ["Chart", "charts_of"]

BARS_SHOWN: Final = 10
"""More are a line of text: as one bar, they would set the scale. The chart's table has them all."""
COLORS: Final = 8
"""Of so many kinds, each has a color of its own."""


@attrs.frozen
class Chart:
    """A chart and all that goes with it.

    Attributes:
        key: names it within the page.
        title: what it shows.
        svg: the bars.
        rest: what the bars leave out, in words; ``""``: nothing.
        legend: the colors' classes and what each stands for; empty where there is but one.
        headings: of the table that says the same.
        rows: of that table.
    """

    key: str
    title: str
    svg: Markup
    rest: str
    legend: Sequence[tuple[str, str]]
    headings: Sequence[str]
    rows: Sequence[tuple[str, Sequence[int]]]


def charts_of(report: AuditReport, comparison: Comparison | None, now: datetime) -> list[Chart]:
    """The charts of an audit that there is anything to show in.

    Args:
        report: the audit.
        comparison: what changed, where it was compared.
        now: what ages count back from.
    """
    charts = []
    if packages := [package for package in report.packages if not package.soft_deleted]:
        owners = by_owner_and_type(packages)
        types = ordered_types(report.header.package_types, owners)
        charts = [
            _by_owner(owners, types),
            _visibility(visibilities(packages)),
            _age(ages(packages, now)),
        ]
    return charts + (_growth(comparison) if comparison is not None else [])


def _by_owner(owners: Mapping[str, Counter[str]], types: Sequence[str]) -> Chart:
    kinds = [_Kind(name, f"type-{place % COLORS}") for place, name in enumerate(types)]
    rows = [(owner, [counts[each] for each in types]) for owner, counts in owners.items()]
    return _chart("owners", "Packages by owner and type", "Owner", kinds, rows, _total)


def _visibility(counts: Mapping[str, int]) -> Chart:
    # Each bar is of one kind, so that each has its color.
    kinds = [_Kind(name, f"visibility-{name}") for name in counts]
    rows = [
        (name, [count if each.name == name else 0 for each in kinds])
        for name, count in counts.items()
    ]
    chart = _chart("visibility", "Visibility", "Visibility", kinds, rows, _total)
    table = [(name, [count]) for name, count in counts.items()]
    return attrs.evolve(chart, legend=(), headings=("Visibility", "Packages"), rows=table)


def _age(counts: Sequence[int]) -> Chart:
    rows = [(label, [count]) for (label, _), count in zip(AGES, counts, strict=True)]
    kinds = [_Kind("packages", "plain")]
    return _chart("age", "Age of the last update", "Last update", kinds, rows, _total)


def _growth(comparison: Comparison) -> list[Chart]:
    owners = growth(comparison)
    packages = [(owner, [each.new, each.gone]) for owner, each in owners.items()]
    versions = [(owner, [each.added, each.removed]) for owner, each in owners.items()]
    return [
        _chart(key, title, "Owner", [_Kind(gain, "gain"), _Kind(loss, "loss", -1)], rows, _net)
        for key, title, gain, loss, all_rows in (
            ("packages-growth", "Growth in packages", "new", "gone", packages),
            ("versions-growth", "Growth in versions", "added", "removed", versions),
        )
        if (rows := sorted((row for row in all_rows if any(row[1])), key=lambda row: -sum(row[1])))
    ]


@attrs.frozen
class _Kind:
    """What a part of a bar counts, its color, and -1 where it goes to the left."""

    name: str
    color: str
    sign: int = 1


_Row: TypeAlias = "tuple[str, Sequence[int]]"


def _chart(
    key: str,
    title: str,
    heading: str,
    kinds: Sequence[_Kind],
    rows: Sequence[_Row],
    end: Callable[[Sequence[int]], str],
) -> Chart:
    bars, others = rows[:BARS_SHOWN], rows[BARS_SHOWN:]
    rest = _rest(kinds, others) if others else ""
    series = [
        Series(printable(kind.name), kind.color, [kind.sign * counts[place] for _, counts in bars])
        for place, kind in enumerate(kinds)
    ]
    svg = draw(
        [printable(label) for label, _ in bars],
        series,
        [end(counts) for _, counts in bars],
        name=title,
        desc=printable("; ".join(_told(label, kinds, counts) for label, counts in bars)),
    )
    legend = [(kind.color, kind.name) for kind in kinds] if len(kinds) > 1 else []
    headings = [heading, *(kind.name.capitalize() for kind in kinds)]
    return Chart(key, title, svg, rest, legend, headings, rows)


def _rest(kinds: Sequence[_Kind], rows: Sequence[_Row]) -> str:
    """Like ``190 others: 300 npm, 20 container``."""
    sums = [sum(column) for column in zip(*(counts for _, counts in rows), strict=True)]
    return _told(counted(len(rows), "other"), kinds, sums)


def _told(label: str, kinds: Sequence[_Kind], counts: Sequence[int]) -> str:
    parts = [f"{count:,} {kind.name}" for kind, count in zip(kinds, counts, strict=True) if count]
    return f"{label}: {', '.join(parts) or 'none'}"


def _total(counts: Sequence[int]) -> str:
    return f"{sum(counts):,}"


def _net(counts: Sequence[int]) -> str:
    gain, loss = counts
    return " ".join(
        part for part in (f"+{gain:,}" if gain else "", f"\u2212{loss:,}" if loss else "") if part
    )
