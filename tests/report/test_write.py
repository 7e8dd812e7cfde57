"""The report file: complete or unchanged, and written by the command."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ghpkg_async import ConfigurationError
from ghpkg_async._cli.app import run
from ghpkg_async.audit._report import render_report, write_report
from ghpkg_async.testing import EmbeddedGitHub, demo_world
from tests.report.rig import Parsed, audit
from tests.support.records import package

if TYPE_CHECKING:
    from pathlib import Path


def test_the_file_is_the_page(tmp_path: Path) -> None:
    report = audit(package("Grüße \u202e\ud800"))
    path = tmp_path / "audit.html"
    path.write_text("an earlier one")
    write_report(report, path, findings=report.findings(["public"]))
    assert path.read_bytes() == render_report(report, findings=[]).encode()
    assert [*tmp_path.iterdir()] == [path]


def test_an_existing_file_is_kept_until_the_page_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.html"
    path.write_text("an earlier one")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ghpkg_async._files.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_report(audit(), path)
    assert path.read_text() == "an earlier one"
    assert [*tmp_path.iterdir()] == [path]


def test_an_unwritable_path_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is a directory"):
        write_report(audit(), tmp_path)


async def test_the_command_writes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GH_ENTERPRISE_TOKEN", "ghp_demo")
    monkeypatch.chdir(tmp_path)
    async with EmbeddedGitHub(demo_world()) as server:
        command = ["audit", "acme", "octo-org", "user:octocat", "--quiet", "--base-url", server.url]
        command += ["--points-per-minute=none"]
        assert await asyncio.to_thread(run, [*command, "--output=old.jsonl"]) == 0
        command += ["--report=audit.html", "--compare=old.jsonl"]
        assert await asyncio.to_thread(run, command) == 0
    capsys.readouterr()
    page = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert len(Parsed.of(page).data["rows"]) == 208
    assert "Nothing changed." in page
    assert '<a href="#packages" data-rule="public">Public</a>' in page
