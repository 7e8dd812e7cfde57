"""Repeated `ghpkg audit` runs: old outputs, their replacement, and resumed drafts."""

from __future__ import annotations

import asyncio
import json
import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import attrs
import pytest

from ghpkg_async import ConfigurationError
from ghpkg_async.audit import PackageEntry
from ghpkg_async.audit._outputs import JsonlFile, read_header, read_records
from tests.audit.rig import HEADER, responding
from tests.support.command import finish
from tests.support.records import NOW, complete_listing, package

if TYPE_CHECKING:
    from pathlib import Path

    from ghpkg_async.audit import Record
    from ghpkg_async.testing import EmbeddedGitHub, World
    from tests.support.command import Command


def names(path: Path) -> list[str]:
    return sorted(each.name for each in read_records(path) if isinstance(each, PackageEntry))


def content(path: Path) -> bytes:
    return path.read_bytes()


def backdate(path: Path, age: timedelta) -> str:
    """Move the start time in an output back by `age`; return the new time as text."""
    header, _, rest = path.read_text().partition("\n")
    began = (datetime.now(UTC) - age).replace(microsecond=0)
    written = json.dumps({**json.loads(header), "started_at": began.isoformat()})
    path.write_text(f"{written.replace(': ', ':').replace(', ', ',')}\n{rest}")
    return f"{began:%Y-%m-%d %H:%M} UTC"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.jsonl"


class TestMaxAge:
    @pytest.mark.usefixtures("small")
    async def test_an_old_complete_output_is_refused_with_the_ways_out(
        self, ghpkg: Command, server: EmbeddedGitHub, path: Path
    ) -> None:
        await ghpkg("acme", "--output=a.jsonl")
        backdate(path, timedelta(hours=26, minutes=5))
        before, requests = content(path), len(server.requests)
        run = await ghpkg("acme", "--output=a.jsonl")
        assert run.status == 2
        assert "a.jsonl is complete, and its audit began 26 hours ago" in run.err
        assert "--fresh" in run.err
        assert "name another file" in run.err
        assert (content(path), len(server.requests)) == (before, requests)
        run = await ghpkg("acme", "--output=a.jsonl", "--max-age=27h")
        assert run.status == 0
        assert "a.jsonl is complete, begun 26 hours ago: nothing is requested. --fresh" in run.err

    @pytest.mark.usefixtures("small")
    async def test_an_old_incomplete_output_is_resumed_and_keeps_its_time(
        self, ghpkg: Command, server: EmbeddedGitHub, path: Path, tmp_path: Path
    ) -> None:
        server.hook = responding(lambda request: "octo" in request.path, data={}, status=403)
        await ghpkg("acme", "octo-org", "--output=a.jsonl")
        began = backdate(path, timedelta(days=3))
        server.hook = None
        run = await ghpkg("acme", "octo-org", "--output=a.jsonl", "--report=a.html")
        assert run.status == 0
        assert "Resuming a.jsonl, begun 3 days ago" in run.err
        assert f"Audit begun {began}." in run.out
        assert began in (tmp_path / "a.html").read_text(encoding="utf-8")

    @pytest.mark.parametrize("typed", ["", "20", "h", "-1h", "1.5h", "20 h", "1y", "999999h"])
    async def test_an_invalid_duration_is_refused(self, ghpkg: Command, typed: str) -> None:
        run = await ghpkg("acme", f"--max-age={typed}")
        assert run.status == 2
        assert f"--max-age: {typed!r} is not a duration; write 90m, 20h or 7d" in run.err


