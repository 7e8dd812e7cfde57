"""The embedded server: recorded requests, start and shutdown."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from ghpkg_async.testing import EmbeddedGitHub, World
from tests.support.fast_loop import takes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.testing.conftest import Caller, Serve

NPM = "/orgs/acme/packages?package_type=npm"


async def test_a_server_needs_no_world() -> None:
    async with EmbeddedGitHub() as server, aiohttp.ClientSession() as session:
        server.world.org("acme").package("npm", "left")
        headers = {"Authorization": f"Bearer {server.token}"}
        async with session.get(server.url + NPM, headers=headers) as response:
            assert [package["name"] for package in await response.json()] == ["left"]


async def test_requests_are_recorded_in_order(call: Caller) -> None:
    path = "/orgs/acme/packages/container/team%2Fapp/restore?token=a%20b"
    await call.send("POST", path, X_Custom="yes")
    await call.get("/nothing")
    restore, nothing = call.server.requests
    assert (restore.method, restore.target) == ("POST", path)
    assert restore.path == path.partition("?")[0]
    assert restore.query == {"token": "a b"}
    assert restore.operation == "restore-package-for-org"
    assert restore.headers["x-custom"] == "yes"
    assert (nothing.target, nothing.operation) == ("/nothing", None)


async def test_no_token_is_remembered(world: World, call: Caller) -> None:
    world.token("ghp_secret", login="octocat")
    await call.using("ghp_secret").get(NPM)
    await call.using(None).get(NPM, Authorization="ghp_bare_secret")
    await call.using(None).get(NPM)
    kept = [request.headers.get("Authorization") for request in call.server.requests]
    assert kept[0] == "Bearer ***"
    assert kept[2] is None
    everything = repr((call.server, call.server.requests, call.server.api, world, world.tokens))
    everything += repr([dict(request.headers) for request in call.server.requests])
    assert "secret" not in everything


async def test_requests_in_flight_are_counted(world: World, serve: Serve) -> None:
    world.org("acme")
    call = await serve(latency=0.02)
    await asyncio.gather(*(call.get(NPM) for _ in range(5)))
    assert call.server.max_in_flight == 5
    await call.get(NPM)
    assert (call.server.in_flight, call.server.max_in_flight) == (0, 5)


async def test_latency_may_be_changed_on_the_way(world: World, serve: Serve) -> None:
    world.org("acme")
    call = await serve(latency=60)
    call.server.latency = 0
    async with asyncio.timeout(5):
        assert (await call.get(NPM)).status == 200


async def test_a_hook_is_called_before_every_response(world: World, serve: Serve) -> None:
    world.org("acme").package("npm", "left")
    seen = []

    async def broken(
        request: web.BaseRequest, respond: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        carried_out = await respond()
        seen.append((request.method, carried_out.status))
        return web.Response(status=502)

    call = await serve(hook=broken)
    assert (await call.delete("/orgs/acme/packages/npm/left")).status == 502
    call.server.hook = None
    assert (await call.delete("/orgs/acme/packages/npm/left")).status == 404
    assert seen == [("DELETE", 204)]


async def test_a_hook_may_replace_the_response(world: World, serve: Serve) -> None:
    world.org("acme").package("npm", "left")

    async def down(
        _: web.BaseRequest, __: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        return web.Response(status=503)

    call = await serve(hook=down)
    assert (await call.delete("/orgs/acme/packages/npm/left")).status == 503
    assert world.org("acme").has("npm", "left")
    assert [request.method for request in call.server.requests] == ["DELETE"]


async def test_closing_is_prompt_with_idle_and_busy_connections() -> None:
    arrived = asyncio.Event()

    async def stall(
        request: web.BaseRequest, respond: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.path == "/stall":
            arrived.set()
            await asyncio.sleep(60)
        return await respond()

    server = EmbeddedGitHub(hook=stall)
    await server.start()
    async with aiohttp.ClientSession() as session:
        async with session.get(server.url + NPM) as idle:
            await idle.read()
        busy = asyncio.create_task(session.post(server.url + "/stall"))
        await arrived.wait()
        with takes(most=1):
            await server.close()
        with pytest.raises(aiohttp.ClientError):
            await busy
    assert server.in_flight == 0


async def test_a_server_runs_once_at_a_time() -> None:
    server = EmbeddedGitHub()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.url
    await server.start()
    with pytest.raises(RuntimeError, match="already"):
        await server.start()
    await server.close()
    await server.close()
    assert "closed" in repr(server)
    async with server:
        assert server.url in repr(server)


def test_code_without_a_loop_has_it_in_a_thread() -> None:
    threads = threading.active_count()
    with EmbeddedGitHub() as server:
        server.world.org("acme").package("npm", "left")
        url, authorization = server.url + NPM, {"Authorization": f"Bearer {server.token}"}
        with urlopen(Request(url, headers=authorization), timeout=5) as response:  # noqa: S310
            assert [package["name"] for package in json.load(response)] == ["left"]
    assert threading.active_count() == threads
    assert "closed" in repr(server)


def test_a_thread_that_cannot_listen_ends() -> None:
    threads = threading.active_count()
    with EmbeddedGitHub() as first:
        port = URL(first.url).port
        assert port is not None
        with pytest.raises(OSError, match=str(port)), EmbeddedGitHub(port=port):
            pass
    assert threading.active_count() == threads


@pytest.mark.parametrize(("kept", "remembered"), [(None, 5), (2, 2), (0, 0)])
async def test_only_the_latest_requests_may_be_kept(
    serve: Serve, kept: int | None, remembered: int
) -> None:
    call = await serve(max_requests=kept)
    for number in range(5):
        await call.get(f"/{number}")
    paths = [request.path for request in call.server.requests]
    assert paths == [f"/{number}" for number in range(5)][5 - remembered :]


def test_a_number_of_requests_below_0_is_refused() -> None:
    with pytest.raises(ValueError, match="max_requests: -1"):
        EmbeddedGitHub(max_requests=-1)


async def test_a_port_may_be_chosen_and_may_be_taken() -> None:
    async with EmbeddedGitHub() as first:
        port = int(first.url.rpartition(":")[2])
        second = EmbeddedGitHub(port=port)
        with pytest.raises(OSError, match=str(port)):
            await second.start()
    async with second:
        assert second.url == f"http://127.0.0.1:{port}"


async def test_two_servers_do_not_meet(serve: Serve) -> None:
    worlds = [World(), World()]
    for number, world in enumerate(worlds):
        world.token("ghp_everything", login="octocat")
        world.org("acme").package("npm", f"of-{number}")
    calls = [await serve(world) for world in worlds]
    assert [await call.names(NPM) for call in calls] == [["of-0"], ["of-1"]]
    assert [len(call.server.requests) for call in calls] == [1, 1]


def test_a_token_of_every_scope_is_the_worlds() -> None:
    world = World()
    server = EmbeddedGitHub(world)
    world.token("ghp_read", login="octocat", scopes=["read:packages"])
    world.token("ghp_member", login="octocat", admin=False)
    with pytest.raises(LookupError, match="no token"):
        _ = server.token
    world.token("ghp_full", login="octocat")
    assert server.token == "ghp_full"
