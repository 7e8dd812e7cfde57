"""Each of the 27 operations sends the request of the contract, over a mocked aiohttp."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import aiohttp
import pytest
from aioresponses import aioresponses
from aioresponses.compat import normalize_url
from yarl import URL

from ghpkg_async import (
    BadRequest,
    ConfigurationError,
    GitHubPackages,
    InvalidResponse,
    NotFound,
    Package,
    PackageVersion,
    ServerError,
    to_dict,
)
from tests.support.reference import ALL_EXAMPLES, operations

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from ghpkg_async import Namespace

BASE = "https://api.github.com"
TOKEN = "ghp_secret"
NAME = "team/app"
VALUES = {
    "{org}": "acme",
    "{username}": "octocat",
    "{package_type}": "container",
    "{package_name}": "team%2Fapp",
    "{package_version_id}": "42",
}
RESPONSES = {
    "package": next(example for route, example in ALL_EXAMPLES if route.endswith("{package_name}")),
    "version": next(example for route, example in ALL_EXAMPLES if route.endswith("version_id}")),
}


class Response(aiohttp.ClientResponse):
    """Response class that aioresponses can build with aiohttp 3.14 (aioresponses issue 289)."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, stream_writer=Mock(), **options)


@pytest.fixture
def wire() -> Iterator[aioresponses]:
    with aioresponses() as mocked:
        yield mocked


def respond(wire: aioresponses, method: str, url: str, status: int, **options: Any) -> None:
    wire.add(URL(url, encoded=True), method=method, status=status, response_class=Response,
             **options)  # fmt: skip


Call = tuple["Callable[[Namespace], Awaitable[Any]]", str, int, Any]
"""Function that calls the operation, its query, its success status, and the expected result."""


def calls() -> dict[str, Call]:
    package, version = RESPONSES["package"], RESPONSES["version"]
    page = "per_page=100&page=1"
    return {
        "docker/conflicts": (lambda ns: ns.docker_conflicts(), "", 200, []),
        "packages": (
            lambda ns: ns.packages("container"), f"?package_type=container&{page}", 200, []
        ),
        "{package_name}": (lambda ns: ns.package("container", NAME).get(), "", 200, package),
        "{package_name} DELETE": (
            lambda ns: ns.package("container", NAME).delete(), "", 204, None
        ),
        "{package_name}/restore": (
            lambda ns: ns.package("container", NAME).restore(), "", 204, None
        ),
        "versions": (
            lambda ns: ns.package("container", NAME).versions(), f"?{page}", 200, []
        ),
        "{package_version_id}": (
            lambda ns: ns.package("container", NAME).version(42).get(), "", 200, version
        ),
        "{package_version_id} DELETE": (
            lambda ns: ns.package("container", NAME).version(42).delete(), "", 204, None
        ),
        "{package_version_id}/restore": (
            lambda ns: ns.package("container", NAME).version(42).restore(), "", 204, None
        ),
    }  # fmt: skip


def call_of(method: str, path: str) -> Call:
    known = calls()
    tail = path.rsplit("/", 1)[-1]
    for key in (f"{tail} {method}", "/".join(path.rsplit("/", 2)[-2:]), tail):
        if key in known:
            return known[key]
    raise AssertionError(f"no call for {method} {path}")


def namespace(gh: GitHubPackages, path: str) -> Namespace:
    if path.startswith("/orgs/"):
        return gh.org("acme")
    return gh.user("octocat") if path.startswith("/users/") else gh.me()


def test_the_contract_has_27_operations() -> None:
    assert len(operations()) == 27


@pytest.mark.parametrize("operation", sorted(operations()))
async def test_an_operation_sends_the_request_of_the_contract(
    wire: aioresponses, operation: str
) -> None:
    method, path = operations()[operation]
    call, query, status, expected = call_of(method, path)
    for parameter, value in VALUES.items():
        path = path.replace(parameter, value)
    respond(
        wire, method, f"{BASE}{path}{query}", status, payload=expected if status == 200 else None
    )
    async with GitHubPackages(TOKEN) as gh:
        result = await call(namespace(gh, path))
    # aioresponses groups requests by method and by URL with a sorted query.
    url = URL(f"{BASE}{path}{query}", encoded=True)
    assert list(wire.requests) == [(method, normalize_url(url))]
    assert (
        to_dict(result) if isinstance(result, (Package, PackageVersion)) else result
    ) == expected
    [[sent]] = wire.requests.values()
    headers = sent.kwargs["headers"]
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Accept"] == "application/vnd.github+json"
    assert headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert headers["User-Agent"].startswith("ghpkg-async/")


