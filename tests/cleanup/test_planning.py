"""Planning for packages of many owners, against the embedded GitHub and its registry."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from aiohttp import web

from ghpkg_async import ClientClosed, ConfigurationError, GitHubPackages
from ghpkg_async.cleanup import Plan, Policy, apply, plan
from ghpkg_async.testing import EmbeddedGitHub, World, push_image, push_signature

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from ghpkg_async.cleanup import Decision
    from ghpkg_async.testing import Package

TOKEN = "ghp_Qf7ZkW2mXr9LbT4vNc8HsJ1yPd6GaE3uRo5K"
OLD = datetime.now(UTC) - timedelta(days=90)
PR = Policy.from_toml('[[rule]]\nname = "pr"\ntags = ["pr-*"]\nolder-than = "14d"')
MANIFESTS = "/manifests/"


@pytest_asyncio.fixture
async def github(short_retry_waits: None) -> AsyncIterator[EmbeddedGitHub]:
    """GitHub with the package `app` of `acme`, with images `pr-1`, `pr-2` and the signed `main`."""
    world = World()
    world.token(TOKEN, login="octocat")
    push_app(world, "app")
    async with EmbeddedGitHub(world) as github:
        yield github


def push_app(world: World, name: str, owner: str = "acme") -> Package:
    package = world.org(owner).package("container", name, created_at=OLD)
    for tag in ("pr-1", "pr-2"):
        push_image(package, tags=[tag], created_at=OLD)
    push_signature(push_image(package, tags=["main"], created_at=OLD), created_at=OLD)
    return package


def client(github: EmbeddedGitHub, **options: Any) -> GitHubPackages:
    options = {"points_per_minute": None, "max_retries": 1} | options
    return GitHubPackages(TOKEN, base_url=github.url, **options)


async def make_plan(
    github: EmbeddedGitHub, *owners: str, policy: Policy = PR, **options: Any
) -> Plan:
    async with client(github) as gh:
        return await plan(gh, owners or ["acme"], policy, **options)


def app_of(github: EmbeddedGitHub) -> Package:
    return github.world.org("acme").packages("container")[0]


def reads(github: EmbeddedGitHub) -> int:
    """Return the number of manifests sent; each counts as a download."""
    return sum(version.downloads for version in app_of(github).versions())


def count(github: EmbeddedGitHub, digest: str) -> int:
    """Return the number of requests with a token for a manifest."""
    return sum(digest in each.path and "Authorization" in each.headers for each in github.requests)


def fail(
    github: EmbeddedGitHub, wanted: Callable[[str], bool], status: int, *, times: int = 99
) -> None:
    """Respond with `status` to the first `times` requests whose path is `wanted`."""
    left = [times]

    async def hook(request: web.BaseRequest, respond: Any) -> web.StreamResponse:
        if left[0] and wanted(request.path):
            left[0] -= 1
            return web.json_response({"message": "failed"}, status=status)
        response: web.StreamResponse = await respond()
        return response

    github.hook = hook


async def test_plan_has_images_with_their_parts_and_changes_nothing(
    github: EmbeddedGitHub,
) -> None:
    the_plan = await make_plan(github)
    assert [group.deletions[0].tags for group in the_plan.groups] == [("pr-2",), ("pr-1",)]
    assert [len(group.deletions) for group in the_plan.groups] == [5, 5]
    package = the_plan.packages[0]
    assert package.key == ("acme", "container", "app")
    assert (package.versions, package.images, package.kept, package.deletes) == (16, 3, 1, 10)
    assert the_plan.complete
    assert {each.method for each in github.requests} == {"GET"}


async def test_header_says_when_where_and_by_which_policy(github: EmbeddedGitHub) -> None:
    github.faults.clock_skew = 3600 * 24 * 5.0
    header = (await make_plan(github, "ACME", "acme")).header
    ahead = header.created_at - datetime.now(UTC)
    assert timedelta(days=4) < ahead < timedelta(days=6), "the server's clock counts"
    assert header.expires_at - header.created_at == timedelta(hours=24)
    assert (header.base_url, header.registry_url) == (github.url, github.url)
    assert header.owners == ("ACME",)
    assert Policy.from_dict(header.policy) == PR
    assert header.policy_sha256 == PR.sha256


async def test_plan_is_saved_loaded_and_applied(github: EmbeddedGitHub, tmp_path: Path) -> None:
    policy = Policy.from_toml('[[rule]]\nname = "pr"\ntags = ["pr-*"]\nkeep-newest = 1')
    (await make_plan(github, policy=policy)).save(tmp_path / "plan.jsonl")
    async with client(github) as gh:
        the_plan = Plan.load(tmp_path / "plan.jsonl")
        result = await apply(gh, the_plan, journal=tmp_path / "plan.journal.jsonl")
    assert result.complete
    versions = app_of(github).versions()
    assert {tag for version in versions for tag in version.tags} > {"main", "pr-2"}
    assert len(versions) == 11


async def test_leaves_of_images_that_stay_are_not_read(github: EmbeddedGitHub) -> None:
    await make_plan(github, policy=Policy.from_toml('[[rule]]\nname = "x"\nuntagged = true'))
    assert reads(github) == 4, "three indexes and a signature"


async def test_second_plan_with_a_cache_reads_nothing(
    github: EmbeddedGitHub, tmp_path: Path
) -> None:
    first = await make_plan(github, cache=tmp_path / "manifests")
    downloads = reads(github)
    assert downloads == 12, "leaves of `main` are not read"
    second = await make_plan(github, cache=tmp_path / "manifests")
    assert reads(github) == downloads
    assert second.deletions == first.deletions


async def test_packages_are_in_the_order_of_owners_types_and_names(
    github: EmbeddedGitHub,
) -> None:
    world = github.world
    for name in ("team/zoo", "bee", "deleted_app", "charts/one"):
        push_app(world, name)
    push_app(world, "other", owner="zeta")
    library = world.org("acme").package("npm", "lib", created_at=OLD)
    for version in ("1.0.0-a", "1.0.0-b", "1.0.0"):
        library.version(version, created_at=OLD)
    policy = Policy.from_toml(
        '[[rule]]\nname = "npm"\ntypes = ["npm"]\nversions = ["*-*"]\nkeep-newest = 1\n'
        '[[rule]]\nname = "pr"\npackages = ["*", "!charts/*"]\ntags = ["pr-*"]\nall = true'
    )
    the_plan = await make_plan(github, "zeta", "acme", policy=policy)
    assert [package.key for package in the_plan.packages] == [
        ("zeta", "container", "other"),
        ("acme", "npm", "lib"),
        ("acme", "container", "app"),
        ("acme", "container", "bee"),
        ("acme", "container", "team/zoo"),
    ]
    assert [each.version for each in the_plan.deletions if each.package_type == "npm"] == [
        "1.0.0-a"
    ]
    assert not any("charts" in each.path or "deleted_" in each.path for each in github.requests)


async def test_same_state_gives_the_same_plan(github: EmbeddedGitHub) -> None:
    for name in "bcdefg":
        push_app(github.world, name)
    first, second = await make_plan(github), await make_plan(github)
    assert (first.packages, first.deletions, first.held) == (
        second.packages,
        second.deletions,
        second.held,
    )


async def test_package_that_cannot_be_listed_is_left_out(github: EmbeddedGitHub) -> None:
    push_app(github.world, "other")
    fail(github, lambda path: "/app/versions" in path, 500)
    the_plan = await make_plan(github)
    assert [(package.name, package.complete) for package in the_plan.packages] == [
        ("app", False),
        ("other", True),
    ]
    assert "500" in (the_plan.packages[0].reason or "")
    assert {each.name for each in the_plan.deletions} == {"other"}


@pytest.mark.parametrize("status", [403, 500])
async def test_package_with_a_manifest_that_cannot_be_read_is_left_out(
    github: EmbeddedGitHub, status: int
) -> None:
    other = push_app(github.world, "other")
    digest = next(each.name for each in other.versions() if each.tags == ("main",))
    fail(github, lambda path: digest in path, status)
    the_plan = await make_plan(github)
    assert [package.complete for package in the_plan.packages] == [True, False]
    assert digest in (the_plan.packages[1].reason or "")
    assert {each.name for each in the_plan.deletions} == {"app"}


async def test_owner_that_cannot_be_listed_does_not_end_the_plan(github: EmbeddedGitHub) -> None:
    fail(github, lambda path: "/orgs/acme/packages" in path, 500)
    push_app(github.world, "other", owner="zeta")
    the_plan = await make_plan(github, "acme", "zeta")
    assert [package.key for package in the_plan.packages] == [
        ("acme", "container", ""),
        ("zeta", "container", "other"),
    ]
    assert not the_plan.complete
    assert "cannot be listed" in (the_plan.packages[0].reason or "")


NAMED = '[[rule]]\nname = "pr"\npackages = {}\ntags = ["pr-*"]\nall = true'


async def test_token_of_a_workflow_plans_the_packages_that_the_policy_names(
    github: EmbeddedGitHub,
) -> None:
    github.world.token(TOKEN, login="octocat", kind="actions")
    push_app(github.world, "team/tool")
    push_app(github.world, "other")
    policy = Policy.from_toml(NAMED.format('["team/tool", "app", "gone"]'))
    the_plan = await make_plan(github, policy=policy)
    assert [(package.name, package.deletes) for package in the_plan.packages] == [
        ("gone", 0),
        ("app", 10),
        ("team/tool", 10),
    ]
    assert "Package not found" in (the_plan.packages[0].reason or "")
    assert not the_plan.complete


async def test_token_of_a_workflow_cannot_plan_packages_by_a_wildcard(
    github: EmbeddedGitHub,
) -> None:
    github.world.token(TOKEN, login="octocat", kind="actions")
    the_plan = await make_plan(github, policy=Policy.from_toml(NAMED.format('["app", "team/*"]')))
    assert the_plan.deletions == ()
    (package,) = the_plan.packages
    assert "name them in each rule without wildcards" in (package.reason or "")


async def test_manifest_that_the_registry_lacks_is_held_and_others_are_planned(
    github: EmbeddedGitHub,
) -> None:
    package = app_of(github)
    lost = f"sha256:{hashlib.sha256(b'lost').hexdigest()}"
    package.version(lost, tags=["pr-3"], created_at=OLD)
    the_plan = await make_plan(github)
    assert the_plan.packages[0].missing == (lost,)
    assert len(the_plan.deletions) == 10
    assert [(each.version, each.reason) for each in the_plan.held] == [
        (lost, "the registry does not have its manifest")
    ]
    assert count(github, lost) == 2


async def test_part_that_the_registry_lacks_is_requested_again_too(
    github: EmbeddedGitHub,
) -> None:
    part = [each for each in app_of(github).versions() if not each.tags][-1]
    fail(github, lambda path: part.name in path, 404)
    the_plan = await make_plan(github)
    assert the_plan.packages[0].missing == (part.name,)
    assert count(github, part.name) == 2


async def test_manifest_that_is_there_at_the_second_request_is_no_finding(
    github: EmbeddedGitHub,
) -> None:
    index = next(each for each in app_of(github).versions() if each.tags == ("pr-1",))
    fail(github, lambda path: index.name in path, 404, times=1)
    the_plan = await make_plan(github)
    assert the_plan.packages[0].missing == ()
    assert count(github, index.name) == 1
    assert len(the_plan.deletions) == 10


async def test_registry_without_any_manifest_leaves_the_package_out(
    github: EmbeddedGitHub,
) -> None:
    fail(github, lambda path: MANIFESTS in path, 404)
    the_plan = await make_plan(github)
    assert not the_plan.complete
    assert "the registry has no manifest of acme/app" in (the_plan.packages[0].reason or "")


@pytest.mark.parametrize(
    ("status", "reason"),
    [(404, "the registry has no manifest of acme/app"), (403, ": 403"), (500, ": 500")],
)
async def test_cached_manifests_do_not_hide_a_registry_without_any(
    github: EmbeddedGitHub, tmp_path: Path, status: int, reason: str
) -> None:
    await make_plan(github, cache=tmp_path / "manifests")
    lost = app_of(github).version(f"sha256:{'0' * 64}", tags=["pr-3"], created_at=OLD)
    fail(github, lambda path: MANIFESTS in path and lost.name not in path, status)
    the_plan = await make_plan(github, cache=tmp_path / "manifests")
    assert reason in (the_plan.packages[0].reason or "")
    assert the_plan.deletions == ()


async def test_cached_manifests_and_a_missing_one_cost_one_download(
    github: EmbeddedGitHub, tmp_path: Path
) -> None:
    await make_plan(github, cache=tmp_path / "manifests")
    downloads = reads(github)
    app_of(github).version(f"sha256:{'0' * 64}", tags=["pr-3"], created_at=OLD)
    the_plan = await make_plan(github, cache=tmp_path / "manifests")
    assert len(the_plan.deletions) == 10
    assert reads(github) == downloads + 1


@pytest.mark.parametrize("complete", [True, False])
async def test_protect_pattern_that_matches_nothing_is_refused(
    github: EmbeddedGitHub, complete: bool
) -> None:
    policy = Policy.from_toml(
        '[guard]\nprotect-tags = ["latest", "mian"]\n'
        '[[rule]]\nname = "pr"\ntags = ["pr-*"]\nall = true'
    )
    if complete:
        with pytest.raises(ConfigurationError, match="protect-tags: 'mian' matches no tag"):
            await make_plan(github, policy=policy)
    else:
        push_app(github.world, "other")
        fail(github, lambda path: "/other/versions" in path, 500)
        assert not (await make_plan(github, policy=policy)).complete


async def test_plan_over_its_limit_is_marked(github: EmbeddedGitHub) -> None:
    policy = Policy.from_toml(
        '[guard]\nmax-deletes = 9\n[[rule]]\nname = "pr"\ntags = ["pr-*"]\nall = true'
    )
    assert (await make_plan(github, policy=policy)).over_limit() == (
        "10 versions, over max-deletes 9"
    )


async def test_own_packages_are_planned_as_me(github: EmbeddedGitHub) -> None:
    package = github.world.user("octocat").package("container", "mine", created_at=OLD)
    push_image(package, tags=["pr-1"], created_at=OLD)
    push_image(package, tags=["main"], created_at=OLD)
    the_plan = await make_plan(github, "me")
    assert {each.owner for each in the_plan.deletions} == {"me"}
    assert len(the_plan.deletions) == 5
    assert any(each.path.startswith("/v2/octocat/mine/") for each in github.requests)


async def test_hook_gets_the_reason_of_every_version(github: EmbeddedGitHub) -> None:
    decisions: list[Decision] = []
    await make_plan(github, on_package=decisions.append)
    explained = [action for action, *_ in decisions[0].explain()]
    assert (explained.count("delete"), explained.count("keep")) == (10, 6)


@pytest.mark.parametrize("owners", ["acme", [], ["a/b"]])
async def test_owners_are_checked_before_anything_is_sent(
    github: EmbeddedGitHub, owners: Any
) -> None:
    async with client(github) as gh:
        with pytest.raises(ConfigurationError, match="owners: "):
            await plan(gh, owners, PR)
    assert github.requests == []


async def test_closed_client_ends_the_plan(github: EmbeddedGitHub) -> None:
    gh = client(github)
    await gh.close()
    with pytest.raises(ClientClosed):
        await plan(gh, ["acme"], PR)
