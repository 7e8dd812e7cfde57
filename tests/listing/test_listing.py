"""A listing yields all items once, in order, or raises; tests without a network."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from ghpkg_async import (
    GitHubPackages,
    InvalidResponse,
    ListingUnstable,
    PackageVersion,
    PaginationCapReached,
    ServerError,
    SSORequired,
)
from ghpkg_async._listing.listing import Listing
from ghpkg_async._paging.link_support import LinkSupport
from tests.support.session import InMemorySession
from tests.support.virtual import run

if TYPE_CHECKING:
    from pathlib import Path

    from yarl import URL

    from ghpkg_async._session.messages import Response
    from ghpkg_async.testing import EmbeddedGitHub
    from tests.support.session import LinkMode

MODES: list[LinkMode] = ["link", "next only", "cursor", "none"]


async def ids(listing: Listing[PackageVersion]) -> list[int]:
    return [each.id for each in await listing]


def known_to_send_link() -> LinkSupport:
    support = LinkSupport()
    support.learn(sends_link=True)
    return support


@given(
    total=st.integers(0, 120),
    per_page=st.integers(1, 30),
    mode=st.sampled_from(MODES),
    ahead=st.integers(1, 8),
    slow=st.dictionaries(st.integers(1, 12), st.integers(0, 9)),
)
def test_every_item_is_yielded_once_in_order(
    total: int, per_page: int, mode: LinkMode, ahead: int, slow: dict[int, int]
) -> None:
    session = InMemorySession(
        list(range(1, total + 1)),
        mode,
        per_page=per_page,
        latency=lambda number: slow.get(number, 1),
    )

    async def check() -> None:
        assert await ids(session.listing(ahead=ahead)) == session.ids

    run(check)
    assert len(session.requested_pages) == len(set(session.requested_pages))


@pytest.mark.parametrize("mode", ["link", "next only", "cursor"])
@pytest.mark.parametrize("total", [11, 19, 20, 21, 30, 100, 101])
async def test_with_link_a_listing_costs_its_pages(mode: LinkMode, total: int) -> None:
    session = InMemorySession(list(range(total)), mode)
    assert await ids(session.listing()) == session.ids
    assert sorted(session.requested_pages) == list(range(1, session.pages + 1))


@pytest.mark.parametrize("mode", MODES)
async def test_an_empty_listing_costs_one_request(mode: LinkMode) -> None:
    session = InMemorySession([], mode)
    assert await ids(session.listing()) == []
    assert session.requested_pages == [1]


@pytest.mark.parametrize("total", [1, 9, 10, 20, 25])
async def test_without_link_pages_are_counted_to_an_empty_one(total: int) -> None:
    session = InMemorySession(list(range(total)), "none")
    assert await ids(session.listing(ahead=1)) == session.ids
    assert session.requested_pages == list(range(1, -(-total // 10) + 2))


async def test_a_listing_of_one_page_costs_one_request_once_the_server_is_known_to_send_link() -> (
    None
):
    support = LinkSupport()
    single, several = (
        InMemorySession([1, 2], link_support=support),
        InMemorySession([*range(25)], link_support=support),
    )
    assert await ids(single.listing()) == [1, 2]
    assert single.requested_pages == [1, 2]
    await several.listing()
    single.requested_pages.clear()
    assert await ids(single.listing()) == [1, 2]
    assert single.requested_pages == [1]


async def test_listings_of_one_page_at_once_request_one_page_past_the_end() -> None:
    class Recorded(InMemorySession):
        def link(self, number: int, per_page: int) -> str:
            first = '<https://api.github.com/x?page=1>; rel="first"'
            return first if number > 1 else super().link(number, per_page)

    support = LinkSupport()
    sessions = [Recorded([1, 2], link_support=support) for _ in range(20)]
    listed = await asyncio.gather(*(session.listing().all() for session in sessions))
    assert all(len(items) == 2 for items in listed)
    assert sum(len(session.requested_pages) for session in sessions) == 21


@pytest.mark.parametrize("mode", ["link", "next only", "none"])
async def test_a_short_page_is_no_end(mode: LinkMode) -> None:
    session = InMemorySession(list(range(40)), mode, holes={1: [0, 1], 3: [25]})
    assert await ids(session.listing()) == [0, 1, *range(10, 20), 25, *range(30, 40)]


async def test_an_empty_page_is_no_end_where_link_leads_on() -> None:
    session = InMemorySession(list(range(40)), holes={2: []})
    numbers = [page.number async for page in session.listing().pages()]
    assert numbers == [1, 2, 3, 4]
    assert await ids(session.listing()) == [*range(10), *range(20, 40)]


async def test_a_link_missing_from_one_response_loses_no_pages() -> None:
    class Forgetful(InMemorySession):
        def link(self, number: int, per_page: int) -> str:
            return "" if number == 2 else super().link(number, per_page)

    session = Forgetful(list(range(45)))
    assert await ids(session.listing()) == session.ids


async def test_pages_are_numbered_from_the_page_argument() -> None:
    session = InMemorySession(list(range(35)))
    pages = [(page.number, len(page.items)) async for page in session.listing(first=2).pages()]
    assert pages == [(2, 10), (3, 10), (4, 5)]


async def test_a_listing_sends_its_requests_each_time_it_is_iterated() -> None:
    session = InMemorySession(list(range(15)))
    listing = session.listing()
    assert await ids(listing) == session.ids
    session.ids.append(99)
    assert await ids(listing) == session.ids


async def test_items_that_shift_to_a_later_page_are_yielded_once() -> None:
    session = InMemorySession(list(range(100, 0, -1)), "next only")
    seen = []
    async for each in session.listing():
        seen.append(each.id)
        if len(seen) % 10 == 0 and len(seen) < 60:
            session.ids.insert(0, 100 + len(seen))
    assert len(seen) == len(set(seen))
    assert set(range(1, 101)) <= set(seen)


async def test_a_page_has_the_number_of_the_last_page_if_link_had_it() -> None:
    cases: list[tuple[LinkMode, list[int | None]]] = [
        ("link", [3, 3, 3]),
        ("next only", [None, None, 3]),
    ]
    for mode, last in cases:
        session = InMemorySession(list(range(25)), mode)
        assert [page.last async for page in session.listing().pages()] == last


async def test_a_partial_listing_raises_after_its_items() -> None:
    class Partial(InMemorySession):
        async def get(self, url: URL, **options: Any) -> Response:
            response = await super().get(url, **options)
            sso = {"X-GitHub-SSO": "partial-results; organizations=21955855,20582480"}
            return attrs.evolve(response, headers=CIMultiDict({**response.headers, **sso}))

    seen = []
    with pytest.raises(SSORequired, match="21955855, 20582480") as partial:
        async for each in Partial(list(range(25))).listing():
            seen.append(each.id)
    assert seen == list(range(25))
    assert partial.value.organizations == ("21955855", "20582480")


# Changes by the same client


async def delete(session: InMemorySession, number: int, turns: int = 1) -> None:
    with session.mutations.record("npm/left"):
        for _ in range(turns):
            await asyncio.sleep(0)
        session.ids.remove(number)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ahead", [1, 16])
async def test_deleting_in_the_loop_reaches_every_item_once(mode: LinkMode, ahead: int) -> None:
    session = InMemorySession(list(range(65)), mode)
    seen = []
    async for item in session.listing(ahead=ahead):
        seen.append(item.id)
        await delete(session, item.id)
    assert sorted(seen) == list(range(65))
    assert session.ids == []


@settings(deadline=None)
@given(
    total=st.integers(0, 60),
    per_page=st.integers(1, 12),
    mode=st.sampled_from(MODES),
    latency=st.integers(0, 6),
    turns=st.lists(st.integers(0, 8), min_size=1, max_size=7),
    chosen=st.lists(st.booleans(), min_size=1, max_size=7),
    ahead=st.integers(1, 5),
)
def test_deletes_in_other_tasks_lose_nothing(
    total: int,
    per_page: int,
    mode: LinkMode,
    latency: int,
    turns: list[int],
    chosen: list[bool],
    ahead: int,
) -> None:
    session = InMemorySession(
        list(range(total)), mode, per_page=per_page, latency=lambda _: latency
    )

    async def check() -> None:
        seen: list[int] = []
        async with asyncio.TaskGroup() as group:
            async for item in session.listing(ahead=ahead):
                seen.append(item.id)
                if chosen[item.id % len(chosen)]:
                    wait = turns[item.id % len(turns)]
                    group.create_task(delete(session, item.id, wait))
        assert sorted(seen) == list(range(total))

    run(check)
    assert session.ids == [each for each in range(total) if not chosen[each % len(chosen)]]


async def test_deletes_that_are_refused_cost_a_pass_of_conditional_requests() -> None:
    session = InMemorySession(list(range(35)))
    seen = []
    async for item in session.listing():
        seen.append(item.id)
        with session.mutations.record("npm/left"):
            await asyncio.sleep(0)
    assert seen == session.ids
    assert (len(session.requested_pages), session.not_modified) == (8, 4)


# Changes by others


async def test_a_consistent_listing_of_a_quiet_collection_costs_a_pass_of_304s() -> None:
    session = InMemorySession(list(range(40)))
    assert await ids(session.listing(consistent=True)) == session.ids
    assert (len(session.requested_pages), session.not_modified) == (8, 4)


async def test_an_own_write_during_an_unchanged_pass_costs_another() -> None:
    class Writing(InMemorySession):
        async def get(self, url: URL, **options: Any) -> Response:
            if len(self.requested_pages) == 5:
                with self.mutations.record("npm/left"):
                    return await super().get(url, **options)
            return await super().get(url, **options)

    session = Writing(list(range(40)))
    assert await ids(session.listing(consistent=True)) == session.ids
    assert (len(session.requested_pages), session.not_modified) == (12, 8)


async def test_a_consistent_listing_of_one_page_costs_one_request() -> None:
    session = InMemorySession(list(range(4)), link_support=known_to_send_link())
    assert await ids(session.listing(consistent=True)) == session.ids
    assert session.requested_pages == [1]


class Undone(InMemorySession):
    """Session in whose collection an item is deleted and restored while pages are read.

    Page 3 of the first pass is read after item 3 was deleted, and page 2 after it was restored:
    item 20 is on neither. In the second pass, item 15 is deleted between the reads of pages 2 and
    3: all pages have the same ids as in the first pass.
    """

    changes: int = 0
    first_read_of_page_3: asyncio.Event
    second_read_of_page_2: asyncio.Event

    async def get(self, url: URL, **options: Any) -> Response:
        page = (url.query["per_page"], url.query["page"])
        reads = self.requested_pages.count(int(url.query["page"]))
        if page == ("10", "2") and reads == 0:
            await self.first_read_of_page_3.wait()
            self.change(3)
        if page == ("10", "3") and reads == 0:
            self.change(3)
        if page == ("10", "3") and reads == 1:
            await self.second_read_of_page_2.wait()
            self.change(15)
        response = await super().get(url, **{**options, "etag": ""})
        if page == ("10", "3"):
            self.first_read_of_page_3.set()
        if page == ("10", "2") and reads == 1:
            self.second_read_of_page_2.set()
        return attrs.evolve(response, headers=CIMultiDict({"ETag": f'"{self.changes}"'}))

    def change(self, item: int) -> None:
        self.ids = sorted({*self.ids} ^ {item})
        self.changes += 1


async def test_pages_that_are_the_same_again_after_changes_hide_no_item() -> None:
    session = Undone(list(range(25)), "none")
    session.first_read_of_page_3 = asyncio.Event()
    session.second_read_of_page_2 = asyncio.Event()
    found = await ids(session.listing(expected=25, consistent=True))
    assert sorted(found) == list(range(25))
    assert 20 in found[-1:], "it was not hidden from the first pass"


@pytest.mark.parametrize("mode", MODES)
async def test_a_consistent_listing_finds_an_item_hidden_by_a_shift(mode: LinkMode) -> None:
    session = InMemorySession(list(range(45)), mode)
    seen = []
    async for item in session.listing(ahead=1, consistent=True):
        seen.append(item.id)
        if item.id == 7:
            del session.ids[:3]
    assert sorted(seen) == list(range(45))


async def test_a_collection_that_never_settles_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ghpkg_async._listing.run.delay_before_pass", lambda _: 0.0)

    class Shuffled(InMemorySession):
        def link(self, number: int, per_page: int) -> str:
            self.ids = [each + len(self.ids) for each in self.ids]
            return super().link(number, per_page)

    seen = []
    with pytest.raises(ListingUnstable, match="after 20 passes"):
        async for item in Shuffled(list(range(25))).listing(consistent=True):
            seen.append(item.id)
    assert len(seen) == len(set(seen)) > 25


# Elements that cannot be decoded


async def test_an_element_that_cannot_be_decoded_hides_no_other() -> None:
    class Broken(InMemorySession):
        async def get(self, url: URL, **options: Any) -> Response:
            response = await super().get(url, **options)
            return attrs.evolve(response, raw_body=response.raw_body.replace(b'"v12"', b"null"))

    seen = []
    with pytest.raises(InvalidResponse, match=r"page=2.*`\$\[2\]\.name`"):
        async for item in Broken(list(range(35))).listing():
            seen.append(item.id)
    assert seen == [*range(12), *range(13, 35)]


# The cap


@lru_cache(maxsize=8)
def every(number: int, place: int, ids: tuple[int, ...]) -> list[int]:
    """Return the ids whose remainder by `number` is `place`."""
    return [each for each in ids if each % number == place]


class Catalogue(InMemorySession):
    """Packages of three visibilities, more than one listing can reach below the cap."""

    filter_before_cap = True
    visibilities: tuple[str, ...] = ("public", "private", "internal")

    async def get(self, url: URL, **options: Any) -> Response:
        whole, chosen = self.ids, url.query.get("visibility")
        if chosen:
            kept = whole if self.filter_before_cap else whole[: 10_000 // 10 * 10]
            place = self.visibilities.index(chosen)
            self.ids = every(len(self.visibilities), place, tuple(kept))
        try:
            return await super().get(url, **options)
        finally:
            self.ids = whole

    def everything(self, *, beyond: bool = True) -> Listing[PackageVersion]:
        parts = [self.spec(f"&visibility={each}") for each in ("public", "private", "internal")]
        whole = attrs.evolve(
            self.spec(),
            beyond_cap=(lambda: parts) if beyond else None,
            beyond_cap_has=lambda items: all(
                item.id % len(self.visibilities) < 3 for item in items
            ),
        )
        return Listing(self, whole, window=16)


def catalogue(total: int, mode: LinkMode = "link", per_page: int = 100) -> Catalogue:
    return Catalogue(list(range(total)), mode, per_page=per_page, capped=True)


@pytest.mark.parametrize("mode", ["link", "next only", "none"])
async def test_beyond_the_cap_a_listing_continues_by_visibility(mode: LinkMode) -> None:
    session = catalogue(12_345, mode)
    found = await ids(session.everything())
    assert found[:10_000] == session.ids[:10_000]
    assert sorted(found) == session.ids


async def test_a_listing_that_no_longer_reaches_the_cap_is_complete() -> None:
    class Shrinking(Catalogue):
        async def get(self, url: URL, **options: Any) -> Response:
            if url.query["per_page"] != "1":
                return await super().get(url, **options)
            self.ids.append(len(self.ids))
            total = await super().get(url, **options)
            self.ids = self.ids[:9_950]
            return total

    session = Shrinking(list(range(10_002)), per_page=100, capped=True)
    assert await ids(session.everything()) == list(range(10_002))


async def test_up_to_the_cap_no_request_is_repeated() -> None:
    session = catalogue(10_000)
    assert await ids(session.everything()) == session.ids
    assert len(session.requested_pages) == 100


async def test_a_page_size_that_does_not_divide_the_cap_is_kept_below_it() -> None:
    session = catalogue(9_995, per_page=30)
    assert sorted(await ids(session.everything())) == session.ids


async def reached(listing: Listing[PackageVersion]) -> set[int]:
    found = set()
    with pytest.raises(PaginationCapReached, match="10000"):
        async for each in listing:
            found.add(each.id)
    return found


async def test_a_part_beyond_the_cap_raises_after_all_that_can_be_reached() -> None:
    session = catalogue(30_003 + 30)
    found = await reached(session.everything())
    assert len(found) > 30_000 - 3


async def test_a_filter_applied_after_the_cap_cannot_pass_as_complete() -> None:
    session = catalogue(12_000)
    session.filter_before_cap = False
    assert await reached(session.everything()) == set(range(10_000))


@pytest.mark.parametrize("mode", ["link", "none"])
async def test_an_unknown_visibility_cannot_pass_as_complete(mode: LinkMode) -> None:
    session = catalogue(12_000, mode)
    session.visibilities = ("public", "private", "internal", "secret")
    assert len(await reached(session.everything())) > 10_000


async def test_an_unknown_visibility_beyond_the_cap_shows_in_the_total() -> None:
    class Late(Catalogue):
        async def get(self, url: URL, **options: Any) -> Response:
            if "visibility=private" in str(url) or "visibility=internal" in str(url):
                return await InMemorySession([]).get(url, **options)
            whole = self.ids
            if "visibility=public" in str(url):
                self.ids = [each for each in whole if each < 10_000]
            try:
                return await InMemorySession.get(self, url, **options)
            finally:
                self.ids = whole

    late = Late(list(range(10_005)), per_page=100, capped=True)
    assert await reached(late.everything()) == set(range(10_000))


@pytest.mark.parametrize("total", [9_999, 10_000])
async def test_up_to_the_cap_a_listing_without_link_is_complete(total: int) -> None:
    session = catalogue(total, "none")
    assert sorted(await ids(session.everything())) == session.ids


async def test_the_cap_raises_for_a_listing_of_one_visibility() -> None:
    assert len(await reached(catalogue(10_001).everything(beyond=False))) == 10_000


# Prefetching


async def test_further_pages_are_fetched_side_by_side_within_the_window() -> None:
    session = InMemorySession(list(range(400)), latency=lambda _: 5)
    async with aclosing(session.listing(ahead=4).pages()) as pages:
        async for page in pages:
            for _ in range(50):
                await asyncio.sleep(0)
            assert max(session.requested_pages) <= page.number + 4
    assert session.max_in_flight == 4


async def test_the_next_request_is_sent_before_a_page_is_decoded() -> None:
    session = InMemorySession(list(range(400)))
    async with aclosing(session.listing(ahead=4).pages()) as pages:
        async for page in pages:
            if page.number == 1:
                for _ in range(50):  # Until all prefetched pages are received.
                    await asyncio.sleep(0)
            else:
                assert max(session.requested_pages) >= min(page.number + 3, 40)


async def test_without_link_full_pages_are_fetched_side_by_side() -> None:
    session = InMemorySession(list(range(895)), "none", latency=lambda _: 40)
    assert await ids(session.listing(ahead=8)) == session.ids
    assert session.max_in_flight == 8
    assert len(session.requested_pages) <= 91 + 8


@pytest.mark.parametrize("mode", ["next only", "cursor"])
async def test_no_request_is_wasted_if_link_has_no_last_page(mode: LinkMode) -> None:
    session = InMemorySession(list(range(95)), mode, latency=lambda _: 3)
    assert await ids(session.listing()) == session.ids
    assert session.max_in_flight == 1


async def test_a_known_count_saves_the_round_trip_of_the_first_page() -> None:
    session = InMemorySession(list(range(95)), latency=lambda _: 3)
    assert await ids(session.listing(expected=95)) == session.ids
    assert session.max_in_flight == 10
    assert len(session.requested_pages) == 10


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("expected", [0, 1, 50, 94, 96, 200])
async def test_a_count_that_is_wrong_costs_no_item(mode: LinkMode, expected: int) -> None:
    session = InMemorySession(list(range(95)), mode)
    assert await ids(session.listing(expected=expected)) == session.ids


async def test_a_known_count_ends_a_short_last_page_without_link() -> None:
    session = InMemorySession([1, 2, 3], "none")
    assert await ids(session.listing(expected=3)) == [1, 2, 3]
    assert session.requested_pages == [1]


async def test_pages_before_a_broken_one_are_handed_over() -> None:
    class Breaking(InMemorySession):
        async def get(self, url: URL, **options: Any) -> Response:
            response = await super().get(url, **options)
            if url.query["page"] == "5":
                return attrs.evolve(response, raw_body=b"<html>")
            return response

    seen = []
    with pytest.raises(InvalidResponse, match="page=5"):
        async for each in Breaking(list(range(100))).listing():
            seen.append(each.id)
    assert seen == list(range(40))


class Stored(InMemorySession):
    """Session that marks each response as stored, and reports page 1 as modified."""

    remembered: list[str]

    async def get(self, url: URL, **options: Any) -> Response:
        if options["etag"] and url.query["page"] == "1":
            options["etag"] = '"of the first pass"'
        return attrs.evolve(await super().get(url, **options), stored=True)

    async def remember_last(self, response: Response) -> None:
        self.remembered.append(response.request.url.query["page"])


@pytest.mark.parametrize("consistent", [False, True])
async def test_only_the_last_page_is_remembered_as_the_last(consistent: bool) -> None:
    session = Stored(list(range(35)), "none", per_page=10)
    session.remembered = []
    session.link_support.learn(sends_link=True)
    assert await ids(session.listing(consistent=consistent)) == session.ids
    assert session.remembered == ["4"]


# Pages that are too large for the server


class Straining(InMemorySession):
    """Session that fails on large pages with heavy items; counts failures without a retry."""

    heavy: frozenset[int] = frozenset()
    largest: int = 3
    probes: int = 0

    async def get(self, url: URL, **options: Any) -> Response:
        response = await super().get(url, **options)
        number, per_page = int(url.query["page"]), int(url.query["per_page"])
        inside = set(self.ids[(number - 1) * per_page : number * per_page])
        if per_page > self.largest and inside & self.heavy:
            self.probes += not options["retry"]
            raise ServerError("busy", status=502, method="GET", url=str(url))
        return response


@pytest.mark.parametrize("mode", ["link", "next only", "none"])
@pytest.mark.parametrize("heavy", [{0}, {57}, {99}, {0, 42, 43, 99}])
async def test_pages_that_fail_are_requested_in_smaller_sizes(
    mode: LinkMode, heavy: set[int]
) -> None:
    session = Straining(list(range(100)), mode)
    session.heavy = frozenset(heavy)
    assert await ids(session.listing()) == session.ids


@pytest.mark.parametrize("mode", ["link", "none"])
async def test_no_item_is_missing_after_page_sizes_that_do_not_divide_each_other(
    mode: LinkMode,
) -> None:
    complete = 0
    for heavy in range(100, 200, 9):
        session = Straining(list(range(500)), mode, per_page=100)
        session.heavy = frozenset({heavy})
        with suppress(ServerError):
            assert sorted(await ids(session.listing())) == session.ids
            complete += 1
    assert complete > 6


async def test_no_item_is_missing_if_the_server_limits_the_size_of_smaller_pages() -> None:
    class Clamped(Straining):
        async def get(self, url: URL, **options: Any) -> Response:
            return await super().get(
                url.update_query(per_page=min(7, int(url.query["per_page"]))), **options
            )

    session = Clamped(list(range(60)), "none", per_page=20)
    session.heavy, session.largest = frozenset({33}), 2
    assert sorted(await ids(session.listing())) == session.ids


async def test_a_server_that_fails_at_any_size_is_reported_without_further_retries() -> None:
    session = Straining(list(range(100)))
    session.heavy, session.largest = frozenset(range(100)), 0
    with pytest.raises(ServerError, match="per_page=10&"):
        await ids(session.listing())
    assert session.probes == 3  # Page sizes 5, 2 and 1.


async def test_a_smaller_page_keeps_below_the_cap() -> None:
    session = Straining(list(range(10_000)), per_page=100, capped=True)
    session.heavy, session.largest = frozenset({9_950}), 50
    assert await ids(session.listing()) == session.ids


# Leaving the loop


async def test_leaving_the_loop_cancels_requests_in_flight() -> None:
    session = InMemorySession(list(range(400)), latency=lambda number: 0 if number == 1 else 10_000)
    async for _ in session.listing():
        break
    for _ in range(5):
        await asyncio.sleep(0)
    assert session.in_flight == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_error_in_the_loop_cancels_requests_in_flight() -> None:
    session = InMemorySession(list(range(400)), latency=lambda number: 0 if number == 1 else 10_000)
    with pytest.raises(ZeroDivisionError):
        async with aclosing(session.listing().pages()) as pages:
            async for _ in pages:
                raise ZeroDivisionError
    assert session.in_flight == 0


async def test_cancelling_passes_at_once_and_leaves_nothing() -> None:
    session = InMemorySession(list(range(400)), latency=lambda number: 0 if number == 1 else 10_000)

    async def take_all() -> None:
        await session.listing()

    task = asyncio.create_task(take_all())
    for _ in range(20):
        await asyncio.sleep(0)
    assert session.in_flight > 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert session.in_flight == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


# The client's cache


@pytest.mark.parametrize("total", [0, 5, 100, 150, 200])
async def test_a_repeated_listing_of_an_unchanged_collection_is_all_304s(
    github: EmbeddedGitHub, tmp_path: Path, total: int
) -> None:
    github.world.org("acme").package("npm", "right", versions=max(total, 1))
    for number in range(total):
        github.world.org("acme").package("container", f"app-{number}", versions=1)
    for statuses in ({200}, {304}, {304}):
        github.requests.clear()
        async with GitHubPackages(
            github.token, base_url=github.url, cache=tmp_path / "cache.sqlite"
        ) as gh:
            assert len(await gh.org("acme").packages("container")) == total
            assert len(await gh.org("acme").package("npm", "right").versions()) == max(total, 1)
        assert {request.status for request in github.requests} == statuses
