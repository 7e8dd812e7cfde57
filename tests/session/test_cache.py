"""The cache: unchanged responses cost no points, and an unusable file fails no call."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

import pytest
from multidict import CIMultiDict

from ghpkg_async import ConfigurationError, GitHubPackages
from ghpkg_async._client import session_of
from ghpkg_async._session.cache import Cache
from ghpkg_async._session.cache_entry import Entry, Key
from ghpkg_async._session.cache_file import APPLICATION_ID, SCHEMA_VERSION
from ghpkg_async.testing import EmbeddedGitHub, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HEADERS = CIMultiDict([("ETag", 'W/"1"'), ("Link", '<https://x>; rel="next"'), ("Date", "today")])
ENTRY = Entry('W/"1"', (("Link", '<https://x>; rel="next"'),), b"body")
KEY = Key.of("ghp_one", "https://x")
ETAG = {"ETag": '"1"'}
MIB = 2**20


async def put(cache: Cache, key: Key = KEY, body: bytes = b"body") -> bool:
    return await cache.put(key, HEADERS, body)


@asynccontextmanager
async def opened(path: Path, **options: Any) -> AsyncIterator[Cache]:
    cache = Cache(path, **options)
    try:
        yield cache
    finally:
        await cache.close()


def alter(path: Path, script: str, *parameters: object) -> None:
    """Change the cache file with SQL statements, as another program could."""
    with closing(sqlite3.connect(path)) as database, database:
        for statement in script.split(";"):
            database.execute(statement, parameters if "?" in statement else ())


async def filled(path: Path) -> Path:
    """Make a cache file with one entry."""
    async with opened(path) as cache:
        assert await put(cache)
    return path


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedGitHub]:
    world = World()
    for number in range(25):
        world.org("acme").package("npm", f"left-{number}", visibility="public", versions=2)
    for token in ("ghp_one", "ghp_other"):
        world.token(token, login="octocat")
    async with EmbeddedGitHub(world) as server:
        yield server


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """Return the SQLite connections opened during the test."""
    connect = sqlite3.connect
    opened: list[sqlite3.Connection] = []

    def connecting(*args: Any, **options: Any) -> sqlite3.Connection:
        opened.append(connect(*args, **options))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", connecting)
    return opened


def client(server: EmbeddedGitHub, path: Path, token: str = "ghp_one") -> GitHubPackages:
    return GitHubPackages(token, base_url=server.url, cache=path, points_per_minute=None)


async def names(gh: GitHubPackages) -> list[str]:
    return [package.name for package in await gh.org("acme").packages("npm", per_page=10)]


async def test_unchanged_responses_cost_no_point_between_runs(
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


async def test_a_page_is_known_as_the_last_one_until_it_changes(
    server: EmbeddedGitHub, tmp_path: Path
) -> None:
    for changed in (False, True):
        if changed:
            server.world.org("acme").package("npm", "new", visibility="public")
        async with client(server, tmp_path / "cache") as gh:
            session = session_of(gh)
            url = session.url("/orgs/acme/packages", "package_type=npm&per_page=100")
            first = await session.get(url)
            assert (first.stored, first.from_cache, first.was_last) == (True, False, False)
            assert not (await session.get(url)).was_last
            await session.remember_last(first)
            again = await session.get(url)
            assert (again.stored, again.from_cache, again.was_last) == (True, True, True)


async def test_nothing_is_remembered_without_a_cache(server: EmbeddedGitHub) -> None:
    async with GitHubPackages("ghp_one", base_url=server.url) as gh:
        session = session_of(gh)
        url = session.url("/orgs/acme/packages", "package_type=npm")
        first = await session.get(url)
        await session.remember_last(first)
        again = await session.get(url)
    assert (first.stored, again.stored, again.from_cache, again.was_last) == (False,) * 4


async def test_a_changed_response_is_received_in_full(
    server: EmbeddedGitHub, tmp_path: Path
) -> None:
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


async def test_tokens_do_not_share_cached_responses(server: EmbeddedGitHub, tmp_path: Path) -> None:
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


def test_a_key_depends_on_the_token_and_on_each_part() -> None:
    keys = {
        Key.of(token, base, version, accept, url)
        for token in ("", "a", "b")
        for base in ("https://x", "https://y")
        for version in ("", "2022-11-28")
        for accept in ("v3", "json")
        for url in ("/1", "/2")
    }
    assert len({key.address for key in keys}) == len(keys) == 48
    assert len({key.secret for key in keys}) == 3


def test_a_key_depends_on_the_identity_in_place_of_the_token() -> None:
    assert Key.of("a", "url", identity="app") == Key.of("b", "url", identity="app")
    assert Key.of("a", "url", identity="b") != Key.of("b", "url")
    assert Key.of("a", "url", identity="b") != Key.of("a", "url", identity="c")


@pytest.mark.parametrize(
    ("received", "merged"),
    [
        ({}, {"Content-Encoding": "gzip", "Link": "kept", "X-GitHub-SSO": "kept"}),
        ({"link": "new"}, {"Content-Encoding": "gzip", "Link": "new", "X-GitHub-SSO": "kept"}),
        ({"Link": ""}, {"Content-Encoding": "gzip", "Link": "", "X-GitHub-SSO": "kept"}),
        (
            {"X-GitHub-SSO": "new", "Date": "today"},
            {"Content-Encoding": "gzip", "Link": "kept", "X-GitHub-SSO": "new", "Date": "today"},
        ),
        (
            {"Content-Encoding": "br", "ETag": '"2"'},
            {"Content-Encoding": "gzip", "Link": "kept", "X-GitHub-SSO": "kept"},
        ),
    ],
)
def test_the_headers_of_a_304_replace_the_stored_ones_but_those_of_the_body(
    received: dict[str, str], merged: dict[str, str]
) -> None:
    stored = (("Content-Encoding", "gzip"), ("Link", "kept"), ("X-GitHub-SSO", "kept"))
    headers = Entry('"1"', stored, b"").updated(CIMultiDict(received))
    found = sorted((name.lower(), value) for name, value in headers.items())
    assert found == sorted((name.lower(), value) for name, value in (merged | ETAG).items())


async def test_a_response_is_stored_with_the_headers_that_are_read_of_it(tmp_path: Path) -> None:
    headers = CIMultiDict(HEADERS)
    headers.extend([("Link", "second"), ("x-github-sso", "partial-results"), ("Content-Type", "x")])
    async with opened(tmp_path / "cache") as cache:
        assert await cache.put(KEY, headers, b"body", was_last=True)
        entry = await cache.get(KEY)
    assert entry == Entry(
        'W/"1"',
        (*ENTRY.headers, ("Link", "second"), ("X-GitHub-SSO", "partial-results")),
        b"body",
        was_last=True,
    )


async def test_an_entry_outlives_the_closing_of_the_file(tmp_path: Path) -> None:
    async with opened(tmp_path / "cache") as cache:
        assert await put(cache)
        await cache.close()
        assert await cache.get(KEY) == ENTRY
        assert await cache.get(Key.of("ghp_one", "https://y")) is None


@pytest.mark.parametrize("etag", [None, "", "\udcff", "a\tb"])
async def test_a_response_without_an_etag_that_can_be_sent_is_not_stored(
    tmp_path: Path, etag: str | None
) -> None:
    async with opened(tmp_path / "cache") as cache:
        assert not await cache.put(KEY, CIMultiDict({} if etag is None else {"ETag": etag}), b"")


async def test_an_update_forgets_the_last_page_if_a_header_changed(tmp_path: Path) -> None:
    async with opened(tmp_path / "cache") as cache:
        await cache.put(KEY, HEADERS, b"body", was_last=True)
        entry = await cache.get(KEY)
        assert entry is not None
        assert (await cache.update(KEY, entry, HEADERS)).was_last
        changed = CIMultiDict({**HEADERS, "Link": "other"})
        assert not (await cache.update(KEY, entry, changed)).was_last
        assert await cache.get(KEY) == Entry('W/"1"', (("Link", "other"),), b"body")


async def test_the_least_recently_used_entries_are_evicted(tmp_path: Path) -> None:
    keys = [Key.of("", str(number)) for number in range(100)]
    async with opened(tmp_path / "cache", max_bytes=200_000) as cache:
        for key in keys:
            assert await put(cache, key, bytes(5_000))
        present = [await cache.get(key) is not None for key in keys]
        assert present == sorted(present)
        assert 20 < sum(present) < 40
        assert not await put(cache, KEY, bytes(190_000))
        assert await cache.get(keys[-1]) is not None
    assert (tmp_path / "cache").stat().st_size <= 200_000


async def test_reading_an_entry_is_using_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [Key.of("", str(number)) for number in range(30)]
    async with opened(tmp_path / "cache", max_bytes=200_000) as cache:
        for hours, key in enumerate(keys):
            monkeypatch.setattr(time, "time", lambda hours=hours: 3600.0 * hours)
            assert await put(cache, key, bytes(8_000))
            await cache.get(keys[0])
        assert await cache.get(keys[0]) is not None
        assert await cache.get(keys[1]) is None


async def test_a_large_entry_replaces_many_small_ones(tmp_path: Path) -> None:
    async with opened(tmp_path / "cache", max_bytes=400_000) as cache:
        for number in range(200):
            await put(cache, Key.of("", str(number)), bytes(1_000))
        while not await put(cache, KEY, bytes(300_000)):
            pass
        assert await cache.get(KEY) is not None
    assert (tmp_path / "cache").stat().st_size <= 400_000


async def test_storing_does_not_take_longer_in_a_large_cache(
    tmp_path: Path, connections: list[sqlite3.Connection]
) -> None:
    instructions = 0

    def count() -> int:
        nonlocal instructions
        instructions += 1
        return 0

    async def instructions_of_a_put(cache: Cache, url: str) -> int:
        nonlocal instructions
        instructions = 0
        connections[-1].set_progress_handler(count, 1)
        await put(cache, Key.of("", url))
        connections[-1].set_progress_handler(None, 1)
        return instructions

    async with opened(tmp_path / "cache") as cache:
        await put(cache)
        before = await instructions_of_a_put(cache, "small")
        for number in range(300):
            await put(cache, Key.of("", str(number)))
        assert await instructions_of_a_put(cache, "large") < 2 * before


async def test_a_put_evicts_a_bounded_number_of_entries(tmp_path: Path) -> None:
    keys = [Key.of("", str(number)) for number in range(300)]
    async with opened(tmp_path / "cache") as cache:
        for key in keys:
            await put(cache, key, bytes(3_000))
    async with opened(tmp_path / "cache", max_bytes=100_000) as cache:
        await put(cache)
        assert sum([await cache.get(key) is not None for key in keys]) > 200


@pytest.mark.parametrize(
    "content",
    [b"not a database, but long enough to look like one" * 100, b"", b"SQLite format 3\0"],
)
async def test_a_file_of_other_content_costs_no_call(
    server: EmbeddedGitHub, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "cache"
    path.touch(0o600)
    path.write_bytes(content)
    for _ in range(2):
        async with client(server, path) as gh:
            assert len(await names(gh)) == 25
    assert gh.stats.not_modified == (0 if content else 3)
    if content:
        assert path.read_bytes() == content


@pytest.mark.parametrize(
    "statements",
    [
        "CREATE TABLE response (precious TEXT)",
        f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION + 1}",
        "PRAGMA user_version = 1",
    ],
    ids=["of another program", "of a later version", "of another program, without a table"],
)
async def test_a_database_of_another_program_is_left_unchanged(
    server: EmbeddedGitHub,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    statements: str,
) -> None:
    path = tmp_path / "cache"
    path.touch(0o600)
    alter(path, statements)
    content = path.read_bytes()
    async with client(server, path) as gh:
        assert len(await names(gh)) == 25
    assert path.read_bytes() == content
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "left unchanged" in caplog.text


async def test_a_file_of_an_older_version_is_replaced(
    server: EmbeddedGitHub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cache"
    path.touch(0o600)
    alter(
        path,
        "CREATE TABLE response (key BLOB PRIMARY KEY, used REAL NOT NULL);"
        f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION - 1}",
    )
    for _ in range(2):
        async with client(server, path) as gh:
            await names(gh)
    assert gh.stats.not_modified == 3
    assert path.stat().st_mode & 0o777 == 0o600
    assert caplog.records == []


@pytest.mark.parametrize("damage", ["overwritten", "truncated"])
async def test_a_damaged_file_is_replaced(
    server: EmbeddedGitHub, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "cache"
    async with client(server, path) as gh:
        await names(gh)
    content = path.read_bytes()
    filler = b"" if damage == "truncated" else b"\xa5" * (len(content) - 4096)
    path.write_bytes(content[:4096] + filler)
    async with client(server, path) as gh:
        for _ in range(2):
            assert len(await names(gh)) == 25
    assert gh.stats.not_modified >= 2
    async with client(server, path) as gh:
        await names(gh)
    assert gh.stats.not_modified == 3


async def test_a_file_whose_schema_is_not_utf_8_is_replaced(tmp_path: Path) -> None:
    path = await filled(tmp_path / "cache")
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE", b"CREATE T\xc1BLE"))
    async with opened(path) as cache:
        assert await cache.get(KEY) is None
        await put(cache)
        assert await cache.get(KEY) == ENTRY


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE response SET body = x'00'",
        "UPDATE response SET body = 'body'",
        "UPDATE response SET head = replace(CAST(head AS TEXT), 'next', 'last')",
        "UPDATE response SET head = CAST(replace(CAST(head AS TEXT), 'false', 'true') AS BLOB)",
        "UPDATE response SET digest = zeroblob(32)",
        "UPDATE response SET digest = 0",
        "UPDATE response SET digest = CAST(x'ff' AS TEXT)",
        "UPDATE response SET head = CAST(x'ff' AS TEXT)",
    ],
)
async def test_a_changed_entry_is_not_used(tmp_path: Path, forgery: str) -> None:
    path = await filled(tmp_path / "cache")
    alter(path, forgery)
    async with opened(path) as cache:
        assert await cache.get(KEY) is None
        await put(cache)
        assert await cache.get(KEY) == ENTRY


async def test_an_entry_moved_under_another_key_is_not_used(tmp_path: Path) -> None:
    other = Key.of("ghp_one", "https://other")
    path = await filled(tmp_path / "cache")
    alter(path, "UPDATE response SET key = ?", other.address)
    async with opened(path) as cache:
        assert await cache.get(other) is None


async def test_an_entry_written_without_the_token_is_not_used(tmp_path: Path) -> None:
    attacker = Key.of("ghp_other", "https://x")
    async with opened(tmp_path / "cache") as cache:
        assert await put(cache, Key(KEY.address, attacker.secret))
        assert await cache.get(KEY) is None


async def test_memory_for_a_huge_entry_is_bounded(tmp_path: Path) -> None:
    path = await filled(tmp_path / "cache")
    alter(path, "UPDATE response SET body = zeroblob(?)", 100 * MIB)
    async with opened(path) as cache:
        tracemalloc.start()
        try:
            assert await cache.get(KEY) is None
            assert tracemalloc.get_traced_memory()[1] < MIB
        finally:
            tracemalloc.stop()


ENDLESS_VIEW = (
    "CREATE VIEW response AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n)"
    " SELECT i AS key, i AS used, i AS digest, i AS head, i AS body FROM n"
)


@pytest.mark.parametrize(
    "change",
    [
        f"DROP TABLE response; {ENDLESS_VIEW}",
        "CREATE TABLE more (key)",
        "DROP INDEX response_used",
        "CREATE VIEW more AS SELECT 1",
        "ALTER TABLE response ADD COLUMN more",
        "CREATE TRIGGER more AFTER INSERT ON response BEGIN SELECT 1; END",
    ],
)
async def test_a_file_whose_schema_was_changed_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    path = await filled(tmp_path / "cache")
    with closing(sqlite3.connect(path)) as database:
        database.executescript(change)
    async with asyncio.timeout(3), opened(path) as cache:
        assert await cache.get(KEY) is None
        assert not await put(cache)
    assert "left unchanged" in caplog.text


async def test_a_schema_changed_while_in_use_hangs_neither_calls_nor_close(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ghpkg_async._session.cache_file.OPERATION_SECONDS", 0.05)
    async with asyncio.timeout(5), opened(tmp_path / "cache") as cache:
        await put(cache)
        alter(tmp_path / "cache", f"DROP TABLE response; {ENDLESS_VIEW}")
        results = await asyncio.gather(*(cache.get(KEY) for _ in range(20)))
    assert results == [None] * 20
    assert "more than 0.05 seconds" in caplog.text


@pytest.mark.parametrize("mode", [0o602, 0o620, 0o604, 0o640, 0o777])
async def test_a_file_that_other_users_may_access_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    path = await filled(tmp_path / "cache")
    path.chmod(mode)
    content = path.read_bytes()
    async with opened(path) as cache:
        assert await cache.get(KEY) is None
        assert not await put(cache)
    assert "chmod 600" in caplog.text
    assert path.read_bytes() == content


async def test_a_file_of_another_user_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await filled(tmp_path / "cache")
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    async with opened(path) as cache:
        assert await cache.get(KEY) is None
    assert "another user" in caplog.text


@pytest.mark.parametrize("suffix", ["", "-journal", "-wal", "-shm"])
async def test_a_symbolic_link_is_not_followed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str
) -> None:
    target, link = tmp_path / "precious", tmp_path / f"cache{suffix}"
    target.write_bytes(b"")
    async with opened(tmp_path / "cache") as cache:
        link.symlink_to(target)
        assert not await put(cache)
    assert "no regular file" in caplog.text
    assert target.read_bytes() == b""


async def test_the_file_is_the_only_one_and_its_owners_alone(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        async with opened(tmp_path / "cache") as cache:
            await put(cache)
            assert os.listdir(tmp_path) == ["cache"]
            assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(umask)


@pytest.mark.parametrize("path", ["", ".", "missing/cache", "link", "fifo", "nul\0", 7, None])
def test_a_path_that_cannot_be_a_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    os.symlink("elsewhere", "link")
    with pytest.raises(ConfigurationError, match="cache: "):
        Cache(path)
    assert not (tmp_path / "elsewhere").exists()


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


@pytest.mark.parametrize("lock", ["EXCLUSIVE", "IMMEDIATE"])
async def test_many_calls_wait_once_for_a_locked_file(tmp_path: Path, lock: str) -> None:
    async with opened(tmp_path / "cache") as cache:
        await put(cache)
        with closing(sqlite3.connect(tmp_path / "cache")) as locker:
            locker.execute(f"BEGIN {lock}")
            start = time.monotonic()
            for _ in range(30):
                await cache.get(KEY)
                assert not await put(cache)
            assert time.monotonic() - start < 2
        assert await put(cache)
        assert await cache.get(KEY) == ENTRY


async def test_locks_are_waited_for_again_once_storing_succeeds(
    tmp_path: Path, connections: list[sqlite3.Connection]
) -> None:
    async def timeout_after(stored: bool) -> int:
        assert await put(cache) is stored
        [milliseconds] = connections[0].execute("PRAGMA busy_timeout").fetchone()
        return int(milliseconds)

    async with opened(tmp_path / "cache") as cache:
        assert await timeout_after(stored=True) == 100
        with closing(sqlite3.connect(tmp_path / "cache")) as locker:
            locker.execute("BEGIN IMMEDIATE")
            assert await timeout_after(stored=False) == 0
            await cache.get(KEY)
            assert await timeout_after(stored=False) == 0
        assert await timeout_after(stored=True) == 100


@pytest.mark.slow
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
