"""Pages of earlier passes, by key."""

from __future__ import annotations

import attrs

from ghpkg_async._paging.known_pages import KnownPage, KnownPages


def test_the_latest_page_of_each_key_is_returned_whole() -> None:
    pages = KnownPages()
    first = KnownPage('"a"', 100, -(2**63), 0, has_next=True)
    second = KnownPage("", 30, 2**63 - 1, 1, has_next=False, cursor="https://x.test/?after=b")
    changed = KnownPage('W/"longer"', 99, 7, 2, has_next=True)
    pages.add(201, first)
    pages.add("https://x.test/?after=a", second)
    pages.add(201, changed)

    assert len(pages) == 2
    assert pages.get(302) is None
    assert attrs.asdict(pages.get("https://x.test/?after=a")) == attrs.asdict(second)  # type: ignore[arg-type]
    assert attrs.asdict(pages.get(201)) == attrs.asdict(changed)  # type: ignore[arg-type]