class TestFresh:
    async def test_the_earlier_output_stays_until_the_new_one_is_whole(
        self, small: World, ghpkg: Command, server: EmbeddedGitHub, path: Path
    ) -> None:
        await ghpkg("acme", "--output=a.jsonl")
        before = content(path)
        small.org("acme").package("npm", "new")
        server.requests.clear()
        server.latency = 0.3
        process = await ghpkg.start("acme", "--output=a.jsonl", "--fresh")
        async with asyncio.timeout(20):
            while not server.requests:  # noqa: ASYNC110  (the server has no event)
                await asyncio.sleep(0.01)
        assert content(path) == before
        assert (await finish(process)).status == 0
        assert "new" in names(path)
        assert list(path.parent.iterdir()) == [path]

    async def test_an_audit_is_compared_with_the_output_it_replaces(
        self, small: World, ghpkg: Command, path: Path
    ) -> None:
        nightly = ("acme", "--output=a.jsonl", "--fresh")
        assert (await ghpkg(*nightly)).status == 0
        small.org("acme").package("npm", "new")
        run = await ghpkg(*nightly, "--compare=a.jsonl")
        assert run.status == 0, run.err
        assert "    acme npm new (private)" in run.out
        assert "new" in names(path)

    @pytest.mark.usefixtures("small")
    async def test_interrupted_it_leaves_the_earlier_output_and_is_resumed(
        self, ghpkg: Command, server: EmbeddedGitHub, path: Path
    ) -> None:
        nightly = ("acme", "octo-org", "--output=a.jsonl", "--fresh", "--concurrency=1")
        await ghpkg(*nightly)
        before, requests = content(path), len(server.requests)
        server.requests.clear()
        server.latency = 0.1
        process = await ghpkg.start(*nightly)
        async with asyncio.timeout(20):
            while len(server.requests) < requests // 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        process.send_signal(signal.SIGINT)
        run = await finish(process)
        assert run.status == 130
        assert "Run the same command again to resume a.jsonl" in run.err
        assert content(path) == before
        server.requests.clear()
        server.latency = 0
        run = await ghpkg(*nightly)
        assert run.status == 0
        assert len(server.requests) < requests
        assert names(path) == ["a", "b", "c", "m", "open"]
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.usefixtures("small")
    async def test_cut_short_it_leaves_the_earlier_output_and_is_resumed(
        self, ghpkg: Command, server: EmbeddedGitHub, path: Path
    ) -> None:
        nightly = ("acme", "--type=npm", "--output=a.jsonl", "--fresh")
        await ghpkg(*nightly)
        before = content(path)
        server.hook = responding(
            lambda _request: True, data={"message": "Bad credentials"}, status=401
        )
        run = await ghpkg(*nightly)
        assert run.status == 3
        assert "again to resume a.jsonl; a.jsonl is still the earlier audit" in run.err
        assert content(path) == before
        server.hook = None
        assert (await ghpkg(*nightly)).status == 0
        assert content(path) != before
        assert names(path) == ["a", "b", "c"]

    @pytest.mark.usefixtures("small")
    async def test_cut_short_an_audit_leaves_an_earlier_table(
        self, ghpkg: Command, server: EmbeddedGitHub, tmp_path: Path
    ) -> None:
        await ghpkg("acme", "--output=a.csv")
        before = content(tmp_path / "a.csv")
        server.hook = responding(
            lambda _request: True, data={"message": "Bad credentials"}, status=401
        )
        run = await ghpkg("acme", "--output=a.csv")
        assert run.status == 3
        assert "a.csv is still the earlier audit" in run.err
        assert content(tmp_path / "a.csv") == before

    async def test_a_fresh_audit_needs_an_output(self, ghpkg: Command) -> None:
        run = await ghpkg("acme", "--fresh")
        assert run.status == 2
        assert "--fresh: needs --output FILE" in run.err

    @pytest.mark.usefixtures("small")
    async def test_an_output_is_replaced_although_an_owner_refuses(
        self, ghpkg: Command, path: Path
    ) -> None:
        nightly = ("acme", "nobody", "--type=npm", "--output=a.jsonl", "--fresh")
        await ghpkg(*nightly)
        before = content(path)
        run = await ghpkg(*nightly)
        assert run.status == 3
        assert "Run the same command without --fresh to resume a.jsonl" in run.err
        assert content(path) != before
        assert names(path) == ["a", "b", "c"]

    def test_a_draft_that_is_old_or_of_another_audit_is_not_resumed(self, path: Path) -> None:
        listing = complete_listing("acme", "npm", "a")
        assert drafted(path, listing).done
        for header, since in (
            (HEADER, NOW + timedelta(seconds=1)),
            (attrs.evolve(HEADER, owners=("octo-org",)), NOW),
        ):
            output = JsonlFile(path, header, fresh_since=since)
            assert (output.done, output.is_new) == (frozenset(), True)
            output.close()
            drafted(path, listing)

    def test_an_invalid_draft_is_replaced(self, path: Path) -> None:
        drafted(path, complete_listing("acme", "npm", "a"))
        (draft,) = path.parent.iterdir()
        draft.write_bytes(draft.read_bytes() + b"broken\n")
        output = JsonlFile(path, HEADER, fresh_since=NOW)
        assert output.is_new
        output.begin()
        output.finish()
        output.close()
        assert list(read_records(path)) == []

    def test_no_draft_is_written_through_a_symbolic_link(self, path: Path, tmp_path: Path) -> None:
        victim = tmp_path / "victim"
        victim.write_text("mine")
        drafted(path, [])
        (draft,) = set(tmp_path.iterdir()) - {victim}
        draft.unlink()
        draft.symlink_to(victim)
        with pytest.raises(ConfigurationError, match="cannot be written"):
            JsonlFile(path, HEADER, fresh_since=NOW)
        assert victim.read_text() == "mine"

    def test_the_new_output_has_the_mode_of_the_earlier_one(self, path: Path) -> None:
        path.touch(0o640)
        path.chmod(0o640)
        output = JsonlFile(path, HEADER, fresh_since=NOW)
        output.begin()
        output.finish()
        output.close()
        assert path.stat().st_mode & 0o777 == 0o640


