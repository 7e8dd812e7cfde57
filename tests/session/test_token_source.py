"""A token source supplies one token for each request, and cannot stall the client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from attrs import define, field

from ghpkg_async import GitHubPackages, GitHubPackagesError, Unauthorized
from tests.support.api import package
from tests.support.hostile import Call, HostileServer, refused, response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


@define
class Source:
    """Token source that calls one function after the other, then repeats the last one."""

    steps: list[Callable[[], Awaitable[str]]]
    asked: int = 0

    async def token(self) -> str:
        self.asked += 1
        return await self.steps[min(self.asked, len(self.steps)) - 1]()


def supplying(*tokens: str) -> Source:
    def step(token: str) -> Callable[[], Awaitable[str]]:
        async def supply() -> str:
            return token

        return supply

    return Source([step(token) for token in tokens])


async def hang() -> str:
    await asyncio.Event().wait()
    raise AssertionError


@define
class TokenBoundETags:
    """Step that, like GitHub, accepts an ETag only with the token that received it."""

    foreign: list[str] = field(factory=list)
    not_modified: int = 0

    async def __call__(self, call: Call) -> None:
        token = call.request.headers["authorization"].removeprefix("Bearer ")
        etag, asked = f'"of {token}"', call.request.headers.get("if-none-match", "")
        if asked not in ("", etag):
            self.foreign.append(f"{token} sent {asked}")
        if asked == etag:
            self.not_modified += 1
            await call.send(response(304, "", f"ETag: {etag}"))
        else:
            await call.send(response(200, package(1), f"ETag: {etag}"))


async def get(gh: GitHubPackages) -> None:
    await gh.org("acme").package("npm", "p").get()


async def test_a_request_has_one_token_with_a_cache_too(
    server: HostileServer, tmp_path: Path
) -> None:
    etags, source = TokenBoundETags(), supplying(*["ghs_first", "ghs_second"] * 4)
    server.will(etags)
    async with server.client(source, cache=tmp_path / "cache") as gh:
        for _ in range(8):
            await get(gh)
    assert etags.foreign == []
    assert etags.not_modified == 6
    assert source.asked == 8


async def test_a_source_that_hangs_holds_no_place_beyond_the_timeout(server: HostileServer) -> None:
    source = supplying("ghs_first")
    source.steps.insert(0, hang)
    async with asyncio.timeout(3), server.client(source, timeout=0.1, concurrency=1) as gh:
        error = await refused(get(gh))
        await get(gh)
    assert str(error) == "token source: token() did not return within 0.1 seconds"
    assert len(server.requests) == gh.stats.requests == 1


@pytest.mark.parametrize("raised", [KeyError("vault"), TimeoutError(), OSError("no route")])
async def test_an_error_of_the_source_is_the_cause_of_one_of_ours(
    server: HostileServer, raised: Exception
) -> None:
    async def fail() -> str:
        raise raised

    async with server.client(Source([fail])) as gh:
        error = await refused(get(gh))
    assert str(error) == f"token source: token() raised {type(raised).__name__}"
    assert error.__cause__ is raised
    assert type(error) is GitHubPackagesError
    assert server.requests == []


class Unshowable(Exception):
    """Error that cannot be converted to text."""

    def __str__(self) -> str:
        raise AttributeError("text")


def in_a_circle() -> Exception:
    first, second = ValueError("first"), KeyError("second")
    first.__cause__, second.__cause__ = second, first
    return first


def chained(count: int) -> Exception:
    """Return the last of `count` chained errors; each has the one before as cause and context."""
    error = ValueError("first")
    for _ in range(count):
        origin, error = error, ValueError("next")
        error.__cause__ = error.__context__ = origin
    return error


@pytest.mark.parametrize("raised", [in_a_circle(), chained(2_000)], ids=["circle", "long chain"])
async def test_the_causes_of_the_sources_error_may_be_many_or_a_circle(
    server: HostileServer, raised: Exception
) -> None:
    async def fail() -> str:
        raise raised

    async with server.client(Source([fail])) as gh:
        error = await refused(get(gh))
    assert str(error) == "token source: token() raised ValueError"
    assert error.__cause__ is raised


async def test_an_error_of_the_source_that_cannot_be_shown_is_dropped(
    server: HostileServer,
) -> None:
    async def fail() -> str:
        raise Unshowable

    async with server.client(Source([fail])) as gh:
        error = await refused(get(gh))
    assert str(error) == "token source: token() raised Unshowable"
    assert error.__cause__ is None


async def rejecting_the_first(call: Call) -> None:
    good = call.request.headers["authorization"] == "Bearer ghs_second"
    await call.send(
        response(200, package(1)) if good else response(401, {"message": "Bad credentials"})
    )


async def test_after_a_401_the_source_is_called_once_more(server: HostileServer) -> None:
    server.will(rejecting_the_first)
    source = supplying("ghs_first", "ghs_second")
    async with server.client(source) as gh:
        await get(gh)
        assert gh.stats.retries == 1
    assert (source.asked, len(server.requests)) == (2, 2)


async def test_a_write_is_repeated_with_the_other_token_too(server: HostileServer) -> None:
    server.will(response(401), response(204))
    async with server.client(supplying("ghs_first", "ghs_second")) as gh:
        await gh.org("acme").package("npm", "p").delete()
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer ghs_first", "Bearer ghs_second"]


async def test_the_same_token_is_not_sent_again_after_a_401(server: HostileServer) -> None:
    server.will(response(401))
    source = supplying("ghs_first")
    async with server.client(source) as gh:
        assert isinstance(await refused(get(gh)), Unauthorized)
    assert (source.asked, len(server.requests)) == (2, 1)


async def test_a_request_is_repeated_with_one_other_token_and_no_more(
    server: HostileServer,
) -> None:
    server.will(response(401))
    source = supplying("ghs_first", "ghs_second", "ghs_third")
    async with server.client(source) as gh:
        assert isinstance(await refused(get(gh)), Unauthorized)
    assert (source.asked, len(server.requests)) == (2, 2)
