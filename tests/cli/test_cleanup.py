"""`ghpkg cleanup review`, `apply` and `undo`, run interactively and by scheduled jobs."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from ghpkg_async.cleanup._plan_file import Plan
from ghpkg_async.cleanup._records import Held
from ghpkg_async.testing import EmbeddedGitHub
from tests.cleanup.registries import ScriptedRegistry
from tests.cleanup.sites import OLD, TOKEN, Site, new_site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.command import Command

pytestmark = pytest.mark.slow

OLD_IMAGE = {"old", "old-amd64", "old-arm64"}


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    async with EmbeddedGitHub() as github, ScriptedRegistry() as registry:
        site = new_site(github, registry)
        site.push_image("old", "pr-2")
        site.push_image("new", "latest")
        yield site


@pytest.fixture
def plan(site: Site, tmp_path: Path) -> Path:
    path = tmp_path / "plan.jsonl"
    site.plan("old").save(path)
    return path


@pytest.fixture
def ghpkg(bare: Command, site: Site, tmp_path: Path) -> Command:
    command = bare.having(
        GH_ENTERPRISE_TOKEN=TOKEN, GHPKG_BASE_URL=site.github.url, XDG_CACHE_HOME=str(tmp_path)
    )
    return type(command)(command.environment, ("--registry-url", site.registry.url))


@pytest.fixture
def review(bare: Command) -> Command:
    return bare


async def test_apply_then_undo(ghpkg: Command, site: Site, plan: Path, tmp_path: Path) -> None:
    before = site.state()
    in_actions = ghpkg.having(
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"), GITHUB_OUTPUT=str(tmp_path / "outputs")
    )
    applied = await in_actions("cleanup", "apply", str(plan), "--yes")
    assert applied.status == 0, applied.err
    assert "1 image (3 versions) to delete, 19 kept, 0 held" in applied.err
    assert f"Registry: {site.registry.url}" in applied.err
    assert "3 deleted." in applied.err
    journal = tmp_path / "plan.journal.jsonl"
    assert f"this restores them: ghpkg cleanup undo {journal}" in applied.err
    assert site.active.isdisjoint(OLD_IMAGE)
    assert "| deleted | 3 |" in (tmp_path / "summary.md").read_text()
    outputs = (tmp_path / "outputs").read_text().splitlines()
    assert outputs == ["deleted=3", "gone=0", "refused=0", "failed=0", "stale=0"]
    assert (tmp_path / "ghpkg-async" / "manifests.sqlite").exists()

    undone = await in_actions("cleanup", "undo", str(journal), "--yes")
    assert undone.status == 0, undone.err
    assert "3 restored" in undone.err
    assert site.state() == before
    assert "\nrestored=3\n" in (tmp_path / "outputs").read_text()


async def test_the_number_of_versions_has_to_be_typed(
    ghpkg: Command, site: Site, plan: Path
) -> None:
    for typed in ("yes\n", "\n", "2\n"):
        refused = await ghpkg.on_terminal("cleanup", "apply", str(plan), typed=typed)
        assert refused.status == 2
        assert "Type 3 to delete 3 versions" in refused.out
        assert "Not confirmed: nothing was deleted" in refused.out
    assert site.deletes == []
    applied = await ghpkg.on_terminal("cleanup", "apply", str(plan), typed="3\n")
    assert applied.status == 0
    assert site.active.isdisjoint(OLD_IMAGE)


async def test_without_a_terminal_nothing_happens_without_yes(
    ghpkg: Command, site: Site, plan: Path
) -> None:
    for command in (("apply", str(plan)), ("undo", str(plan))):
        refused = await ghpkg("cleanup", *command)
        assert refused.status == 2
        assert "--yes" in refused.err
    assert site.github.requests == []


@pytest.mark.parametrize("option", ["--check", "--dry-run"])
async def test_check_changes_nothing(
    ghpkg: Command, site: Site, plan: Path, option: str, tmp_path: Path
) -> None:
    checked = await ghpkg("cleanup", "apply", str(plan), option)
    assert checked.status == 0
    assert "3 versions would be deleted" in checked.err
    assert site.deletes == []
    assert not (tmp_path / "plan.journal.jsonl").exists()


async def test_changes_since_the_plan_are_named_and_exit_with_3(
    ghpkg: Command, site: Site, plan: Path
) -> None:
    site.versions["old"].tags = ("pr-2", "v9")
    applied = await ghpkg("cleanup", "apply", str(plan), "--yes")
    assert applied.status == 3
    assert "was tagged v9 after the plan" in applied.err
    assert site.deletes == []


async def test_a_token_without_the_scope_exits_with_2(
    ghpkg: Command, site: Site, plan: Path
) -> None:
    site.github.world.token(TOKEN, login="octocat", scopes=["read:packages"])
    refused = await ghpkg("cleanup", "apply", str(plan), "--check")
    assert refused.status == 2
    assert "token: has the scopes read:packages and lacks delete:packages" in refused.err


async def test_a_clock_that_differs_is_reported(ghpkg: Command, site: Site, plan: Path) -> None:
    site.later(timedelta(hours=1))
    checked = await ghpkg("cleanup", "apply", str(plan), "--check")
    assert checked.status == 0
    assert "This machine's clock is 1:00:00 behind the server's." in checked.err


async def test_versions_that_github_keeps_exit_with_0(
    ghpkg: Command, site: Site, plan: Path
) -> None:
    site.versions["old"].downloads = 5001
    applied = await ghpkg("cleanup", "apply", str(plan), "--yes")
    assert applied.status == 0
    assert "3 refused." in applied.err


async def test_an_expired_plan_exits_with_2(ghpkg: Command, site: Site, plan: Path) -> None:
    site.later(timedelta(hours=25))
    applied = await ghpkg("cleanup", "apply", str(plan), "--yes")
    assert applied.status == 2
    assert "expired" in applied.err


async def test_a_plan_older_than_allowed_exits_with_2(
    ghpkg: Command, site: Site, plan: Path
) -> None:
    site.later(timedelta(hours=2))
    applied = await ghpkg("cleanup", "apply", str(plan), "--yes", "--max-plan-age", "1h")
    assert applied.status == 2
    assert "ghpkg: --max-plan-age: the plan was made at" in applied.err


@pytest.mark.parametrize("limit", ["2", "4%"])
async def test_a_plan_over_the_limit_exits_with_2(
    ghpkg: Command, site: Site, plan: Path, limit: str
) -> None:
    applied = await ghpkg("cleanup", "apply", str(plan), "--yes", "--max-deletes", limit)
    assert applied.status == 2
    assert f"over max-deletes {limit}" in applied.err
    assert site.github.requests == []


async def test_an_edited_plan_exits_with_2(ghpkg: Command, site: Site, plan: Path) -> None:
    plan.write_text(plan.read_text().replace("pr-2", "pr-3"))
    applied = await ghpkg("cleanup", "apply", str(plan), "--yes")
    assert applied.status == 2
    assert "was edited" in applied.err
    assert site.github.requests == []


async def test_json_prints_the_outcomes(ghpkg: Command, plan: Path) -> None:
    applied = await ghpkg("cleanup", "apply", str(plan), "--yes", "--json")
    *outcomes, end = applied.items
    assert [each["status"] for each in outcomes] == ["deleted"] * 3
    assert end["counts"] == {"deleted": 3}


async def test_undo_of_versions_that_cannot_be_restored_exits_with_3(
    ghpkg: Command, site: Site, plan: Path, tmp_path: Path
) -> None:
    await ghpkg("cleanup", "apply", str(plan), "--yes")
    site.later(timedelta(days=31))
    undone = await ghpkg("cleanup", "undo", str(tmp_path / "plan.journal.jsonl"), "--yes")
    assert undone.status == 3
    assert "3 expired" in undone.err


async def test_review_shows_packages_and_groups(review: Command, plan: Path) -> None:
    shown = await review("cleanup", "review", str(plan))
    assert shown.status == 0, shown.err
    assert shown.rows[:2] == [
        ["PACKAGE", "IMAGES", "VERSIONS", "KEPT", "HELD"],
        ["acme/container/app", "1", "3", "19", "0"],
    ]
    assert "delete pr-2 and 2 versions with it: selected by the test" in shown.out


async def test_review_as_json_is_the_plan(review: Command, plan: Path) -> None:
    shown = await review("cleanup", "review", str(plan), "--json")
    assert shown.out.splitlines() == plan.read_text().splitlines()


async def test_review_replaces_nothing_but_a_plan(
    review: Command, plan: Path, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    group = Plan.load(plan).groups[0].name
    ran = await review("cleanup", "review", str(plan), "--drop", group, "--output", str(notes))
    assert ran.status == 2
    assert f"--output: {notes} exists and is not a plan" in ran.err
    assert notes.read_text() == "mine"


async def test_review_writes_a_plan_without_a_group(
    review: Command, site: Site, tmp_path: Path
) -> None:
    site.push("other", None, "pr-5")
    whole, smaller = tmp_path / "plan.jsonl", tmp_path / "smaller.jsonl"
    site.plan("old", ["other"]).save(whole)
    dropped = await review(
        "cleanup", "review", str(whole), "--drop", site.versions["old"].name[:15],
        "--output", str(smaller),
    )  # fmt: skip
    assert dropped.status == 0, dropped.err
    assert [each.tags for each in Plan.load(smaller).deletions] == [("pr-5",)]


@pytest.mark.parametrize("arguments", [("--drop", "sha256:x"), ("--output", "x.jsonl")])
async def test_drop_and_output_belong_together(
    review: Command, plan: Path, arguments: tuple[str, ...]
) -> None:
    refused = await review("cleanup", "review", str(plan), *arguments)
    assert refused.status == 2


@pytest.mark.parametrize("suffix", ["md", "html"])
async def test_a_report_shows_deleted_and_kept_versions(
    review: Command, site: Site, tmp_path: Path, suffix: str
) -> None:
    held = Held(
        owner="acme", package_type="container", name="app", id=7, version="sha256:" + "a" * 64,
        tags=("<b>v1</b>",), created_at=OLD, updated_at=OLD, group="sha256:" + "a" * 64,
        role="root", rule="all", reason="protected by its tag",
    )  # fmt: skip
    plan = site.plan("old")
    Plan(header=plan.header, packages=plan.packages, deletions=plan.deletions, held=(held,)).save(
        tmp_path / "plan.jsonl"
    )
    report = tmp_path / f"plan.{suffix}"
    written = await review(
        "cleanup", "review", str(tmp_path / "plan.jsonl"), "--report", str(report)
    )
    assert written.status == 0, written.err
    text = report.read_text()
    assert "pr" in text
    assert "selected by the test" in text
    assert "protected by its tag" in text
    assert "<b>v1</b>" not in text


async def test_a_report_of_another_kind_is_refused(review: Command, plan: Path) -> None:
    refused = await review("cleanup", "review", str(plan), "--report", "plan.pdf")
    assert refused.status == 2
    assert json.loads(plan.read_text().splitlines()[0])["record"] == "plan"
