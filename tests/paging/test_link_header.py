"""Parsing of the ``Link`` header."""

from __future__ import annotations

import pytest

from ghpkg_async import InvalidResponse
from ghpkg_async._paging.link_header import parse_link_header

HERE = "https://api.github.com"
PLACE = f"{HERE}/organizations/9/packages?package_type=npm&per_page=100"


def test_links_are_parsed_as_github_sends_them() -> None:
    numbers = {"prev": 1, "next": 3, "last": 7, "first": 1}
    header = ", ".join(f'<{PLACE}&page={number}>; rel="{rel}"' for rel, number in numbers.items())
    links = parse_link_header(header, HERE)
    assert links is not None
    assert (links.next, links.next_page, links.last_page) == (f"{PLACE}&page=3", 3, 7)


@pytest.mark.parametrize(
    "header", ["", "garbage", '</style.css>; rel="preload"', "<>;", '<x>; rev="next"']
)
def test_a_header_without_page_relations_has_no_links(header: str) -> None:
    assert parse_link_header(header, HERE) is None


def test_a_last_page_has_no_next() -> None:
    links = parse_link_header(f'<{PLACE}&page=1>; rel="first"', HERE)
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
        parse_link_header(f'<{target}>; rel="{rel}"', HERE)
