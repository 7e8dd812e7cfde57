"""The three imitated GitHubs: recorded, documented, and recorded without `Link` for packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from ghpkg_async.testing import Behaves, EmbeddedGitHub, World

if TYPE_CHECKING:
    from tests.testing.conftest import Caller, Reply, Serve

NPM = "/orgs/acme/packages?package_type=npm"
VERSIONS = "/orgs/acme/packages/npm/left/versions"

LISTED = [
    "id",
    "name",
    "package_type",
    "owner",
    "visibility",
    "url",
    "html_url",
    "created_at",
    "updated_at",
]
VERSION = [
    "id",
    "name",
    "url",
    "package_html_url",
    "html_url",
    "created_at",
    "updated_at",
    "metadata",
]


@pytest.fixture(autouse=True)
def _left(world: World) -> None:
    world.org("acme").package("npm", "left", versions=3)


def pages(reply: Reply) -> dict[str, str]:
    """Return the path and query of each relation in `Link`."""
    return {
        relation: url.removeprefix(f"http://{urlsplit(url).netloc}")
        for relation, url in reply.links.items()
    }


def has_null(value: Any) -> bool:
    return None in value.values()


async def test_listed_packages_have_no_version_count(world: World, call: Caller) -> None:
    world.user("octocat").package("npm", "left", versions=3)
    for owner in ("/orgs/acme", "/user", "/users/octocat"):
        [listed] = (await call.get(f"{owner}/packages?package_type=npm")).json
        assert set(listed) == set(LISTED)
        got = (await call.get(f"{owner}/packages/npm/left")).json
        assert got == {**listed, "version_count": 3}


async def test_documented_packages_are_listed_as_they_are_got(serve: Serve) -> None:
    call = await serve(behaves="documented")
    [listed] = (await call.get(NPM)).json
    assert listed == (await call.get("/orgs/acme/packages/npm/left")).json
    assert listed["version_count"] == 3


@pytest.mark.parametrize("behaves", ["recorded", "documented", "linkless"])
async def test_a_field_without_value_is_absent(
    world: World, serve: Serve, behaves: Behaves
) -> None:
    call = await serve(behaves=behaves)
    [package] = (await call.get(NPM)).json
    versions = (await call.get(VERSIONS)).json
    assert "repository" not in package
    assert not any(map(has_null, [package, package["owner"], *versions]))
    assert all(set(version) == set(VERSION) for version in versions)


async def test_owners_have_a_field_that_is_not_documented(world: World, serve: Serve) -> None:
    world.org("acme").find("npm", "left").delete()
    world.org("acme").package("npm", "right", repository="right")
    recorded, documented = await serve(), await serve(behaves="documented")
    [package] = (await recorded.get(NPM)).json
    for owner in (package["owner"], package["repository"]["owner"]):
        assert owner["user_view_type"] == "public"
    [package] = (await documented.get(NPM)).json
    assert "user_view_type" not in package["owner"]


async def test_a_listing_of_one_page_has_no_link(call: Caller) -> None:
    for path in (NPM, VERSIONS, "/user/packages?package_type=npm"):
        assert "Link" not in (await call.get(path)).headers


async def test_a_documented_listing_of_one_page_has_link(serve: Serve) -> None:
    call = await serve(behaves="documented")
    for path in (f"{NPM}&", f"{VERSIONS}?", "/user/packages?package_type=npm&"):
        assert pages(await call.get(path)) == {"first": f"{path}page=1", "last": f"{path}page=1"}


async def test_a_page_past_the_end_leads_back(world: World, call: Caller) -> None:
    acme = world.org("acme").id
    path = f"/organizations/{acme}/packages/npm/left/versions"
    for page in (3, 9):
        reply = await call.get(f"{VERSIONS}?page={page}&per_page=2")
        assert reply.json == []
        assert pages(reply) == {
            "prev": f"{path}?page=2&per_page=2",
            "last": f"{path}?page=2&per_page=2",
            "first": f"{path}?page=1&per_page=2",
        }


async def test_a_page_past_an_empty_listing_names_page_0(world: World, call: Caller) -> None:
    empty = world.org("empty").id
    reply = await call.get("/orgs/empty/packages?package_type=npm&page=2")
    assert reply.json == []
    assert pages(reply) == {
        "last": f"/organizations/{empty}/packages?package_type=npm&page=0&per_page=30"
    }
    reply = await call.get("/orgs/empty/packages?package_type=npm")
    assert (reply.json, reply.links) == ([], {})


async def test_a_documented_link_repeats_the_request(serve: Serve) -> None:
    call = await serve(behaves="documented")
    path = "/orgs/acme/packages/npm/left/versions?state=active&per_page=2"
    reply = await call.get(path)
    assert pages(reply) == {"next": f"{path}&page=2", "last": f"{path}&page=2"}


async def test_only_package_listings_are_linkless(world: World, serve: Serve) -> None:
    call = await serve(behaves="linkless")
    for number in range(3):
        world.org("acme").package("npm", f"p{number}")
    for page in (1, 2, 3):
        assert "Link" not in (await call.get(f"{NPM}&per_page=2&page={page}")).headers
    assert set((await call.get(f"{VERSIONS}?per_page=2")).links) == {"next", "last"}
    assert "version_count" not in (await call.get(NPM)).json[0]


async def test_scopes_are_accepted_by_no_name_unless_documented(serve: Serve) -> None:
    recorded, documented = await serve(), await serve(behaves="documented")
    delete = f"{VERSIONS}/1"
    assert (await recorded.delete(delete)).headers["X-Accepted-OAuth-Scopes"] == ""
    reply = await documented.delete(delete)
    assert reply.headers["X-Accepted-OAuth-Scopes"] == "delete:packages, read:packages"


async def test_a_users_versions_have_the_users_urls(world: World, call: Caller) -> None:
    octocat = world.user("octocat")
    octocat.package("container", "app", versions=1)
    octocat.package("maven", "com.app", repository="app", versions=1)
    [image] = (await call.get("/user/packages/container/app/versions")).json
    packages = f"{call.server.url}/users/octocat/packages"
    assert image["url"] == f"{packages}/container/app/versions/{image['id']}"
    html = "https://github.com/users/octocat/packages/container"
    assert image["html_url"] == f"{html}/app/{image['id']}"
    assert image["package_html_url"] == f"{html}/package/app"
    [jar] = (await call.get("/user/packages/maven/com.app/versions")).json
    package = octocat.find("maven", "com.app").id
    assert jar["package_html_url"] == f"https://github.com/octocat/app/packages/{package}"
    assert jar["html_url"] == f"{jar['package_html_url']}?version=1.0.0"


async def test_a_delete_with_a_body_is_refused(world: World, call: Caller) -> None:
    url = f"{call.server.url}/orgs/acme/packages/npm/left"
    headers = {"Authorization": f"Bearer {call.token}"}
    async with call.session.delete(url, json={}, headers=headers) as response:
        assert response.status == 422
        message = (await response.json())["message"]
    assert message == "Invalid request.\n\nFor 'links/0/schema', {} is not a null."
    assert world.org("acme").has("npm", "left")


async def test_the_imitated_github_may_be_changed_while_serving(call: Caller) -> None:
    call.server.api.behaves = "documented"
    assert "version_count" in (await call.get(NPM)).json[0]
    call.server.api.behaves = "recorded"
    assert "version_count" not in (await call.get(NPM)).json[0]


def test_a_github_that_is_not_imitated_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'behaves' must be in \('recorded', .*'guessed'"):
        EmbeddedGitHub(behaves="guessed")  # type: ignore[arg-type]
