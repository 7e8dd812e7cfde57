"""Undo: order, deadlines, moved tags, lost responses, and versions that cannot be restored."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from attrs import evolve

from ghpkg_async import ConfigurationError
from ghpkg_async.testing import Version

from .sites import NOW, OLD, Site

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ghpkg_async.cleanup._undo import UndoResult

OLD_IMAGE = {"old", "old-amd64", "old-arm64"}
OLDER_IMAGE = {"older", "older-amd64", "older-arm64"}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "plan.journal.jsonl"


def statuses(site: Site, result: UndoResult) -> Mapping[str, str]:
    ids = {version.id: name for name, version in site.versions.items()}
    return {ids[version_id]: outcome.status for version_id, outcome in result.outcomes.items()}


def message(site: Site, result: UndoResult, name: str) -> str:
    return result.outcomes[site.versions[name].id].message or ""


async def test_apply_followed_by_undo_is_the_identity(site: Site, journal: Path) -> None:
    before = site.state()
    await site.apply(site.plan("old", "older"), journal)
    assert site.state() != before
    result = await site.undo(journal)
    assert site.state() == before
    assert set(statuses(site, result).values()) == {"restored"}
    assert result.complete
    assert result.journal.name == "plan.undo.jsonl"


async def test_parts_are_restored_before_images(site: Site, journal: Path) -> None:
    await site.apply(site.plan("old", "older"), journal)
    await site.undo(journal)
    assert set(site.restores[:4]) == (OLD_IMAGE | OLDER_IMAGE) - {"old", "older"}
    assert set(site.restores[4:]) == {"old", "older"}


async def test_versions_near_their_deadline_are_restored_first_of_all(
    site: Site, journal: Path
) -> None:
    await site.apply(site.plan("old", "older"), journal)
    lines = journal.read_text().splitlines(keepends=True)
    old = site.versions["old"].id
    early = (NOW - timedelta(days=29, hours=12)).isoformat()
    journal.write_text(
        "".join(
            json.dumps(record | {"at": early}) + "\n"
            if (record := json.loads(line)).get("id") == old and record["record"] == "intent"
            else line
            for line in lines
        )
    )
    await site.undo(journal)
    assert site.restores[0] == "old"
    assert len(site.restores) == 6


async def test_each_restore_is_written_down_before_it_is_sent(site: Site, journal: Path) -> None:
    await site.apply(site.plan("old"), journal)
    before: list[bool] = []

    async def hook(request: web.BaseRequest, respond: Any) -> web.StreamResponse:
        if request.method == "POST":
            lines = journal.with_name("plan.undo.jsonl").read_text().splitlines()
            written = {json.loads(line).get("id") for line in lines}
            before.append(int(request.path.split("/")[-2]) in written)
        response: web.StreamResponse = await respond()
        return response

    site.github.hook = hook
    await site.undo(journal)
    assert before == [True] * 3


async def test_undo_twice_restores_once(site: Site, journal: Path) -> None:
    await site.apply(site.plan("old"), journal)
    await site.undo(journal)
    site.github.requests.clear()
    result = await site.undo(journal)
    assert site.restores == []
    assert set(statuses(site, result).values()) == {"active"}
    assert result.complete


async def test_a_group_alone_can_be_restored(site: Site, journal: Path) -> None:
    await site.apply(site.plan("old", "older"), journal)
    await site.undo(journal, group=site.versions["old"].name[:20])
    assert site.active >= OLD_IMAGE
    assert site.active.isdisjoint(OLDER_IMAGE)


async def test_a_package_alone_can_be_restored(site: Site, journal: Path) -> None:
    await site.apply(site.plan("old"), journal)
    with pytest.raises(ConfigurationError, match="no deletion of acme/container/tool"):
        await site.undo(journal, package=("acme", "container", "tool"))
    await site.undo(journal, package=("acme", "container", "app"))
    assert site.active >= OLD_IMAGE


async def test_an_unknown_group_is_refused(site: Site, journal: Path) -> None:
    await site.apply(site.plan("old", "older"), journal)
    for group in ("sha256:nothing", "", "sha256:"):
        with pytest.raises(ConfigurationError, match="group"):
            await site.undo(journal, group=group)
    assert site.restores == []


async def test_check_restores_nothing_and_writes_nothing(site: Site, journal: Path) -> None:
    await site.apply(site.plan("old"), journal)
    result = await site.undo(journal, check=True)
    assert {intent.id for intent in result.to_restore} == {
        site.versions[name].id for name in OLD_IMAGE
    }
    assert site.restores == []
    assert not result.journal.exists()


async def test_version_deleted_too_long_ago_is_expired(site: Site, journal: Path) -> None:
    await site.apply(site.plan("old"), journal)
    site.later(timedelta(days=30, minutes=1))
    result = await site.undo(journal)
    assert set(statuses(site, result).values()) == {"expired"}
    assert site.restores == []
    assert not result.complete


async def test_a_version_whose_tag_moved_is_held(site: Site, journal: Path) -> None:
    await site.apply(site.plan("old"), journal)
    site.versions["new"].tags = ("latest", "pr-2")
    result = await site.undo(journal)
    assert statuses(site, result) == {
        "old": "held",
        "old-amd64": "restored",
        "old-arm64": "restored",
    }
    held = message(site, result, "old")
    assert f"version {site.versions['new'].id} has the tag pr-2 now" in held
    assert f"ghpkg restore acme container app --version {site.versions['old'].id}" in held
    assert not result.complete


async def test_a_digest_that_was_pushed_again_is_a_part_like_before(
    site: Site, journal: Path
) -> None:
    await site.apply(site.plan("old"), journal)
    again = site.package.version(site.versions["old-amd64"].name)
    result = await site.undo(journal)
    assert statuses(site, result) == {
        "old": "restored",
        "old-amd64": "active",
        "old-arm64": "restored",
    }
    assert message(site, result, "old-amd64") == f"pushed again, as version {again.id}"
    assert result.complete


@pytest.mark.parametrize("status", [404, 422])
async def test_an_image_without_one_of_its_parts_is_held(
    site: Site, journal: Path, status: int
) -> None:
    await site.apply(site.plan("old"), journal)

    async def hook(request: web.BaseRequest, respond: Any) -> web.StreamResponse:
        if request.path.endswith(f"{site.versions['old-amd64'].id}/restore"):
            return web.json_response({"message": "Package version not found."}, status=status)
        response: web.StreamResponse = await respond()
        return response

    site.github.hook = hook
    result = await site.undo(journal)
    assert statuses(site, result) == {
        "old": "held",
        "old-amd64": "failed",
        "old-arm64": "restored",
    }
    assert "is not there" in message(site, result, "old")
    site.github.hook = None
    assert (await site.undo(journal)).complete


@pytest.mark.parametrize("fault", ["server_error_after", "reset_after"])
async def test_an_applied_restore_counts_with_any_response(
    site: Site, journal: Path, fault: Any
) -> None:
    await site.apply(site.plan("old"), journal)
    site.github.faults.next(fault, method="POST", times=6)
    result = await site.undo(journal)
    assert result.complete
    assert site.active >= OLD_IMAGE


async def test_tags_that_github_does_not_set_again_are_reported(
    site: Site, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore = Version.restore

    def restore_without_tags(version: Version) -> None:
        restore(version)
        version.tags = ()

    monkeypatch.setattr(Version, "restore", restore_without_tags)
    await site.apply(site.plan("old"), journal)
    for _ in range(2):
        result = await site.undo(journal)
        registry = site.registry.url.removeprefix("http://")
        assert result.retag == (
            f"docker buildx imagetools create --tag {registry}/acme/app:pr-2 "
            f"{registry}/acme/app@{site.versions['old'].name}",
        )
        assert result.outcomes[site.versions["old"].id].missing_tags == ("pr-2",)
        assert not result.complete


async def test_a_package_created_again_under_the_name_is_left_alone(
    site: Site, journal: Path
) -> None:
    await site.apply(site.plan("old"), journal)
    site.package.delete()
    site.package.owner.package("container", "app", versions=1)
    result = await site.undo(journal)
    assert set(statuses(site, result).values()) == {"held"}
    assert "another one has its name" in message(site, result, "old")


async def test_a_deleted_package_must_be_restored_first(site: Site, journal: Path) -> None:
    await site.apply(site.plan("old"), journal)
    site.package.delete()
    result = await site.undo(journal)
    assert "Restore the package first" in message(site, result, "old")
    assert site.restores == []


async def test_a_journal_with_repeated_and_incomplete_lines_is_undone(
    site: Site, journal: Path
) -> None:
    before = site.state()
    await site.apply(site.plan("old"), journal)
    header, *records = journal.read_bytes().splitlines(keepends=True)
    damaged = [line + line[:30] + b"\n" + line for line in records]
    journal.write_bytes(header + b"".join(damaged))
    assert (await site.undo(journal)).complete
    assert site.state() == before
    assert len(site.restores) == 3


async def test_packages_of_another_user_are_undone_from_the_journal_alone(
    site: Site, journal: Path
) -> None:
    """GitHub does not list deleted versions of packages of other users."""
    site.package = site.github.world.user("bob").package("npm", "left", created_at=OLD)
    for name in ("1.0.0-a", "1.0.0"):
        site.versions[name] = site.package.version(name, created_at=OLD)
    before, plan = site.state(), site.plan(["1.0.0-a"])
    where: Any = {"owner": "user:bob", "package_type": "npm", "name": "left"}
    packages = tuple(evolve(each, **where) for each in plan.packages)
    deletions = tuple(evolve(each, **where) for each in plan.deletions)
    await site.apply(evolve(plan, packages=packages, deletions=deletions), journal)
    assert site.state() != before
    assert (await site.undo(journal)).complete
    assert site.state() == before
    assert not any("state=deleted" in each.path for each in site.github.requests)


async def test_only_versions_of_the_journal_are_restored(site: Site, journal: Path) -> None:
    plan = site.plan("old")
    site.versions["old-amd64"].delete()
    await site.apply(plan, journal)
    await site.undo(journal)
    assert site.restores == ["old-arm64", "old"]


async def test_versions_that_github_refused_to_delete_are_not_restored(
    site: Site, journal: Path
) -> None:
    site.versions["old"].downloads = 5001
    await site.apply(site.plan("old"), journal)
    assert (await site.undo(journal)).outcomes == {}


async def test_a_journal_of_another_server_is_refused(site: Site, journal: Path) -> None:
    await site.apply(site.plan("old"), journal)
    text = journal.read_text().replace(site.github.url, "https://api.github.com")
    journal.write_text(text)
    with pytest.raises(ConfigurationError, match=r"a journal of https://api\.github\.com"):
        await site.undo(journal)


@pytest.mark.parametrize("content", ["", "{}\n", "not a journal\n"])
async def test_a_file_that_is_no_journal_is_refused(
    site: Site, journal: Path, content: str
) -> None:
    journal.write_text(content)
    with pytest.raises(ConfigurationError, match=r"ournal"):
        await site.undo(journal)


async def test_a_plan_in_place_of_its_journal_is_refused(site: Site, tmp_path: Path) -> None:
    site.plan("old").save(tmp_path / "plan.jsonl")
    with pytest.raises(ConfigurationError) as caught:
        await site.undo(tmp_path / "plan.jsonl")
    message = str(caught.value)
    assert f"by default {tmp_path / 'plan.journal.jsonl'}" in message
    assert "ghpkg restore OWNER TYPE NAME --version ID" in message
    assert site.github.requests == []


async def test_undo_waits_for_no_apply(site: Site, journal: Path) -> None:
    plan = site.plan("old")
    refused: list[str] = []

    async def hook(request: web.BaseRequest, respond: Any) -> web.StreamResponse:
        if request.method == "DELETE" and not refused:
            with pytest.raises(ConfigurationError) as error:
                await site.undo(journal)
            refused.append(str(error.value))
        response: web.StreamResponse = await respond()
        return response

    site.github.hook = hook
    await site.apply(plan, journal)
    assert refused == [f"{journal}: another process is writing it"]
