"""Audits over real connections: requests, records and arguments."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from ghpkg_async import ConfigurationError, GitHubPackages
from ghpkg_async.audit import AuditReport, ConflictEntry, ListingKey, PackageEntry
from tests.audit.rig import listed, listing_containers, responding

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from ghpkg_async.testing import EmbeddedGitHub, World

BOTH = ("npm", "docker")


def asked(server: EmbeddedGitHub, path: str = "") -> list[str]:
    return [each.target for each in server.requests if each.path.startswith(path)]


@pytest.mark.usefixtures("filled")
@pytest.mark.usefixtures("each_github")
async def test_a_report_has_the_records_of_all_owners(gh: GitHubPackages) -> None:
    report = await gh.audit(["acme", gh.org("octo-org"), "user:octocat", "me"])
    assert isinstance(report, AuditReport)
    counts = Counter((each.owner, each.package_type) for each in report.packages)
    assert counts == {
        ("acme", "npm"): 250,
        ("acme", "container"): 1,
        ("acme", "docker"): 1,
        ("octo-org", "maven"): 1,
        ("user:octocat", "npm"): 1,
        ("me", "npm"): 1,
    }
    assert [each.name for each in report.conflicts] == ["old"]
    assert report.failures == ()
    assert len(report.done) == 4 * 7


@pytest.mark.usefixtures("filled", "each_github")
async def test_an_entry_is_the_package_with_its_owner(gh: GitHubPackages) -> None:
    (entry,) = [each async for each in gh.audit(["acme"], package_types=["container"])]
    [package] = await gh.org("acme").packages("container")
    assert entry == PackageEntry(
        owner="acme",
        package_type="container",
        name="team/app",
        id=package.id,
        visibility=package.visibility,
        version_count=package.version_count,
        created_at=package.created_at,
        updated_at=package.updated_at,
        html_url=package.html_url,
        repository="acme/app",
    )


@pytest.mark.usefixtures("filled", "each_github")
async def test_packages_of_a_listing_are_in_the_servers_order(gh: GitHubPackages) -> None:
    audit = gh.audit(["acme"], package_types=["npm"])
    names = [each.name async for each in audit if isinstance(each, PackageEntry)]
    assert names == [each.name for each in await gh.org("acme").packages("npm")]


@pytest.mark.usefixtures("filled")
async def test_no_request_is_repeated_or_unneeded(
    gh: GitHubPackages, server: EmbeddedGitHub
) -> None:
    await gh.audit(["acme", "ACME", gh.org("Acme")], package_types=["npm"])
    by_id = f"/organizations/{server.world.org('acme').id}/packages?package_type=npm"
    assert sorted(asked(server), key=lambda target: "orgs" not in target) == [
        "/orgs/acme/packages?package_type=npm&per_page=100&page=1",
        f"{by_id}&page=2&per_page=100",
        f"{by_id}&page=3&per_page=100",
    ]


@pytest.mark.usefixtures("each_github")
async def test_owners_without_packages_cost_a_request_for_each_listing(
    world: World, gh: GitHubPackages, server: EmbeddedGitHub
) -> None:
    world.org("empty")
    report = await gh.audit(["empty"])
    assert len(asked(server)) == 7
    assert len(set(asked(server))) == 7
    assert report.entries == ()
    assert report.done == {
        ListingKey("empty", each) for each in (*report.header.package_types, None)
    }


async def test_nothing_is_sent_before_it_is_iterated(
    gh: GitHubPackages, server: EmbeddedGitHub
) -> None:
    gh.audit(["acme"])
    assert not server.requests


@pytest.mark.usefixtures("filled")
async def test_conflicts_belong_to_the_docker_packages(
    gh: GitHubPackages, server: EmbeddedGitHub
) -> None:
    await gh.audit(["acme"], package_types=["npm", "container"])
    assert not asked(server, "/orgs/acme/docker/conflicts")
    report = await gh.audit(["acme"], package_types=["docker"])
    assert [type(each) for each in report.entries] == [PackageEntry, ConflictEntry]


@pytest.mark.usefixtures("filled")
async def test_each_iteration_sends_its_own_requests(gh: GitHubPackages) -> None:
    audit = gh.audit(["acme"], package_types=BOTH)
    first, second = await audit, await audit
    assert first.entries == second.entries


@pytest.mark.usefixtures("filled")
async def test_listings_that_an_earlier_audit_finished_are_not_requested(
    gh: GitHubPackages, server: EmbeddedGitHub
) -> None:
    skip = {
        ListingKey("ACME", "npm"),
        ListingKey("acme", None),
        *(ListingKey("octo-org", each) for each in BOTH),
    }
    audit = gh.audit(
        ["acme", "octo-org"], package_types=BOTH, skip={*skip, ListingKey("octo-org", None)}
    )
    report = await audit
    assert [each.name for each in report.packages] == ["old"]
    assert {each.partition("&")[0] for each in asked(server)} == {
        "/orgs/acme/packages?package_type=docker"
    }
    assert audit.progress.owners_done == audit.progress.owners == 2


async def test_a_consistent_audit_misses_nothing_that_stays_while_others_delete(
    world: World, gh: GitHubPackages, server: EmbeddedGitHub
) -> None:
    acme = world.org("acme")
    for number in range(250):
        acme.package("npm", f"p{number}")

    async def hook(
        request: web.BaseRequest, respond: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        responded = await respond()
        if request.query["page"] == "1" and len(server.requests) == 1:
            for number in range(10):
                acme.find("npm", f"p{number}").delete()
        return responded

    server.hook = hook
    report = await gh.audit(["acme"], package_types=["npm"], consistent=True)
    assert {f"p{number}" for number in range(10, 250)} <= {each.name for each in report.packages}
    assert report.done


class TestVersions:
    async def test_versions_are_summed_up(self, world: World, gh: GitHubPackages) -> None:
        app = world.org("acme").package("container", "team/app", versions=120)
        for version in app.versions()[:7]:
            version.tags = ()
        report = await gh.audit(["acme"], package_types=["container"], versions=True)
        listed = await gh.org("acme").package("container", "team/app").versions()
        (summary,) = [each.versions for each in report.packages]
        assert summary is not None
        assert (summary.count, summary.tagged, summary.untagged) == (120, 113, 7)
        assert summary.newest == max(each.created_at for each in listed)
        assert summary.oldest == min(each.created_at for each in listed)

    async def test_types_without_tags_have_none(self, world: World, gh: GitHubPackages) -> None:
        world.org("acme").package("npm", "left", versions=2)
        report = await gh.audit(["acme"], package_types=["npm"], versions=True)
        (summary,) = [each.versions for each in report.packages]
        assert summary is not None
        assert (summary.count, summary.tagged, summary.untagged) == (2, None, None)

    @pytest.mark.usefixtures("counts")
    async def test_a_package_without_versions_costs_nothing(
        self, world: World, gh: GitHubPackages, server: EmbeddedGitHub
    ) -> None:
        world.org("acme").package("npm", "empty")
        report = await gh.audit(["acme"], package_types=["npm"], versions=True)
        assert report.packages[0].versions is not None
        assert report.packages[0].versions.count == 0
        assert not asked(server, "/orgs/acme/packages/npm/")

    async def test_versions_are_counted_if_the_listing_has_no_version_count(
        self, world: World, gh: GitHubPackages, server: EmbeddedGitHub
    ) -> None:
        world.org("acme").package("container", "app", versions=3)
        server.hook = listing_containers(listed("app"))
        (unknown,) = (await gh.audit(["acme"], package_types=["container"])).packages
        assert (unknown.version_count, unknown.versions) == (None, None)
        audit = gh.audit(["acme"], package_types=["container"], versions=True)
        (counted,) = (await audit).packages
        assert counted.versions is not None
        assert counted.version_count == counted.versions.count == 3

    async def test_versions_of_a_soft_deleted_package_are_not_listed(
        self, gh: GitHubPackages, server: EmbeddedGitHub
    ) -> None:
        server.hook = listing_containers(listed("deleted_app"))
        report = await gh.audit(["acme"], package_types=["container"], versions=True)
        (package,) = report.packages
        assert (package.soft_deleted, package.versions) == (True, None)
        assert not report.failures
        assert not asked(server, "/orgs/acme/packages/")

    async def test_a_failure_for_one_package_is_a_record_beside_it(
        self, world: World, gh: GitHubPackages, server: EmbeddedGitHub
    ) -> None:
        for name in "abc":
            world.org("acme").package("npm", name, versions=1)
        server.hook = responding(lambda request: "/b/" in request.path, data={}, status=404)
        report = await gh.audit(["acme"], package_types=["npm"], versions=True)
        assert [(each.name, each.versions is None) for each in report.packages] == [
            ("a", False),
            ("b", True),
            ("c", False),
        ]
        (failure,) = report.failures
        assert (failure.listing, failure.package_type, failure.name, failure.reason) == (
            "packages",
            "npm",
            "b",
            "not_found",
        )
        # A resumed audit requests the failed listing again.
        assert report.done == frozenset()

    async def test_a_failure_for_all_packages_is_one_record_and_keeps_the_packages(
        self, world: World, gh: GitHubPackages, server: EmbeddedGitHub
    ) -> None:
        for name in "abc":
            world.org("acme").package("npm", name, versions=1)
        server.hook = responding(
            lambda request: "versions" in request.path,
            data={"message": "API rate limit exceeded"},
            status=403,
            headers={"X-RateLimit-Remaining": "0", "Retry-After": "9999"},
        )
        report = await gh.audit(["acme"], package_types=["npm"], versions=True)
        assert [each.name for each in report.packages] == ["a", "b", "c"]
        assert [(each.reason, each.name) for each in report.failures] == [("rate_limited", None)]


class TestArguments:
    @pytest.mark.parametrize(
        ("owners", "told"),
        [
            ("acme", "one owner; give a list"),
            (["a b"], "'a b' is not"),
            ([""], "'' is not"),
            ([3], "3 is neither"),
        ],
    )
    async def test_an_invalid_owner_is_refused_before_the_first_request(
        self, gh: GitHubPackages, owners: Any, told: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=f"^owners: .*{told}"):
            gh.audit(owners)

    async def test_another_clients_namespace_is_refused(self, gh: GitHubPackages) -> None:
        other = GitHubPackages("")
        with pytest.raises(ConfigurationError, match="another client"):
            gh.audit([other.org("acme")])

    @pytest.mark.parametrize("types", ["npm", [], [""], [".."]])
    async def test_an_invalid_package_type_is_refused(self, gh: GitHubPackages, types: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"^package_types: "):
            gh.audit(["acme"], package_types=types)

    async def test_an_organization_called_me_is_not_me(self, gh: GitHubPackages) -> None:
        assert gh.audit([gh.org("me"), gh.me(), "me"]).owners == ("org:me", "me")

    async def test_no_owners_make_an_empty_audit(self, gh: GitHubPackages) -> None:
        report = await gh.audit([])
        assert report.entries == ()
