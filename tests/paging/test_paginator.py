"""Pages that a paginator requests, and the end of its listing."""

from __future__ import annotations

import pytest

from ghpkg_async import InvalidResponse
from ghpkg_async._paging.known_pages import KnownPage
from ghpkg_async._paging.link_header import Links
from ghpkg_async._paging.paginator import Paginator

HERE = "https://api.github.com"
PLACE = f"{HERE}/organizations/9/packages?package_type=npm&per_page=100"
URL = f"{HERE}/orgs/acme/packages?per_page=100&page=1"


def paginator(expected: int | None = None, *, capped: bool = False) -> Paginator:
    return Paginator(URL, per_page=100, expected=expected, capped=capped)


def to(page: int, last: int | None = None) -> Links:
    return Links(f"{PLACE}&page={page}", page, last, prev=page > 2)


def full(paging: Paginator, links: Links | None = None, **options: bool) -> None:
    paging.advance(links, size=100, new=100, **options)


def requested(paging: Paginator, window: int) -> tuple[list[int], list[int]]:
    certain, speculative = paging.pages_to_request(window)
    return list(certain), list(speculative)


def test_urls_are_made_from_the_servers_own_link() -> None:
    paging = paginator()
    full(paging, to(2, last=9))
    assert paging.url(5) == f"{PLACE}&page=5"
    assert requested(paging, 4) == ([2, 3, 4, 5], [])
    assert requested(paging, 100) == ([*range(2, 10)], [])


def test_a_listing_without_parameters_is_requested_without_any() -> None:
    paging = Paginator(f"{HERE}/orgs/acme/docker/conflicts", per_page=0)
    assert paging.url(1) == f"{HERE}/orgs/acme/docker/conflicts"
    assert paging.url(2) == f"{HERE}/orgs/acme/docker/conflicts?page=2"
    paging.advance(None, size=3, new=3)
    assert paging.next_page == 2
    paging.advance(None, size=3, new=0, repeats_page=True)
    assert paging.next_page is None
    assert not paging.changed


def test_a_page_size_that_the_server_names_is_kept_where_none_was_requested() -> None:
    paging = Paginator(f"{HERE}/orgs/acme/docker/conflicts", per_page=0)
    following = f"{HERE}/organizations/9/docker/conflicts?per_page=30&page=2"
    paging.advance(Links(following, 2, 3), size=30, new=30)
    assert paging.url(3) == following.replace("&page=2", "&page=3")


@pytest.mark.parametrize(
    ("sends_link", "next_page", "unconfirmed"),
    [(True, None, False), (False, 2, False), (None, 2, True)],
)
def test_a_short_page_without_link_ends_only_where_the_server_is_known_to_send_link(
    sends_link: bool | None, next_page: int | None, unconfirmed: bool
) -> None:
    paging = paginator()
    paging.advance(None, size=99, new=99, sends_link=sends_link)
    assert (paging.next_page, paging.is_end_unconfirmed) == (next_page, unconfirmed)


def test_a_full_page_without_link_is_never_the_end() -> None:
    paging = paginator(expected=100)
    full(paging, sends_link=True)
    assert paging.next_page == 2


def test_an_unconfirmed_end_can_be_confirmed_by_other_evidence() -> None:
    paging = paginator()
    paging.advance(None, size=3, new=3)
    paging.confirm_end()
    assert (paging.next_page, paging.last_page) == (None, 1)


def test_pages_that_may_exist_are_requested_once_as_many_were_full() -> None:
    paging = paginator()
    numbers = []
    for _ in range(20):
        numbers.append(len(requested(paging, 8)[1]))
        full(paging)
    assert numbers == [0, 0, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]
    paging.advance(None, size=4, new=4)
    assert requested(paging, 8) == ([22], [])


def test_pages_that_may_exist_end_at_the_cap() -> None:
    paging = paginator(capped=True)
    for _ in range(97):
        full(paging)
    assert requested(paging, 16) == ([98], [99, 100])


def test_a_known_count_predicts_the_last_page() -> None:
    assert requested(paginator(expected=950), 16) == ([*range(1, 11)], [])


def test_fewer_items_than_expected_are_a_sign_of_a_change() -> None:
    paging = paginator(expected=150)
    full(paging, to(2, last=2))
    paging.advance(Links(None, None, None, prev=True), size=49, new=49)
    assert paging.next_page is None
    assert paging.changed


def test_a_last_page_that_moves_is_a_sign_of_a_change() -> None:
    paging = paginator()
    full(paging, to(2, last=3))
    assert not paging.changed
    full(paging, to(3, last=4))
    assert paging.changed


