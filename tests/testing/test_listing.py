"""Listings of the embedded server: filters, pages, `Link` and the last page."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ghpkg_async.testing import World
from ghpkg_async.testing._paging import Window

if TYPE_CHECKING:
    from ghpkg_async.testing import Behaves
    from tests.testing.conftest import Caller, Serve

NPM = "/orgs/acme/packages?package_type=npm"
VERSIONS = "/orgs/acme/packages/npm/left/versions"

over_http = settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def fill(world: World, count: int, **package: str) -> list[str]:
    """Create `count` npm packages of acme; return their names."""
    names = [f"p{number}" for number in range(count)]
    for name in names:
        world.org("acme").package("npm", name, **package)  # type: ignore[arg-type]
    return names


async def walk(call: Caller, path: str) -> list[list[str]]:
    """Follow `next` and return the names on each page."""
    pages = []
    url: str | None = path
    while url is not None:
        reply = await call.get(url)
        assert reply.status == 200
        pages.append([item["name"] for item in reply.json])
        url = reply.links.get("next")
    return pages


@over_http
@given(total=st.integers(0, 230), per_page=st.integers(1, 130))
async def test_following_next_gives_everything_once(
    serve: Serve, total: int, per_page: int
) -> None:
    world = World()
    world.token("ghp_everything", login="octocat")
    package = world.org("acme").package("npm", "left", versions=total)
    call = await serve(world)
    pages = await walk(call, f"{VERSIONS}?per_page={per_page}")
    assert [name for page in pages for name in page] == [v.name for v in package.versions()]
    assert len(pages) == max(1, -(-total // min(per_page, 100)))


@given(
    total=st.integers(1, 500),
    per_page=st.integers(1, 100),
    number=st.integers(1, 600),
    single_page=st.booleans(),
)
def test_relations_name_pages_with_items(
    total: int, per_page: int, number: int, single_page: bool
) -> None:
    window = Window(number, per_page)
    items = range(total)
    pages = window.relations(total, single_page=single_page)
    assert bool(pages) == (single_page or number > 1 or total > per_page)
    assert ("next" in pages) == bool(Window(number + 1, per_page).cut(items))
    for page in pages.values():
        assert Window(page, per_page).cut(items)
    if "last" in pages:
        assert Window(pages["last"], per_page).cut(items)[-1] == total - 1


async def test_a_listing_begins_with_page_1_of_30(world: World, call: Caller) -> None:
    names = fill(world, 31)
    assert await call.names(NPM) == names[:30]
    assert await call.names(f"{NPM}&page=2") == names[30:]


@pytest.mark.parametrize(
    ("per_page", "size"),
    [("1", 1), ("100", 100), ("101", 100), ("1000", 100), ("0", 30), ("x", 30)],
)
async def test_per_page_is_kept_within_1_and_100(
    world: World, call: Caller, per_page: str, size: int
) -> None:
    fill(world, 120)
    assert len(await call.names(f"{NPM}&per_page={per_page}")) == size


@pytest.mark.parametrize("page", ["0", "-1", "x", "", "1.5"])
async def test_an_invalid_page_number_is_the_first_page(
    world: World, call: Caller, page: str
) -> None:
    names = fill(world, 3)
    assert await call.names(f"{NPM}&per_page=1&page={page}") == names[:1]


async def test_link_on_the_first_middle_and_last_page(world: World, call: Caller) -> None:
    fill(world, 5)
    pages = {
        page: {
            relation: parse_qs(urlsplit(url).query)
            for relation, url in (await call.get(f"{NPM}&per_page=2&page={page}")).links.items()
        }
        for page in (1, 2, 3)
    }

    def query(page: int) -> dict[str, list[str]]:
        return {"package_type": ["npm"], "per_page": ["2"], "page": [str(page)]}

    assert pages == {
        1: {"next": query(2), "last": query(3)},
        2: {"prev": query(1), "next": query(3), "last": query(3), "first": query(1)},
        3: {"prev": query(2), "first": query(1)},
    }


@pytest.mark.parametrize("behaves", ["recorded", "documented", "linkless"])
async def test_link_may_be_left_out_of_all_listings(
    world: World, serve: Serve, behaves: Behaves
) -> None:
    fill(world, 31)
    world.org("acme").package("npm", "left", versions=31)
    call = await serve(behaves=behaves, link=False)
    for path in (NPM, f"{NPM}&page=2", VERSIONS):
        reply = await call.get(path)
        assert reply.json
        assert "Link" not in reply.headers


async def test_link_names_the_organization_by_id(world: World, call: Caller) -> None:
    names = fill(world, 31)
    world.org("acme").package("container", "team/app", versions=31)
    by_id = f"{call.server.url}/organizations/{world.org('acme').id}/packages"
    assert (await call.get(NPM)).links["next"].startswith(f"{by_id}?")
    assert [name for page in await walk(call, NPM) for name in page] == names
    versions = "/orgs/acme/packages/container/team%2Fapp/versions"
    next_url = (await call.get(versions)).links["next"]
    assert next_url.startswith(f"{by_id}/container/team%2Fapp/versions?")
    assert len(await call.names(next_url)) == 1


async def test_link_names_users_as_the_request_does(world: World, call: Caller) -> None:
    world.user("octocat").package("npm", "left", versions=31)
    for owner in ("/user", "/users/octocat"):
        path = f"{owner}/packages/npm/left/versions"
        assert (await call.get(path)).links["next"].startswith(f"{call.server.url}{path}?")


@pytest.mark.parametrize("id_", ["1", "acme", "", "1001x"])
async def test_an_invalid_organization_id_is_not_found(call: Caller, id_: str) -> None:
    reply = await call.get(f"/organizations/{id_}/packages?package_type=npm")
    assert reply.status == 404


@pytest.mark.parametrize("owner", ["/orgs/acme", "/user", "/users/octocat"])
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("page=100&per_page=100", 200),
        ("page=101&per_page=100", 400),
        ("page=101&per_page=500", 400),
        ("page=100&per_page=101", 200),
        ("page=333", 200),
        ("page=334", 400),
        ("page=10001&per_page=1", 400),
    ],
)
async def test_packages_are_listed_as_far_as_10_000(
    world: World, call: Caller, owner: str, query: str, status: int
) -> None:
    fill(world, 1)
    assert (await call.get(f"{owner}/packages?package_type=npm&{query}")).status == status


async def test_versions_are_listed_without_a_cap(world: World, call: Caller) -> None:
    world.org("acme").package("npm", "left", versions=10_101)
    assert await call.names(f"{VERSIONS}?per_page=100&page=102") == ["1.0.0"]


@pytest.mark.parametrize(
    "query", ["", "?package_type=", "?package_type=cargo", "?package_type=NPM"]
)
async def test_a_listing_needs_a_known_package_type(world: World, call: Caller, query: str) -> None:
    fill(world, 1)
    for owner in ("/orgs/acme", "/user", "/users/octocat"):
        reply = await call.get(f"{owner}/packages{query}")
        assert (reply.status, reply.message) == (400, "Invalid argument.")


async def test_visibility_filters(world: World, call: Caller) -> None:
    for visibility in ("public", "private", "internal"):
        world.org("acme").package("npm", visibility, visibility=visibility)
        assert await call.names(f"{NPM}&visibility={visibility}") == [visibility]
    assert len(await call.names(NPM)) == 3
    assert (await call.get(f"{NPM}&visibility=secret")).status == 400


async def test_an_invalid_state_is_refused(world: World, call: Caller) -> None:
    world.org("acme").package("npm", "left", versions=1)
    reply = await call.get(f"{VERSIONS}?state=gone")
    assert (reply.status, reply.message) == (400, "Invalid argument.")


async def test_versions_are_listed_newest_first(world: World, call: Caller) -> None:
    package = world.org("acme").package("npm", "left")
    for name, day in [("b", 2), ("c", 3), ("a", 1)]:
        package.version(name, created_at=f"2025-01-0{day}T00:00:00Z")
    assert await call.names(VERSIONS) == ["c", "b", "a"]


async def test_deleting_while_paging_shifts_later_items(world: World, call: Caller) -> None:
    names = fill(world, 25)
    deleted = 0
    for page in (1, 2, 3):
        for name in await call.names(f"{NPM}&per_page=10&page={page}"):
            deleted += (await call.delete(f"/orgs/acme/packages/npm/{name}")).status == 204
    assert (len(names), deleted) == (25, 15)


async def test_conflicts_are_one_page_by_default(world: World, serve: Serve) -> None:
    for number in range(31):
        world.org("acme").docker_conflict(f"image{number}")
    path = "/orgs/acme/docker/conflicts"
    whole = await (await serve()).get(f"{path}?page=2")
    assert (len(whole.json), whole.links) == (31, {})
    paged = await serve(paged_conflicts=True)
    assert [len(page) for page in await walk(paged, path)] == [30, 1]
