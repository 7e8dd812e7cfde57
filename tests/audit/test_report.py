"""`ghpkg audit --report`: arguments of the report writer, a missing extra, wrong file names."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from ghpkg_async._cli.app import run
from ghpkg_async.audit import AuditReport, Comparison
from tests.audit.rig import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from ghpkg_async.testing import EmbeddedGitHub, World

MODULE = "ghpkg_async.audit._report"


@pytest.fixture
def environment(server: EmbeddedGitHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GH_ENTERPRISE_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)


async def test_a_missing_report_extra_is_named_in_the_error(
    environment: None,
    server: EmbeddedGitHub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, MODULE, None)
    command = ["audit", "acme", "--report=a.html", "--base-url", server.url]
    assert await asyncio.to_thread(run, command) == 2
    assert 'pip install "ghpkg-async[report]"' in capsys.readouterr().err
    assert not server.requests


async def test_a_report_that_is_neither_html_nor_markdown_is_wrong_usage(
    environment: None, server: EmbeddedGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["audit", "acme", "--report=a.csv", "--base-url", server.url]
    assert await asyncio.to_thread(run, command) == 2
    assert "--report: a.csv: its name has to end in .html or .md" in capsys.readouterr().err
    assert not server.requests


async def test_the_report_has_the_audit_its_findings_and_its_changes(
    environment: None, world: World, server: EmbeddedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Any] = []
    module = ModuleType(MODULE)
    module.write_report = lambda *given, **named: written.append((given, named))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, MODULE, module)
    world.org("acme").package("npm", "left", visibility="public")
    command = ["audit", "acme", "--type=npm", "--quiet", "--base-url", server.url]
    assert await asyncio.to_thread(run, [*command, "--output=old.jsonl"]) == 0
    world.org("acme").package("npm", "right")
    command += ["--report=a.html", "--compare=old.jsonl", "--output=new.jsonl"]
    assert await asyncio.to_thread(run, command) == 0
    # The second run makes the report from the complete output.
    assert await asyncio.to_thread(run, command) == 0
    for (report, path), named in written:
        assert isinstance(report, AuditReport)
        assert [each.name for each in report.packages] == ["left", "right"]
        assert path.name == "a.html"
        assert isinstance(named["comparison"], Comparison)
        assert [each.name for each in named["comparison"].changes] == ["right"]
        assert ("public", "left") in {(each.rule, each.name) for each in named["findings"]}
    assert len(written) == 2
