"""Exit statuses of `ghpkg audit`, and arguments refused before the first request."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from ghpkg_async._cli.audit import exit_status
from tests.support.records import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from ghpkg_async.testing import EmbeddedGitHub, World
    from tests.support.command import Command


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


class TestStatus:
    @pytest.mark.usefixtures("counts")
    @pytest.mark.parametrize(
        ("kind", "status"),
        [
            ("public", 1),
            ("no_repository", 0),
            ("empty", 0),
            ("many_versions:2", 1),
            ("many_versions:3", 0),
            ("stale:10", 1),
            ("stale:9999", 0),
            ("docker_conflict", 0),
            ("unreachable", 0),
        ],
    )
    async def test_fail_on_is_for_scripts(
        self, small: World, ghpkg: Command, kind: str, status: int
    ) -> None:
        small.org("acme").find("npm", "a").updated_at = NOW - timedelta(days=1000)
        run = await ghpkg("acme", "--quiet", "--fail-on", kind)
        assert run.status == status, run.err
        assert ("--fail-on has findings" in run.err) is (status == 1)

    async def test_untagged_images_are_found_in_their_versions(
        self, small: World, ghpkg: Command
    ) -> None:
        for version in small.org("acme").find("container", "open").versions()[:2]:
            version.tags = ()
        run = await ghpkg("acme", "--versions", "--fail-on=untagged:1", "--fail-on=untagged:2")
        assert run.status == 1
        assert "untagged:1 (1)" in run.err
        assert "untagged:2" not in run.err

    @pytest.mark.parametrize(
        ("failures", "findings", "tolerates", "status"),
        [
            (0, 0, False, 0),
            (0, 1, False, 1),
            (1, 0, False, 3),
            (1, 1, False, 3),
            (1, 1, True, 1),
        ],
    )
    def test_the_status_of_a_failure_precedes_that_of_a_finding(
        self, failures: int, findings: int, tolerates: bool, status: int
    ) -> None:
        assert (
            exit_status(failures=failures, findings=findings, tolerates_failures=tolerates)
            == status
        )

    @pytest.mark.usefixtures("small")
    async def test_a_failure_shows_advice(self, world: World, ghpkg: Command) -> None:
        world.org("closed", sso=True)
        run = await ghpkg("acme", "closed", "--fail-on=public")
        assert run.status == 3
        assert "https://github.com/orgs/closed/sso" in run.err
        assert "acme" in run.out
        run = await ghpkg("acme", "closed", "--fail-on=unreachable")
        assert run.status == 1


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            ([], "No owners to audit"),
            (["a b"], "OWNER: 'a b'"),
            (["acme", "--type=cargo"], "--type: 'cargo' is none of npm, maven"),
            (["acme", "--fail-on=publik"], "--fail-on: 'publik' is none of"),
            (["acme", "--fail-on=stale"], "stale:DAYS, like stale:90"),
            (["acme", "--fail-on=untagged:3"], "--fail-on: untagged:3 needs --versions"),
            (["acme", "--fail-on=visibility_widened"], "needs --compare FILE"),
            (["acme", "--type=npm", "--fail-on=docker_conflict"], "needs --type docker"),
            (["acme", "--shard=3/2"], "--shard: 3/2 is no share"),
            (["acme", "--owners-from=missing.txt"], "--owners-from: missing.txt: cannot be read"),
            (["--owners-from=bad.txt"], "bad.txt: not an owner: "),
            (["acme", "--output=a.xml"], "--output: a.xml: its name has to end in .jsonl"),
            (["acme", "--output=no/a.csv"], "--output: no/a.csv: cannot be written"),
            (["acme", "--output=no/a.jsonl"], "--output: no/a.jsonl: cannot be written"),
            (["acme", "--output=other.jsonl"], "--output: other.jsonl: it is not an audit's"),
            (["acme", "--output=later.jsonl"], "its schema_version is 3"),
            (["acme", "--compare=later.jsonl"], "--compare: later.jsonl: its schema_version is 3"),
            (["acme", "--compare=missing.csv"], "--compare: missing.csv: cannot be read"),
            (["acme", "--output=a.csv", "--output=a.csv"], "--output: the same file twice"),
            (["acme", "--output=a.jsonl", "--output=b.jsonl"], "one .jsonl is enough"),
            (["acme", "--output=other.jsonl", "--compare=other.jsonl"], "is an --output too"),
            (["acme", "--points-per-minute=0"], "--points-per-minute: '0'"),
        ],
    )
    async def test_invalid_arguments_are_refused_before_the_first_request(
        self,
        ghpkg: Command,
        server: EmbeddedGitHub,
        tmp_path: Path,
        arguments: list[str],
        told: str,
    ) -> None:
        (tmp_path / "bad.txt").write_text("acme\nhttps://github.com/acme\n")
        (tmp_path / "other.jsonl").write_text('{"a": 1}\n')
        (tmp_path / "later.jsonl").write_text('{"record": "audit", "schema_version": 3}\n')
        before = contents(tmp_path)
        run = await evolve(ghpkg, options=("--base-url", server.url))(*arguments)
        assert run.status == 2, run.err
        assert told in run.err
        assert "Traceback" not in run.err
        assert not server.requests
        assert contents(tmp_path) == before
