"""Each fault of the embedded server has its documented effect only."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from ghpkg_async._clock import loop_time
from ghpkg_async.testing import EmbeddedGitHub, Fault, Faults, World
from ghpkg_async.testing._faults import FAULTS
from tests.support.hostile import eventually
from tests.testing.conftest import Caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.testing.conftest import Reply, Serve

NPM = "/orgs/acme/packages?package_type=npm"
LEFT = "/orgs/acme/packages/npm/left"


async def send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Raise an error that aiohttp does not retry if a fault closes the connection."""
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientError(repr(error)) from error


@pytest_asyncio.fixture
async def call(serve: Serve) -> AsyncIterator[Caller]:
    server = (await serve()).server
    async with aiohttp.ClientSession(middlewares=(send_once,)) as session:
        yield Caller(server, session)


CARRIED_OUT = ("reset_after", "reset_headers", "reset_body", "cut_body")


@pytest.fixture(autouse=True)
def _left(world: World) -> None:
    world.org("acme").package("npm", "left", versions=250)


@pytest.mark.parametrize("fault", CARRIED_OUT)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_the_connection_dies_after_the_request_was_carried_out(
    call: Caller, fault: Fault, method: str
) -> None:
    call.server.faults.next(fault)
    with pytest.raises(aiohttp.ClientError):
        await call.send(method, LEFT)
    (request,) = call.server.requests
    assert (request.status, request.fault) == (200 if method == "GET" else 204, fault)
    assert call.server.world.org("acme").has("npm", "left") == (method == "GET")
    assert (await call.get(LEFT)).status == (200 if method == "GET" else 404)


async def test_the_connection_dies_before_the_request_is_carried_out(call: Caller) -> None:
    call.server.faults.next("reset_before")
    with pytest.raises(aiohttp.ClientError, match="Connection reset"):
        await call.delete(LEFT)
    (request,) = call.server.requests
    assert (request.status, request.fault) == (None, "reset_before")
    assert (await call.get(LEFT)).status == 200


@pytest.mark.parametrize(
    ("fault", "kept", "way"),
    [
        ("reset_before", False, "Connection reset"),
        ("reset_after", False, "Connection reset"),
        ("reset_headers", False, "Connection reset"),
        ("reset_body", True, "Connection reset"),
        ("cut_body", True, "ContentLengthError"),
    ],
)
async def test_a_fault_ends_the_response_before_or_after_its_headers(
    call: Caller, fault: Fault, kept: bool, way: str
) -> None:
    call.server.faults.next(fault)
    headers = {"Authorization": f"Bearer {call.token}"}
    got_headers = False
    with pytest.raises(aiohttp.ClientError, match=way):
        async with call.session.get(call.server.url + LEFT, headers=headers) as response:
            got_headers = response.status == 200
            await response.read()
    assert got_headers is kept


@pytest.mark.parametrize(("fault", "status"), [("stall", None), ("stall_after", 204)])
async def test_a_stalled_request_gets_no_response(
    call: Caller, fault: Fault, status: int | None
) -> None:
    server = call.server
    server.faults.next(fault)
    request = asyncio.create_task(call.delete(LEFT))
    outcome = [(status, fault)]
    await eventually(lambda: [(r.status, r.fault) for r in server.requests] == outcome, "stalled")
    done, _ = await asyncio.wait([request], timeout=0.05)
    assert not done
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    await eventually(lambda: server.in_flight == 0, "the request ended with its connection")


async def test_a_kept_connection_is_closed_under_its_next_request(call: Caller) -> None:
    call.server.faults.next("close_keep_alive", method="POST")
    await call.get(LEFT)
    with pytest.raises(aiohttp.ClientError, match="Disconnected"):
        await call.post(f"{LEFT}/restore")
    await call.delete(LEFT)
    assert [(r.status, r.fault) for r in call.server.requests] == [
        (200, None),
        (None, "close_keep_alive"),
        (204, None),
    ]


