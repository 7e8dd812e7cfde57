"""The command `ghpkg audit`, run as a process."""

from __future__ import annotations

import asyncio
import csv
import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from ghpkg_async.audit import OwnerName, Shard
from ghpkg_async.audit._outputs import read_records
from tests.audit.rig import identities, listed, listing_containers, responding
from tests.support.command import finish

if TYPE_CHECKING:
    from pathlib import Path

    from ghpkg_async.testing import EmbeddedGitHub, World
    from tests.support.command import Command

ACME = OwnerName("org", "acme")


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def of_kind(records: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in records if each["record"] == kind]


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


class TestResults:
    @pytest.mark.usefixtures("small", "counts")
    async def test_people_get_sums_and_findings(self, ghpkg: Command) -> None:
        run = await ghpkg("acme", "octo-org")
        assert run.status == 0
        rows = [line.split() for line in run.out.splitlines()]
        assert rows[0][:4] == ["OWNER", "TYPE", "PACKAGES", "PUBLIC"]
        assert ["acme", "npm", "3", "-", "3", "-", "3", "-"] in rows
        assert ["total", "5", "1", "4", "-", "7", "-"] in rows
        assert "  public: 1" in run.out.splitlines()
        assert "acme: 4 packages [" in run.err
        assert "requests in 0:00:" in run.err

    @pytest.mark.usefixtures("small")
    async def test_json_is_the_records(self, ghpkg: Command) -> None:
        run = await ghpkg("acme", "--type", "npm", "--json", "--fail-on", "stale:1", "--quiet")
        assert [each["record"] for each in run.items] == [
            "audit",
            *["package"] * 3,
            "done",
            *["finding"] * 3,
        ]
        assert run.items[-1]["rule"] == "stale:1"

    async def test_a_total_of_versions_names_the_packages_without_a_count(
        self, ghpkg: Command, server: EmbeddedGitHub
    ) -> None:
        command = ("acme", "--type=container", "--quiet", "--fail-on=empty", "--fail-on=public")
        server.hook = listing_containers(listed("a"))
        run = await ghpkg(*command)
        assert run.status == 0
        assert ["total", "1", "-", "1", "-", "-", "-"] in [
            each.split() for each in run.out.splitlines()
        ]
        line = "Not counted: the versions of 1 package; an audit with --versions counts them."
        assert line in run.out.splitlines()
        told = "empty: not judged for 1 package whose number of versions the server left out"
        assert f"{told}; --versions counts them" in run.err
        server.hook = listing_containers(listed("a"), listed("b", version_count=1200))
        run = await ghpkg("acme", "--type=container", "--quiet")
        assert "at least 1,200" in run.out
        assert "not judged" not in run.err

    async def test_soft_deleted_packages_are_marked_and_not_counted(
        self, ghpkg: Command, server: EmbeddedGitHub, tmp_path: Path
    ) -> None:
        server.hook = listing_containers(
            listed("a", version_count=1), listed("deleted_b", visibility="public")
        )
        files = ("--output=a.jsonl", "--report=a.html")
        run = await ghpkg("acme", "--type=container", "--fail-on=public", *files)
        assert run.status == 0, run.err
        assert "Not counted: 1 soft-deleted package, named deleted_..." in run.out
        marks = {
            each["name"]: each["soft_deleted"]
            for each in of_kind(lines_of(tmp_path / "a.jsonl"), "package")
        }
        assert marks == {"a": False, "deleted_b": True}
        page = (tmp_path / "a.html").read_text(encoding="utf-8")
        assert '<small data-cell="note">soft-deleted</small>' in page
        assert "1 soft-deleted besides" in page

    @pytest.mark.usefixtures("small")
    async def test_quiet_shows_no_progress(self, ghpkg: Command) -> None:
        run = await ghpkg("acme", "--quiet")
        assert "[1 of 1 owner" not in run.err
        assert run.out

    @pytest.mark.usefixtures("small")
    async def test_a_terminal_sees_how_far_it_is(
        self, ghpkg: Command, server: EmbeddedGitHub
    ) -> None:
        server.latency = 0.1
        run = await ghpkg.with_errors_on_terminal("acme", "octo-org", "nobody")
        assert run.status == 3
        assert "3 of 3 owners" in run.err
        assert "5 packages, 1 failure" in run.err
        assert "requests left" in run.err
        assert "[3 of 3 owners" not in run.err  # Only logs get plain lines.
        quiet = await ghpkg.with_errors_on_terminal("acme", "--quiet")
        assert "1 of 1 owner" not in quiet.err

    async def test_a_wait_for_a_rate_limit_is_shown(
        self, small: World, ghpkg: Command, server: EmbeddedGitHub
    ) -> None:
        del small
        refusals = iter([True])
        server.hook = responding(
            lambda _request: next(refusals, False),
            data={"message": "You have exceeded a secondary rate limit."},
            status=403,
            headers={"Retry-After": "1"},
        )
        run = await ghpkg("acme", "--type=npm")
        assert run.status == 0
        assert run.err.count("secondary rate limit: every request waits") == 1

    @pytest.mark.usefixtures("small")
    async def test_owners_are_read_from_a_file_or_standard_input(
        self, ghpkg: Command, tmp_path: Path
    ) -> None:
        (tmp_path / "owners.txt").write_text("# ours\nacme\n\nocto-org  # theirs\n")
        run = await ghpkg("--owners-from", "owners.txt", "ACME", "--json", "--quiet")
        assert len(of_kind(run.items, "package")) == 5
        run = await ghpkg("--owners-from", "-", "--json", "--quiet", typed="octo-org\n")
        assert len(of_kind(run.items, "package")) == 1

    async def test_shards_share_the_owners(self, world: World, ghpkg: Command) -> None:
        names = [f"org-{number}" for number in range(12)]
        for name in names:
            world.org(name).package("npm", "p")
        runs = await asyncio.gather(
            *(ghpkg(*names, "--type=npm", "--json", "--shard", f"{each}/2") for each in (1, 2))
        )
        shares = [{each["owner"] for each in of_kind(run.items, "package")} for run in runs]
        assert shares[0] | shares[1] == set(names)
        assert not shares[0] & shares[1]
        assert all(shares)

    async def test_a_shard_may_be_empty(self, ghpkg: Command, server: EmbeddedGitHub) -> None:
        shard = next(each for each in (Shard(1, 2), Shard(2, 2)) if not each.holds(ACME))
        run = await ghpkg("acme", f"--shard={shard}", "--output=a.jsonl")
        assert run.status == 0
        assert f"None of these owners is in shard {shard}" in run.err
        assert not server.requests

    async def test_text_of_a_server_does_not_control_the_terminal(
        self, world: World, ghpkg: Command
    ) -> None:
        world.org("acme").package("npm", "\x1b]0;owned\x07\u202e", visibility="public")
        run = await ghpkg("acme", "--fail-on", "public")
        assert "\x1b" not in run.out + run.err
        assert r"\x1b]0;owned\x07\u202e: public" in run.out

    @pytest.mark.usefixtures("small")
    async def test_no_token_is_in_any_output(self, ghpkg: Command, tmp_path: Path) -> None:
        run = await ghpkg("acme", "nobody", "--output=a.jsonl", "--output=a.csv")
        written = contents(tmp_path)
        assert len(written) == 2
        assert not any("ghp_" in text for text in (run.out, run.err, *written.values()))