def test_an_item_that_repeats_is_a_sign_of_a_change() -> None:
    paging = paginator()
    full(paging, to(2, last=2))
    paging.advance(Links(None, None, None, prev=True), size=100, new=99)
    assert paging.changed


def test_a_page_before_the_last_one_is_not_the_end_without_next() -> None:
    paging = paginator()
    full(paging, to(2, last=3))
    full(paging, Links(None, None, None, prev=True))
    assert paging.next_page == 3


def test_a_next_link_that_skips_a_page_skips_none() -> None:
    paging = paginator()
    full(paging, to(3, last=5))
    assert (paging.next_page, paging.url(2)) == (2, f"{PLACE}&page=2")


@pytest.mark.parametrize("page", [0, 1])
def test_a_next_link_that_leads_back_is_refused(page: int) -> None:
    with pytest.raises(InvalidResponse, match="Link: page 1"):
        full(paginator(), to(page))


def test_smaller_pages_resume_at_the_items_already_listed() -> None:
    paging = paginator()
    full(paging, to(2, last=5))
    assert paging.halve_page_size()
    assert (paging.next_page, paging.per_page) == (3, 50)
    assert "per_page=50&page=3" in paging.url(3)


def test_a_server_that_clamps_pages_loses_no_item_after_halving() -> None:
    paging = paginator()
    for page in range(2, 5):
        paging.advance(to(page, last=20), size=30, new=30)
    assert paging.halve_page_size()
    assert paging.next_page == 2  # Item 90 is on page 2 of size 50, after page 2 of size 30.


def test_an_unchanged_page_continues_as_in_the_pass_before() -> None:
    paging = paginator()
    full(paging, to(2, last=2))
    full(paging, Links(None, None, None, prev=True))
    again = paging.restart()
    assert requested(again, 16) == ([1, 2], [])
    again.advance_unchanged(KnownPage("e", 100, 0, 0, has_next=True))
    again.advance_unchanged(KnownPage("e", 100, 0, 1, has_next=False))
    assert again.next_page is None


def test_a_second_page_as_large_as_the_first_is_full_whatever_was_requested() -> None:
    paginator = Paginator(f"{HERE}/items?per_page=100&page=1", per_page=100)
    following = Links(f"{HERE}/items?per_page=100&page=2", 2, None)
    paginator.advance(following, size=10, new=10, will_be_cached=True)
    ended = Links(None, None, None, prev=True)
    paginator.advance(ended, size=10, new=10, links_may_be_stale=True, will_be_cached=True)
    assert paginator.next_page == 3


# Pages of another size


def resized(per_page: int, items: int, *, passes: int = 1, clamp: int = 100) -> list[int]:
    """Return the page sizes of the passes over a listing, each of another size than the last."""
    paginator, sizes = Paginator(f"{HERE}/items?per_page={per_page}&page=1", per_page=per_page), []
    for _ in range(passes + 1):
        sizes.append(paginator.per_page)
        left = items
        while paginator.next_page is not None:
            size = min(paginator.per_page, clamp, left)
            left -= size
            paginator.advance(None, size=size, new=size)
        paginator = paginator.restart(resize=True)
    return sizes


def test_another_size_is_one_item_less_or_more() -> None:
    assert resized(100, 250, passes=3) == [100, 99, 98, 97]
    assert resized(1, 5, passes=3) == [1, 2, 3, 4]
    assert resized(50, 250, passes=3) == [50, 51, 52, 53]


def test_another_size_is_smaller_than_the_pages_of_a_server_that_clamps_them() -> None:
    assert resized(100, 95, passes=3, clamp=30) == [100, 29, 28, 27]
    assert resized(9, 10, passes=3, clamp=2) == [9, 1, 2, 3]


def test_a_pass_with_another_size_requests_as_many_pages_as_there_were_items() -> None:
    paging = paginator()
    full(paging, to(2, last=2))
    paging.advance(Links(None, None, None, prev=True), size=99, new=99)
    again = paging.restart(resize=True)
    assert "per_page=99&page=2" in again.url(2)
    assert requested(again, 16) == ([1, 2, 3], [])


def test_smaller_pages_of_another_pass_are_full() -> None:
    paging = paginator()
    full(paging, to(2, last=2))
    full(paging, Links(None, None, None, prev=True))
    again = paging.restart(resize=True)
    for page in (2, 3):
        again.advance(None, size=99, new=99, sends_link=True)
        assert again.next_page == page, "a full page without Link is not the last"


def test_the_size_is_kept_where_pages_would_start_elsewhere_or_cannot_have_another() -> None:
    later = Paginator(f"{HERE}/items?per_page=100&page=3", per_page=100, first=3)
    assert later.restart(resize=True).per_page == 100
    assert Paginator(f"{HERE}/items", per_page=0).restart(resize=True).per_page == 0
