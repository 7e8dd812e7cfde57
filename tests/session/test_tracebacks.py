"""No traceback frame of the library's errors holds a token that a crash reporter could send."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import aiohttp
import pytest
from multidict import MultiMapping

from ghpkg_async import ConfigurationError, GitHubPackages, GitHubPackagesError
from tests.support.hostile import (
    PACKAGE_TOKEN,
    TOKEN,
    Call,
    HostileServer,
    Step,
    chain,
    eventually,
    gzipped,
    hanging_up,
    resetting,
    response,
    serving,
    stalling,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

DEPTH: Final = 4
"""Levels of nested attributes to search; crash reporters search one or two."""
TESTS: Final = str(Path(__file__).parents[1])
SECRETS: Final = (TOKEN, PACKAGE_TOKEN, quote(PACKAGE_TOKEN, safe=""))
OPAQUE: Final = (type, ModuleType, FunctionType, MethodType, CodeType, asyncio.AbstractEventLoop)


def frames(error: BaseException) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and locals of each frame of an error and its chain, except frames of tests."""
    for one in chain(error):
        traceback = one.__traceback__
        while traceback is not None:
            frame = traceback.tb_frame
            if not frame.f_code.co_filename.startswith(TESTS):
                yield f"{frame.f_code.co_qualname}:{traceback.tb_lineno}", frame.f_locals
            traceback = traceback.tb_next


def parts(value: object) -> Iterator[tuple[str, object]]:
    """Yield the parts of a value, each with its name."""
    if isinstance(value, (dict, MultiMapping)):
        yield from ((f"[{key!r}]", part) for key, part in value.items())
        yield from (("key", key) for key in value)
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"[{at}]", part) for at, part in enumerate(value))
    elif not isinstance(value, OPAQUE):
        yield from ((f".{name}", part) for name, part in getattr(value, "__dict__", {}).items())
        for kind in type(value).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            for name in [slots] if isinstance(slots, str) else slots:
                with suppress(AttributeError):
                    yield f".{name}", getattr(value, name)


def leaks(name: str, value: object, depth: int, seen: set[int]) -> Iterator[str]:
    """Yield the names of the nested parts of a value that show a secret."""
    if id(value) in seen:
        return
    seen.add(id(value))
    shown = str(value) if isinstance(value, str) else repr(value)
    if any(secret in shown for secret in SECRETS):
        yield name
    if depth:
        for part, held in parts(value):
            yield from leaks(f"{name}{part}", held, depth - 1, seen)


def assert_frames_keep_secrets(error: BaseException) -> None:
    found = []
    for place, values in frames(error):
        for name, value in values.items():
            found += [f"{place} {leak}" for leak in leaks(name, value, DEPTH, set())]
    assert not found, "\n".join(found)


class Source:
    """Token source that holds the token as an attribute."""

    def __init__(self, token: str = TOKEN) -> None:
        self.held = token

    def __repr__(self) -> str:
        return f"<Source of {self.held}>"

    async def token(self) -> str:
        await asyncio.sleep(0)
        return self.held


TOKENS: Final[dict[str, Callable[[], Any]]] = {"string": lambda: TOKEN, "source": Source}


def calls(gh: GitHubPackages) -> dict[str, Callable[[], Awaitable[object]]]:
    ref = gh.org("acme").package("npm", "p")
    return {
        "get": ref.get,
        "delete": ref.version(7).delete,
        "restore": lambda: ref.restore(token=PACKAGE_TOKEN),
        "list": lambda: awaiting(gh.org("acme").packages("npm")),
    }


async def awaiting(listing: Awaitable[object]) -> object:
    return await listing


CALLS: Final = ("get", "delete", "restore", "list")


async def echo(call: Call) -> None:
    """Respond with the request's token and target in the body and the headers."""
    said, target = call.request.headers["authorization"], call.request.target
    headers = [f"X-Echo: {said}", f"Link: <{target}>; rel={said}", f"Location: /x?{said[7:]}"]
    await call.send(response(500, {"message": f"{said} {target}"}, *headers))