async def test_a_new_connection_is_not_closed_as_if_it_had_been_kept(world: World) -> None:
    faults = Faults(close_keep_alive=1.0)
    headers = {"Authorization": "Bearer ghp_everything", "Connection": "close"}
    async with EmbeddedGitHub(world, faults=faults) as server, aiohttp.ClientSession() as session:
        for _ in range(3):
            async with session.get(server.url + LEFT, headers=headers) as response:
                assert response.status == 200


@pytest.mark.parametrize(("fault", "status"), [("server_error", None), ("server_error_after", 204)])
async def test_a_server_error_may_lie(call: Caller, fault: Fault, status: int | None) -> None:
    call.server.faults.next(fault, status=503, headers={"Retry-After": "1"}, body="<p>busy</p>")
    reply = await call.delete(LEFT)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert reply.body == b"<p>busy</p>"
    assert call.server.requests[0].status == status
    assert call.server.world.org("acme").has("npm", "left") == (status is None)


async def test_server_errors_have_every_status(serve: Serve) -> None:
    call = await serve(faults=Faults(server_error=1.0))
    replies = [await call.get(f"{LEFT}?{number}") for number in range(60)]
    assert {reply.status for reply in replies} == {500, 502, 503, 504}
    assert {reply.body[:1] for reply in replies} == {b"", b"{", b"<"}


async def test_a_missing_link_is_missing_on_listings_that_have_more(call: Caller) -> None:
    assert (await call.get(f"{LEFT}/versions")).links
    call.server.faults = Faults(missing_link=1.0)
    reply = await call.get(f"{LEFT}/versions")
    assert (reply.status, reply.links) == (200, {})


async def test_large_pages_fail_and_small_ones_do_not(serve: Serve) -> None:
    call = await serve(faults=Faults(fail_pages_above=50))
    asked = {"per_page=100": 502, "per_page=51": 502, "per_page=50": 200, "": 200}
    for query, status in asked.items():
        assert (await call.get(f"{LEFT}/versions?{query}")).status == status
    assert (await call.get(f"{LEFT}?per_page=100")).status == 200


async def test_latency_lies_within_its_bounds(serve: Serve) -> None:
    call = await serve(faults=Faults(latency=(0.02, 0.06)), latency=0.02)
    times = []
    for number in range(8):
        start = loop_time()
        await call.get(f"{LEFT}?{number}")
        times.append(loop_time() - start)
    assert min(times) >= 0.04
    assert max(times) - min(times) > 0.005


async def test_the_servers_clock_may_be_another(serve: Serve) -> None:
    call = await serve(faults=Faults(clock_skew=3600))
    reply = await call.get(LEFT)
    date = parsedate_to_datetime(reply.headers["Date"]).timestamp()
    assert date - time.time() == pytest.approx(3600, abs=60)
    assert int(reply.headers["x-ratelimit-reset"]) == int(date) + 3600


async def test_the_servers_clock_does_not_go_back_after_an_outage(serve: Serve) -> None:
    call = await serve()
    await asyncio.sleep(600)
    before = parsedate_to_datetime((await call.get(LEFT)).headers["Date"])
    async with call.server.down():
        pass
    assert parsedate_to_datetime((await call.get(LEFT)).headers["Date"]) >= before


async def test_a_server_that_is_down_refuses_connections(call: Caller) -> None:
    server, url = call.server, call.server.url
    await call.get(LEFT)
    async with server.down():
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", URL(url).port)
        with pytest.raises(RuntimeError, match="not running"):
            _ = server.url
    assert server.url == url
    assert (await call.get(LEFT)).status == 200


async def test_only_a_running_server_can_be_down() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        async with EmbeddedGitHub().down():
            pass


async def test_a_request_whose_client_disconnected_is_not_in_flight(call: Caller) -> None:
    server = call.server
    server.faults.next("stall", times=2)
    requests = [asyncio.create_task(call.get(LEFT)) for _ in range(2)]
    await eventually(lambda: [r.fault for r in server.requests] == ["stall"] * 2, "stalled")
    for request in requests:
        request.cancel()
    await asyncio.gather(*requests, return_exceptions=True)
    await asyncio.gather(call.get(LEFT), call.get(LEFT))
    assert call.server.max_in_flight == 2