def drafted(path: Path, records: list[Record]) -> JsonlFile:
    """Return the draft of an interrupted run after it was opened and closed again."""
    for _ in range(2):
        output = JsonlFile(path, HEADER, fresh_since=NOW)
        if output.is_new:
            output.begin()
            output.write([*records, package("of a listing that is not done", owner="user:octocat")])
        output.close()
    return output


class TestFrom:
    @pytest.mark.usefixtures("small")
    @pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
    async def test_an_earlier_output_is_shown_without_a_request(
        self, ghpkg: Command, server: EmbeddedGitHub, tmp_path: Path, suffix: str
    ) -> None:
        first = await ghpkg("acme", f"--output=a.{suffix}", "--fail-on=public")
        header = read_header(tmp_path / f"a.{suffix}")
        assert header is not None
        server.requests.clear()
        run = await ghpkg(f"--from=a.{suffix}", "--report=a.html", "--fail-on=public")
        assert not server.requests
        assert (run.status, run.out) == (first.status, first.out) == (1, run.out)
        began = f"{header.started_at:%Y-%m-%d %H:%M} UTC"
        assert f"Audit begun {began}." in run.out
        assert began in (tmp_path / "a.html").read_text(encoding="utf-8")

    @pytest.mark.usefixtures("small")
    async def test_failures_are_shown_and_are_no_failure_of_showing(self, ghpkg: Command) -> None:
        assert (await ghpkg("acme", "nobody", "--output=a.jsonl")).status == 3
        run = await ghpkg("--from=a.jsonl")
        assert run.status == 0
        assert "nobody: " in run.err
        assert (await ghpkg("--from=a.jsonl", "--fail-on=unreachable")).status == 1

    @pytest.mark.usefixtures("small")
    async def test_an_incomplete_output_is_shown_and_exits_with_3(
        self, ghpkg: Command, path: Path
    ) -> None:
        await ghpkg("acme", "--output=a.jsonl")
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[:2]))
        run = await ghpkg("--from=a.jsonl", "--fail-on=docker_conflict")
        assert run.status == 3
        assert "a.jsonl is incomplete: 7 of its 7 listings are missing, acme npm for" in run.err

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["acme"], "--from: takes no OWNER"),
            (["--from=a.toml"], "--from: a.toml: its name has to end in .jsonl or .parquet"),
            (["--output=b.csv"], "--from: takes no OWNER"),
            (["--verify"], "--from: takes no OWNER"),
            (["--from=a.csv"], "a CSV has no owners and options"),
            (["--from=missing.jsonl"], "--from: missing.jsonl: cannot be read"),
            (["--fail-on=untagged:1"], "untagged:1 needs --versions"),
        ],
    )
    async def test_a_comparison_that_cannot_be_shown_is_refused(
        self, ghpkg: Command, path: Path, arguments: list[str], told: str
    ) -> None:
        output = JsonlFile(path, HEADER)
        output.begin()
        output.close()
        source = [] if arguments[0].startswith("--from") else ["--from=a.jsonl"]
        run = await ghpkg(*source, *arguments)
        assert run.status == 2, run.err
        assert told in run.err