class TestFiles:
    @pytest.mark.usefixtures("small")
    async def test_every_format_holds_the_same(self, ghpkg: Command, tmp_path: Path) -> None:
        files = [tmp_path / f"audit{suffix}" for suffix in (".jsonl", ".csv", ".parquet")]
        run = await ghpkg("acme", "nobody", "--versions", *(f"--output={file}" for file in files))
        assert run.status == 3
        records = [list(read_records(file)) for file in files]
        assert records[0] == records[1] == records[2]
        assert sum(each["record"] == "package" for each in lines_of(files[0])) == 4

    @pytest.mark.usefixtures("small")
    async def test_a_complete_output_costs_no_request(
        self, ghpkg: Command, server: EmbeddedGitHub, tmp_path: Path
    ) -> None:
        await ghpkg("acme", "--output=a.jsonl")
        before, asked = (tmp_path / "a.jsonl").read_bytes(), len(server.requests)
        run = await ghpkg("acme", "--output=a.jsonl", "--output=a.csv", "--fail-on=public")
        assert run.status == 1
        assert "is complete, begun 0 minutes ago: nothing is requested" in run.err
        assert len(server.requests) == asked
        assert (tmp_path / "a.jsonl").read_bytes() == before
        # The second output has the records that are not requested again.
        kept = list(read_records(tmp_path / "a.jsonl"))
        assert list(read_records(tmp_path / "a.csv")) == kept

    @pytest.mark.usefixtures("small")
    async def test_only_failed_listings_are_requested_again(
        self, ghpkg: Command, server: EmbeddedGitHub, tmp_path: Path
    ) -> None:
        server.hook = responding(
            lambda request: "npm" in request.path_qs or "octo" in request.path,
            data={"message": "no"},
            status=403,
        )
        owners = ("acme", "octo-org", "--output=a.jsonl", "--type=maven", "--type=npm")
        run = await ghpkg(*owners)
        assert run.status == 3
        assert "Run the same command again to resume a.jsonl" in run.err
        server.hook = None
        server.requests.clear()
        run = await ghpkg(*owners)
        assert run.status == 0
        assert "Resuming a.jsonl, begun 0 minutes ago: 1 of 4 listings are done" in run.err
        assert {each.query["package_type"] for each in server.requests if "acme" in each.path} == {
            "npm"
        }
        lines = lines_of(tmp_path / "a.jsonl")
        assert not of_kind(lines, "failure")
        assert sorted(each["name"] for each in of_kind(lines, "package")) == ["a", "b", "c", "m"]

    @pytest.mark.usefixtures("small")
    async def test_kill_9_at_any_moment_loses_and_doubles_nothing(
        self, world: World, ghpkg: Command, server: EmbeddedGitHub, tmp_path: Path
    ) -> None:
        owners = [f"org-{number}" for number in range(30)]
        for owner in owners:
            for number in range(220):
                world.org(owner).package("npm", f"p{number}")
        command = (*owners, "--type=npm", "--output=a.jsonl", "--quiet")
        server.latency = 0.02
        path = tmp_path / "a.jsonl"
        for kill in range(10):
            process = await ghpkg.start(*command, "--concurrency=3")
            goal = (kill + 1) * 25_000
            while process.returncode is None:
                if path.exists() and path.stat().st_size > goal:
                    process.kill()
                    break
                await asyncio.sleep(0.003)
            await finish(process)
        with path.open("ab") as file:
            file.write(b'{"record":"package","owner":"org-29","na')
        run = await ghpkg(*command)
        assert run.status == 0, run.err
        packages = of_kind(lines_of(path), "package")
        assert len(packages) == 30 * 220
        assert len({(each["owner"], each["name"]) for each in packages}) == 30 * 220
        assert path.read_bytes().endswith(b"\n")

    async def test_ctrl_c_leaves_a_valid_file_and_says_how_to_go_on(
        self, world: World, ghpkg: Command, server: EmbeddedGitHub, tmp_path: Path
    ) -> None:
        owners = [f"org-{number}" for number in range(40)]
        for owner in owners:
            world.org(owner).package("npm", "p")
        command = (*owners, "--type=npm", "--output=a.jsonl", "--output=a.csv")
        server.latency = 0.1
        process = await ghpkg.start(*command, "--concurrency=2")
        async with asyncio.timeout(20):
            while len(server.requests) < 12:  # noqa: ASYNC110  (the server has no event)
                await asyncio.sleep(0.01)
        process.send_signal(signal.SIGINT)
        run = await finish(process)
        assert run.status == 130
        assert "Interrupted. Run the same command again to resume a.jsonl" in run.err
        assert "Traceback" not in run.err
        some = of_kind(lines_of(tmp_path / "a.jsonl"), "package")
        assert 0 < len(some) < 40
        with (tmp_path / "a.csv").open(newline="") as file:
            assert sum(row["record"] == "package" for row in csv.DictReader(file)) == len(some)
        server.latency = 0
        run = await ghpkg(*command)
        assert run.status == 0
        assert len(of_kind(lines_of(tmp_path / "a.jsonl"), "package")) == 40
        assert identities(read_records(tmp_path / "a.csv")) == identities(
            read_records(tmp_path / "a.jsonl")
        )

    @pytest.mark.usefixtures("small")
    async def test_ctrl_c_without_an_output_suggests_one(
        self, ghpkg: Command, server: EmbeddedGitHub
    ) -> None:
        server.latency = 20
        process = await ghpkg.start("acme")
        async with asyncio.timeout(20):
            while not server.requests:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        process.send_signal(signal.SIGINT)
        run = await finish(process)
        assert run.status == 130
        assert "--output FILE.jsonl" in run.err