async def test_scripted_faults_wait_for_their_requests(call: Caller) -> None:
    faults = call.server.faults
    faults.next("server_error", method="DELETE", status=500)
    faults.next("server_error", target="/versions", status=503, times=2)
    faults.next("server_error", status=504)
    asked = [("GET", f"{LEFT}/versions"), ("GET", LEFT), ("GET", LEFT), ("DELETE", LEFT)]
    asked += [("GET", f"{LEFT}/versions"), ("GET", f"{LEFT}/versions")]
    replies: list[Reply] = [await call.send(*each) for each in asked]
    assert [reply.status for reply in replies] == [503, 504, 200, 500, 503, 200]


async def test_faults_are_changed_on_the_way(call: Caller) -> None:
    call.server.faults.server_error = 1.0
    assert (await call.get(LEFT)).status >= 500
    call.server.faults = Faults()
    assert (await call.get(LEFT)).status == 200


def test_rates_are_kept_to() -> None:
    faults = Faults(seed=1, reset_before=0.05, cut_body=0.1, server_error=0.25, missing_link=0.5)
    drawn = [faults.assign("GET", f"/{number % 50}") for number in range(10_000)]
    for fault, rate in (("reset_before", 0.05), ("cut_body", 0.1), ("server_error", 0.25)):
        assert sum(each.name == fault for each in drawn) / 10_000 == pytest.approx(rate, abs=0.02)
    assert sum(each.name is None for each in drawn) / 10_000 == pytest.approx(0.6, abs=0.02)
    assert sum(not each.link for each in drawn) / 10_000 == pytest.approx(0.5, abs=0.02)


def test_faults_of_a_request_do_not_depend_on_the_order_of_requests() -> None:
    targets = [f"/{number}" for number in range(200)] * 2
    every: dict[str, Any] = dict.fromkeys(FAULTS, 0.1)
    forth, back, other = Faults(seed=7, **every), Faults(seed=7, **every), Faults(seed=8, **every)

    def assigned(faults: Faults, targets: list[str]) -> list[tuple[str, object]]:
        found = [(target, faults.assign("GET", target, kept_alive=True)) for target in targets]
        return sorted(found, key=repr)

    assert assigned(forth, targets) == assigned(back, targets[::-1])
    assert assigned(forth, targets) != assigned(other, targets)


def test_a_repeated_request_has_other_faults() -> None:
    faults = Faults(server_error=0.5)
    assert len({faults.assign("DELETE", "/x").name for _ in range(20)}) == 2


@pytest.mark.parametrize(
    ("wrong", "about"),
    [
        ({"stall": 1.5}, "stall: 1.5"),
        ({"missing_link": -0.1}, "missing_link: -0.1"),
        ({"stall": 0.6, "cut_body": 0.6}, "sum to 1.2"),
        ({"latency": (2, 1)}, "latency"),
        ({"latency": -1.0}, "latency"),
        ({"fail_pages_above": 0}, "fail_pages_above"),
    ],
)
def test_rates_that_cannot_be_are_refused(wrong: dict[str, Any], about: str) -> None:
    with pytest.raises(ValueError, match=about):
        Faults(**wrong)
    with pytest.raises(ValueError, match=about):
        faults = Faults()
        for name, value in wrong.items():
            setattr(faults, name, value)
        faults.assign("GET", "/")


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="fault: 'explode' must be one of reset_before"):
        Faults().next("explode")  # type: ignore[arg-type]


async def test_closing_ends_stalled_requests_without_a_log_record(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"Authorization": "Bearer ghp_everything"}
    async with aiohttp.ClientSession() as session:
        async with EmbeddedGitHub(world, faults=Faults(stall=1.0)) as server:
            calls = [asyncio.create_task(session.post(server.url + LEFT, headers=headers))]
            calls += [asyncio.create_task(session.get(server.url + LEFT, headers=headers))]
            while server.in_flight < 2:  # noqa: ASYNC110  (the server has no event)
                await asyncio.sleep(0.01)
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, aiohttp.ClientError) for result in results)
    assert server.in_flight == 0
    assert not caplog.records
