"""Apply: order, drift since the plan, refusals, lost responses, and the journal."""

from __future__ import annotations

import errno
import json
import os
import stat
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from attrs import evolve

from ghpkg_async import ConfigurationError
from ghpkg_async.cleanup._journal import APPLY_CODEC, ApplyEnd, Journal
from ghpkg_async.cleanup._policy_values import MaxDeletes

from .sites import NOW, OLD, Site, digest_of, image, index

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ghpkg_async.cleanup._apply_result import ApplyResult
    from ghpkg_async.cleanup._plan_file import Plan

OLD_IMAGE = ["old", "old-amd64", "old-arm64"]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "plan.journal.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def statuses(site: Site, result: ApplyResult) -> Mapping[str, str]:
    ids = {version.id: name for name, version in site.versions.items()}
    return {ids[version_id]: outcome.status for version_id, outcome in result.outcomes.items()}


def messages(site: Site, result: ApplyResult) -> Mapping[str, str | None]:
    ids = {version.id: name for name, version in site.versions.items()}
    return {ids[version_id]: outcome.message for version_id, outcome in result.outcomes.items()}


async def test_an_image_is_deleted_before_its_parts(site: Site, journal: Path) -> None:
    result = await site.apply(site.plan("old"), journal)
    assert site.deletes == OLD_IMAGE
    assert statuses(site, result) == dict.fromkeys(OLD_IMAGE, "deleted")
    assert result.complete


async def test_the_journal_has_all_that_undo_needs(site: Site, journal: Path) -> None:
    plan = site.plan("old")
    await site.apply(plan, journal)
    header, *records, end = lines(journal)
    assert header["record"] == "apply"
    assert header["plan_sha256"] == plan.sha256
    old = site.versions["old"]
    intent = next(each for each in records if each["record"] == "intent")
    assert intent | {"at": "", "restorable_until": ""} == {
        "record": "intent",
        "owner": "acme",
        "package_type": "container",
        "name": "app",
        "login": "acme",
        "package_id": site.package.id,
        "id": old.id,
        "version": old.name,
        "tags": ["pr-2"],
        "role": "root",
        "group": old.name,
        "at": "",
        "restorable_until": "",
    }
    outcome = next(each for each in records if each["record"] == "outcome")
    assert outcome["status"] == "deleted"
    assert outcome["restorable_until"] > intent["at"]
    assert end["counts"] == {"deleted": 3}
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600


