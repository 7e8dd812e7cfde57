"""Bars drawn by pygal, made part of a page: no style, script or id of their own.

pygal lays the bars out; of what it draws, only the shapes and texts named here are taken over, so
that the page's style sheet colours them, light or dark, and its policy has nothing to forbid.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import attrs
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence


@contextmanager
def _leaving_imports_alone() -> Iterator[None]:
    """Takes back the finder that pygal adds to every import of the process, for its maps.

    It is of a kind that Python 3.12 passes over, and that 3.11 warns of whenever a module is not
    found. Whoever imported pygal before keeps it.
    """
    before = [*sys.meta_path]
    yield
    sys.meta_path[:] = [
        each for each in sys.meta_path if each in before or type(each).__module__ != "pygal"
    ]


with _leaving_imports_alone():
    from pygal import HorizontalStackedBar  # type: ignore[import-untyped]
    from pygal.style import Style  # type: ignore[import-untyped]

__all__ = ["Series", "draw"]

WIDTH: Final = 400
"""In the drawing's own unit; at this size it is legible on a phone and fills half a desktop."""
ROW_HEIGHT: Final = 27
TEXT_SIZE: Final = 14
LONGEST_LABEL: Final = 18
END_WIDTH: Final = 0.62 * TEXT_SIZE
"""How wide a character of what is behind a bar may be."""

END_GAP: Final = 8
SPACING: Final = 8

_ENDS: Final = "ends"


@attrs.frozen
class Series:
    """One part of each bar.

    Attributes:
        name: what it counts, for people.
        color: the style sheet's class for it.
        values: how long it is in each bar.
    """

    name: str
    color: str
    values: Sequence[int]


def draw(
    labels: Sequence[str], series: Sequence[Series], ends: Sequence[str], *, name: str, desc: str
) -> Markup:
    """Horizontal bars, as an ``<svg>`` for a page.

    Args:
        labels: what stands before each bar, from top to bottom.
        series: what each bar is made of; negative values go to the left.
        ends: what stands behind each bar.
        name: the accessible name.
        desc: the bars in words, for screen readers.
    """
    longest = max(map(len, ends), default=0)
    chart = HorizontalStackedBar(
        width=WIDTH,
        height=ROW_HEIGHT * len(labels),
        margin=0,
        margin_right=round(longest * END_WIDTH) + END_GAP,
        margin_bottom=-(TEXT_SIZE + SPACING),  # No place for the axis' numbers: bars have theirs.
        spacing=SPACING,
        css=[],
        js=[],
        no_prefix=True,
        show_legend=False,
        print_values=True,
        style=Style(label_font_size=TEXT_SIZE, value_font_size=TEXT_SIZE),
    )
    # pygal begins at the bottom.
    chart.x_labels = [_shortened(label) for label in reversed(labels)]
    for each in series:
        bars = [_bar(label, value, each) for label, value in zip(labels, each.values, strict=True)]
        chart.add(each.name, bars[::-1])
    # Bars of no length, for the texts beside them.
    chart.add(_ENDS, [{"value": 0, "formatter": _constant(end)} for end in reversed(ends)])
    colors = [*(each.color for each in series), _ENDS]
    root = chart.render_tree()
    content = Markup("").join(_taken_over(root, colors))
    return Markup('<svg role="img" aria-label="{}" viewBox="{}"><desc>{}</desc>{}</svg>').format(
        name, root.get("viewBox"), desc, content
    )


def _bar(label: str, value: int, series: Series) -> dict[str, object]:
    tip = {"label": f"{label}: {abs(value):,} {series.name}"} if value else {}
    return {"value": value, "formatter": _constant(""), **tip}


def _constant(text: str) -> Callable[[object], str]:
    return lambda _value: text


def _shortened(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"


def _taken_over(node: Any, colors: Sequence[str], *, texts: bool = True) -> Iterator[Markup]:
    """What of a drawn element's children belongs on the page."""
    for child in node:
        if not isinstance(child.tag, str):
            continue  # A comment.
        tag = child.tag.rpartition("}")[2]
        classes = frozenset((child.get("class") or "").split())
        if tag == "g":
            yield _group(child, classes, colors, texts=texts and not classes >= {"axis", "x"})
        elif tag == "rect" and "rect" in classes and float(child.get("width") or 0):
            yield _element("rect", child, ("x", "y", "width", "height"))
        elif tag == "desc" and "label" in classes:
            yield Markup("<title>{}</title>").format(child.text)
        elif tag == "path" and "axis" in classes:
            yield _element("path", child, ("d",))
        elif tag == "text" and child.text and texts:
            yield _element("text", child, ("x", "y"), child.text)


def _group(node: Any, classes: Collection[str], colors: Sequence[str], *, texts: bool) -> Markup:
    content = Markup("").join(_taken_over(node, colors, texts=texts))
    if not content:
        return content
    if "plot" in classes:
        return Markup('<g transform="{}">{}</g>').format(node.get("transform"), content)
    if "series" in classes:
        place = next(int(each[6:]) for each in classes if each.startswith("serie-"))
        return Markup('<g class="{}">{}</g>').format(colors[place], content)
    return Markup("<g>{}</g>").format(content) if "bar" in classes else content


def _element(tag: str, node: Any, names: Sequence[str], text: str = "") -> Markup:
    attributes = Markup("").join(
        Markup(' {}="{}"').format(name, _rounded(node.get(name))) for name in names
    )
    return Markup("<{}{}>{}</{}>").format(tag, attributes, text, tag)


def _rounded(value: str) -> str:
    try:
        return f"{float(value):.1f}"
    except ValueError:
        return value  # A path.