@pytest.mark.usefixtures("counts")
class TestCompare:
    @pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
    async def test_changes_since_an_earlier_output_are_shown(
        self, small: World, ghpkg: Command, suffix: str
    ) -> None:
        await ghpkg("acme", f"--output=old.{suffix}")
        acme = small.org("acme")
        acme.find("npm", "a").delete()
        acme.find("npm", "b").visibility = "public"
        acme.find("npm", "c").version("2.0.0")
        acme.package("npm", "d")
        run = await ghpkg("acme", f"--compare=old.{suffix}", "--json", "--quiet")
        same = ("record", "owner", "package_type")
        told = [
            {key: value for key, value in each.items() if key not in same}
            for each in of_kind(run.items, "change")
        ]
        assert told == [
            {
                "kind": "visibility",
                "name": "b",
                "visibility_before": "private",
                "visibility_after": "public",
            },
            {"kind": "grown", "name": "c", "version_count_before": 1, "version_count_after": 2},
            {"kind": "new", "name": "d", "visibility_after": "private"},
            {"kind": "gone", "name": "a", "visibility_before": "private"},
        ]
        run = await ghpkg("acme", f"--compare=old.{suffix}", "--fail-on=visibility_widened")
        assert run.status == 1
        assert "    acme npm b: private, now public" in run.out

    @pytest.mark.usefixtures("small")
    @pytest.mark.parametrize(
        ("suffix", "told"),
        [
            ("jsonl", "Changes since 20"),
            ("parquet", "Changes since 20"),
            ("csv", "Changes since the"),
        ],
    )
    async def test_the_report_has_the_start_of_the_earlier_audit_if_known(
        self, ghpkg: Command, tmp_path: Path, suffix: str, told: str
    ) -> None:
        await ghpkg("acme", f"--output=old.{suffix}")
        await ghpkg("acme", f"--compare=old.{suffix}", "--report=report.html")
        assert told in (tmp_path / "report.html").read_text(encoding="utf-8")

    @pytest.mark.usefixtures("small")
    async def test_listings_missing_from_one_audit_are_not_compared(
        self, ghpkg: Command, server: EmbeddedGitHub
    ) -> None:
        await ghpkg("acme", "octo-org", "--output=old.jsonl", "--type=npm")
        server.hook = responding(lambda request: "octo" in request.path, data={}, status=404)
        run = await ghpkg("acme", "octo-org", "--compare=old.jsonl", "--type=npm", "--type=maven")
        assert "Nothing changed in the listings that were compared." in run.out
        assert "acme maven, octo-org npm" in run.out
