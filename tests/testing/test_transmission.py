"""HTTP of the embedded server: raw paths, headers, conditional requests, compression."""

from __future__ import annotations

import asyncio
import zlib
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import aiohttp
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from yarl import URL

from ghpkg_async.testing import World
from ghpkg_async.testing import _routes as routes
from ghpkg_async.testing._limits import Quota

if TYPE_CHECKING:
    from tests.testing.conftest import Caller, Reply, Serve

NPM = "/orgs/acme/packages?package_type=npm"
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("team/app", "team%2Fapp"),
        ("team/app", "team%2fapp"),
        ("@scope/pkg", "%40scope%2Fpkg"),
        ("@scope/pkg", "@scope%2Fpkg"),
        ("a%2Fb", "a%252Fb"),
        ("é", "%C3%A9"),
        ("a b", "a%20b"),
        ("a+b", "a+b"),
        ("a?b#c", "a%3Fb%23c"),
        ("versions", "versions"),
        ("restore", "restore"),
    ],
)
async def test_a_name_is_one_segment_decoded_once(
    world: World, call: Caller, name: str, segment: str
) -> None:
    world.org("acme").package("container", name, versions=1)
    reply = await call.get(f"/orgs/acme/packages/container/{segment}")
    assert reply.status == 200
    assert reply.json["name"] == name
    assert reply.json["url"].endswith(f"/orgs/acme/packages/container/{quote(name, safe='')}")
    assert (await call.get(reply.json["url"])).json == reply.json


