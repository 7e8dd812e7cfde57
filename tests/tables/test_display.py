"""Tables in a notebook show the first rows and the row count, and escape HTML of a server."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async import Items, Package, PackageVersion
from ghpkg_async._text import printable
from ghpkg_async.tables._display import LONGEST_LINK, LONGEST_TEXT, ROWS_SHOWN
from tests.tables.rig import ELSEWHERE, FIRST, LAST, entry, failure, package, report, version

ALLOWED = {"p", "table", "thead", "tbody", "tr", "th", "td", "a"}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&lt;"


@attrs.define
class Seen(HTMLParser):
    """Parser of the displayed HTML: rows, texts and links."""

    rows: list[list[str]] = attrs.field(factory=list)
    told: list[str] = attrs.field(factory=list)
    links: list[str] = attrs.field(factory=list)
    _into: list[str] = attrs.field(factory=list)

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED
        given = dict(attributes)
        if tag == "a":
            assert given.keys() == {"href", "target", "rel"}
            assert given["rel"] == "noopener noreferrer"
            self.links.append(given["href"] or "")
        else:
            assert given.keys() <= {"style"}
            assert given.get("style") in (None, "text-align: left", "text-align: right")
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
            self._into = self.rows[-1]
        elif tag == "p":
            self.told.append("")
            self._into = self.told

    def handle_data(self, data: str) -> None:
        self._into[-1] += data


def seen(shown: Any) -> Seen:
    html = shown._repr_html_()
    assert html is not None
    parser = Seen()
    parser.feed(html)
    parser.close()
    return parser


def test_packages() -> None:
    shown = seen(Items([package(version_count=1234, visibility="internal")]))
    assert shown.told == ["1 package"]
    assert shown.rows == [
        ["Name", "Type", "Visibility", "Versions", "Updated", "Repository"],
        ["left", "npm", "internal", "1,234", "2025-06-02", ""],
    ]
    assert shown.links == ["https://github.com/orgs/acme/packages/npm/left"]


def test_versions() -> None:
    shown = seen(Items([version("latest", "1.0", id=12345, deleted_at=ELSEWHERE)]))
    assert shown.told == ["1 version"]
    assert shown.rows == [
        ["Id", "Name", "Tags", "Created", "Deleted"],
        ["12345", "1.0.0", "latest, 1.0", "2025-06-02", "2025-06-02"],
    ]
    assert shown.links == []


@pytest.mark.parametrize("number", [ROWS_SHOWN - 1, ROWS_SHOWN, ROWS_SHOWN + 1, 12_345])
def test_the_first_rows_and_how_many_there_are(number: int) -> None:
    shown = seen(Items([package()] * number))
    assert len(shown.rows) == 1 + min(number, ROWS_SHOWN)
    more = f"; the first {ROWS_SHOWN}:" if number > ROWS_SHOWN else ""
    assert shown.told == [f"{number:,} packages{more}"]


@pytest.mark.parametrize(("kind", "noun"), [(Package, "packages"), (PackageVersion, "versions")])
def test_an_empty_listing_shows_that_it_is_empty(kind: type[Any], noun: str) -> None:
    shown = seen(Items(kind=kind))
    assert (shown.told, shown.rows) == ([f"0 {noun}"], [])


@pytest.mark.parametrize("items", [[], [1, 2], [package(), version()], [package(), None]])
def test_items_without_columns_show_as_a_list(items: list[Any]) -> None:
    assert Items(items)._repr_html_() is None


def test_a_report() -> None:
    shown = seen(report())
    assert shown.told == ["2 owners, 1 package, 3 versions, 1 conflict", "2 rows by owner and type"]
    _, docker, container = shown.rows
    assert docker == ["acme", "docker", "0", "0", "0", "0", "0", "1", "0", ""]
    assert container == ["acme", "container", "1", "1", "0", "0", "3", "0", "0", "2025-06-02"]


def test_a_report_shows_the_failures_beside_its_table() -> None:
    where = "https://github.com/orgs/octo-org/sso?authorization_request=AB"
    one = failure(authorization_url=where)
    other = failure(owner="acme", listing="docker_conflicts", reason="timeout", message="Too slow")
    shown = seen(report(one, other))
    assert shown.told[-1] == "2 failures for which this is incomplete"
    assert shown.rows[-2:] == [
        ["acme", "docker_conflicts", "", "timeout", "Too slow"],
        ["octo-org", "", "", "sso_required", one.message],
    ]
    assert shown.links == [where]


def test_a_report_of_many_owners_shows_the_first() -> None:
    shown = seen(report(*(entry(owner=f"org-{number}") for number in range(5000))))
    assert shown.told[0].startswith("2 owners, 5,001 packages, ")
    assert shown.told[1] == f"5,002 rows by owner and type; the first {ROWS_SHOWN}:"
    assert len(shown.rows) == 1 + ROWS_SHOWN


def test_html_of_a_server_is_text() -> None:
    row = seen(Items([package(name=HOSTILE, package_type=HOSTILE, visibility=HOSTILE)])).rows[1]
    assert row[:3] == [HOSTILE] * 3
    row = seen(Items([version(HOSTILE, name=HOSTILE)])).rows[1]
    assert row[1:3] == [HOSTILE] * 2
    shown = seen(report(failure(owner=HOSTILE, reason=HOSTILE, message=HOSTILE)))
    assert shown.rows[-1] == [HOSTILE, "", "", HOSTILE, HOSTILE]


@given(st.text(st.characters(), max_size=150))
def test_any_text_is_shown_as_text(text: str) -> None:
    shown = seen(Items([package(name=text, html_url=text)]))
    assert len(shown.rows) == 2
    name = shown.rows[1][0]
    if len(text) <= LONGEST_TEXT:
        assert name == printable(text)
    assert name.isprintable()


def test_invisible_and_direction_changing_characters_are_escaped() -> None:
    shown = seen(Items([package(name="a\u202egnp\x1b\u3164\ufe0f")]))
    assert shown.rows[1][0] == r"a\u202egnp\x1b\u3164\ufe0f"


def test_a_long_text_is_cut() -> None:
    shown = seen(Items([package(name="x" * 1_000_000, html_url="https://x/" + "y" * 1_000_000)]))
    assert shown.rows[1][0] == "x" * (LONGEST_TEXT - 1) + "…"
    assert shown.links == []


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com",
        "https://github.com/orgs/acme/packages/npm/%40acme%2Fleft",
        "https://github.example.org:8443/a?b=c&d='e'",
        "https://github.com/?a=1&copy=2&lt;=3",
        "https://github.com/" + "a" * (LONGEST_LINK - 19),
    ],
)
def test_an_address_leads_there(address: str) -> None:
    assert seen(Items([package(html_url=address)])).links == [address]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "http://github.com/acme",
        "javascript:alert(1)",
        "JavaScript:alert(1)//https://github.com",
        "data:text/html,<script>alert(1)</script>",
        "//github.com/acme",
        " https://github.com/acme",
        "https://github.com/acme\n",
        "https://github.com@example.org/",
        "https://github.com\\@example.org/",
        'https://github.com/" onmouseover="alert(1)',
        "https://g\u0131thub.com/",
        "https://github.com/\u202e",
        "https://github.com/" + "a" * (LONGEST_LINK - 18),
    ],
)
def test_other_addresses_lead_nowhere(address: str) -> None:
    shown = seen(Items([package(html_url=address)]))
    assert shown.links == []
    assert shown.rows[1][0] == "left"


@pytest.mark.parametrize("moment", [FIRST, LAST, FIRST.replace(tzinfo=ELSEWHERE.tzinfo)])
def test_the_ends_of_the_calendar_are_days(moment: Any) -> None:
    day = seen(Items([package(updated_at=moment)])).rows[1][4]
    assert day in ("0001-01-01", "9999-12-31")
