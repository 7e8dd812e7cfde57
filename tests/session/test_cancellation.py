"""Cancelling a call, leaving a loop and closing a client end at once, and leave no tasks."""

from __future__ import annotations

import asyncio
import gc
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio

from ghpkg_async import GitHubPackages, GitHubPackagesError, RequestTimeout
from ghpkg_async._client import session_of
from ghpkg_async._clock import loop_time
from tests.support.api import package, version
from tests.support.fast_loop import takes
from tests.support.hostile import (
    TOKEN,
    Call,
    HostileServer,
    Step,
    eventually,
    others,
    refused,
    response,
    stalling,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

STALLS: dict[str, Step] = {
    "before a response": stalling(),
    "within the status line": stalling(b"HTTP/1.1 2"),
    "within the headers": stalling(b"HTTP/1.1 200 OK\r\nContent-Length: 1"),
    "before the body": stalling(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
    "within the body": stalling(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[[["),
    "within a chunk": stalling(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n99\r\n[[["),
}

CALLS: dict[str, Callable[[GitHubPackages], Awaitable[object]]] = {
    "get": lambda gh: gh.org("acme").package("npm", "p").get(),
    "delete": lambda gh: gh.org("acme").package("npm", "p").delete(),
    "restore": lambda gh: gh.org("acme").package("npm", "p").restore(token="t"),
    "list": lambda gh: whole(gh.org("acme").packages("npm")),
    "conflicts": lambda gh: whole(gh.org("acme").docker_conflicts()),
}


async def whole(listing: Awaitable[object]) -> object:
    return await listing


@pytest_asyncio.fixture(autouse=True)
async def _complaints(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Fail if asyncio reports an unhandled exception, or a task destroyed while pending."""
    complaints: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(str(context)))
    yield
    gc.collect(1)
    await asyncio.sleep(0)
    assert [each for each in complaints if "rig.py" not in each] == []


@pytest_asyncio.fixture(params=["own session", "injected session"])
async def client(
    server: HostileServer, request: pytest.FixtureRequest
) -> AsyncIterator[GitHubPackages]:
    """Yield a client whose calls time out late and retry often."""
    if request.param == "own session":
        async with server.client(timeout=60, max_retries=9, max_rate_limit_wait=99) as gh:
            yield gh
        return
    async with (
        aiohttp.ClientSession() as session,
        server.client(timeout=60, max_retries=9, max_rate_limit_wait=99, session=session) as gh,
    ):
        yield gh


async def started(server: HostileServer, call: Awaitable[object]) -> asyncio.Task[object]:
    """Start the call, and return its task when the server has received its request."""
    seen = len(server.requests)
    task = asyncio.ensure_future(call)
    await eventually(lambda: len(server.requests) > seen, "it asks")
    await asyncio.sleep(0.02)
    return task


async def cancelled_at_once(task: asyncio.Task[object]) -> None:
    assert not task.done()
    task.cancel("for a reason")
    with takes(most=0.2), pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


@pytest.mark.parametrize("stall", STALLS)
@pytest.mark.parametrize("call", CALLS)
async def test_cancelling_a_call_ends_it_at_once(
    server: HostileServer, client: GitHubPackages, call: str, stall: str
) -> None:
    server.will(STALLS[stall])
    await cancelled_at_once(await started(server, CALLS[call](client)))
    await eventually(lambda: not server.open, "its connection is closed")
    assert others() == set()
    server.will(response(200, package(1)))
    assert await client.org("acme").package("npm", "p").get()


async def test_cancelling_while_connecting_ends_at_once(server: HostileServer) -> None:
    async with server.client(timeout=60) as gh:
        for turns in range(30):
            server.will(response(200, package(1)))
            task = asyncio.ensure_future(CALLS["get"](gh))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        assert others() == set()
        assert session_of(gh).scheduler.in_flight == 0


@pytest.mark.parametrize("why", ["at the gate", "before a retry", "for a rate limit", "for points"])
async def test_cancelling_a_call_that_waits_ends_it_at_once(
    server: HostileServer, why: str
) -> None:
    server.will(
        {
            "at the gate": stalling(),
            "before a retry": response(503, "", "Retry-After: 30"),
            "for a rate limit": response(429, "", "Retry-After: 30"),
            "for points": response(200, package(1)),
        }[why]
    )
    points = 1 if why == "for points" else None
    async with server.client(
        concurrency=1, timeout=60, max_retries=9, max_rate_limit_wait=99, points_per_minute=points
    ) as gh:
        first = await started(server, CALLS["get"](gh))
        second = asyncio.ensure_future(CALLS["get"](gh))
        await asyncio.sleep(0.05)
        for task in (second, first):
            if task.done():
                assert why == "for points"
                continue
            await cancelled_at_once(task)
        assert others() == set()
        assert len(server.requests) == (2 if why == "before a retry" else 1)


async def test_a_cancelled_call_releases_its_place(server: HostileServer) -> None:
    server.will(stalling())
    async with server.client(concurrency=1, timeout=60) as gh:
        for _ in range(5):
            await cancelled_at_once(await started(server, CALLS["get"](gh)))
        server.will(response(200, package(1)))
        with takes(most=1):
            assert await CALLS["get"](gh)


async def test_a_turn_given_to_a_cancelled_call_is_passed_on(server: HostileServer) -> None:
    async with server.client(concurrency=1, timeout=60) as gh:
        for turns in range(40):
            server.will(response(200, package(1)))
            first = asyncio.ensure_future(CALLS["get"](gh))
            second = asyncio.ensure_future(CALLS["get"](gh))
            await first
            for _ in range(turns % 5):
                await asyncio.sleep(0)
            second.cancel()
            with suppress(asyncio.CancelledError):
                await second
        with takes(most=1):
            assert await CALLS["get"](gh)


async def test_the_callers_own_timeout_is_the_callers(
    server: HostileServer, client: GitHubPackages
) -> None:
    server.will(stalling())
    with takes(most=0.5), pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.1):
            await CALLS["get"](client)
    assert not isinstance(caught.value, RequestTimeout)
    assert others() == set()


async def test_a_sibling_that_fails_takes_the_call_with_it(
    server: HostileServer, client: GitHubPackages
) -> None:
    async def fail() -> None:
        await eventually(lambda: server.requests, "it asks")
        raise LookupError

    server.will(stalling())
    with takes(most=0.5), pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            group.create_task(whole(CALLS["list"](client)))
            group.create_task(fail())
    assert [type(error) for error in caught.value.exceptions] == [LookupError]
    assert others() == set()


# Listings, which prefetch pages


def pages(server: HostileServer, of: int = 50, then: Step | None = None) -> Step:
    """Return a step for a listing of `of` pages; for pages after the second, it runs `then`."""

    async def step(call: Call) -> None:
        number = int(call.request.target.partition("&page=")[2])
        if then is not None and number > 2:
            await (call.send(then) if isinstance(then, bytes) else then(call))
            return
        base = f"{server.url}/x?per_page=1"
        link = f'<{base}&page={number + 1}>; rel="next", <{base}&page={of}>; rel="last"'
        await call.send(response(200, [version(number)], f"Link: {link}"))

    return step


LEAVES = ["break", "exception", "cancel", "aclose", "drop"]


@pytest.mark.parametrize("how", LEAVES)
@pytest.mark.parametrize("ahead", ["responded", "stalled"])
async def test_leaving_a_listing_leaves_nothing_behind(
    server: HostileServer, client: GitHubPackages, how: str, ahead: str
) -> None:
    server.will(pages(server, then=stalling() if ahead == "stalled" else None))
    listing = client.org("acme").package("npm", "p").versions(per_page=1)

    async def read() -> None:
        if how == "aclose":
            async with aclosing(listing.pages()) as walk:
                await anext(walk)
                await anext(walk)
            return
        if how == "drop":
            walk = listing.pages()
            await anext(walk)
            await anext(walk)
            del walk
            return
        async for each in listing:
            if each.id == 2:
                if how == "exception":
                    raise LookupError("the body's own")
                if how == "cancel":
                    await asyncio.sleep(60)
                break

    task = asyncio.create_task(read())
    await eventually(lambda: len(server.requests) >= 3, "it fetches ahead")
    if how == "cancel":
        await asyncio.sleep(0.05)
        task.cancel()
    with takes(most=1), suppress(asyncio.CancelledError, LookupError):
        await task
    await eventually(lambda: not others(), "no task is left")
    if ahead == "stalled":
        await eventually(lambda: not server.busy, "what was stalled is closed")
    asked = len(server.requests)
    await asyncio.sleep(0.1)
    assert len(server.requests) == asked
    server.will(response(200, package(1)))
    with takes(most=1):
        assert await client.org("acme").package("npm", "p").get()
    assert not server.busy


async def test_leaving_a_listing_and_the_client_at_once_leaves_nothing_behind(
    server: HostileServer,
) -> None:
    server.will(pages(server, then=stalling()))
    async with server.client(timeout=60) as gh:
        async for _ in gh.org("acme").package("npm", "p").versions(per_page=1):
            break
    await eventually(lambda: not others(), "no task is left")
    await eventually(lambda: not server.open, "no connection is left")


async def test_one_page_that_fails_ends_those_fetched_ahead(
    server: HostileServer, client: GitHubPackages
) -> None:
    async def fail_at_3(call: Call) -> None:
        target = call.request.target
        await (call.send(response(401)) if target.endswith("&page=3") else call.stall())

    server.will(pages(server, then=fail_at_3))
    with takes(most=1):
        await refused(client.org("acme").package("npm", "p").versions(per_page=1))
    assert others() == set()
    await eventually(lambda: not server.busy, "those ahead are closed")


async def test_cancelling_twice_ends_too(server: HostileServer, client: GitHubPackages) -> None:
    server.will(pages(server, then=stalling()))
    listing = client.org("acme").package("npm", "p").versions(per_page=1)
    task = asyncio.ensure_future(whole(listing))
    await eventually(lambda: len(server.requests) >= 4, "it fetches ahead")
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: not others(), "no task is left")


async def test_two_walks_of_one_listing_do_not_mind_each_other(
    server: HostileServer, client: GitHubPackages
) -> None:
    server.will(pages(server))
    listing = client.org("acme").package("npm", "p").versions(per_page=1)
    async with aclosing(listing.pages()) as one, aclosing(listing.pages()) as other:
        await anext(one)
        await anext(other)
        await one.aclose()
        assert (await anext(other)).items[0].id == 2
    await eventually(lambda: not others(), "no task is left")


# Closing the client


async def ended_by_closing(gh: GitHubPackages, tasks: list[asyncio.Task[object]]) -> None:
    assert not any(task.done() for task in tasks)
    with takes(most=1):
        await gh.close()
        for task in tasks:
            assert "clos" in str(await refused(task))
    assert others() == set()


@pytest.mark.parametrize("stall", STALLS)
@pytest.mark.parametrize("call", CALLS)
async def test_closing_ends_a_call_that_is_stalled(
    server: HostileServer, client: GitHubPackages, call: str, stall: str
) -> None:
    server.will(STALLS[stall])
    task = await started(server, CALLS[call](client))
    await ended_by_closing(client, [task])
    await eventually(lambda: not server.open, "its connection is closed")


@pytest.mark.parametrize("why", ["at the gate", "before a retry", "for a rate limit", "for points"])
async def test_closing_ends_calls_that_wait(server: HostileServer, why: str) -> None:
    server.will(
        {
            "at the gate": stalling(),
            "before a retry": response(503, "", "Retry-After: 30"),
            "for a rate limit": response(429, "", "Retry-After: 30"),
            "for points": response(200, package(1)),
        }[why]
    )
    points = 1 if why == "for points" else None
    gh = server.client(
        concurrency=1, timeout=60, max_retries=9, max_rate_limit_wait=99, points_per_minute=points
    )
    async with gh:
        first = await started(server, CALLS["get"](gh))
        waiting = [asyncio.ensure_future(call(gh)) for call in CALLS.values()]
        await asyncio.sleep(0.05)
        await ended_by_closing(gh, [task for task in (first, *waiting) if not task.done()])


async def test_closing_ends_a_call_that_waits_for_its_token(server: HostileServer) -> None:
    class Source:
        async def token(self) -> str:
            await asyncio.sleep(60)
            return TOKEN

    gh = server.client(Source())
    task = asyncio.ensure_future(CALLS["get"](gh))
    await asyncio.sleep(0.05)
    await ended_by_closing(gh, [task])
    assert server.requests == []


async def test_closing_ends_a_listing_with_pages_ahead(
    server: HostileServer, client: GitHubPackages
) -> None:
    server.will(pages(server, then=stalling()))
    task = asyncio.ensure_future(whole(client.org("acme").package("npm", "p").versions(per_page=1)))
    await eventually(lambda: len(server.requests) >= 4, "it fetches ahead")
    await ended_by_closing(client, [task])


async def test_closing_ends_a_listing_that_waits_for_a_delete(
    server: HostileServer, client: GitHubPackages
) -> None:
    async def step(call: Call) -> None:
        if call.request.method == "DELETE":
            await call.stall()
        else:
            await pages(server)(call)  # type: ignore[operator]

    server.will(step)
    ref = client.org("acme").package("npm", "p")
    async with aclosing(ref.versions(per_page=1).pages()) as walk:
        await anext(walk)
        deleting = asyncio.ensure_future(ref.version(1).delete())
        await eventually(lambda: "DELETE" in server.methods, "it deletes")

        async def on() -> None:
            async for _ in walk:
                pass

        listing = asyncio.ensure_future(on())
        await asyncio.sleep(0.1)
        with takes(most=1):
            await client.close()
            await refused(deleting)
            await refused(listing)
    assert others() == set()


async def test_closing_between_pages_ends_the_listing_with_an_error(
    server: HostileServer, client: GitHubPackages
) -> None:
    server.will(pages(server))
    async with aclosing(
        client.org("acme").package("npm", "p").versions(per_page=1).pages()
    ) as walk:
        await anext(walk)
        await client.close()
        with takes(most=1), pytest.raises(GitHubPackagesError, match="clos"):
            while True:
                await anext(walk)
    assert others() == set()


async def test_after_closing_every_call_says_so(
    server: HostileServer, client: GitHubPackages
) -> None:
    server.will(response(200, package(1)))
    await CALLS["get"](client)
    await client.close()
    asked = len(server.requests)
    for call in CALLS.values():
        assert "closed" in str(await refused(call(client)))
    with pytest.raises(GitHubPackagesError, match="closed"):
        async with client:
            pass
    assert len(server.requests) == asked


async def test_closing_again_or_at_once_or_unopened_is_fine(server: HostileServer) -> None:
    unopened = server.client()
    await unopened.close()
    await unopened.close()
    assert "closed" in str(await refused(CALLS["get"](unopened)))
    server.will(stalling())
    gh = server.client(timeout=60)
    tasks = [await started(server, CALLS["get"](gh)) for _ in range(3)]
    with takes(most=1):
        await asyncio.gather(*(gh.close() for _ in range(5)))
        for task in tasks:
            await refused(task)
    await gh.close()


@pytest.mark.parametrize("turns", range(8))
async def test_a_client_can_be_closed_again_during_closing(
    server: HostileServer, turns: int
) -> None:
    class Slow:
        """Token source that delays its cancellation."""

        async def token(self) -> str:
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.05)
            return TOKEN

    gh = server.client(Slow())
    task = asyncio.ensure_future(CALLS["get"](gh))
    await asyncio.sleep(0.02)
    first = asyncio.ensure_future(gh.close())
    for _ in range(turns):
        await asyncio.sleep(0)
    await gh.close()
    await first
    await refused(task)


@pytest.mark.parametrize("turns", range(12))
async def test_closing_at_any_moment_of_a_call_ends_it_with_an_error(
    server: HostileServer, client: GitHubPackages, turns: int
) -> None:
    server.will(stalling())
    task = asyncio.ensure_future(CALLS["get"](client))
    for _ in range(turns):
        await asyncio.sleep(0)
    with takes(most=1):
        await client.close()
        await refused(task)
    assert others() == set()


async def test_closing_after_a_cancelled_call_does_not_wait_for_it(
    server: HostileServer, client: GitHubPackages
) -> None:
    server.will(stalling())
    task = await started(server, CALLS["get"](client))
    task.cancel()
    with takes(most=0.3):
        await client.close()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_cancelling_and_closing_at_once_is_a_cancellation(
    server: HostileServer, client: GitHubPackages
) -> None:
    server.will(stalling())
    task = await started(server, CALLS["get"](client))
    closing = asyncio.ensure_future(client.close())
    await asyncio.sleep(0)
    task.cancel()
    await closing
    with pytest.raises((asyncio.CancelledError, GitHubPackagesError)):
        await task
    assert others() == set()


async def test_closing_does_not_wait_for_the_server(server: HostileServer) -> None:
    async def hold(call: Call) -> None:
        with suppress(OSError):
            await call.send(response(200, package(1)))
            await call.stall()
            await asyncio.sleep(0.3)  # The server closes its side of the connection late.

    server.will(hold)
    async with server.client() as gh:
        await CALLS["get"](gh)
        started_at = loop_time()
    assert loop_time() - started_at < 0.2


async def test_an_exception_in_the_block_passes_unchanged(server: HostileServer) -> None:
    server.will(stalling())
    own = LookupError("the block's own")
    tasks: list[asyncio.Task[object]] = []
    with takes(most=1), pytest.raises(LookupError) as caught:
        async with server.client(timeout=60) as gh:
            tasks.append(await started(server, CALLS["get"](gh)))
            raise own
    assert caught.value is own
    await refused(tasks[0])
    assert others() == set()