@settings(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(name=names)
async def test_any_name_round_trips(call: Caller, name: str) -> None:
    assume(name not in (".", ".."))  # URL libraries remove these path segments
    acme = call.server.world.org("acme")
    if not acme.has("container", name):
        acme.package("container", name)
    reply = await call.get(f"/orgs/acme/packages/container/{quote(name, safe='')}")
    assert (reply.status, reply.json["name"]) == (200, name)
    assert (await call.get(reply.json["url"])).json == reply.json


@given(segments=st.lists(names, min_size=1, max_size=8))
def test_a_path_splits_into_its_decoded_segments(segments: list[str]) -> None:
    path = "".join(f"/{quote(segment, safe='')}" for segment in segments)
    assert routes.split(path) == segments


@pytest.mark.parametrize(
    "path",
    [
        "/orgs/acme/packages/container/team/app",
        "/orgs/acme/packages/container/team%252Fapp",
        "/orgs/acme/packages/container/team%2Fapp/",
        "/orgs/acme/packages/container//team%2Fapp",
        "//orgs/acme/packages/container/team%2Fapp",
        "/orgs%2Facme/packages/container/team%2Fapp",
        "/orgs/acme%2Fpackages/container/team%2Fapp",
        "/orgs/acme/packages/container/TEAM%2FAPP",
        "/orgs/acme/packages/npm/team%2Fapp",
        "/orgs/acme/packages/cargo/team%2Fapp",
        "/orgs/acme/packages/container/%FF",
        "/orgs/acme/packages/container/",
        "/orgs/acme/packages/container",
        "/orgs/acme",
        "/user",
        "/repos/acme/app",
        "/rate_limit",
        "/api/v3/user/packages?package_type=npm",
        "/",
    ],
)
async def test_any_other_path_is_not_found(world: World, call: Caller, path: str) -> None:
    world.org("acme").package("container", "team/app")
    assert (await call.get(path)).status == 404


async def test_a_segment_that_encodes_no_text_is_not_found(world: World, call: Caller) -> None:
    world.org("acme").package("npm", "\ufffd")
    assert (await call.get("/orgs/acme/packages/npm/%EF%BF%BD")).status == 200
    assert (await call.get("/orgs/acme/packages/npm/%FF")).status == 404


async def test_a_name_cannot_lead_out_of_its_path(world: World, call: Caller) -> None:
    world.org("acme").package("npm", "left", versions=1)
    name = quote("../left", safe="")
    assert (await call.delete(f"/orgs/acme/packages/npm/{name}")).status == 404
    assert await call.names(NPM) == ["left"]


async def test_errors_are_json_of_three_fields(world: World, call: Caller) -> None:
    world.org("acme")
    reply = await call.get("/orgs/acme/packages/npm/left")
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert reply.json == {
        "message": "Package not found.",
        "documentation_url": "https://docs.github.com/rest/packages/packages"
        "#get-a-package-for-an-organization",
        "status": "404",
    }


async def test_every_response_has_the_headers_of_github(world: World, call: Caller) -> None:
    world.org("acme").package("npm", "left", versions=2)
    replies = [
        await call.get(NPM),
        await call.get("/nothing"),
        await call.using(None).get(NPM),
        await call.delete("/orgs/acme/packages/npm/left"),
    ]
    assert [reply.status for reply in replies] == [200, 404, 401, 204]
    for reply in replies:
        assert reply.headers["X-GitHub-Media-Type"] == "github.v3; format=json"
        assert reply.headers["X-GitHub-Api-Version-Selected"] == "2022-11-28"
        assert "Date" in reply.headers
    assert len({reply.headers["X-GitHub-Request-Id"] for reply in replies}) == 4


async def test_an_api_version_is_selected(world: World, call: Caller) -> None:
    world.org("acme")
    reply = await call.get(NPM, X_GitHub_Api_Version="2026-03-10")
    assert reply.status == 200
    assert reply.headers["X-GitHub-Api-Version-Selected"] == "2026-03-10"
    refused = await call.get(NPM, X_GitHub_Api_Version="2021-01-01")
    assert refused.status == 400


async def test_a_server_may_be_older_than_api_versions(world: World, serve: Serve) -> None:
    world.org("acme")
    call = await serve(api_versions=())
    reply = await call.get(NPM, X_GitHub_Api_Version="2021-01-01")
    assert reply.status == 200
    assert "X-GitHub-Api-Version-Selected" not in reply.headers


async def test_an_unchanged_body_is_not_sent_again(world: World, call: Caller) -> None:
    acme = world.org("acme")
    acme.package("npm", "left", versions=40)
    path = "/orgs/acme/packages/npm/left/versions"
    first = await call.get(path)
    etag = first.headers["ETag"]
    assert etag.startswith('W/"')
    assert "Link" in first.headers

    again = await call.get(path, If_None_Match=etag)
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == etag
    assert "Link" not in again.headers
    assert "Content-Type" not in again.headers

    acme.find("npm", "left").version("2.0.0")
    changed = await call.get(path, If_None_Match=etag)
    assert changed.status == 200
    assert changed.headers["ETag"] != etag


@pytest.mark.parametrize("condition", ['"x", {}', "{strong}", "*"])
async def test_conditions_may_be_written_otherwise(
    world: World, call: Caller, condition: str
) -> None:
    world.org("acme")
    etag = (await call.get(NPM)).headers["ETag"]
    sent = condition.format(etag, strong=etag.removeprefix("W/"))
    assert (await call.get(NPM, If_None_Match=sent)).status == 304


async def test_an_etag_belongs_to_its_token(world: World, call: Caller) -> None:
    world.org("acme").package("npm", "left")
    world.token("ghp_other", login="octocat")
    other = call.using("ghp_other")
    mine, theirs = await call.get(NPM), await other.get(NPM)
    assert mine.body == theirs.body
    assert mine.headers["ETag"] != theirs.headers["ETag"]
    assert (await other.get(NPM, If_None_Match=mine.headers["ETag"])).status == 200


async def test_errors_and_deletions_have_no_etag(world: World, call: Caller) -> None:
    world.org("acme").package("npm", "left")
    assert "ETag" not in (await call.get("/orgs/acme/packages/npm/right")).headers
    reply = await call.send("DELETE", "/orgs/acme/packages/npm/left", If_None_Match="*")
    assert reply.status == 204
    assert "ETag" not in reply.headers


def counted(reply: Reply) -> list[int]:
    return [int(reply.headers[f"x-ratelimit-{name}"]) for name in ("limit", "remaining", "used")]


async def test_requests_are_counted_by_token_but_for_304(world: World, call: Caller) -> None:
    world.org("acme")
    world.token("ghp_small", login="octocat", limit=2)
    first = await call.get(NPM)
    assert counted(first) == [5000, 4999, 1]
    assert first.headers["x-ratelimit-resource"] == "core"
    date = parsedate_to_datetime(first.headers["Date"]).timestamp()
    assert int(first.headers["x-ratelimit-reset"]) == date + 3600

    again = await call.get(NPM, If_None_Match=first.headers["ETag"])
    assert counted(again) == [5000, 4999, 1]
    missing = await call.get("/nothing")
    assert counted(missing) == [5000, 4998, 2]
    assert missing.headers["x-ratelimit-reset"] == first.headers["x-ratelimit-reset"]

    small = call.using("ghp_small")
    told = [counted(await small.get(NPM)) for _ in range(3)]
    assert told == [[2, 1, 1], [2, 0, 2], [2, 0, 3]]
    assert counted(await call.using(None).get(NPM)) == [60, 59, 1]


def test_the_limit_starts_again_after_an_hour() -> None:
    quota = Quota(5000)
    told = [quota.headers(now, counts=True) for now in (1_000_000, 1_003_599, 1_003_600)]
    assert [headers["x-ratelimit-used"] for headers in told] == ["1", "2", "1"]
    resets = [int(headers["x-ratelimit-reset"]) for headers in told]
    assert resets == [1_003_600, 1_003_600, 1_007_200]


async def test_rate_limits_may_be_off(world: World, serve: Serve) -> None:
    world.org("acme")
    reply = await (await serve(rate_limits=False)).get(NPM)
    assert not [name for name in reply.headers if name.lower().startswith("x-ratelimit")]


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("gzip", "gzip"), ("br, gzip;q=0.5", "gzip"), ("identity", None), ("gzip;q=0", None)],
)
async def test_bodies_are_compressed_for_those_who_take_it(
    world: World, call: Caller, accepted: str, encoding: str | None
) -> None:
    world.org("acme").package("npm", "left")
    headers = {"Authorization": f"Bearer {call.token}", "Accept-Encoding": accepted}
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.get(URL(call.server.url + NPM), headers=headers) as response,
    ):
        body = await response.read()
    assert response.headers.get("Content-Encoding") == encoding
    assert response.headers.get("Transfer-Encoding") == ("chunked" if encoding else None)
    assert response.headers["ETag"].startswith('W/"' if encoding else '"')
    plain = zlib.decompress(body, wbits=31) if encoding else body
    assert plain.startswith(b'[{"id":')


