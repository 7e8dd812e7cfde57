"""The report and plan pages pass the rules of axe-core."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import attrs
import pytest
import pytest_asyncio

from ghpkg_async import GitHubPackages
from ghpkg_async.audit import PackageEntry
from ghpkg_async.audit._report import write_report
from ghpkg_async.cleanup import Policy, plan
from ghpkg_async.cleanup._review import render_plan
from ghpkg_async.testing import EmbeddedGitHub, demo_world
from tests.report.rig import RULES, audit
from tests.support.records import NOW, conflict, failure, header, package

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser

pytestmark = pytest.mark.asyncio(loop_scope="module")

POLICY = """
[guard]
max-deletes = 5

[[rule]]
name = "old builds"
tags = ["*"]
older-than = "14d"
keep-newest = 3

[[rule]]
name = "untagged"
untagged = true
"""


@pytest.fixture(scope="module")
def report_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report of 201 owners with every section: charts, findings, changes, failures, conflicts."""
    owners = [f"team-{number}" for number in range(201)]
    packages = [
        package(
            f"service-{number}",
            owner=owner,
            visibility=("private", "internal", "public")[number % 3],
            version_count=number,
            repository=f"{owner}/app" if number % 2 else None,
        )
        for number, owner in enumerate(owners)
    ]
    head = header(*owners, "lost", package_types=("npm", "docker"))
    report = audit(*packages, conflict(owner="team-0"), failure("lost"), head=head)
    old = attrs.evolve(
        report,
        header=attrs.evolve(report.header, started_at=NOW - timedelta(days=1)),
        entries=tuple(
            attrs.evolve(entry, version_count=9, visibility="private")
            for entry in report.entries[5:]
            if isinstance(entry, PackageEntry)
        ),
    )
    path = tmp_path_factory.mktemp("report") / "audit.html"
    write_report(
        report,
        path,
        comparison=report.compare(old),
        findings=report.findings((*RULES, "visibility_widened"), now=NOW, compared_to=old),
    )
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plan_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cleanup plan over its limit of deletions, with groups of several versions and held ones."""
    async with (
        EmbeddedGitHub(demo_world()) as github,
        GitHubPackages(github.token, base_url=github.url, points_per_minute=None) as client,
    ):
        made = await plan(client, ["acme"], Policy.from_toml(POLICY))
    path = tmp_path_factory.mktemp("plan") / "plan.html"
    path.write_text(render_plan(made))
    return path


async def violations(browser: Browser, path: Path, *, width: int, scheme: str) -> str:
    """Return axe's report on a page with all `details` elements open; empty without violations."""
    from axe_playwright_python.async_playwright import Axe

    context = await browser.new_context(
        offline=True,
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = await context.new_page()
    await page.goto(path.as_uri())
    await page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    result = await Axe().run(page)
    await context.close()
    return str(result.generate_report()) if result.violations_count else ""


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
async def test_an_audit_report_has_no_violation(
    browser: Browser, report_page: Path, scheme: str, width: int
) -> None:
    assert await violations(browser, report_page, width=width, scheme=scheme) == ""


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
async def test_a_cleanup_plan_has_no_violation(
    browser: Browser, plan_page: Path, scheme: str, width: int
) -> None:
    assert await violations(browser, plan_page, width=width, scheme=scheme) == ""
