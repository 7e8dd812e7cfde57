"""An audit as Markdown: its numbers, and names that contain markup are shown as text."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from ghpkg_async.audit import AuditReport
from ghpkg_async.audit._markdown import LINES_SHOWN, render_markdown
from tests.audit.rig import HEADER
from tests.support.records import NOW, done, failure, package

if TYPE_CHECKING:
    from pathlib import Path

    from ghpkg_async.audit import Record
    from ghpkg_async.testing import World
    from tests.support.command import Command

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "[click](https://evil.example)",
    "![x](https://evil.example/pixel)",
    "a|b|c",
    "`code`",
    "https://evil.example",
    "www.evil.example",
    "@everyone",
    "&lt;b&gt;",
    "line\n# heading",
    "\x1b[2J\u202e",
)


def rendered(*records: Record, rules: tuple[str, ...] = ("public",), **more: Any) -> str:
    report = AuditReport.of(HEADER, records)
    findings = report.findings(rules, now=NOW)
    counts = {rule: sum(each.rule == rule for each in findings) for rule in rules}
    return render_markdown(
        report.header,
        report.summary,
        report.total,
        counts=counts,
        findings=findings,
        failures=report.failures,
        failure_count=len(report.failures),
        **more,
    )


def test_the_summary_has_totals_findings_and_failures() -> None:
    text = rendered(
        package(name="a", visibility="public", version_count=3),
        package(name="b", version_count=None),
        done(count=2),
        failure("user:octocat", "npm", reason="forbidden", message="No."),
    )
    assert text.startswith("## GitHub Packages audit\n\n2026-01-15 12:00 UTC, ")
    assert "| acme | npm | 2 | 1 | 1 | 0 | at least 3 | 0 |" in text
    assert "| total |  | 2 | 1 | 1 | 0 | at least 3 | 0 |" in text
    assert "2 owners, 2 packages, **1 public**, at least 3 versions, 1 failure." in text
    assert "### Findings\n\n- Public: 1\n  - acme npm a: public\n" in text
    assert "### Not obtained\n\n- user\\:octocat, npm packages: Forbidden. No.\n" in text


def test_changes_are_listed_by_kind() -> None:
    old = AuditReport.of(HEADER, [package(name="a"), done(count=1)])
    new: list[Record] = [package(name="a", visibility="public"), package(name="b"), done(count=2)]
    comparison = AuditReport.of(HEADER, new).compare(old)
    text = rendered(*new, comparison=comparison, since=NOW - timedelta(days=1))
    assert "### Changes since 2026-01-14 12:00 UTC\n" in text
    assert "- New packages: 1\n  - acme npm b (private)\n" in text
    assert "- Visibility changed: 1\n  - acme npm a\\: private, now public\n" in text


def test_long_lists_end_with_how_many_more_there_are() -> None:
    text = rendered(*(package(name=f"p{n}", visibility="public") for n in range(LINES_SHOWN + 5)))
    assert text.count(": public\n") == LINES_SHOWN
    assert "  - and 5 more\n" in text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_text_of_a_server_is_escaped(text: str) -> None:
    plain = rendered(
        package(name="x", visibility="public"), failure("acme", "npm", message="x", name="x")
    )
    lines = rendered(
        package(name=text, visibility="public"), failure("acme", "npm", message=text, name=text)
    ).splitlines()
    assert len(lines) == len(plain.splitlines())
    markup = re.compile(r"(?<!\\)(?:[<>`@&|]|\[|!\[|://)|(?<!\\)\bwww\.", re.IGNORECASE)
    for line, usual in zip(lines, plain.splitlines(), strict=True):
        assert len(markup.findall(line)) == len(markup.findall(usual)), line
        assert line.isprintable()


def test_only_a_website_is_linked_to() -> None:
    for url, linked in (("https://github.com/sso?x=1", True), ("javascript:alert(1)", False)):
        text = rendered(failure("acme", "npm", authorization_url=url))
        assert (f"[Authorize the token](<{url}>)" in text) is linked


def test_many_owners_are_summed_up_by_owner() -> None:
    owners = tuple(f"org-{number}" for number in range(40))
    report = AuditReport.of(
        attrs.evolve(HEADER, owners=owners),
        [
            package("p", owner=each, package_type=kind)
            for each in owners
            for kind in ("npm", "container")
        ],
    )
    text = render_markdown(report.header, report.summary, report.total, counts={})
    assert "| org-39 |  | 2 | 0 | 2 | 0 | 2 | 0 |" in text


async def test_the_command_writes_it_to_a_file_and_to_the_summary_of_a_job(
    small: World, ghpkg: Command, tmp_path: Path
) -> None:
    del small
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    ghpkg = ghpkg.having(GITHUB_STEP_SUMMARY=str(summary))
    run = await ghpkg("acme", "--report=a.md", "--fail-on=public")
    assert run.status == 1
    text = (tmp_path / "a.md").read_text(encoding="utf-8")
    assert "  - acme container open: public\n" in text
    assert summary.read_text(encoding="utf-8") == f"before\n{text}"
    ghpkg = ghpkg.having(GITHUB_STEP_SUMMARY=str(tmp_path / "no" / "s.md"))
    run = await ghpkg("acme")
    assert (run.status, "GITHUB_STEP_SUMMARY: " in run.err) == (0, True)
