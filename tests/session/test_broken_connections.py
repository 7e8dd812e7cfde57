"""Broken connections: retries, writes that may have been applied, and notes about them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ghpkg_async import (
    APIError,
    ConnectionFailed,
    Forbidden,
    GitHubPackages,
    GitHubPackagesError,
    InvalidResponse,
    NotFound,
    PackageRef,
    RateLimited,
    RequestTimeout,
    ServerError,
    VersionRef,
)
from tests.support.api import package, version
from tests.support.fast_loop import takes
from tests.support.hostile import (
    Call,
    HostileServer,
    Step,
    eventually,
    hanging_up,
    refused,
    resetting,
    response,
    serving,
    stalling,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

GOOD = response(200, package(1))
HALF = response(200, b"[" * 500, "Content-Length: 1000")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

BREAKS: dict[str, Step] = {
    "closed before a response": hanging_up(),
    "reset before a response": resetting(),
    "closed within the status line": hanging_up(b"HTTP/1.1 20"),
    "reset within the status line": resetting(b"HTTP/1.1 20"),
    "closed within the headers": hanging_up(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "reset within the headers": resetting(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "closed after the headers": hanging_up(HALF[:-500]),
    "reset after the headers": resetting(HALF[:-500]),
    "closed within the body": hanging_up(HALF),
    "reset within the body": resetting(HALF),
    "closed within a chunk": hanging_up(CHUNKED + b"20\r\n[]"),
    "closed before the last chunk": hanging_up(CHUNKED + b"2\r\n[]\r\n"),
    "closed after an interim response": hanging_up(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "500": response(500),
    "502 in HTML": response(502, "<html>"),
    "503 in broken gzip": response(503, b"\x1f\x8b", "Content-Encoding: gzip"),
    "504 in nothing": response(504),
    "500 cut short": hanging_up(response(500, "x", "Content-Length: 100")),
    "502 and closed": hanging_up(response(502, "", "Connection: close")),
}
"""Faults after which a retry may succeed."""

UNKNOWN: dict[str, Step] = {
    name: step
    for name, step in BREAKS.items()
    if name not in ("closed after the headers", "reset after the headers")
}


def ref(gh: GitHubPackages) -> PackageRef:
    return gh.org("acme").package("npm", "p")


async def silence(call: Call) -> None:
    await call.stall()


@pytest.mark.parametrize("fault", BREAKS)
async def test_a_connection_that_fails_once_is_retried(
    server: HostileServer, stubborn: GitHubPackages, fault: str
) -> None:
    server.will(BREAKS[fault], GOOD)
    assert (await ref(stubborn).get()).id == 1
    assert stubborn.stats.requests == len(server.requests) == 2
    assert stubborn.stats.retries == 1


@pytest.mark.parametrize("fault", BREAKS)
async def test_a_connection_that_keeps_failing_is_tried_max_retries_times(
    server: HostileServer, gh: GitHubPackages, fault: str
) -> None:
    server.will(BREAKS[fault])
    error = await refused(ref(gh).get())
    assert isinstance(error, (ConnectionFailed, ServerError))
    assert gh.stats.requests == len(server.requests) == 1
    if isinstance(error, ConnectionFailed):
        assert error.__cause__ is not None


@pytest.mark.parametrize("retries", [0, 1, 2])
async def test_max_retries_is_the_number_of_retries(server: HostileServer, retries: int) -> None:
    server.will(hanging_up())
    async with server.client(max_retries=retries) as gh:
        assert isinstance(await refused(ref(gh).get()), ConnectionFailed)
    assert gh.stats.requests == len(server.requests) == retries + 1
    assert gh.stats.retries == retries


async def test_a_refused_connection_is_tried_again(server: HostileServer) -> None:
    async with serving(HostileServer(steps=[GOOD])) as gone:
        pass
    async with gone.client(max_retries=1) as gh:
        error = await refused(ref(gh).get())
    assert isinstance(error, ConnectionFailed)
    assert not isinstance(error, RequestTimeout)
    assert error.__cause__ is not None
    assert str(gone.port) in str(error)


@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 405, 409, 410, 422, 425, 451, 506, 511, 599]
)
async def test_nothing_else_is_tried_again(
    server: HostileServer, stubborn: GitHubPackages, status: int
) -> None:
    server.will(response(status), GOOD)
    error = await refused(ref(stubborn).get())
    assert isinstance(error, APIError)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "step",
    [
        response(200, "{"),
        response(302, "", "Location: //evil/"),
        response(200, "x", "Content-Encoding: br"),
    ],
    ids=["no JSON", "a redirect elsewhere", "an odd encoding"],
)
async def test_an_invalid_response_is_not_retried(
    server: HostileServer, stubborn: GitHubPackages, step: Step
) -> None:
    server.will(step, GOOD)
    assert isinstance(await refused(ref(stubborn).get()), InvalidResponse)
    assert len(server.requests) == 1


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n", HALF])
async def test_silence_ends_with_the_timeout_of_each_attempt(
    server: HostileServer, head: bytes
) -> None:
    server.will(stalling(head))
    async with server.client(timeout=0.4, max_retries=1) as gh:
        with takes(most=1.5):
            error = await refused(ref(gh).get())
    assert isinstance(error, RequestTimeout)
    assert isinstance(error, TimeoutError)
    assert gh.stats.requests == len(server.requests) == 2


@pytest.mark.parametrize("status", [500, 503])
async def test_retry_after_is_honoured(
    server: HostileServer, stubborn: GitHubPackages, status: int
) -> None:
    server.will(response(status, "", "Retry-After: 1"), GOOD)
    with takes(least=1, most=4):
        await ref(stubborn).get()


@pytest.mark.parametrize("value", ["-1", "x", "", "\udcff", "NaN", "-inf", "0"])
async def test_an_odd_retry_after_holds_up_nothing(
    server: HostileServer, stubborn: GitHubPackages, value: str
) -> None:
    server.will(response(503, "", f"Retry-After: {value}"), GOOD)
    with takes(most=1.5):
        await ref(stubborn).get()


async def test_retry_after_of_a_rate_limit_is_honoured(server: HostileServer) -> None:
    server.will(response(429, "", "Retry-After: 1"), GOOD)
    async with server.client(max_rate_limit_wait=5) as gh:
        with takes(least=1, most=3):
            await ref(gh).get()


async def test_a_rate_limit_without_an_end_ends(server: HostileServer) -> None:
    server.will(response(429, "", "Retry-After: 0"))
    async with server.client(max_rate_limit_wait=1) as gh:
        with takes(most=4):
            assert isinstance(await refused(ref(gh).get()), RateLimited)
        assert gh.stats.requests == len(server.requests) < 40


@pytest.mark.parametrize("doing", ["get", "delete", "restore"])
@pytest.mark.parametrize("fault", [hanging_up(), resetting()], ids=["closed", "reset"])
async def test_a_kept_connection_closed_under_us_is_one_counted_attempt(
    server: HostileServer, gh: GitHubPackages, doing: str, fault: Step
) -> None:
    """aiohttp does not send the request a second time without a retry of the client."""
    server.will(GOOD, fault, response(204))
    await ref(gh).get()
    error = await refused(getattr(ref(gh), doing)())
    assert isinstance(error, ConnectionFailed)
    assert len(server.requests) == gh.stats.requests == 2
    first, second = server.requests
    assert first.connection == second.connection


@pytest.mark.parametrize("doing", ["get", "delete", "restore"])
async def test_each_send_over_kept_connections_is_counted(
    server: HostileServer, doing: str
) -> None:
    server.will(GOOD, hanging_up(), hanging_up(), response(404))
    async with server.client(max_retries=2) as gh:
        await ref(gh).get()
        try:
            await getattr(ref(gh), doing)()
        except NotFound:
            assert doing != "delete"
        assert gh.stats.requests == len(server.requests)


async def test_a_connection_closed_while_idle_costs_nothing(
    server: HostileServer, gh: GitHubPackages
) -> None:
    async def leave(call: Call) -> None:
        await call.send(GOOD)
        await asyncio.sleep(0.01)
        await call.hang_up()

    server.will(leave, GOOD)
    await ref(gh).get()
    await asyncio.sleep(0.1)
    await ref(gh).get()
    assert gh.stats.requests == len(server.requests) == 2


# Deleting: a 404 counts as success after an attempt that may have been carried out


def targets(gh: GitHubPackages) -> list[PackageRef | VersionRef]:
    return [ref(gh), ref(gh).version(7)]


@pytest.mark.parametrize("fault", UNKNOWN)
async def test_a_404_after_a_lost_delete_counts_as_success(
    server: HostileServer, stubborn: GitHubPackages, fault: str
) -> None:
    server.will(BREAKS[fault], response(404))
    await ref(stubborn).delete()
    assert server.methods == ["DELETE", "DELETE"]


async def test_a_404_after_a_delete_that_timed_out_counts_as_success(server: HostileServer) -> None:
    server.will(silence, response(404))
    async with server.client(timeout=0.4, max_retries=1) as gh:
        await ref(gh).version(7).delete()
    assert server.methods == ["DELETE", "DELETE"]


@pytest.mark.parametrize("which", [0, 1])
async def test_a_delete_of_a_missing_version_is_not_found(
    server: HostileServer, stubborn: GitHubPackages, which: int
) -> None:
    server.will(response(404), response(204))
    assert isinstance(await refused(targets(stubborn)[which].delete()), NotFound)
    assert len(server.requests) == 1


async def test_a_404_after_a_rate_limit_alone_is_not_found(server: HostileServer) -> None:
    server.will(response(429, "", "Retry-After: 0"), response(404))
    async with server.client(max_rate_limit_wait=5) as gh:
        assert isinstance(await refused(ref(gh).delete()), NotFound)


async def test_a_404_after_a_redirect_alone_is_not_found(
    server: HostileServer, gh: GitHubPackages
) -> None:
    server.will(response(307, "", "Location: /there"), response(404))
    assert isinstance(await refused(ref(gh).delete()), NotFound)


@pytest.mark.parametrize("status", [404, 400, 403, 422])
@pytest.mark.parametrize("fault", [hanging_up, resetting])
async def test_a_refusal_whose_body_broke_off_was_still_a_refusal(
    server: HostileServer,
    stubborn: GitHubPackages,
    status: int,
    fault: Callable[[bytes], Step],
) -> None:
    """The received status means that nothing was deleted, so a 404 of the retry is an error."""
    server.will(fault(response(status, "x", "Content-Length: 100")), response(404))
    error = await refused(ref(stubborn).delete())
    assert isinstance(error, ConnectionFailed) or getattr(error, "status", None) in (404, status)


async def test_a_404_after_connections_that_were_refused_is_not_found() -> None:
    """No earlier attempt of the client reached the server."""
    server = HostileServer(steps=[response(404)])
    async with serving(server):
        pass
    async with server.client(max_retries=8) as gh:
        call = asyncio.create_task(ref(gh).delete())
        await eventually(lambda: gh.stats.retries, "it tried before")
        listener = await asyncio.start_server(server.handle, "127.0.0.1", server.port)
        try:
            assert isinstance(await refused(call), NotFound)
        finally:
            listener.close()
    await server.stop()
    assert server.methods == ["DELETE"]


@pytest.mark.parametrize("status", [400, 401, 403, 409, 422])
async def test_a_refusal_after_a_lost_attempt_is_raised_with_a_note(
    server: HostileServer, stubborn: GitHubPackages, status: int
) -> None:
    server.will(hanging_up(), response(status))
    error = await refused(ref(stubborn).delete())
    assert isinstance(error, APIError)
    assert error.status == status
    assert_says_unknown(error)


# Restoring: a 404 may also mean that the item is not deleted


def assert_says_unknown(error: GitHubPackagesError) -> None:
    """Fail unless the error says that the write may have been carried out."""
    said = " ".join([str(error), *getattr(error, "__notes__", [])])
    assert "may have been carried out" in said


def assert_says_nothing_of_it(error: GitHubPackagesError) -> None:
    said = " ".join([str(error), *getattr(error, "__notes__", [])])
    assert "may have been carried out" not in said


RESTORES: dict[str, Callable[[GitHubPackages], Awaitable[None]]] = {
    "package": lambda gh: ref(gh).restore(),
    "package with its token": lambda gh: ref(gh).restore(token="t"),
    "version": lambda gh: ref(gh).version(7).restore(),
}


@pytest.mark.parametrize("what", RESTORES)
@pytest.mark.parametrize("fault", ["closed before a response", "502 in HTML", "500 cut short"])
async def test_a_restore_that_was_carried_out_is_never_not_found(
    server: HostileServer, stubborn: GitHubPackages, fault: str, what: str
) -> None:
    body = version(7) if what == "version" else package(1)
    server.will(BREAKS[fault], response(404), response(200, body))
    await RESTORES[what](stubborn)
    assert server.methods == ["POST", "POST", "GET"]
    assert server.targets[2].endswith("/versions/7" if what == "version" else "/npm/p")


async def test_a_restore_that_timed_out_is_never_not_found(server: HostileServer) -> None:
    server.will(silence, response(404), response(200, package(1)))
    async with server.client(timeout=0.4, max_retries=1) as gh:
        await ref(gh).restore()
    assert server.methods == ["POST", "POST", "GET"]


async def test_a_restore_of_a_missing_version_is_not_found(
    server: HostileServer, stubborn: GitHubPackages
) -> None:
    server.will(response(404))
    error = await refused(ref(stubborn).restore())
    assert isinstance(error, NotFound)
    assert server.methods == ["POST"]
    assert_says_nothing_of_it(error)


async def test_a_restore_that_left_no_trace_is_not_found(
    server: HostileServer, stubborn: GitHubPackages
) -> None:
    server.will(hanging_up(), response(404), response(404))
    error = await refused(ref(stubborn).restore())
    assert isinstance(error, NotFound)
    assert error.method == "POST"


LOOKS: dict[str, tuple[Step, type[GitHubPackagesError]]] = {
    "403": (response(403), Forbidden),
    "500": (response(500), ServerError),
    "closed": (hanging_up(), ConnectionFailed),
    "429": (response(429, "", "Retry-After: 600"), RateLimited),
    "a redirect elsewhere": (response(302, "", "Location: //evil/"), InvalidResponse),
    "204": (response(204), InvalidResponse),
}


@pytest.mark.parametrize("look", LOOKS)
async def test_a_restore_that_cannot_be_looked_up_says_so(
    server: HostileServer, stubborn: GitHubPackages, look: str
) -> None:
    step, kind = LOOKS[look]
    server.will(hanging_up(), response(404), step)
    error = await refused(ref(stubborn).restore())
    assert isinstance(error, kind)
    assert_says_unknown(error)


LAST: dict[str, Step] = {
    "closed": hanging_up(),
    "reset": resetting(),
    "closed within the headers": hanging_up(b"HTTP/1.1 204 No"),
    "500": response(500),
    "502": response(502),
    "503": response(503),
    "504": response(504),
    "no HTTP": response("\udcff\udcff"),
    "silence": silence,
}


@pytest.mark.parametrize("doing", ["delete", "restore"])
@pytest.mark.parametrize("fault", LAST)
async def test_a_write_with_an_unknown_outcome_has_a_note(
    server: HostileServer, doing: str, fault: str
) -> None:
    server.will(LAST[fault])
    async with server.client(timeout=0.5) as gh:
        assert_says_unknown(await refused(getattr(ref(gh), doing)()))


AFTER: dict[str, Step] = {
    "401": response(401),
    "403": response(403),
    "422": response(422),
    "429": response(429, "", "Retry-After: 600"),
    "502": response(502),
    "200": response(200, "{}"),
    "a redirect elsewhere": response(307, "", "Location: //evil/"),
    "a redirect that makes it a GET": response(303, "", "Location: /x"),
    "no HTTP": response("\udcff"),
    "closed": hanging_up(),
}


@pytest.mark.parametrize("doing", ["delete", "restore"])
@pytest.mark.parametrize("after", AFTER)
async def test_every_error_after_a_lost_write_notes_that_it_may_be_applied(
    server: HostileServer, stubborn: GitHubPackages, doing: str, after: str
) -> None:
    server.will(hanging_up(), AFTER[after])
    assert_says_unknown(await refused(getattr(ref(stubborn), doing)()))


async def test_a_write_that_was_never_sent_says_nothing_of_the_kind() -> None:
    async with serving(HostileServer()) as gone:
        pass
    async with gone.client(max_retries=1) as gh:
        for call in (ref(gh).delete(), ref(gh).restore()):
            error = await refused(call)
            assert isinstance(error, ConnectionFailed)
            assert_says_nothing_of_it(error)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_a_write_that_was_refused_says_nothing_of_the_kind(
    server: HostileServer, gh: GitHubPackages, status: int
) -> None:
    server.will(response(status))
    for call in (ref(gh).delete(), ref(gh).restore()):
        assert_says_nothing_of_it(await refused(call))


async def test_a_read_says_nothing_of_the_kind(
    server: HostileServer, stubborn: GitHubPackages
) -> None:
    server.will(hanging_up())
    assert_says_nothing_of_it(await refused(ref(stubborn).get()))


# Many concurrent requests


async def test_a_listing_survives_a_server_that_loses_each_page_once(
    server: HostileServer,
) -> None:
    async def shaky(call: Call) -> None:
        if server.targets.count(call.request.target) == 1:
            await call.reset()
            return
        number = int(call.request.target.partition("&page=")[2])
        base = f"{server.url}/x?per_page=1"
        link = f'Link: <{base}&page={number + 1}>; rel="next", <{base}&page=6>; rel="last"'
        if number == 6:
            link = f'Link: <{base}&page=5>; rel="prev"'
        await call.send(response(200, [version(number)], link))

    server.will(shaky)
    async with server.client(max_retries=1, concurrency=4) as gh:
        found = await ref(gh).versions(per_page=1)
        assert [each.id for each in found] == [1, 2, 3, 4, 5, 6]
        assert gh.stats.requests == len(server.requests)


async def test_a_page_that_is_lost_for_good_ends_the_listing_with_its_error(
    server: HostileServer,
) -> None:
    async def lose_page_3(call: Call) -> None:
        number = int(call.request.target.partition("&page=")[2])
        if number == 3:
            await call.reset()
            return
        base = f"{server.url}/x?per_page=1"
        link = f'Link: <{base}&page={number + 1}>; rel="next", <{base}&page=9>; rel="last"'
        await call.send(response(200, [version(number)], link))

    server.will(lose_page_3)
    async with server.client(concurrency=4) as gh:
        got = []
        with pytest.raises(ConnectionFailed):
            async for each in ref(gh).versions(per_page=1):
                got.append(each.id)
        assert got == [1, 2]