class TestFailures:
    @pytest.mark.usefixtures("small")
    async def test_an_allowed_one_is_shown_and_changes_no_status(self, ghpkg: Command) -> None:
        command = ("acme", "nobody", "--output=a.jsonl", "--fail-on=unreachable")
        assert (await ghpkg(*command)).status == 1
        run = await ghpkg(*command, "--allow-failure=Nobody")
        assert (run.status, "nobody: " in run.err) == (0, True)
        run = await ghpkg("acme", "nobody", "nothing", "--allow-failure=nobody")
        assert run.status == 3
        assert "1 failure: see above" in run.err

    async def test_an_allowed_one_is_among_the_owners(self, ghpkg: Command) -> None:
        run = await ghpkg("acme", "--allow-failure=acne")
        assert run.status == 2
        assert "--allow-failure: acne: not among the OWNERs" in run.err

    @pytest.mark.usefixtures("small")
    async def test_a_longer_wait_than_allowed_ends_it_and_it_is_resumed(
        self, ghpkg: Command, server: EmbeddedGitHub, path: Path
    ) -> None:
        server.hook = responding(
            lambda request: "npm" in request.path_qs,
            data={"message": "You have exceeded a secondary rate limit."},
            status=403,
            headers={"Retry-After": "600"},
        )
        command = ("acme", "--output=a.jsonl", "--max-wait=5", "--type=container", "--type=npm")
        run = await ghpkg(*command)
        assert run.status == 3
        assert "Run the same command again to resume a.jsonl" in run.err
        assert names(path) == ["open"]
        server.hook = None
        assert (await ghpkg(*command)).status == 0
        assert names(path) == ["a", "b", "c", "open"]

    async def test_a_wait_below_zero_is_refused(self, ghpkg: Command) -> None:
        run = await ghpkg("acme", "--max-wait=-1")
        assert run.status == 2
        assert "--max-wait" in run.err


@pytest.mark.usefixtures("small")
async def test_a_repeated_audit_with_a_cache_sends_conditional_requests(
    ghpkg: Command, server: EmbeddedGitHub, path: Path
) -> None:
    nightly = ("acme", "octo-org", "--output=a.jsonl", "--fresh", "--cache=cache.sqlite")
    await ghpkg(*nightly)
    server.requests.clear()
    assert (await ghpkg(*nightly)).status == 0
    assert server.requests
    assert all("If-None-Match" in request.headers for request in server.requests)
    assert names(path) == ["a", "b", "c", "m", "open"]


@pytest.mark.usefixtures("small")
async def test_sigterm_leaves_an_output_that_is_resumed(
    ghpkg: Command, server: EmbeddedGitHub, path: Path
) -> None:
    server.latency = 0.2
    command = ("acme", "octo-org", "--output=a.jsonl", "--concurrency=1")
    process = await ghpkg.start(*command)
    async with asyncio.timeout(20):
        while len(server.requests) < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    process.terminate()
    run = await finish(process)
    assert run.status == 143
    assert "Interrupted. Run the same command again to resume a.jsonl" in run.err
    server.latency = 0
    assert (await ghpkg(*command)).status == 0
    assert names(path) == ["a", "b", "c", "m", "open"]
