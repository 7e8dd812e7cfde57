"""Listings of changing collections, and of servers with odd responses, are complete or raise."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, suppress
from random import Random
from typing import TYPE_CHECKING

import pytest

import ghpkg_async
from ghpkg_async import GitHubPackages, InvalidResponse, PaginationCapReached
from ghpkg_async._clock import loop_time
from tests.completeness.server import (
    Collection,
    Fault,
    Item,
    Position,
    Request,
    Server,
    absent,
    always,
    recorded,
)
from tests.support.virtual import virtual

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Sequence
    from pathlib import Path

    from ghpkg_async import Package, PackageVersion
    from ghpkg_async._refs import PackageRef
    from tests.completeness.server import LinkStyle

LATENCY = (0.02, 0.08)
KNOWN = ("public", "private", "internal")


def app(gh: GitHubPackages) -> PackageRef:
    """Return the package whose versions the server has."""
    return gh.org("acme").package("npm", "app")


async def ids(listing: AsyncIterable[Package | PackageVersion]) -> list[int]:
    """Return the ids that a listing yields, in its order."""
    return [item.id async for item in listing]


def assert_complete(listed: Sequence[int], expected: Iterable[int]) -> None:
    """Fail if an expected id is missing or any id is repeated."""
    missing = {*expected} - {*listed}
    assert not missing, f"{len(missing)} missing: {sorted(missing)[:10]}"
    repeated = [item_id for item_id, times in Counter(listed).items() if times > 1]
    assert not repeated, f"{len(repeated)} repeated: {sorted(repeated)[:10]}"


async def delete_all(package: PackageRef, version_ids: Iterable[int]) -> None:
    for version_id in version_ids:
        await package.version(version_id).delete()


class TestChangesByThisClient:
    """Changes by the listing client, in the loop over the listing or in other tasks."""

    @pytest.mark.parametrize("link", [absent, recorded, always])
    @virtual
    async def test_another_task_deletes_the_oldest(self, link: LinkStyle) -> None:
        server = Server(link=link, latency=LATENCY)
        versions = server.versions(1000)
        async with server.client() as gh, asyncio.TaskGroup() as group:
            group.create_task(delete_all(app(gh), range(1, 6)))
            listed = await ids(app(gh).versions())
        assert len(versions.ids) == 995
        assert_complete(listed, versions.ids)

    @pytest.mark.parametrize("link", [absent, recorded])
    @virtual
    async def test_a_version_restored_between_two_pages(self, link: LinkStyle) -> None:
        server = Server(link=link)
        versions = server.versions(600)
        versions.delete(550)
        async with server.client(concurrency=2) as gh:
            listing, restored, listed = app(gh).versions(), False, []
            async for version in listing:
                listed.append(version.id)
                if len(listed) == 250 and not restored:
                    restored = True
                    await app(gh).version(550).restore()
        assert_complete(listed, set(versions.ids) - {550})

    @pytest.mark.parametrize(
        ("listing", "deleting"),
        [("me", "user"), ("user", "me"), ("org", "user"), ("user", "org"), ("org", "ORG")],
    )
    @virtual
    async def test_deletes_under_another_name_of_the_owner(
        self, listing: str, deleting: str
    ) -> None:
        server = Server(login="acme")
        everything = server.versions(3000).ids
        async with server.client() as gh:
            names = {
                "me": gh.me(),
                "user": gh.user("acme"),
                "org": gh.org("acme"),
                "ORG": gh.org("ACME"),
            }
            other, listed = names[deleting].package("npm", "app"), []
            async for page in names[listing].package("npm", "app").versions().pages():
                listed += [version.id for version in page.items]
                async with asyncio.TaskGroup() as group:
                    for version in page.items[::4]:
                        group.create_task(other.version(version.id).delete())
        assert_complete(listed, everything)

    @virtual
    async def test_deletes_by_a_second_client(self) -> None:
        server = Server()
        everything = server.versions(3000).ids
        async with server.client() as gh, server.client() as second:
            listed = []
            async for page in app(gh).versions().pages():
                listed += [version.id for version in page.items]
                async with asyncio.TaskGroup() as group:
                    for version in page.items[::4]:
                        group.create_task(app(second).version(version.id).delete())
        assert_complete(listed, everything)

    @pytest.mark.parametrize("total", [1009, 1010])
    @pytest.mark.parametrize("before", [False, True])
    @virtual
    async def test_deletes_carried_out_after_their_callers_gave_up(
        self, total: int, before: bool
    ) -> None:
        def late(request: Request) -> Fault | None:
            return Fault(delay=0.35) if request.method == "DELETE" else None

        server = Server(latency=(0.1, 0.1), meddle=late)
        versions = server.versions(total)
        newest = versions.ids[: total - 1000]
        async with server.client(concurrency=2) as gh:

            async def give_up(version_id: int) -> None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await app(gh).version(version_id).delete()

            async def delete() -> None:
                for pair in zip(newest[::2], newest[1::2], strict=False):
                    await asyncio.gather(*map(give_up, pair))

            if before:
                await delete()
                listed = await ids(app(gh).versions())
            else:
                async with asyncio.TaskGroup() as group:
                    group.create_task(delete())
                    listing = group.create_task(ids(app(gh).versions()))
                listed = listing.result()
        assert_complete(listed, range(1, 1001))

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("link", [absent, recorded])
    @virtual
    async def test_reads_lag_behind_deletes(self, link: LinkStyle, seed: int) -> None:
        server = Server(link=link, lag=(0.02, 0.1), seed=seed)
        everything = server.versions(1000).ids
        listed = []
        async with server.client() as gh:
            async for version in app(gh).versions():
                listed.append(version.id)
                if version.id % 3:
                    await app(gh).version(version.id).delete()
        assert_complete(listed, everything)

    @pytest.mark.parametrize("link", [absent, recorded])
    @virtual
    async def test_smaller_pages_than_requested_after_a_502(self, link: LinkStyle) -> None:
        def fail(request: Request) -> Fault | None:
            return Fault(502) if request.per_page > 50 and request.page == 3 else None

        server = Server(largest_page=30, link=link, meddle=fail)
        versions = server.versions(600)
        async with server.client(max_retries=1) as gh:
            listed = await ids(app(gh).versions())
        assert_complete(listed, versions.ids)

    @pytest.mark.parametrize("link", [absent, recorded])
    @virtual
    async def test_smaller_pages_than_requested_with_deletes_in_batches(
        self, link: LinkStyle
    ) -> None:
        server = Server(largest_page=30, link=link)
        everything = server.versions(600).ids
        async with server.client() as gh:
            listed: list[int] = []
            batch: list[PackageVersion] = []
            async for version in app(gh).versions():
                listed.append(version.id)
                batch.append(version)
                if len(batch) == 60:
                    await asyncio.gather(*(app(gh).version(x.id).delete() for x in batch))
                    batch.clear()
        assert_complete(listed, everything)

    @pytest.mark.parametrize("link", [absent, recorded])
    @pytest.mark.parametrize("duration", [8.0, 12.0])
    @virtual
    async def test_two_tasks_delete_all_the_time(self, duration: float, link: LinkStyle) -> None:
        server = Server(latency=(0.05, 0.05), link=link)
        versions = server.versions(1000)
        started, first_item = loop_time(), None
        async with server.client() as gh, asyncio.TaskGroup() as group:

            async def delete(version_id: int) -> None:
                while loop_time() < started + duration:
                    await app(gh).version(version_id).delete()
                    version_id -= 2

            group.create_task(delete(1000))
            group.create_task(delete(999))
            await asyncio.sleep(0.2)
            began, listed = loop_time(), []
            async for version in app(gh).versions():
                first_item = first_item or loop_time() - began
                listed.append(version.id)
        assert first_item is not None
        assert first_item <= 0.1, f"{first_item} s to the first item: more than two requests"
        assert_complete(listed, versions.ids)

    @virtual
    async def test_every_version_is_deleted_in_the_loop(self) -> None:
        server = Server()
        versions = server.versions(500)
        everything, listed = versions.ids, []
        async with server.client() as gh:
            async for version in app(gh).versions(per_page=50):
                listed.append(version.id)
                await app(gh).version(version.id).delete()
        assert_complete(listed, everything)
        assert not versions.ids

    @virtual
    async def test_every_deleted_version_is_restored_in_the_loop(self) -> None:
        server = Server()
        versions = server.versions(500)
        for version_id in range(1, 401):
            versions.delete(version_id)
        everything, listed = versions.deleted_ids, []
        async with server.client() as gh:
            async for version in app(gh).versions(state="deleted", per_page=50):
                listed.append(version.id)
                await app(gh).version(version.id).restore()
        assert_complete(listed, everything)
        assert len(versions.ids) == 500


class TestChangesByOthers:
    """Changes by other clients, which the listing client can detect from responses only."""

    @virtual
    async def test_a_package_inserted_by_name_between_two_pages(self) -> None:
        server = Server()
        packages = server.packages(600, order="name")
        expected = packages.ids
        server.before = _once(
            lambda x: x.page == 4,
            lambda: packages.insert(Item(9999, "p000150-new", "npm", "private")),
        )
        async with server.client(concurrency=1) as gh:
            listed = await ids(gh.org("acme").packages("npm"))
        assert_complete(listed, expected)

    @pytest.mark.parametrize("consistent", [False, True])
    @virtual
    async def test_a_package_inserted_while_pages_are_built_out_of_order(
        self, consistent: bool
    ) -> None:
        """The server builds page 3 before the insertion, page 2 after it; the end may move."""
        server = Server()
        packages = server.packages(650 if consistent else 600, order="name")
        expected = packages.ids
        server.meddle = lambda x: Fault(delay=1.0) if x.page == 2 else None
        server.before = _once(
            lambda x: x.page == 2,
            lambda: packages.insert(Item(9999, "p000150-new", "npm", "private")),
        )
        async with server.client() as gh:
            acme = gh.org("acme")
            listing = acme.packages("npm", consistent=True) if consistent else acme.packages("npm")
            listed = await ids(listing)
        assert_complete(listed, expected)

    @pytest.mark.parametrize("link", [absent, recorded])
    @virtual
    async def test_a_whole_page_of_versions_published_between_two_pages(
        self, link: LinkStyle
    ) -> None:
        """After the publication, page 2 equals page 1, as on a server that ignores ``page``."""
        server = Server(link=link)
        versions = server.versions(50)
        expected = versions.ids

        def publish() -> None:
            for number in range(51, 61):
                versions.insert(Item(number, f"0.0.{number}"))

        server.before = _once(lambda x: x.page == 2, publish)
        async with server.client(concurrency=1) as gh:
            listed = await ids(app(gh).versions(per_page=10, consistent=True))
        assert_complete(listed, expected)

    @pytest.mark.parametrize("page", [2, 3, 5])
    @virtual
    async def test_a_last_page_that_moves(self, page: int) -> None:
        server = Server()
        versions = server.versions(901)
        server.before = _once(lambda x: x.page == page, lambda: versions.delete(900))
        async with server.client(concurrency=1) as gh:
            listed = await ids(app(gh).versions())
        assert_complete(listed, versions.ids)

    @pytest.mark.parametrize("link", [absent, recorded])
    @virtual
    async def test_fewer_versions_than_the_package_said(self, link: LinkStyle) -> None:
        server = Server(link=link)
        versions = server.versions(550)
        server.before = _once(lambda x: x.page == 3, lambda: versions.delete(540))
        async with server.client(concurrency=1) as gh:
            package = await app(gh).get()
            assert package.version_count == 550
            listed = await ids(gh.org("acme").package(package).versions())
        assert_complete(listed, versions.ids)

    @pytest.mark.parametrize("link", [absent, recorded])
    @virtual
    async def test_a_change_that_shows_nowhere(self, link: LinkStyle) -> None:
        server = Server(link=link)
        versions = server.versions(950)
        server.before = _once(lambda x: x.page == 3, lambda: versions.delete(940))
        async with server.client(concurrency=1) as gh:
            listed = await ids(app(gh).versions(consistent=True))
        assert_complete(listed, versions.ids)

    @virtual
    async def test_a_docker_conflict_that_is_deleted(self) -> None:
        server = Server(latency=LATENCY)
        conflicts = server.conflicts(95)
        server.before = _once(lambda x: x.page == 3, lambda: conflicts.delete(90))
        async with server.client(concurrency=1) as gh:
            listed = await ids(gh.org("acme").docker_conflicts(consistent=True))
        assert_complete(listed, conflicts.ids)

    @pytest.mark.slow
    @pytest.mark.parametrize("concurrency", [1, 16])
    @pytest.mark.parametrize("rate", [1, 5, 20])
    @virtual
    async def test_random_deletes_by_others(self, rate: int, concurrency: int) -> None:
        complete = 0
        for seed in range(4):
            server = Server(latency=(0.05, 0.2), seed=seed)
            versions = server.versions(5000)
            async with server.client(concurrency=concurrency) as gh:
                others = asyncio.create_task(_delete_at_random(versions, rate, seed))
                began, listed = loop_time(), []
                try:
                    async for version in app(gh).versions(consistent=True):
                        listed.append(version.id)
                except ghpkg_async.ListingUnstable:
                    continue
                finally:
                    others.cancel()
                complete += 1
                assert_complete(listed, versions.throughout(began))
        assert complete >= 3, f"{4 - complete} of 4 listings raised ListingUnstable"

    @pytest.mark.slow
    @virtual
    async def test_packages_beyond_the_cap_while_others_delete(self) -> None:
        server = Server(latency=LATENCY)
        packages = server.packages(10_400, visibility=lambda n: KNOWN[n % 3])
        async with server.client() as gh:
            others = asyncio.create_task(_delete_at_random(packages, 10, 0))
            began = loop_time()
            listed = await ids(gh.org("acme").packages("npm", consistent=True))
            others.cancel()
            assert_complete(listed, packages.throughout(began))

    @pytest.mark.slow
    @pytest.mark.parametrize("visibility", [None, "public"])
    @virtual
    async def test_a_package_published_while_packages_beyond_the_cap_are_listed(
        self, visibility: str | None
    ) -> None:
        server = Server()
        packages = server.packages(10_400, visibility=lambda n: KNOWN[n % 3])
        expected = packages.ids
        server.before = _once(
            lambda x: x.page == 30 and x.query.get("visibility") == visibility,
            lambda: packages.insert(Item(20_000, "new", "npm", "public")),
        )
        async with server.client() as gh:
            listed = await ids(gh.org("acme").packages("npm"))
        assert_complete(listed, expected)

    @virtual
    async def test_a_collection_replaced_faster_than_it_is_read_ends_in_an_error(self) -> None:
        server = Server()
        packages = server.packages(300, order="name")

        def replace(_: Request) -> None:
            gone = packages.ids[:100]
            for package_id in gone:
                packages.delete(package_id)
                new = package_id + 300
                packages.insert(Item(new, f"p{new:06}", "npm", "private"))

        server.before = replace
        listed = []
        async with server.client(concurrency=1) as gh:
            with pytest.raises(ghpkg_async.ListingUnstable):
                async for package in gh.org("acme").packages("npm", consistent=True):
                    listed.append(package.id)
        assert_complete(listed, [])
        assert len(server.requests) < 1000

    @virtual
    async def test_a_quiet_collection_costs_one_pass_of_unchanged_responses_more(self) -> None:
        server = Server()
        versions = server.versions(1000)
        async with server.client() as gh:
            listing = await app(gh).versions(consistent=True)
        assert [version.id for version in listing] == versions.ids
        statuses = Counter(request.status for request in server.requests)
        assert statuses[200] == 10
        assert statuses[304] <= 10


def _once(
    condition: Callable[[Request], bool], change: Callable[[], object]
) -> Callable[[Request], None]:
    """Return a hook that makes a change before the first request that meets a condition."""
    done = False

    def before(request: Request) -> None:
        nonlocal done
        if not done and condition(request):
            done = True
            change()

    return before


async def _delete_at_random(versions: Collection, rate: float, seed: int) -> None:
    random = Random(seed)  # noqa: S311  (reproducible, not secret)
    while True:
        await asyncio.sleep(random.expovariate(rate))
        versions.delete(random.choice(versions.items).id)


@pytest.mark.slow
class TestCap:
    """Package listings end at 10,000 items; larger ones are requested by visibility."""

    @virtual
    async def test_packages_of_an_unknown_visibility_beyond_the_cap(self) -> None:
        server = Server()
        packages = server.packages(
            10_500, visibility=lambda n: "confidential" if n <= 5 else KNOWN[n % 3]
        )
        listed = []
        async with server.client() as gh:
            with pytest.raises(PaginationCapReached):
                async for package in gh.org("acme").packages("npm"):
                    listed.append(package.id)
        assert_complete(listed, set(packages.ids) - {1, 2, 3, 4, 5})

    @pytest.mark.parametrize("link", [absent, recorded])
    @pytest.mark.parametrize("total", [9_999, 10_000, 10_001, 10_500])
    @virtual
    async def test_packages_of_known_visibilities_around_the_cap(
        self, total: int, link: LinkStyle
    ) -> None:
        server = Server(link=link)
        packages = server.packages(total, visibility=lambda n: KNOWN[n % 3])
        async with server.client() as gh:
            listed = await ids(gh.org("acme").packages("npm"))
        assert_complete(listed, packages.ids)

    @virtual
    async def test_exactly_the_cap_of_a_visibility_that_is_unknown_without_links(self) -> None:
        server = Server(link=absent)
        server.packages(10_000, visibility=lambda n: "confidential" if n == 7 else KNOWN[n % 3])
        async with server.client() as gh:
            with pytest.raises(PaginationCapReached):
                await gh.org("acme").packages("npm")

    @virtual
    async def test_one_visibility_of_more_than_the_cap(self) -> None:
        server = Server()
        server.packages(10_100)
        async with server.client() as gh:
            with pytest.raises(PaginationCapReached):
                await gh.org("acme").packages("npm")

    @pytest.mark.parametrize("link", [absent, recorded])
    @pytest.mark.parametrize("deleted", [10_500, 501])
    @virtual
    async def test_a_package_deleted_in_the_loop(self, deleted: int, link: LinkStyle) -> None:
        server = Server(link=link)
        packages = server.packages(10_500, visibility=lambda n: KNOWN[n % 3])
        everything, listed = packages.ids, []
        async with server.client() as gh:
            acme = gh.org("acme")
            async for package in acme.packages("npm"):
                listed.append(package.id)
                if package.id == deleted:
                    await acme.package(package).delete()
        assert_complete(listed, everything)


def _no_next_in_the_middle(page: Position) -> dict[str, int]:
    links = recorded(page)
    if page.number == 2:
        links = {"prev": 1, "first": 1}
    return links


def _only_first_on_the_first_page(page: Position) -> dict[str, int]:
    return {"first": 1} if page.number == 1 else recorded(page)


def _next_from_1_to_3(page: Position) -> dict[str, int]:
    return {**recorded(page), "next": 3} if page.number == 1 else recorded(page)


def _last_is_smaller_than_next(page: Position) -> dict[str, int]:
    links = recorded(page)
    return {**links, "last": 2} if "next" in links else links


class TestLinks:
    """Lost or wrong ``Link`` headers."""

    @pytest.mark.parametrize(
        "link",
        [
            _no_next_in_the_middle,
            _only_first_on_the_first_page,
            _next_from_1_to_3,
            _last_is_smaller_than_next,
        ],
    )
    @virtual
    async def test_odd_links_cost_no_item_or_are_an_error(self, link: LinkStyle) -> None:
        server = Server(link=link)
        versions = server.versions(500)
        async with server.client() as gh:
            try:
                listed = await ids(app(gh).versions())
            except InvalidResponse:
                return
        assert listed == versions.ids

    @pytest.mark.parametrize("seed", range(10))
    @virtual
    async def test_lost_links_cost_no_item(self, seed: int) -> None:
        server = Server(link_loss=0.5, seed=seed)
        versions = server.versions(730)
        async with server.client() as gh:
            for per_page in (100, 73):
                assert await ids(app(gh).versions(per_page=per_page)) == versions.ids

    @pytest.mark.parametrize("total", [0, 1, 99, 100, 101, 200, 1000])
    @pytest.mark.parametrize("link", [absent, recorded, always])
    @virtual
    async def test_any_number_of_items(self, link: LinkStyle, total: int) -> None:
        server = Server(link=link)
        versions = server.versions(total)
        async with server.client() as gh:
            for _ in range(2):
                assert await ids(app(gh).versions()) == versions.ids

    @virtual
    async def test_a_full_page_without_a_link_is_not_the_end(self) -> None:
        """The server omits the link, although the client knows that it sends links."""
        server = Server()
        server.versions(150)
        async with server.client() as gh:
            await app(gh).versions()
            server.link_loss = 1.0
            assert len(await ids(app(gh).versions())) == 150

    @pytest.mark.parametrize("link", [absent, recorded, always])
    async def test_cached_responses_cost_no_item_of_a_changed_collection(
        self, link: LinkStyle, tmp_path: Path
    ) -> None:
        """An unchanged page may have a new next page, or may have become the last page."""
        server = Server(link=link, latency=(0.0, 0.0))
        versions = server.versions(38)
        random = Random(0)  # noqa: S311  (reproducible, not secret)
        async with server.client(cache=tmp_path / "cache") as gh:
            for _ in range(30):
                assert await ids(app(gh).versions(per_page=20)) == versions.ids
                for _ in range(random.randint(0, 3)):
                    if random.random() < 0.5:
                        new = versions.ids[0] + 1
                        versions.insert(Item(new, f"0.0.{new}"))
                    else:
                        versions.delete(random.choice(versions.ids))
        assert 304 in {request.status for request in server.requests}

    @virtual
    async def test_a_listing_of_all_items_as_a_coroutine(self) -> None:
        server = Server()
        versions = server.versions(250)
        async with server.client() as gh:
            listing = app(gh).versions()
            for items in (await listing.all(), await listing):
                assert [version.id for version in items] == versions.ids

    @pytest.mark.parametrize("total", [30, 100])
    @virtual
    async def test_a_server_that_ignores_the_page_costs_one_request_more(self, total: int) -> None:
        server = Server(link=absent, ignores_page=True)
        versions = server.versions(total)
        async with server.client() as gh:
            assert await ids(app(gh).versions()) == versions.ids
        assert len(server.requests) <= 2


class TestCost:
    """Number of requests of listings without changes and faults."""

    @pytest.mark.parametrize("link", [recorded, always])
    @pytest.mark.parametrize("total", [101, 1000, 5000])
    @virtual
    async def test_a_listing_without_changes_costs_the_fewest_requests(
        self, link: LinkStyle, total: int
    ) -> None:
        server = Server(link=link, latency=LATENCY)
        server.versions(total)
        async with server.client() as gh:
            await app(gh).versions()
        assert len(server.requests) == -(-total // 100)

    @virtual
    async def test_a_delete_before_the_listing_costs_no_request(self) -> None:
        server = Server()
        server.versions(1000)
        async with server.client() as gh:
            await app(gh).version(1000).delete()
            await asyncio.sleep(60)
            await app(gh).versions()
        assert len(server.listed) == 10

    @virtual
    async def test_a_single_page_costs_one_request_once_the_server_is_known(self) -> None:
        server = Server()
        server.versions(30)
        async with server.client() as gh:
            for requests in (2, 3, 4):
                assert len(await ids(app(gh).versions())) == 30
                assert len(server.requests) == requests

    @virtual
    async def test_a_longer_listing_makes_the_server_known_too(self) -> None:
        server = Server()
        server.versions(30)
        server.versions(150, name="longer")
        async with server.client() as gh:
            await gh.org("acme").package("npm", "longer").versions()
            assert len(server.requests) == 2
            await app(gh).versions()
        assert len(server.requests) == 3

    @virtual
    async def test_each_operation_and_kind_of_owner_is_known_for_itself(self) -> None:
        server = Server(login="octocat")
        for owner in ("acme", "octocat"):
            server.packages(20, owner=owner)
            server.versions(20, owner=owner)
        async with server.client() as gh:
            for namespace in (gh.org("acme"), gh.me(), gh.user("octocat")):
                for requests in (2, 1):
                    before = len(server.requests)
                    assert len(await ids(namespace.packages("npm"))) == 20
                    assert len(server.requests) == before + requests
                    before = len(server.requests)
                    assert len(await ids(namespace.package("npm", "app").versions())) == 20
                    assert len(server.requests) == before + requests

    @virtual
    async def test_a_short_page_is_not_the_end_where_links_are_never_sent(self) -> None:
        server = Server(link=absent, largest_page=30)
        versions = server.versions(95)
        async with server.client() as gh:
            for _ in range(2):
                assert await ids(app(gh).versions()) == versions.ids

    @pytest.mark.parametrize(
        ("total", "fewest", "more", "rounds"), [(9_000, 91, 15, 15), (1_000, 11, 10, 6)]
    )
    @virtual
    async def test_pages_are_fetched_on_suspicion_where_links_are_never_sent(
        self, total: int, fewest: int, more: int, rounds: int
    ) -> None:
        server = Server(link=absent, latency=(0.08, 0.08))
        packages = server.packages(total, visibility=lambda n: KNOWN[n % 3])
        async with server.client() as gh:
            began = loop_time()
            listed = await ids(gh.org("acme").packages("npm"))
            assert loop_time() - began <= rounds * 0.08 + 0.001
        assert listed == packages.ids
        assert fewest <= len(server.requests) <= fewest + more
        assert server.most_in_flight > 1

    @virtual
    async def test_suspicion_takes_no_place_that_another_listing_wants(self) -> None:
        server = Server(link=absent, latency=(0.04, 0.04))
        async with server.client() as gh, asyncio.TaskGroup() as group:
            for number in range(40):
                name = f"app{number}"
                server.versions(250, name=name)
                group.create_task(ids(gh.org("acme").package("npm", name).versions()))
        assert len(server.requests) <= 40 * 4 * 1.05

    @virtual
    async def test_the_first_item_needs_one_request(self) -> None:
        server = Server(link=absent, latency=(0.1, 0.1))
        server.versions(3000)
        async with server.client() as gh:
            began = loop_time()
            async for _ in app(gh).versions(consistent=True):
                assert loop_time() - began <= 0.11
                break


class TestFaults:
    """Faults during changes."""

    @pytest.mark.parametrize("seed", range(6))
    @virtual
    async def test_faults_at_random_while_versions_are_deleted(self, seed: int) -> None:
        random = Random(seed)  # noqa: S311  (reproducible, not secret)
        faults = [Fault(502), Fault(drop=True), Fault(drop=True, done=True), Fault(delay=3.0)]
        server = Server(
            seed=seed,
            latency=LATENCY,
            meddle=lambda _: random.choice(faults) if random.random() < 0.1 else None,
        )
        everything, listed = server.versions(700).ids, []
        async with server.client(timeout=1.0) as gh:
            async for version in app(gh).versions(per_page=20):
                listed.append(version.id)
                if version.id % 5 == 0:
                    await app(gh).version(version.id).delete()
        assert_complete(listed, everything)

    async def test_over_sockets(self) -> None:
        server = Server(latency=(0.001, 0.01), lag=(0.0, 0.02))
        everything, listed = server.versions(500).ids, []
        async with AsyncExitStack() as stack:
            gh, second = [await stack.enter_async_context(server.client()) for _ in range(2)]
            async for page in app(gh).versions(per_page=20, consistent=True).pages():
                listed += [version.id for version in page.items]
                for client, version in zip((gh, second), page.items, strict=False):
                    await app(client).version(version.id).delete()
        assert_complete(listed, everything)
