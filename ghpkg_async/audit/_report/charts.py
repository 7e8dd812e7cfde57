"""Charts of an audit, each as bars, in words, and as a table."""

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
"""Maximum number of bars. The others are summed in a line of text: as a bar they would dominate."""
COLORS: Final = 8
"""Number of distinct colors of package types; further types repeat them."""


@attrs.frozen
class Chart:
    """A chart with its legend and its table.

    Attributes:
        key: part of its ids within the page.
        title: its heading.
        svg: the bars.
        rest: the rows without a bar, in words; ``""`` if there are none.
        legend: CSS class and name of each color; empty for a single color.
        headings: the headings of the table.
        rows: the rows of the table.
    """

    key: str
    title: str
    svg: Markup
    rest: str
    legend: Sequence[tuple[str, str]]
    headings: Sequence[str]
    rows: Sequence[tuple[str, Sequence[int]]]


def charts_of(report: AuditReport, comparison: Comparison | None, now: datetime) -> list[Chart]:
    """Return the charts of an audit, without empty ones.

    Args:
        report: the audit.
        comparison: the changes since an earlier audit, if it was compared.
        now: the time from which ages count back.
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
    segments = [_Segment(name, f"type-{index % COLORS}") for index, name in enumerate(types)]
    rows = [
        (owner, [counts[package_type] for package_type in types])
        for owner, counts in owners.items()
    ]
    return _chart("owners", "Packages by owner and type", "Owner", segments, rows, _total)


def _visibility(counts: Mapping[str, int]) -> Chart:
    # One series for each bar gives each bar its color.
    segments = [_Segment(name, f"visibility-{name}") for name in counts]
    rows = [
        (name, [count if segment.name == name else 0 for segment in segments])
        for name, count in counts.items()
    ]
    chart = _chart("visibility", "Visibility", "Visibility", segments, rows, _total)
    table = [(name, [count]) for name, count in counts.items()]
    return attrs.evolve(chart, legend=(), headings=("Visibility", "Packages"), rows=table)


def _age(counts: Sequence[int]) -> Chart:
    rows = [(label, [count]) for (label, _), count in zip(AGES, counts, strict=True)]
    segments = [_Segment("packages", "plain")]
    return _chart("age", "Age of the last update", "Last update", segments, rows, _total)


def _growth(comparison: Comparison) -> list[Chart]:
    owners = growth(comparison)
    packages = [(owner, [grown.new, grown.gone]) for owner, grown in owners.items()]
    versions = [(owner, [grown.added, grown.removed]) for owner, grown in owners.items()]
    return [
        _chart(
            key, title, "Owner", [_Segment(gain, "gain"), _Segment(loss, "loss", -1)], rows, _net
        )
        for key, title, gain, loss, all_rows in (
            ("packages-growth", "Growth in packages", "new", "gone", packages),
            ("versions-growth", "Growth in versions", "added", "removed", versions),
        )
        if (rows := sorted((row for row in all_rows if any(row[1])), key=lambda row: -sum(row[1])))
    ]


@attrs.frozen
class _Segment:
    """Segment of a bar: its name, its color, and -1 if it extends to the left."""

    name: str
    color: str
    sign: int = 1


_Row: TypeAlias = "tuple[str, Sequence[int]]"


def _chart(
    key: str,
    title: str,
    heading: str,
    segments: Sequence[_Segment],
    rows: Sequence[_Row],
    end: Callable[[Sequence[int]], str],
) -> Chart:
    bars, others = rows[:BARS_SHOWN], rows[BARS_SHOWN:]
    rest = _rest(segments, others) if others else ""
    series = [
        Series(
            printable(segment.name),
            segment.color,
            [segment.sign * counts[index] for _, counts in bars],
        )
        for index, segment in enumerate(segments)
    ]
    svg = draw(
        [printable(label) for label, _ in bars],
        series,
        [end(counts) for _, counts in bars],
        name=title,
        desc=printable("; ".join(_in_words(label, segments, counts) for label, counts in bars)),
    )
    legend = [(segment.color, segment.name) for segment in segments] if len(segments) > 1 else []
    headings = [heading, *(segment.name.capitalize() for segment in segments)]
    return Chart(key, title, svg, rest, legend, headings, rows)


def _rest(segments: Sequence[_Segment], rows: Sequence[_Row]) -> str:
    """Sum the rows in words, like ``190 others: 300 npm, 20 container``."""
    sums = [sum(column) for column in zip(*(counts for _, counts in rows), strict=True)]
    return _in_words(counted(len(rows), "other"), segments, sums)


def _in_words(label: str, segments: Sequence[_Segment], counts: Sequence[int]) -> str:
    parts = [
        f"{count:,} {segment.name}"
        for segment, count in zip(segments, counts, strict=True)
        if count
    ]
    return f"{label}: {', '.join(parts) or 'none'}"


def _total(counts: Sequence[int]) -> str:
    return f"{sum(counts):,}"


def _net(counts: Sequence[int]) -> str:
    gain, loss = counts
    return " ".join(
        part for part in (f"+{gain:,}" if gain else "", f"\u2212{loss:,}" if loss else "") if part
    )
