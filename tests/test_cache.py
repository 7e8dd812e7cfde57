"""ETags and bodies between runs: what did not change is not paid for; a bad file costs no call."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ghpkg_async import GitHubPackages
from ghpkg_async.cache import Cache, Entry
from ghpkg_async.testing import EmbeddedGitHub, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ENTRY = Entry('W/"1"', '<https://x>; rel="next"', "gzip", b"body")


async def put(cache: Cache, key: bytes, entry: Entry = ENTRY) -> None:
    await cache.put(key, etag=entry.etag, link=entry.link, encoding=entry.encoding, body=entry.body)


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedGitHub]:
    world = World()
    for number in range(25):
        world.org("acme").package("npm", f"left-{number}", visibility="public", versions=2)
    for token in ("ghp_one", "ghp_other"):
        world.token(token, login="octocat")
    async with EmbeddedGitHub(world) as server:
        yield server


def client(server: EmbeddedGitHub, path: Path, token: str = "ghp_one") -> GitHubPackages:
    return GitHubPackages(token, base_url=server.url, cache=path, points_per_minute=None)


async def names(gh: GitHubPackages) -> list[str]:
    return [package.name for package in await gh.org("acme").packages("npm", per_page=10)]


async def test_what_did_not_change_is_free_between_runs(
    server: EmbeddedGitHub, tmp_path: Path
) -> None:
    async with client(server, tmp_path / "cache") as gh:
        before = await names(gh)
        assert gh.rate_limit is not None
        remaining = gh.rate_limit.remaining
    async with client(server, tmp_path / "cache") as gh:
        assert await names(gh) == before
        assert (gh.stats.requests, gh.stats.not_modified) == (3, 3)
        assert gh.rate_limit is not None
        assert gh.rate_limit.remaining == remaining
    assert len(before) == 25


async def test_what_changed_is_answered_anew(server: EmbeddedGitHub, tmp_path: Path) -> None:
    async with client(server, tmp_path / "cache") as gh:
        await names(gh)
        server.world.org("acme").package("npm", "new", visibility="public")
        assert (await names(gh))[-1] == "new"
        assert gh.stats.not_modified == 2


@pytest.mark.parametrize("total", [10, 20])
async def test_a_page_behind_a_full_one_that_did_not_change_is_found(
    tmp_path: Path, total: int
) -> None:
    world = World()
    acme = world.org("acme")
    for number in range(total):
        acme.package("npm", f"left-{number}", visibility="public")
    world.token("ghp_one", login="octocat")
    async with EmbeddedGitHub(world) as server, client(server, tmp_path / "cache") as gh:
        assert len(await names(gh)) == total
        acme.package("npm", "new", visibility="public")
        assert len(await names(gh)) == total + 1


async def test_tokens_do_not_see_each_others_answers(
    server: EmbeddedGitHub, tmp_path: Path
) -> None:
    async with client(server, tmp_path / "cache") as gh:
        await names(gh)
    async with client(server, tmp_path / "cache", "ghp_other") as gh:
        await names(gh)
        assert gh.stats.not_modified == 0
    assert not any("If-None-Match" in request.headers for request in server.requests)


async def test_the_file_is_the_owners_alone_and_does_not_hold_the_token(
    server: EmbeddedGitHub, tmp_path: Path
) -> None:
    async with client(server, tmp_path / "cache") as gh:
        await names(gh)
    assert b"ghp_one" not in (tmp_path / "cache").read_bytes()
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


def test_answers_are_kept_apart_by_token_and_by_what_was_asked() -> None:
    keys = {
        Cache.key(token, base, version, accept, url)
        for token in ("", "a", "b")
        for base in ("https://x", "https://y")
        for version in ("", "2022-11-28")
        for accept in ("v3", "json")
        for url in ("/1", "/2")
    }
    assert len(keys) == 48


async def test_what_was_used_least_recently_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", max_bytes=10_000)
    for number in range(20):
        await put(cache, b"%d" % number, Entry('"1"', "", "", bytes(1000)))
    kept = [number for number in range(20) if await cache.get(b"%d" % number)]
    assert kept == list(range(14, 20))
    await put(cache, b"large", Entry('"1"', "", "", bytes(20_000)))
    assert await cache.get(b"large") is None
    await cache.close()
    assert (tmp_path / "cache").stat().st_size < 100_000


async def test_an_answer_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    await put(cache, b"key")
    await cache.close()
    assert await cache.get(b"key") == ENTRY
    assert await cache.get(b"other") is None
    await cache.close()


@pytest.mark.parametrize(
    "content",
    [b"not a database, but long enough to look like one" * 100, b"", b"SQLite format 3\0"],
)
async def test_a_corrupt_file_costs_no_call(
    server: EmbeddedGitHub, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "cache"
    path.write_bytes(content)
    for _ in range(2):
        async with client(server, path) as gh:
            assert len(await names(gh)) == 25
    if content.startswith(b"not"):
        assert path.read_bytes() == content


async def test_a_database_of_somebody_else_is_left_alone(
    server: EmbeddedGitHub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cache"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE response (precious TEXT)")
    other.close()
    content = path.read_bytes()
    async with client(server, path) as gh:
        assert len(await names(gh)) == 25
    assert path.read_bytes() == content
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "left as it is" in caplog.text


async def test_a_torn_entry_is_not_used(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    await put(cache, b"key")
    await cache.close()
    with sqlite3.connect(tmp_path / "cache") as database:
        database.execute("UPDATE response SET body = x'00'")
    database.close()
    assert await cache.get(b"key") is None
    await cache.close()


async def test_a_locked_file_costs_no_call(server: EmbeddedGitHub, tmp_path: Path) -> None:
    async with client(server, tmp_path / "cache") as gh:
        await gh.org("acme").package("npm", "left-1").get()
        locker = sqlite3.connect(tmp_path / "cache")
        locker.execute("BEGIN EXCLUSIVE")
        await gh.org("acme").package("npm", "left-1").get()
        await gh.org("acme").package("npm", "left-2").get()
        locker.close()
        await gh.org("acme").package("npm", "left-1").get()
        assert gh.stats.not_modified == 1


@pytest.mark.parametrize("where", ["no/such/folder/cache", "."])
async def test_a_path_that_cannot_be_written_costs_no_call(
    server: EmbeddedGitHub, tmp_path: Path, where: str
) -> None:
    async with client(server, tmp_path / where) as gh:
        assert len(await names(gh)) == 25


async def test_several_processes_share_a_file(server: EmbeddedGitHub, tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from ghpkg_async import GitHubPackages\n"
        "async def main(url, cache):\n"
        "    async with GitHubPackages('ghp_one', base_url=url, cache=cache) as gh:\n"
        "        for _ in range(3):\n"
        "            assert len(await gh.org('acme').packages('npm', per_page=10)) == 25\n"
        "asyncio.run(main(*sys.argv[1:]))\n"
    )
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, server.url, str(tmp_path / "cache"),
            stderr=subprocess.PIPE, env={},
        )
        for _ in range(4)
    ]  # fmt: skip
    for process in processes:
        _, errors = await process.communicate()
        assert (process.returncode, errors) == (0, b"")
    async with client(server, tmp_path / "cache") as gh:
        await gh.org("acme").packages("npm", per_page=10)
        assert gh.stats.not_modified == 3
