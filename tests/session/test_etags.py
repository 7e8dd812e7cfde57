"""ETags of an untrusted server cost one more request at most."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING

import pytest

from ghpkg_async import ConfigurationError, InvalidResponse, SSORequired
from tests.support.api import package, version
from tests.support.fast_loop import takes
from tests.support.hostile import (
    TOKEN,
    HostileServer,
    assert_keeps_secret,
    bomb,
    hanging_up,
    others,
    refused,
    response,
    stalling,
    told_by,
)

if TYPE_CHECKING:
    from pathlib import Path

ETAG = 'ETag: "a"'
SAME = response(304, "", ETAG)
PARTIAL = "X-GitHub-SSO: partial-results; organizations=7"
PREV_AND_NEXT = [(1, "prev"), (2, "next")]


def all_bytes_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


@pytest.mark.parametrize(
    "etag",
    ["\udcff\udcfe", "\u00e9", "", " ", '"', "W/", "*", "a" * 8000, '"a", "b"', "a\tb"],
    ids=lambda etag: ascii(etag[:10]),
)
async def test_an_odd_etag_breaks_no_call(server: HostileServer, tmp_path: Path, etag: str) -> None:
    server.will(response(200, package(1), f"ETag: {etag}"))
    for _ in range(2):
        async with server.client(cache=tmp_path / "cache") as gh:
            for _ in range(2):
                assert (await gh.org("acme").package("npm", "p").get()).id == 1
    assert len(server.requests) == 4


async def test_a_304_to_an_unconditional_request_is_an_invalid_response(
    server: HostileServer, tmp_path: Path
) -> None:
    server.will(SAME)
    async with server.client(cache=tmp_path / "cache") as gh:
        error = await refused(gh.org("acme").package("npm", "p").get())
    assert isinstance(error, InvalidResponse)


async def test_a_write_is_never_served_from_the_cache(
    server: HostileServer, tmp_path: Path
) -> None:
    server.will(response(200, package(1), ETAG), SAME)
    async with server.client(cache=tmp_path / "cache") as gh:
        ref = gh.org("acme").package("npm", "p")
        await ref.get()
        for call in (ref.delete(), ref.restore()):
            assert isinstance(await refused(call), InvalidResponse)
    assert all("if-none-match" not in request.headers for request in server.requests[1:])


async def test_a_kept_link_elsewhere_is_refused_again(
    server: HostileServer, elsewhere: HostileServer, tmp_path: Path
) -> None:
    link = f'Link: <{elsewhere.url}/x?page=2>; rel="next"'
    server.will(response(200, [version(1)], ETAG, link), SAME)
    for _ in range(2):
        async with server.client(cache=tmp_path / "cache") as gh:
            error = await refused(gh.org("acme").package("npm", "p").versions())
            assert isinstance(error, InvalidResponse)
    assert len(server.requests) == 2
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("body", "encoding"), [(bomb(100), "gzip"), (b"x", "br"), (b"{", "identity")]
)
async def test_a_kept_body_is_bounded_and_checked_again(
    server: HostileServer, tmp_path: Path, body: bytes, encoding: str
) -> None:
    server.will(response(200, body, ETAG, f"Content-Encoding: {encoding}"), SAME)
    for _ in range(2):
        async with server.client(cache=tmp_path / "cache") as gh:
            with takes(most=2):
                error = await refused(gh.org("acme").package("npm", "p").get())
            assert isinstance(error, InvalidResponse)


async def test_a_304_does_not_change_how_the_cached_body_is_decoded(
    server: HostileServer, tmp_path: Path
) -> None:
    kept = gzip.compress(json.dumps([version(1)]).encode())
    last = f'Link: <{server.url}/x?page=1>; rel="prev"'
    server.will(
        response(200, kept, ETAG, "Content-Encoding: gzip", last),
        response(304, "", 'ETag: "b"', "Content-Encoding: br"),
    )
    async with server.client(cache=tmp_path / "cache") as gh:
        ref = gh.org("acme").package("npm", "p")
        for _ in range(3):
            assert [each.id for each in await ref.versions()] == [1]
    assert [request.headers.get("if-none-match") for request in server.requests][1:] == ['"a"'] * 2


async def test_the_link_of_a_304_replaces_the_cached_one(
    server: HostileServer, tmp_path: Path
) -> None:
    end, more = (f'Link: <{server.url}/x?page={n}>; rel="{rel}"' for n, rel in PREV_AND_NEXT)
    server.will(
        response(200, [version(1)], ETAG, end),
        response(304, "", ETAG, more),
        response(200, [version(2)], end),
        SAME,
        response(200, [version(3)], end),
    )
    async with server.client(cache=tmp_path / "cache") as gh:
        ref = gh.org("acme").package("npm", "p")
        ids = [[each.id for each in await ref.versions()] for _ in range(3)]
    assert ids == [[1], [1, 2], [1, 3]]


@pytest.mark.parametrize("repeated", [(), (PARTIAL,)])
async def test_a_listing_that_is_partial_raises_from_the_cache_too(
    server: HostileServer, tmp_path: Path, repeated: tuple[str, ...]
) -> None:
    end = f'Link: <{server.url}/x?page=1>; rel="first"'
    server.will(response(200, [version(1)], ETAG, end, PARTIAL), response(304, "", ETAG, *repeated))
    for _ in range(3):
        async with server.client(cache=tmp_path / "cache") as gh:
            error = await refused(gh.org("acme").package("npm", "p").versions())
            assert isinstance(error, SSORequired)
            assert error.organizations == ("7",)
    assert gh.stats.not_modified == 1


@pytest.mark.parametrize("name", ["Link", "X-GitHub-SSO"])
async def test_a_header_that_is_not_utf_8_is_cached(
    server: HostileServer, tmp_path: Path, name: str
) -> None:
    server.will(response(200, package(1), ETAG, f"{name}: \udcff\udcfe"), SAME)
    for _ in range(2):
        async with server.client(cache=tmp_path / "cache") as gh:
            assert (await gh.org("acme").package("npm", "p").get()).id == 1
    assert gh.stats.not_modified == 1


@pytest.mark.parametrize("cached", [True, False])
async def test_tokens_share_entries_if_their_source_declares_an_identity(
    server: HostileServer, tmp_path: Path, cached: bool
) -> None:
    class Source:
        identity = "digest of the app's key" if cached else ""
        tokens = iter(["ghs_first", "ghs_second"])

        async def token(self) -> str:
            return next(self.tokens)

    server.will(response(200, package(1), ETAG), SAME if cached else response(200, package(1)))
    async with server.client(Source(), cache=tmp_path / "cache") as gh:
        for _ in range(2):
            assert (await gh.org("acme").package("npm", "p").get()).id == 1
    assert [request.headers["authorization"] for request in server.requests] == [
        "Bearer ghs_first",
        "Bearer ghs_second",
    ]
    assert gh.stats.not_modified == cached


def test_an_identity_that_is_no_string_is_refused(server: HostileServer) -> None:
    class Source:
        identity = 42

        async def token(self) -> str:
            raise AssertionError

    with pytest.raises(ConfigurationError, match="identity"):
        server.client(Source())


async def test_a_cached_response_is_used_for_its_token_only(
    server: HostileServer, tmp_path: Path
) -> None:
    server.will(response(200, package(1), ETAG))
    for token in (TOKEN, "ghp_another", ""):
        async with server.client(token, cache=tmp_path / "cache") as gh:
            await gh.org("acme").package("npm", "p").get()
    assert all("if-none-match" not in request.headers for request in server.requests)
    assert_keeps_secret(all_bytes_in(tmp_path).decode("latin-1"))


async def test_an_etag_is_not_sent_to_the_target_of_a_redirect(
    server: HostileServer, tmp_path: Path
) -> None:
    """The ETag belongs to the requested URL; a 304 of the target would refer to another body."""
    server.will(
        response(200, package(1), ETAG),
        response(302, "", "Location: /x"),
        response(200, package(2)),
    )
    async with server.client(cache=tmp_path / "cache") as gh:
        ref = gh.org("acme").package("npm", "p")
        assert (await ref.get()).id == 1
        assert (await ref.get()).id == 2
    assert "if-none-match" not in server.requests[2].headers


async def test_a_lost_response_to_a_conditional_request_is_retried(
    server: HostileServer, tmp_path: Path
) -> None:
    server.will(response(200, package(1), ETAG), hanging_up(), SAME)
    async with server.client(cache=tmp_path / "cache", max_retries=1) as gh:
        ref = gh.org("acme").package("npm", "p")
        await ref.get()
        assert (await ref.get()).id == 1
    assert gh.stats.requests == len(server.requests) == 3


async def test_an_etag_that_repeats_the_token_shows_nowhere(
    server: HostileServer, tmp_path: Path
) -> None:
    server.will(response(200, "{", f'ETag: "{TOKEN}"'))
    async with server.client(cache=tmp_path / "cache") as gh:
        for _ in range(2):
            error = await refused(gh.org("acme").package("npm", "p").get())
            assert_keeps_secret(told_by(error))


async def test_leaving_with_a_cache_leaves_nothing_behind(
    server: HostileServer, tmp_path: Path
) -> None:
    server.will(stalling())
    async with server.client(cache=tmp_path / "cache", timeout=60) as gh:
        ref = gh.org("acme").package("npm", "p")
        for turns in range(12):
            task = asyncio.ensure_future(ref.get())
            for _ in range(turns):
                await asyncio.sleep(0.002 * (turns % 3))
            task.cancel()
            with takes(most=0.5), pytest.raises(asyncio.CancelledError):
                await task
        assert others() == set()
        tasks = [asyncio.ensure_future(ref.get()) for _ in range(3)]
        await asyncio.sleep(0.05)
    with takes(most=1):
        for task in tasks:
            await refused(task)
        assert "closed" in str(await refused(ref.get()))
    assert others() == set()


@pytest.mark.parametrize("turns", range(0, 12, 2))
async def test_closing_at_any_moment_of_a_call_with_a_cache_ends_it_with_an_error(
    server: HostileServer, tmp_path: Path, turns: int
) -> None:
    server.will(stalling())
    gh = server.client(cache=tmp_path / "cache", timeout=60)
    task = asyncio.ensure_future(gh.org("acme").package("npm", "p").get())
    for _ in range(turns):
        await asyncio.sleep(0.0005 * turns)
    with takes(most=1):
        await gh.close()
        await refused(task)
    assert others() == set()