@pytest.mark.parametrize(
    ("base", "root"),
    [
        ("https://api.octocorp.ghe.com", "https://api.octocorp.ghe.com"),
        ("https://ghes.acme.com/api/v3", "https://ghes.acme.com/api/v3"),
        ("https://ghes.acme.com/api/v3/", "https://ghes.acme.com/api/v3"),
    ],
)
async def test_enterprise_bases(wire: aioresponses, base: str, root: str) -> None:
    respond(wire, "GET", f"{root}/user/packages/npm/left", 200, payload=RESPONSES["package"])
    async with GitHubPackages(TOKEN, base_url=base) as gh:
        await gh.me().package("npm", "left").get()


async def test_servers_older_than_versioning_get_no_version_header(wire: aioresponses) -> None:
    accept = "application/vnd.github.v3+json"
    respond(wire, "GET", f"{BASE}/user/docker/conflicts", 200, payload=[])
    async with GitHubPackages("", api_version=None, accept=accept, user_agent="acme/1") as gh:
        await gh.me().docker_conflicts()
    [[sent]] = wire.requests.values()
    headers = sent.kwargs["headers"]
    assert (headers["Accept"], headers["User-Agent"]) == (accept, "acme/1")
    assert "X-GitHub-Api-Version" not in headers
    assert "Authorization" not in headers


async def test_a_token_source_is_called_for_each_request(wire: aioresponses) -> None:
    class Rotating:
        given = 0

        async def token(self) -> str:
            self.given += 1
            return f"ghs_{self.given}"

    url = f"{BASE}/user/docker/conflicts"
    for _ in range(2):
        respond(wire, "GET", url, 200, payload=[])
    async with GitHubPackages(Rotating()) as gh:
        await gh.me().docker_conflicts()
        await gh.me().docker_conflicts()
    [sent] = wire.requests.values()
    assert [each.kwargs["headers"]["Authorization"] for each in sent] == [
        "Bearer ghs_1",
        "Bearer ghs_2",
    ]


async def test_a_rotating_token_that_is_no_header_value_is_never_sent(wire: aioresponses) -> None:
    class Broken:
        async def token(self) -> str:
            return "hunter2\r\nX-Evil: 1"

    async with GitHubPackages(Broken()) as gh:
        with pytest.raises(ConfigurationError, match="token") as refused:
            await gh.me().package("npm", "left").get()
    assert "hunter2" not in str(refused.value)
    assert not wire.requests


@pytest.mark.parametrize("status", [200, 201, 202])
async def test_a_write_succeeds_with_204_only(wire: aioresponses, status: int) -> None:
    respond(wire, "DELETE", f"{BASE}/user/packages/npm/left", status, body="<html>Log in</html>")
    async with GitHubPackages(TOKEN) as gh:
        with pytest.raises(InvalidResponse, match=str(status)):
            await gh.me().package("npm", "left").delete()


async def test_a_deletion_that_is_refused_says_why(wire: aioresponses) -> None:
    url = f"{BASE}/user/packages/npm/left/versions/1"
    respond(wire, "DELETE", url, 400, payload={"message": "Invalid"})
    async with GitHubPackages(TOKEN) as gh:
        with pytest.raises(BadRequest) as refused:
            await gh.me().package("npm", "left").version(1).delete()
    assert refused.value.url == url


async def test_a_package_token_is_sent_and_shown_nowhere(wire: aioresponses) -> None:
    url = f"{BASE}/user/packages/npm/left/restore"
    respond(wire, "POST", f"{url}?token=hunter%262", 404, payload={"message": "Not Found"})
    async with GitHubPackages(TOKEN) as gh:
        with pytest.raises(NotFound) as refused:
            await gh.me().package("npm", "left").restore(token="hunter&2")
    assert refused.value.url == url
    assert "hunter" not in str(refused.value) + repr(refused.value)