async def redirect(call: Call) -> None:
    """Redirect to another path with the request's query, and reset the connection there."""
    if call.number > 1:
        await call.reset()
    else:
        query = call.request.target.partition("?")[2]
        await call.send(response(307, "", f"Location: /there?{query}"))


STEPS: Final[dict[str, Step]] = {
    "hung up": hanging_up(),
    "reset": resetting(),
    "reset in the headers": resetting(b"HTTP/1.1 200 OK\r\nX: "),
    "cut body": hanging_up(response(200, b"[", "Content-Length: 1000")),
    "cut chunk": hanging_up(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n["),
    "reset body": resetting(response(200, b"[", "Content-Length: 1000")),
    "stalled": stalling(),
    "stalled body": stalling(response(200, b"[", "Content-Length: 1000")),
    "not HTTP": b"SSH-2.0\r\n\r\n",
    "not JSON": response(200, b"<html>"),
    "not gzip": response(200, b"x", "Content-Encoding: gzip"),
    "too large": gzipped(b" " * 9 * 2**20),
    "too large on the wire": stalling(response(200, b" " * 33 * 2**20)),
    "refused": response(404, {"message": "Not Found"}),
    "limited": response(429, {"message": "no"}, "Retry-After: 60"),
    "redirected elsewhere": response(307, "", "Location: https://evil.invalid/"),
    "redirected and reset": redirect,
    "echoed": echo,
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("step", STEPS)
async def test_the_frames_of_an_error_hold_no_token(
    server: HostileServer, step: str, token: str, call: str
) -> None:
    server.will(STEPS[step])
    timeout = 0.1 if step.startswith("stalled") else 5.0
    async with server.client(TOKENS[token](), timeout=timeout, max_retries=1) as gh:
        with pytest.raises(GitHubPackagesError) as caught:
            await calls(gh)[call]()
        assert_frames_keep_secrets(caught.value)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("token", TOKENS)
async def test_the_frames_of_a_refused_connection_hold_no_token(token: str, call: str) -> None:
    async with serving(HostileServer()) as gone:
        pass
    async with gone.client(TOKENS[token]()) as gh:
        with pytest.raises(GitHubPackagesError) as caught:
            await calls(gh)[call]()
        assert isinstance(caught.value.__cause__, aiohttp.ClientConnectorError)
        assert_frames_keep_secrets(caught.value)


async def test_an_error_that_the_caller_is_handling_keeps_its_frames(
    server: HostileServer,
) -> None:
    server.will(hanging_up())
    handled = LookupError("the caller's own")
    async with server.client() as gh:
        with pytest.raises(GitHubPackagesError) as caught:
            try:
                raise handled
            except LookupError:
                await calls(gh)["get"]()
    assert caught.value.__context__ is handled
    assert handled.__traceback__ is not None


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("wait", ["response", "body", "turn", "retry", "redirect"])
async def test_the_frames_of_a_cancelled_call_hold_no_token(
    server: HostileServer, wait: str, token: str, call: str
) -> None:
    async def there(call: Call) -> None:
        query = call.request.target.partition("?")[2]
        await (
            call.stall()
            if call.number > 1
            else call.send(response(307, "", f"Location: /there?{query}"))
        )

    steps: dict[str, list[Step]] = {
        "response": [stalling()],
        "body": [stalling(response(200, b"[", "Content-Length: 1000"))],
        "turn": [stalling()],
        "retry": [response(503, "", "Retry-After: 20")],
        "redirect": [there],
    }
    server.will(*steps[wait])
    async with server.client(TOKENS[token](), concurrency=1, max_retries=1) as gh:
        async with AsyncExitStack() as stack:
            if wait == "turn":
                first = await stack.enter_async_context(asyncio.TaskGroup())
                holding = first.create_task(awaiting(calls(gh)["get"]()))
                stack.callback(holding.cancel)
                await eventually(lambda: server.requests, "the place is taken")
            task = asyncio.ensure_future(calls(gh)[call]())
            await eventually(lambda: len(server.requests) >= (2 if wait == "redirect" else 1), wait)
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
        assert_frames_keep_secrets(caught.value)


@pytest.mark.parametrize("token", TOKENS)
async def test_the_frames_of_a_group_hold_no_token(server: HostileServer, token: str) -> None:
    server.will(hanging_up())
    async with server.client(TOKENS[token]()) as gh:
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                for call in calls(gh).values():
                    group.create_task(awaiting(call()))
        assert len(list(chain(caught.value))) > 2
        assert_frames_keep_secrets(caught.value)


@pytest.mark.parametrize("token", TOKENS)
async def test_the_frames_of_a_closed_client_hold_no_token(
    server: HostileServer, token: str
) -> None:
    server.will(stalling())
    async with server.client(TOKENS[token]()) as gh:
        tasks = [asyncio.ensure_future(call()) for call in calls(gh).values()]
        await eventually(lambda: len(server.requests) >= 3, "they wait")  # The listing may follow.
    for task in [*tasks, *[asyncio.ensure_future(call()) for call in calls(gh).values()]]:
        with pytest.raises(GitHubPackagesError) as caught:
            await task
        assert_frames_keep_secrets(caught.value)


@pytest.mark.parametrize("supplied", [f"{TOKEN}\n", TOKEN.encode(), [TOKEN]], ids=repr)
async def test_the_frames_of_a_source_that_supplies_no_token_do_not_hold_it(
    server: HostileServer, supplied: Any
) -> None:
    async with server.client(Source(supplied)) as gh:
        with pytest.raises(ConfigurationError) as caught:
            await calls(gh)["get"]()
        assert_frames_keep_secrets(caught.value)


async def test_a_source_that_raises_keeps_its_own_frames(server: HostileServer) -> None:
    class Failing(Source):
        async def token(self) -> str:
            raise LookupError("vault")

    async with server.client(Failing()) as gh:
        with pytest.raises(GitHubPackagesError) as caught:
            await calls(gh)["get"]()
        cause = caught.value.__cause__
        assert isinstance(cause, LookupError)
        assert cause.__traceback__ is not None
        assert_frames_keep_secrets(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"token": f"{TOKEN} "},
        {"token": TOKEN.encode()},
        {"token": [TOKEN]},
        {"token": TOKEN, "timeout": -1},
        {"token": TOKEN, "accept": ""},
        {"token": TOKEN, "cache": 5},
        {"token": TOKEN, "base_url": "http://example.invalid"},
        {"token": TOKEN, "base_url": "no URL"},
        {"token": Source(), "concurrency": 0},
        {"base_url": "http://example.invalid"},
        {"max_retries": -1},
    ],
    ids=repr,
)
def test_the_frames_of_a_client_that_cannot_be_made_hold_no_token(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any]
) -> None:
    for name in ("GH_TOKEN", "GH_ENTERPRISE_TOKEN"):
        monkeypatch.setitem(os.environ, name, TOKEN)
    with pytest.raises(ConfigurationError) as caught:
        GitHubPackages(**arguments)
    assert_frames_keep_secrets(caught.value)


@pytest.mark.parametrize("token", [f"{PACKAGE_TOKEN}\n", PACKAGE_TOKEN.encode()], ids=repr)
async def test_the_frames_of_a_refused_package_token_do_not_hold_it(
    server: HostileServer, token: Any
) -> None:
    async with server.client() as gh:
        with pytest.raises(ConfigurationError) as caught:
            await gh.org("acme").package("npm", "p").restore(token=token)
        assert_frames_keep_secrets(caught.value)


async def test_the_walk_itself_finds_a_token(server: HostileServer) -> None:
    """Check the search itself: it finds the token in the frames of an error of aiohttp."""
    async with aiohttp.ClientSession() as session:
        server.will(hanging_up())
        with pytest.raises(aiohttp.ClientError) as caught:
            await session.get(server.url, headers={"Authorization": f"Bearer {TOKEN}"})
    with pytest.raises(AssertionError, match="headers"):
        assert_frames_keep_secrets(caught.value)
