"""The pure parts of paging: what `Link` tells, which ids were seen, where a course leads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async import InvalidResponse
from ghpkg_async.changes import ChangeLog, Changes
from ghpkg_async.pagination import Course, Links, SeenIds, read_links

HERE = "https://api.github.com"
PLACE = f"{HERE}/organizations/9/packages?package_type=npm&per_page=100"


def test_links_are_read_as_github_sends_them() -> None:
    numbers = {"prev": 1, "next": 3, "last": 7, "first": 1}
    header = ", ".join(f'<{PLACE}&page={number}>; rel="{rel}"' for rel, number in numbers.items())
    links = read_links(header, HERE)
    assert links is not None
    assert (links.next, links.next_number, links.last_number) == (f"{PLACE}&page=3", 3, 7)


@pytest.mark.parametrize(
    "header", ["", "garbage", '</style.css>; rel="preload"', "<>;", '<x>; rev="next"']
)
def test_a_header_that_tells_nothing_of_pages_counts_as_none(header: str) -> None:
    assert read_links(header, HERE) is None


def test_a_last_page_has_no_next() -> None:
    links = read_links(f'<{PLACE}&page=1>; rel="first"', HERE)
    assert links is not None
    assert links.next is None


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/x", "http://api.github.com/x", "https://api.github.com:8443/x", "//x/y",
     "https://user@api.github.com/x", "https://api.github.com@evil.example/x", "/x", "x y", ""],
)  # fmt: skip
@pytest.mark.parametrize("rel", ["next", "last"])
def test_a_link_to_another_origin_is_refused(target: str, rel: str) -> None:
    with pytest.raises(InvalidResponse, match="Link"):
        read_links(f'<{target}>; rel="{rel}"', HERE)


class FewSeenIds(SeenIds):
    FEW = 8


@given(pages=st.lists(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 30), max_size=9)))
def test_seen_ids_are_a_set_however_many(pages: list[list[int]]) -> None:
    few, known = FewSeenIds(), set[int]()
    for page in pages:
        assert few.add(page) == set(page) - known
        known |= set(page)
        assert len(few) == len(known)


def test_many_ids_take_eight_bytes_each() -> None:
    seen = SeenIds()
    for start in range(200_000, 0, -100):
        assert len(seen.add(range(start, start - 100, -1))) == 100
    assert len(seen) == 200_000
    assert seen.add([5, 200_001]) == {200_001}
    assert not seen._few
    assert seen._many.itemsize == 8


def test_a_course_makes_urls_from_the_servers_own_link() -> None:
    course = Course(f"{HERE}/orgs/acme/packages?per_page=100&page=1", per_page=100)
    course.took(Links(f"{PLACE}&page=2", 2, 9), 100, 100)
    assert course.url(5) == f"{PLACE}&page=5"
    assert list(course.ahead(4)) == [2, 3, 4, 5]
    assert list(course.ahead(100)) == list(range(2, 10))


def test_what_takes_no_parameters_is_asked_without_any() -> None:
    course = Course(f"{HERE}/orgs/acme/docker/conflicts", per_page=0)
    assert course.url(1) == f"{HERE}/orgs/acme/docker/conflicts"
    assert course.url(2) == f"{HERE}/orgs/acme/docker/conflicts?page=2"
    course.took(None, 3, 3)
    assert course.number == 2
    course.took(None, 3, 0)  # The same again: it knows no pages.
    assert course.number is None


def test_changes_are_recorded_while_somebody_lists_or_changes() -> None:
    log = ChangeLog()
    with log.changing("/orgs/acme/packages/npm"):
        meanwhile = log.watch("/orgs/acme/packages/npm")
        assert (meanwhile.begun, meanwhile.finished) == (1, 0)
    assert (meanwhile.begun, meanwhile.finished) == (1, 1)
    changes = log.watch("/orgs/ACME/packages/npm")
    assert changes is log.watch("/orgs/acme/packages/npm") is meanwhile
    with log.changing("/orgs/acme/packages/npm", "/orgs/acme/packages/npm?state=deleted"):
        assert (changes.begun, changes.finished) == (2, 1)
    assert (changes.begun, changes.finished) == (2, 2)


async def test_whoever_waits_for_changes_waits_for_all() -> None:
    changes = Changes()
    await changes.settled()
    with changes.one():
        with changes.one():
            assert not changes._settled.is_set()
        assert not changes._settled.is_set()
    await changes.settled()
