"""`ghpkg cleanup plan`, and a plan that is applied and undone, against the embedded registry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from ghpkg_async.cleanup import Plan
from ghpkg_async.testing import push_image

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from ghpkg_async.testing import EmbeddedGitHub, Package
    from tests.support.command import Command

pytestmark = pytest.mark.slow

POLICY = """
[[rule]]
name = "pull requests"
tags = ["pr-*"]
older-than = "30d"
keep-newest = 3
"""
AGES = {"a": 1, "b": 5, "c": 40, "d": 50, "e": 60}


@pytest.fixture
def app(github: EmbeddedGitHub) -> Package:
    """Images a to e, 1, 5, 40, 50 and 60 days old, and one with the tag `latest`."""
    app = github.world.org("acme").package("container", "app")
    now = datetime.now(UTC)
    push_image(app, tags=["latest"], seed="latest", created_at=now - timedelta(days=90))
    for name, days in AGES.items():
        created_at = now - timedelta(days=days)
        push_image(app, tags=[f"pr-{name}"], attestations=False, seed=name, created_at=created_at)
    return app


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "retention.toml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def cleanup(ghpkg: Command, tmp_path: Path) -> Command:
    return ghpkg.having(XDG_CACHE_HOME=str(tmp_path))


def state(app: Package) -> set[tuple[str, tuple[str, ...]]]:
    return {(version.name, version.tags) for version in app.versions()}


async def test_the_newest_are_kept_before_the_old_are_selected(
    cleanup: Command, app: Package, policy: Path, tmp_path: Path
) -> None:
    """Images a, b and c are the three newest, so only d and e are deleted."""
    before = state(app)
    summary, outputs = tmp_path / "summary.md", tmp_path / "outputs"
    planned = await cleanup.having(GITHUB_STEP_SUMMARY=str(summary), GITHUB_OUTPUT=str(outputs))(
        "cleanup", "plan", str(policy), "acme", "--output", str(tmp_path / "plan.jsonl")
    )
    assert planned.status == 0, planned.err
    assert state(app) == before
    plan = Plan.load(tmp_path / "plan.jsonl")
    assert [each.tags for each in plan.deletions if each.tags] == [("pr-d",), ("pr-e",)]
    assert "2 images" in planned.out
    assert "## Cleanup plan" in summary.read_text()
    counts = {"images": 2, "deletes": len(plan.deletions), "kept": 4, "held": 0}
    assert outputs.read_text() == "".join(f"{key}={n}\n" for key, n in counts.items())

    applied = await cleanup("cleanup", "apply", str(tmp_path / "plan.jsonl"), "--yes")
    assert applied.status == 0, applied.err
    tags = {tag for version in app.versions() for tag in version.tags}
    assert tags == {"latest", "pr-a", "pr-b", "pr-c"}

    undone = await cleanup("cleanup", "undo", str(tmp_path / "plan.journal.jsonl"), "--yes")
    assert undone.status == 0, undone.err
    assert state(app) == before


async def test_a_plan_replaces_nothing_but_a_plan(cleanup: Command, policy: Path) -> None:
    refused = await cleanup("cleanup", "plan", str(policy), "acme", "--output", str(policy))
    assert refused.status == 2
    assert f"--output: {policy} exists and is not a plan" in refused.err
    assert policy.read_text() == POLICY


async def test_a_second_plan_downloads_no_manifest_again(
    cleanup: Command, app: Package, policy: Path, tmp_path: Path
) -> None:
    arguments = ("cleanup", "plan", str(policy), "acme", "--output", str(tmp_path / "plan.jsonl"))
    await cleanup(*arguments)
    downloads = {version.id: version.downloads for version in app.versions()}
    assert any(downloads.values())
    assert (await cleanup(*arguments)).status == 0
    assert {version.id: version.downloads for version in app.versions()} == downloads
    await cleanup(*arguments, "--cache", "none")
    assert {version.id: version.downloads for version in app.versions()} != downloads


async def test_fail_on_deletions_exits_with_1(
    cleanup: Command, app: Package, policy: Path, tmp_path: Path
) -> None:
    planned = await cleanup(
        "cleanup", "plan", str(policy), "acme", "--output", str(tmp_path / "plan.jsonl"),
        "--fail-on", "deletions",
    )  # fmt: skip
    assert planned.status == 1
    assert Plan.load(tmp_path / "plan.jsonl").images == 2
    assert app.versions()


async def test_explain_says_of_every_version_why(
    cleanup: Command, app: Package, policy: Path, tmp_path: Path
) -> None:
    planned = await cleanup(
        "cleanup", "plan", str(policy), "acme", "--output", str(tmp_path / "plan.jsonl"),
        "--explain", "acme/container/app",
    )  # fmt: skip
    explained = planned.out.partition("acme/container/app, every version:")[2].splitlines()
    reasons = [line for line in explained if line.startswith(("  delete ", "  held ", "  keep "))]
    assert len(reasons) == len(app.versions())


async def test_a_package_that_cannot_be_read_exits_with_3(
    cleanup: Command, github: EmbeddedGitHub, app: Package, policy: Path, tmp_path: Path
) -> None:
    async def hook(
        request: web.BaseRequest, respond: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if "/manifests/" in request.path and request.headers.get("Authorization"):
            return web.Response(status=403)
        return await respond()

    github.hook = hook
    planned = await cleanup(
        "cleanup", "plan", str(policy), "acme", "--output", str(tmp_path / "plan.jsonl")
    )
    assert planned.status == 3
    assert "left out: " in planned.out
    assert Plan.load(tmp_path / "plan.jsonl").deletions == ()
    assert app.versions()


async def test_a_policy_with_a_mistake_exits_with_2(
    cleanup: Command, github: EmbeddedGitHub, policy: Path, tmp_path: Path
) -> None:
    policy.write_text(POLICY.replace("older-than", "oldr-than"))
    planned = await cleanup(
        "cleanup", "plan", str(policy), "acme", "--output", str(tmp_path / "plan.jsonl")
    )
    assert planned.status == 2
    assert "older-than" in planned.err
    assert github.requests == []


async def test_the_demo_ends_as_it_began(bare: Command) -> None:
    shown = await bare("demo", "--cleanup")
    assert shown.status == 0, shown.err
    assert "images that stayed and lost a part: 0" in shown.out
    assert "digests and tags are as before" in shown.out