@pytest.mark.parametrize("token", ["", "a\0b", "a\nb"])
async def test_an_invalid_package_token_is_refused(token: str) -> None:
    with pytest.raises(ConfigurationError, match="token"):
        await GitHubPackages("").me().package("npm", "left").restore(token)


async def test_the_query_of_a_listing(wire: aioresponses) -> None:
    url = f"{BASE}/orgs/acme/packages?package_type=npm&visibility=internal&per_page=5&page=3"
    respond(wire, "GET", url, 200, payload=[])
    versions = f"{BASE}/orgs/acme/packages/npm/left/versions?state=deleted&per_page=7&page=2"
    respond(wire, "GET", versions, 200, payload=[])
    async with GitHubPackages(TOKEN) as gh:
        acme = gh.org("acme")
        assert await acme.packages("npm", visibility="internal", per_page=5, page=3) == []
        left = acme.package("npm", "left")
        assert await left.versions(state="deleted", per_page=7, page=2) == []


async def test_listings_of_one_client_share_equal_owners(wire: aioresponses) -> None:
    for package_type in ("npm", "container"):
        url = f"{BASE}/orgs/acme/packages?package_type={package_type}&per_page=100&page="
        respond(wire, "GET", f"{url}1", 200, payload=[RESPONSES["package"]])
        respond(wire, "GET", f"{url}2", 200, payload=[])
    async with GitHubPackages(TOKEN) as gh:
        [first] = await gh.org("acme").packages("npm")
        [second] = await gh.org("acme").packages("container")
    assert first.owner is second.owner is not None


async def test_a_package_names_itself(wire: aioresponses) -> None:
    found = dict(RESPONSES["package"], package_type="cargo", name="@a/b")
    respond(wire, "GET", f"{BASE}/orgs/acme/packages/container/x", 200, payload=found)
    respond(wire, "DELETE", f"{BASE}/orgs/acme/packages/cargo/%40a%2Fb", 204)
    async with GitHubPackages(TOKEN) as gh:
        package = await gh.org("acme").package("container", "x").get()
        await gh.org("acme").package(package).delete()


async def test_without_async_with_the_first_call_opens_and_close_closes(
    wire: aioresponses,
) -> None:
    respond(wire, "GET", f"{BASE}/user/docker/conflicts", 200, payload=[])
    gh = GitHubPackages(TOKEN)
    assert await gh.me().docker_conflicts() == []
    await gh.close()
    await gh.close()
    with pytest.raises(Exception, match="closed"):
        await gh.me().docker_conflicts()


async def test_stats_count_the_requests_of_a_client(wire: aioresponses) -> None:
    headers = {
        "X-RateLimit-Limit": "5000",
        "X-RateLimit-Remaining": "4998",
        "X-RateLimit-Reset": "4102444800",
    }
    respond(wire, "GET", f"{BASE}/user/docker/conflicts", 200, payload=[], headers=headers)
    respond(wire, "DELETE", f"{BASE}/user/packages/npm/left", 204)
    async with GitHubPackages(TOKEN) as gh:
        assert gh.rate_limit is None
        await gh.me().docker_conflicts()
        await gh.me().package("npm", "left").delete()
        assert (gh.stats.requests, gh.stats.points, gh.stats.retries) == (2, 6, 0)
        assert gh.rate_limit is not None
        assert gh.rate_limit.remaining == 4998


async def test_a_body_of_another_shape_names_the_request(wire: aioresponses) -> None:
    respond(wire, "GET", f"{BASE}/user/packages/npm/left", 200, body=json.dumps({"id": "x"}))
    async with GitHubPackages(TOKEN) as gh:
        with pytest.raises(InvalidResponse, match=r"user/packages/npm/left.*\$\.id"):
            await gh.me().package("npm", "left").get()


async def test_no_more_attempts_than_allowed(wire: aioresponses) -> None:
    url = f"{BASE}/user/packages/npm/left"
    respond(wire, "GET", url, 503, body="busy", repeat=True)
    async with GitHubPackages(TOKEN, max_retries=0) as gh:
        with pytest.raises(ServerError, match="503"):
            await gh.me().package("npm", "left").get()
        assert gh.stats.requests == 1
