"""Charts: bars, their text and their table fit the width of the page."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async.audit import Change, Comparison
from ghpkg_async.audit._report import render_report
from ghpkg_async.audit._report.charts import BARS_SHOWN, Chart, charts_of
from ghpkg_async.audit._report.drawing import WIDTH, Series, draw
from tests.report.rig import Parsed, audit, large
from tests.support.examples import examples
from tests.support.records import NOW, header, package


def drawn(chart: Chart) -> Parsed:
    return Parsed.of(chart.svg)


def test_an_empty_series_has_no_chart() -> None:
    assert charts_of(audit(), None, NOW) == []
    assert charts_of(audit(), Comparison((), ()), NOW) == []


def test_packages_show_as_bars_as_text_and_as_a_table() -> None:
    report = audit(
        package("a"),
        package("b", package_type="maven"),
        package("c", owner="octo-org"),
        head=header("acme", "octo-org", package_types=("npm", "maven")),
    )
    owners, visibility, age = charts_of(report, None, NOW)
    assert owners.headings == ["Owner", "Npm", "Maven"]
    assert list(owners.rows) == [("acme", [1, 1]), ("octo-org", [1, 0])]
    assert owners.legend == [("type-0", "npm"), ("type-1", "maven")]
    parsed = drawn(owners)
    assert parsed.text_of("desc") == ["acme: 1 npm, 1 maven; octo-org: 1 npm"]
    assert parsed.text_of("title") == ["acme: 1 npm", "acme: 1 maven", "octo-org: 1 npm"]
    assert [text for text in parsed.text_of("text") if text.isdigit()] == ["2", "1"]
    assert list(visibility.rows) == [("public", [0]), ("internal", [0]), ("private", [3])]
    assert drawn(visibility).text_of("title") == ["private: 3 private"]
    assert age.rows[0] == ("Last 30 days", [3])


def test_many_owners_beyond_the_bars_are_a_line_of_text() -> None:
    packages = [package(str(each), owner=f"org-{each % 40}") for each in range(100)]
    owners = charts_of(audit(*packages), None, NOW)[0]
    assert len(owners.rows) == 40
    labels = [text for text in drawn(owners).text_of("text") if not text.isdigit()]
    assert len(labels) == BARS_SHOWN
    assert owners.rest == "30 others: 70 npm"
    assert owners.rest in render_report(audit(*packages))


def test_each_drawing_has_its_title_for_a_name() -> None:
    for chart in charts_of(large(50), None, NOW):
        (name,) = (each["aria-label"] for tag, each in drawn(chart).tags if tag == "svg")
        assert name == chart.title


def test_the_chart_of_growth_shows_increase_and_decrease() -> None:
    comparison = Comparison(
        (
            Change("new", "acme", "npm", "a", None, "public"),
            Change("gone", "acme", "npm", "b", "public", None),
            Change("gone", "octo-org", "npm", "c", "public", None),
        ),
        (),
    )
    (packages,) = charts_of(audit(), comparison, NOW)
    assert list(packages.rows) == [("acme", [1, 1]), ("octo-org", [0, 1])]
    assert drawn(packages).text_of("text") == ["acme", "+1 \u22121", "octo-org", "\u22121"]
    assert drawn(packages).text_of("title")[0] == "acme: 1 new"


def test_long_names_are_cut_before_they_push_the_bars_away() -> None:
    owners = charts_of(audit(package(owner="o" * 90)), None, NOW)[0]
    assert "o" * 17 + "…" in drawn(owners).text_of("text")
    assert owners.rows[0][0] == "o" * 90


@examples(50)
@given(
    st.lists(st.tuples(st.text(max_size=30), st.integers(-(10**12), 10**12)), max_size=6),
    st.text(max_size=20),
)
def test_drawings_bring_nothing_of_their_own(rows: list[tuple[str, int]], name: str) -> None:
    labels = [label.encode("unicode_escape").decode() for label, _ in rows]
    shown = name.encode("unicode_escape").decode()
    series = [Series(shown, "plain", [value for _, value in rows])]
    parsed = Parsed.of(
        draw(labels, series, [str(value) for _, value in rows], name=shown, desc=shown)
    )
    assert {tag for tag, _ in parsed.tags} <= {"svg", "desc", "g", "path", "rect", "text", "title"}
    names = {key for _, attributes in parsed.tags for key in attributes}
    assert names <= {
        *"xyd",
        "aria-label",
        "class",
        "height",
        "role",
        "transform",
        "viewbox",
        "width",
    }
    for _, attributes in parsed.tags:
        for key in ("x", "y", "width", "height"):
            assert re.fullmatch(r"-?\d+\.\d", attributes.get(key) or "0.0")


def test_bars_are_within_the_drawing() -> None:
    for chart in charts_of(large(500), None, NOW):
        for tag, attributes in drawn(chart).tags:
            if tag == "rect":
                right = float(attributes["x"] or 0) + float(attributes["width"] or 0)
                assert 0 < right <= WIDTH


def test_the_same_numbers_make_the_same_drawing() -> None:
    first, second = (charts_of(large(50), None, NOW) for _ in range(2))
    assert first == second
