"""Horizontal stacked bars as inline SVG, without styles, scripts or ids. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["WIDTH", "Series", "draw"]

# Lengths are in units of the view box.
WIDTH: Final = 400
"""Legible on a phone, and half the width of the page on a desktop."""
ROW_HEIGHT: Final = 27
BAR_HEIGHT: Final = 18
LABEL_CHARACTER_WIDTH: Final = 8.5
END_CHARACTER_WIDTH: Final = 11
"""Upper bounds of the mean width of a character at 14 px, the size on a phone; ends are bold."""
TEXT_GAP: Final = 6
"""Space between a bar and the text before or after it."""
BASELINE_OFFSET: Final = 4
"""Distance from the middle of a row down to the baseline of its texts."""
LONGEST_LABEL: Final = 18
"""Number of characters; longer labels are shortened."""


@attrs.frozen
class Series:
    """One segment of each bar.

    Attributes:
        name: what the segment counts, for people.
        color: CSS class of the segment.
        values: length of the segment in each bar; negative values extend left of the axis.
    """

    name: str
    color: str
    values: Sequence[int]


def draw(
    labels: Sequence[str], series: Sequence[Series], ends: Sequence[str], *, name: str, desc: str
) -> Markup:
    """Draw one bar per label, from top to bottom, as an ``<svg>`` element.

    Args:
        labels: the text before each bar.
        series: the segments of the bars.
        ends: the text after each bar.
        name: the accessible name of the drawing.
        desc: the bars in words, for screen readers.
    """
    scale = _scale_of(labels, series, ends)
    rows = Markup("").join(
        _row(label, [(part, part.values[row]) for part in series], end, scale, row * ROW_HEIGHT)
        for row, (label, end) in enumerate(zip(labels, ends, strict=True))
    )
    height = ROW_HEIGHT * len(labels)
    return Markup(
        '<svg role="img" aria-label="{}" viewBox="0 0 {} {}"><desc>{}</desc>{}'
        '<path d="M{:.1f} 0v{}"></path></svg>'
    ).format(name, WIDTH, height, desc, rows, scale.axis, height)


@attrs.frozen
class _Scale:
    """Horizontal positions: right edge of the labels, axis, and length of a value of 1."""

    label_end: float
    axis: float
    unit: float


def _scale_of(labels: Sequence[str], series: Sequence[Series], ends: Sequence[str]) -> _Scale:
    bars = list(zip(*(part.values for part in series), strict=True))
    negative = max((sum(-value for value in bar if value < 0) for bar in bars), default=0)
    positive = max((sum(value for value in bar if value > 0) for bar in bars), default=0)
    left = _text_width([_shortened(label) for label in labels], LABEL_CHARACTER_WIDTH)
    right = _text_width(ends, END_CHARACTER_WIDTH)
    unit = max(0.0, WIDTH - left - right) / max(1, negative + positive)
    return _Scale(left - TEXT_GAP, left + negative * unit, unit)


def _text_width(texts: Sequence[str], character_width: float) -> float:
    return max(map(len, texts), default=0) * character_width + TEXT_GAP


def _shortened(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"


def _row(
    label: str, segments: Sequence[tuple[Series, int]], end: str, scale: _Scale, top: int
) -> Markup:
    bar_top = top + (ROW_HEIGHT - BAR_HEIGHT) / 2
    baseline = top + ROW_HEIGHT / 2 + BASELINE_OFFSET
    left = right = scale.axis
    parts = [_text("label", scale.label_end, baseline, _shortened(label))]
    for series, value in segments:
        length = abs(value) * scale.unit
        if value > 0:
            x, right = right, right + length
        else:
            x = left = left - length
        if value:
            title = f"{label}: {abs(value):,} {series.name}"
            parts.append(_segment(series.color, title, x, bar_top, length))
    parts.append(_text("end", right + TEXT_GAP, baseline, end))
    return Markup("<g>{}</g>").format(Markup("").join(parts))


def _segment(color: str, title: str, x: float, y: float, width: float) -> Markup:
    return Markup(
        '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">'
        "<title>{}</title></rect>"
    ).format(color, x, y, width, BAR_HEIGHT, title)


def _text(position: str, x: float, y: float, text: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(position, x, y, text)