async def test_head_is_get_without_the_body(world: World, call: Caller) -> None:
    world.org("acme").package("npm", "left")
    get, head = await call.get(NPM), await call.send("HEAD", NPM)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["ETag"] == get.headers["ETag"]


async def test_the_api_can_be_an_enterprise_servers(world: World, serve: Serve) -> None:
    for number in range(31):
        world.org("acme").package("npm", f"p{number}")
    call = await serve(base_path="/api/v3/", rate_limits=False)
    assert call.server.url.endswith("/api/v3")
    reply = await call.get(NPM)
    acme = world.org("acme").id
    assert reply.links["next"].startswith(f"{call.server.url}/organizations/{acme}/packages?")
    assert len(await call.names(reply.links["next"])) == 1
    package = reply.json[0]
    assert package["url"] == f"{call.server.url}/orgs/acme/packages/npm/p0"
    assert (await call.get(package["url"])).status == 200
    origin = call.server.url.removesuffix("/api/v3")
    assert package["html_url"].startswith(f"{origin}/orgs/acme/")
    assert (await call.get(origin + NPM)).status == 404


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost", "[::1]"])
async def test_urls_have_the_loopback_name_of_the_request(
    world: World, call: Caller, host: str
) -> None:
    for number in range(31):
        world.org("acme").package("npm", f"p{number}")
    port = URL(call.server.url).port
    reply = await call.get(NPM, Host=f"{host}:{port}")
    origin = f"http://{host.lower()}:{port}"
    assert reply.links["next"].startswith(f"{origin}/organizations/")
    assert reply.json[0]["url"].startswith(f"{origin}/orgs/acme/")


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example:{port}",
        "127.0.0.1.attacker.example:{port}",
        "localhost.:{port}",
        "user@localhost:{port}",
        "127.0.0.1:1",
        "127.0.0.1",
        "localhost",
        "127.1:{port}",
        "0.0.0.0:{port}",
        "[::]:{port}",
        '"><script>:{port}',
        "",
    ],
)
async def test_a_host_that_is_not_the_servers_is_refused(
    world: World, call: Caller, host: str
) -> None:
    world.org("acme").package("npm", "left")
    sent = host.format(port=URL(call.server.url).port)
    for method, path in (("GET", NPM), ("DELETE", "/orgs/acme/packages/npm/left"), ("GET", "/")):
        reply = await call.send(method, path, Host=sent)
        assert reply.status == 421
        assert reply.message.startswith("Host: ")
        assert "attacker" not in repr(reply)
        assert "script" not in repr(reply)
    assert world.org("acme").has("npm", "left")
    assert [request.status for request in call.server.requests] == [421] * 3


async def test_a_request_without_host_is_refused(call: Caller) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(call.server.url).port)
    writer.write(b"GET /user/packages?package_type=npm HTTP/1.0\r\n\r\n")
    assert (await reader.readline()).split()[1] == b"421"
    writer.close()
    await writer.wait_closed()


async def test_link_encodes_the_path_again(world: World, call: Caller) -> None:
    world.org("acme").package("npm", 'a>b"c', versions=31)
    reply = await call.get("/orgs/acme/packages/npm/a>b%22c/versions?state=active&x=%3E%22")
    assert reply.status == 200
    assert "a%3Eb%22c/versions?" in reply.links["next"]
    assert "x=%3E%22" in reply.links["next"]