async def test_every_intent_is_on_disk_before_its_delete_is_sent(
    site: Site, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    sync = os.fsync

    def recording_sync(file: int) -> None:
        sync(file)
        synced.update(each["id"] for each in lines(journal) if each["record"] == "intent")

    monkeypatch.setattr(os, "fsync", recording_sync)
    before: list[bool] = []

    async def hook(request: web.BaseRequest, respond: Any) -> web.StreamResponse:
        if request.method == "DELETE":
            before.append(int(request.path.rpartition("/")[2]) in synced)
        response: web.StreamResponse = await respond()
        return response

    site.github.hook = hook
    await site.apply(site.plan("old", "older"), journal)
    assert before == [True] * 6


async def test_check_deletes_nothing_and_writes_nothing(site: Site, journal: Path) -> None:
    before = site.state()
    result = await site.apply(site.plan("old"), journal, check=True)
    assert [deletion.version for deletion in result.to_delete] == [
        site.versions[name].name for name in OLD_IMAGE
    ]
    assert site.state() == before
    assert not journal.exists()


async def test_the_same_plan_again_sends_no_delete(site: Site, journal: Path) -> None:
    plan = site.plan("old")
    await site.apply(plan, journal)
    site.github.requests.clear()
    result = await site.apply(plan, journal)
    assert site.deletes == []
    assert set(statuses(site, result).values()) == {"deleted"}
    assert result.complete


# Changes between plan and apply.


async def test_a_tag_added_after_the_plan_makes_the_group_stale(site: Site, journal: Path) -> None:
    plan = site.plan("old", "older")
    site.versions["old"].tags = ("pr-2", "v2.0")
    result = await site.apply(plan, journal)
    assert {name for name, status in statuses(site, result).items() if status == "stale"} == {
        *OLD_IMAGE
    }
    assert "was tagged v2.0 after the plan" in str(messages(site, result)["old"])
    assert site.active == {*OLD_IMAGE, "new", "new-amd64", "new-arm64"}
    assert not result.complete


async def test_a_tag_moved_away_after_the_plan_makes_the_group_stale(
    site: Site, journal: Path
) -> None:
    plan = site.plan("old")
    site.versions["old"].tags = ()
    result = await site.apply(plan, journal)
    assert "lost the tag pr-2 after the plan" in str(messages(site, result)["old"])
    assert site.deletes == []


async def test_a_new_index_that_contains_a_planned_child_makes_the_group_stale(
    site: Site, journal: Path
) -> None:
    plan = site.plan("old", "older")
    site.push("newest", index(image("old-amd64")), "v3.0")
    result = await site.apply(plan, journal)
    assert statuses(site, result)["old"] == "stale"
    assert "is part of v3.0, which stays" in str(messages(site, result)["old"])
    assert site.active >= {*OLD_IMAGE, "newest"}
    assert "older" not in site.active


async def test_a_child_named_in_an_annotation_of_a_new_image_makes_the_group_stale(
    site: Site, journal: Path
) -> None:
    plan = site.plan("old")
    mention = image("newest", annotations={"base": digest_of(image("old-arm64"))})
    site.push("newest", mention, "v3.0")
    await site.apply(plan, journal)
    assert site.deletes == []


async def test_a_new_signature_of_a_planned_image_makes_the_group_stale(
    site: Site, journal: Path
) -> None:
    plan = site.plan("old")
    site.push("signature", image("signature", subject=site.versions["old"].name))
    result = await site.apply(plan, journal)
    # The new signature is not in the plan and stays, but does not protect its subject.
    assert statuses(site, result)["old"] == "deleted"
    assert "signature" in site.active


async def test_a_planned_signature_whose_subject_was_pushed_again_stays(
    site: Site, journal: Path
) -> None:
    subject = image("subject")
    site.push("signature", image("signature", subject=digest_of(subject)))
    plan = site.plan(["signature"])
    site.push("subject", subject, "v4.0")
    result = await site.apply(plan, journal)
    assert statuses(site, result) == {"signature": "stale"}
    assert "is about v4.0, which stays" in str(messages(site, result)["signature"])


async def test_a_group_that_stays_keeps_the_groups_it_needs(site: Site, journal: Path) -> None:
    site.push("inner-leaf")
    site.push("inner", index(image("inner-leaf")))
    outer = index(index(image("inner-leaf")))
    site.push("outer", outer, "pr-3")
    plan = site.plan(["outer"], ["inner", "inner-leaf"])
    site.versions["outer"].tags = ("pr-3", "v5.0")
    result = await site.apply(plan, journal)
    assert set(statuses(site, result).values()) == {"stale"}


async def test_a_version_deleted_by_another_client_is_already_deleted(
    site: Site, journal: Path
) -> None:
    plan = site.plan("old")
    site.versions["old-amd64"].delete()
    result = await site.apply(plan, journal)
    assert statuses(site, result)["old-amd64"] == "gone"
    assert result.outcomes[site.versions["old-amd64"].id].restorable_until is None
    assert site.deletes == ["old", "old-arm64"]
    assert result.complete


async def test_versions_deleted_by_another_machine_can_be_restored_by_both(
    site: Site, journal: Path
) -> None:
    async def hook(request: web.BaseRequest, respond: Any) -> web.StreamResponse:
        if request.method == "DELETE" and site.versions["old"].deleted_at is None:
            for name in OLD_IMAGE:
                site.versions[name].delete()
        response: web.StreamResponse = await respond()
        return response

    before = site.state()
    site.github.hook = hook
    result = await site.apply(site.plan("old"), journal)
    assert set(statuses(site, result).values()) == {"gone"}
    assert result.complete
    assert (await site.undo(journal)).complete
    assert site.state() == before


async def test_no_plan_takes_the_last_tagged_image(site: Site, journal: Path) -> None:
    plan = site.plan("old", "older")
    site.versions["new"].delete()
    result = await site.apply(plan, journal)
    assert set(statuses(site, result).values()) == {"stale"}
    assert "no tagged image of the package would stay" in str(messages(site, result)["old"])


async def test_a_version_restored_after_its_deletion_is_not_deleted_again(
    site: Site, journal: Path
) -> None:
    plan = site.plan("old")
    await site.apply(plan, journal)
    site.versions["old"].restore()
    site.github.requests.clear()
    result = await site.apply(plan, journal)
    assert site.deletes == []
    assert statuses(site, result)["old"] == "stale"


async def test_a_package_that_is_not_there_is_stale(site: Site, journal: Path) -> None:
    plan = site.plan("old")
    site.package.delete()
    result = await site.apply(plan, journal)
    assert set(statuses(site, result).values()) == {"stale"}


async def test_a_package_created_again_under_the_name_loses_nothing(
    site: Site, journal: Path
) -> None:
    plan = site.plan("old")
    site.package.delete()
    again = site.package.owner.package("container", "app", created_at=OLD)
    for version in site.versions.values():
        again.version(version.name, tags=version.tags, created_at=OLD)
    result = await site.apply(plan, journal)
    assert set(statuses(site, result).values()) == {"gone"}
    assert site.deletes == []
    assert len(again.versions()) == 9


async def test_a_manifest_that_cannot_be_read_stops_the_package(site: Site, journal: Path) -> None:
    plan = site.plan("old")
    site.registry.respond = lambda request: (
        web.Response(status=500) if site.versions["new"].name in request.path else None
    )
    result = await site.apply(plan, journal)
    assert set(statuses(site, result).values()) == {"failed"}
    assert site.deletes == []
    assert not result.complete


async def test_a_planned_manifest_that_the_registry_lost_is_stale(
    site: Site, journal: Path
) -> None:
    plan = site.plan("old", "older")
    del site.registry.manifests["acme/app", site.versions["old"].name]
    result = await site.apply(plan, journal)
    assert statuses(site, result)["old"] == "stale"
    assert statuses(site, result)["older"] == "deleted"


async def test_a_manifest_that_appears_late_protects_its_parts(site: Site, journal: Path) -> None:
    plan = site.plan("old")
    late = site.push("late", index(image("old-arm64")), "pr-3")
    responses = iter([web.json_response({}, status=404)])
    site.registry.respond = lambda request: (
        next(responses, None)
        if late in request.path and "Authorization" in request.headers
        else None
    )
    result = await site.apply(plan, journal)
    assert site.deletes == []
    assert set(statuses(site, result).values()) == {"stale"}


async def test_cached_manifests_do_not_hide_a_registry_without_any(
    site: Site, journal: Path, tmp_path: Path
) -> None:
    plan = site.plan("old")
    await site.apply(plan, journal, check=True, cache=tmp_path / "manifests")
    site.push("late", index(image("old-arm64")), "pr-3")
    site.registry.manifests.clear()
    result = await site.apply(plan, journal, cache=tmp_path / "manifests")
    assert site.deletes == []
    assert set(statuses(site, result).values()) == {"failed"}
    assert "the registry has no manifest" in (messages(site, result)["old"] or "")


async def test_versions_of_npm_packages_are_deleted_without_a_registry(
    site: Site, journal: Path
) -> None:
    plan = npm_plan(site, ["1.0.0-a", "1.0.0-b"])
    result = await site.apply(plan, journal)
    assert result.complete
    assert {version.name for version in site.package.versions()} == {"1.0.0"}
    assert site.registry.requests == []
    assert (await site.undo(journal)).complete
    assert len(site.package.versions()) == 3


async def test_no_plan_takes_the_last_version(site: Site, journal: Path) -> None:
    plan = npm_plan(site, ["1.0.0-a", "1.0.0-b"])
    next(each for each in site.package.versions() if each.name == "1.0.0").delete()
    result = await site.apply(plan, journal)
    assert {outcome.status for outcome in result.outcomes.values()} == {"stale"}
    assert len(site.package.versions()) == 2


def npm_plan(site: Site, names: list[str]) -> Plan:
    """Replace the site's package by a new npm package; return a plan to delete its versions."""
    site.package = site.package.owner.package("npm", "left", created_at=OLD)
    for name in ("1.0.0-a", "1.0.0-b", "1.0.0"):
        site.versions[name] = site.package.version(name, created_at=OLD)
    plan = site.plan(*([name] for name in names))
    return evolve(
        plan,
        packages=tuple(evolve(each, package_type="npm", name="left") for each in plan.packages),
        deletions=tuple(evolve(each, package_type="npm", name="left") for each in plan.deletions),
    )


# Refused and failed requests.


async def test_the_parts_of_an_image_that_github_keeps_stay(site: Site, journal: Path) -> None:
    site.versions["old"].downloads = 5001
    plan = site.plan("old", "older")
    result = await site.apply(plan, journal)
    assert {name for name, status in statuses(site, result).items() if status == "refused"} == {
        *OLD_IMAGE
    }
    message = str(messages(site, result)["old"])
    assert "more than 5000 downloads" in message
    assert message.endswith("add its digest to protect-digests")
    assert "stays and needs it" in str(messages(site, result)["old-amd64"])
    assert site.active >= {*OLD_IMAGE}
    assert result.complete
    site.github.requests.clear()
    await site.apply(plan, journal)
    assert site.deletes == []


async def test_the_parts_of_a_nested_index_that_github_keeps_stay(
    site: Site, journal: Path
) -> None:
    leaf, beside = image("leaf"), image("beside")
    for name, body in (("leaf", leaf), ("beside", beside), ("inner", index(leaf))):
        site.push(name, body)
    site.push("outer", index(index(leaf), beside), "pr-3")
    site.versions["inner"].downloads = 5001
    result = await site.apply(site.plan(["outer", "inner", "leaf", "beside"]), journal)
    assert statuses(site, result) == {
        "outer": "deleted",
        "inner": "refused",
        "leaf": "refused",
        "beside": "deleted",
    }


@pytest.mark.parametrize("fault", ["server_error_after", "reset_after"])
async def test_an_applied_delete_counts_with_any_response(
    site: Site, journal: Path, fault: Any
) -> None:
    site.github.faults.next(fault, method="DELETE", times=6)
    result = await site.apply(site.plan("old"), journal)
    assert set(statuses(site, result).values()) == {"deleted"}


async def test_a_version_still_there_after_errors_failed_and_its_parts_stay(
    site: Site, journal: Path
) -> None:
    plan = site.plan("old")
    site.github.faults.next("server_error", method="DELETE", times=2)
    result = await site.apply(plan, journal)
    assert set(statuses(site, result).values()) == {"failed"}
    assert site.active >= {*OLD_IMAGE}
    assert not result.complete
    result = await site.apply(plan, journal)
    assert result.complete
    assert site.active.isdisjoint(OLD_IMAGE)


async def test_without_admin_rights_a_package_is_given_up_after_its_first_refusal(
    site: Site, journal: Path
) -> None:
    async def hook(request: web.BaseRequest, respond: Any) -> web.StreamResponse:
        if request.method == "DELETE":
            return web.json_response({"message": "Package not found."}, status=404)
        response: web.StreamResponse = await respond()
        return response

    site.github.hook = hook
    groups = [f"image-{number}" for number in range(8)]
    for name in groups:
        site.push(name, None, f"pr-{name}")
    result = await site.apply(site.plan(*([name] for name in groups)), journal)
    assert set(statuses(site, result).values()) == {"failed"}
    assert len(site.deletes) <= 4
    assert "admin rights" in "".join(filter(None, messages(site, result).values()))


async def test_a_kept_image_that_loses_a_part_during_the_run_is_reported(
    site: Site, journal: Path
) -> None:
    lost = site.versions["new-amd64"]

    async def hook(request: web.BaseRequest, respond: Any) -> web.StreamResponse:
        if request.method == "DELETE" and lost.deleted_at is None:
            lost.delete()
        response: web.StreamResponse = await respond()
        return response

    site.github.hook = hook
    result = await site.apply(site.plan("old"), journal)
    (broken,) = result.broken
    assert broken.tags == ("latest", "1.0")
    assert broken.missing == (lost.name,)
    assert not result.complete


@pytest.mark.parametrize("readable", [True, False])
async def test_an_image_pushed_during_the_run_is_verified_too(
    site: Site, journal: Path, readable: bool
) -> None:
    async def hook(request: web.BaseRequest, respond: Any) -> web.StreamResponse:
        if request.method == "DELETE" and "late" not in site.versions:
            digest = site.push("late", index(image("old-amd64")), "late")
            if not readable:
                del site.registry.manifests["acme/app", digest]
        response: web.StreamResponse = await respond()
        return response

    site.github.hook = hook
    result = await site.apply(site.plan("old"), journal)
    if readable:
        (broken,) = result.broken
        assert (broken.tags, broken.missing) == (("late",), (site.versions["old-amd64"].name,))
    else:
        assert "manifest unknown" in result.unverified["acme", "container", "app"]
    assert not result.complete


# Plans that `apply` refuses.


async def test_a_plan_expires_by_the_servers_clock(site: Site, journal: Path) -> None:
    site.later(timedelta(hours=25))
    with pytest.raises(ConfigurationError, match=r"expired at .* by the server's clock"):
        await site.apply(site.plan("old"), journal)
    assert not journal.exists() or lines(journal) == []


async def test_a_plan_can_be_given_less_time(site: Site, journal: Path) -> None:
    site.later(timedelta(hours=2))
    with pytest.raises(ConfigurationError, match=r"^max_plan_age: the plan was made at"):
        await site.apply(site.plan("old"), journal, max_plan_age=timedelta(hours=1))
    await site.apply(site.plan("old"), journal, max_plan_age=timedelta(hours=3))


async def test_a_plan_of_another_server_is_refused(site: Site, journal: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"made with https://api\.github\.com"):
        await site.apply(site.plan("old", base_url="https://api.github.com"), journal)


async def test_a_plan_does_not_choose_the_registry_that_gets_the_token(
    site: Site, journal: Path
) -> None:
    plan = site.plan("old", registry_url="https://registry.evil.example")
    with pytest.raises(ConfigurationError, match=r"made with https://registry\.evil\.example"):
        await site.apply(plan, journal)
    assert site.github.requests == []


async def test_a_plan_over_its_limit_is_refused_until_the_limit_is_raised(
    site: Site, journal: Path
) -> None:
    plan = site.plan("old", "older")
    with pytest.raises(ConfigurationError, match="6 versions, over max-deletes 5"):
        await site.apply(plan, journal, max_deletes=MaxDeletes(None, 5))
    assert site.github.requests == []
    await site.apply(plan, journal, max_deletes=MaxDeletes(None, 6))


# The journal.


async def test_the_journal_of_another_plan_is_refused(site: Site, journal: Path) -> None:
    await site.apply(site.plan("older"), journal)
    site.github.requests.clear()
    with pytest.raises(ConfigurationError, match="the journal of another plan"):
        await site.apply(site.plan("old"), journal)
    assert site.github.requests == []


async def test_a_file_that_is_no_journal_is_refused(site: Site, journal: Path) -> None:
    journal.write_text('{"record": "package"}\n')
    with pytest.raises(ConfigurationError, match="line 1"):
        await site.apply(site.plan("old"), journal)
    assert journal.read_text() == '{"record": "package"}\n'


async def test_two_runs_do_not_share_a_journal(site: Site, journal: Path) -> None:
    plan = site.plan("old")
    raised: list[str] = []

    async def hook(request: web.BaseRequest, respond: Any) -> web.StreamResponse:
        if request.method == "DELETE" and not raised:
            with pytest.raises(ConfigurationError) as refused:
                await site.apply(plan, journal)
            raised.append(str(refused.value))
        response: web.StreamResponse = await respond()
        return response

    site.github.hook = hook
    await site.apply(plan, journal)
    assert raised == [f"{journal}: another process is writing it"]
    assert len(site.deletes) == 3


async def test_nothing_is_deleted_in_a_folder_without_a_journal(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        await site.apply(site.plan("old"), tmp_path / "missing" / "journal.jsonl")
    assert site.github.requests == []


async def test_a_file_system_without_locks_has_a_journal_all_the_same(
    site: Site, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("ghpkg_async._files.fcntl.flock", flock)
    assert (await site.apply(site.plan("old"), journal)).complete
    assert (await site.undo(journal)).complete


@pytest.mark.parametrize("failing", ["write", "fsync"])
@pytest.mark.parametrize("at", range(1, 6))
async def test_a_full_disk_stops_deleting_at_once(
    site: Site, journal: Path, monkeypatch: pytest.MonkeyPatch, failing: str, at: int
) -> None:
    calls = 0
    real: Any = getattr(os, failing)

    def fail(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < at:
            return real(*arguments)
        if failing == "write":  # A part of the line is written.
            real(arguments[0], bytes(arguments[1])[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    plan = site.plan("old", "older")
    with monkeypatch.context() as patched:
        patched.setattr(f"ghpkg_async.cleanup._journal.os.{failing}", fail)
        with pytest.raises(OSError, match="No space left on device; nothing more is changed"):
            await site.apply(plan, journal)
    written = {each["id"] for each in whole_lines(journal) if each["record"] == "intent"}
    deleted = {version.id for version in site.versions.values() if version.deleted_at is not None}
    assert deleted <= written
    result = await site.apply(plan, journal)
    assert result.complete
    assert site.active == {"new", "new-amd64", "new-arm64"}


def whole_lines(path: Path) -> list[dict[str, Any]]:
    whole = []
    for line in path.read_text().splitlines():
        try:
            whole.append(json.loads(line))
        except ValueError:
            continue
    return whole


async def test_an_incomplete_line_is_ignored_and_later_lines_are_read(
    site: Site, journal: Path
) -> None:
    plan = site.plan("old")
    await site.apply(plan, journal)
    whole = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(whole[:3]) + whole[3][:25])
    result = await site.apply(plan, journal)
    assert result.complete
    assert whole_lines(journal)[-1]["record"] == "end"


async def test_a_record_of_a_newer_version_is_refused(site: Site, journal: Path) -> None:
    plan = site.plan("old")
    await site.apply(plan, journal)
    with journal.open("a") as file:
        file.write('{"record": "seal"}\n')
    with pytest.raises(ConfigurationError, match="newer version"):
        await site.apply(plan, journal)


def test_a_journal_is_only_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for _ in range(3):
        with Journal(path, APPLY_CODEC) as journal:
            before = path.read_bytes()
            journal.append(ApplyEnd(at=NOW, counts={"deleted": 1}))
            assert path.read_bytes().startswith(before)
    assert path.read_bytes().count(b"\n") == 3
