"""Failures of one owner are records and do not end the audit of other owners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ghpkg_async import GitHubPackages, GitHubPackagesError, Listing, ListingUnstable
from ghpkg_async.audit import ListingDone, ListingKey
from ghpkg_async.audit._records import listing_key
from tests.audit.rig import TOKEN, identities, listed, listing_containers, responding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiohttp import web

    from ghpkg_async import Package, Page
    from ghpkg_async.audit import Record
    from ghpkg_async.testing import EmbeddedGitHub, World


def asked(server: EmbeddedGitHub, path: str = "") -> list[str]:
    return [each.target for each in server.requests if each.path.startswith(path)]


class TestFailures:
    @pytest.mark.parametrize(
        ("response", "expected"),
        [
            (
                {"status": 404, "data": {"message": "Not Found"}},
                {"reason": "not_found", "status": 404},
            ),
            (
                {
                    "status": 403,
                    "data": {"message": "Resource protected by SAML"},
                    "headers": {"X-GitHub-SSO": "required; url=https://github.com/sso?x=1"},
                },
                {"reason": "sso_required", "authorization_url": "https://github.com/sso?x=1"},
            ),
            (
                {
                    "status": 403,
                    "data": {"message": "You need at least read:packages scope to list packages."},
                    "headers": {"X-OAuth-Scopes": "repo"},
                },
                {
                    "reason": "insufficient_scope",
                    "granted": ("repo",),
                    "required": ("read:packages",),
                },
            ),
            ({"status": 403, "data": {"message": "No."}}, {"reason": "forbidden"}),
        ],
    )
    async def test_an_owner_that_forbids_access_costs_one_request_and_ends_no_other(
        self,
        filled: World,
        gh: GitHubPackages,
        server: EmbeddedGitHub,
        response: dict[str, Any],
        expected: dict[str, object],
    ) -> None:
        filled.org("closed")
        server.hook = responding(lambda request: "/closed/" in request.path, **response)
        report = await gh.audit(["closed", "octo-org"])
        assert len(asked(server, "/orgs/closed/")) == 1
        (failure,) = report.failures
        assert (failure.owner, failure.listing, failure.package_type) == ("closed", None, None)
        assert {name: getattr(failure, name) for name in expected} == expected
        assert [each.name for each in report.packages] == ["m"]

    async def test_a_package_that_cannot_be_decoded_hides_no_other(
        self, gh: GitHubPackages, server: EmbeddedGitHub
    ) -> None:
        server.hook = listing_containers(listed("a"), {"id": 5}, listed("b"))
        report = await gh.audit(["acme"], package_types=["container"])
        assert [each.name for each in report.packages] == ["a", "b"]
        (failure,) = report.failures
        assert (failure.package_type, failure.reason) == ("container", "invalid_response")
        assert "$[1]" in failure.message
        assert not report.done

    async def test_a_listing_that_others_change_too_fast_ends_no_other(
        self, filled: World, gh: GitHubPackages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        del filled

        async def pages(listing: Listing[Package]) -> AsyncIterator[Page[Package]]:
            if "package_type=npm" in repr(listing):
                raise ListingUnstable("still changing")
            async for page in listed_pages(listing):
                yield page

        listed_pages = Listing.pages
        monkeypatch.setattr(Listing, "pages", pages)
        report = await gh.audit(["acme"], package_types=["npm", "container"])
        assert [(each.package_type, each.reason) for each in report.failures] == [
            ("npm", "unstable")
        ]
        assert [each.name for each in report.packages] == ["team/app"]

    async def test_a_listing_that_fails_does_not_end_the_owners_others(
        self, filled: World, gh: GitHubPackages, server: EmbeddedGitHub
    ) -> None:
        del filled
        server.hook = responding(
            lambda request: "package_type=npm" in request.path_qs, data={}, status=502
        )
        report = await gh.audit(["acme"])
        (failure,) = report.failures
        assert (failure.package_type, failure.reason) == ("npm", "server_error")
        assert [each.name for each in report.packages] == ["old", "team/app"]
        assert ListingKey("acme", "npm") not in report.done
        assert len(report.done) == 6

    async def test_records_before_a_failure_are_kept(
        self, filled: World, gh: GitHubPackages, server: EmbeddedGitHub
    ) -> None:
        del filled
        server.hook = responding(
            lambda request: "&page=3" in request.path_qs, data={"message": "no"}, status=403
        )
        report = await gh.audit(["acme"], package_types=["npm"])
        assert len(report.packages) == 200
        assert [each.reason for each in report.failures] == ["forbidden"]
        assert report.done == frozenset()

    async def test_a_partial_listing_names_the_organizations_it_lacks(
        self, filled: World, gh: GitHubPackages, server: EmbeddedGitHub
    ) -> None:
        del filled

        async def partial(
            request: web.BaseRequest, respond: Callable[[], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            response = await respond()
            if "/user/" in request.path:
                response.headers["X-GitHub-SSO"] = (
                    "partial-results; organizations=21955855,20582480"
                )
            return response

        server.hook = partial
        report = await gh.audit(["me"], package_types=["npm"])
        assert [each.name for each in report.packages] == ["mine"]
        (failure,) = report.failures
        assert failure.reason == "sso_partial"
        assert failure.organizations == ("21955855", "20582480")
        assert report.done == frozenset()

    async def test_a_limit_too_long_to_wait_for_fails_only_the_listings_it_holds(
        self, filled: World, gh: GitHubPackages, server: EmbeddedGitHub
    ) -> None:
        del filled
        server.hook = responding(
            lambda _request: True,
            data={"message": "API rate limit exceeded"},
            status=403,
            headers={"X-RateLimit-Remaining": "0", "Retry-After": "9999"},
        )
        owners = ["acme", *(f"org-{number}" for number in range(40))]
        report = await gh.audit(owners)
        assert [each.reason for each in report.failures] == ["rate_limited"] * 41
        assert all(each.retry_at is not None for each in report.failures)
        assert len(server.requests) <= 16

    async def test_an_invalid_token_is_not_sent_for_every_owner(
        self, world: World, server: EmbeddedGitHub
    ) -> None:
        del world
        async with GitHubPackages("ghp_other", base_url=server.url, concurrency=2) as gh:
            report = await gh.audit([f"org-{number}" for number in range(50)])
        assert len(report.failures) == 50
        assert {each.reason for each in report.failures} == {"unauthorized"}
        assert len(server.requests) <= 5

    async def test_a_single_401_of_a_valid_token_ends_no_owner(
        self, filled: World, gh: GitHubPackages, server: EmbeddedGitHub
    ) -> None:
        for number in range(9):
            filled.org(f"odd-{number}")
        server.hook = responding(lambda request: "/odd-" in request.path, data={}, status=401)
        owners = ["octo-org", *(f"odd-{number}" for number in range(9)), "acme"]
        report = await gh.audit(owners, package_types=["npm", "maven"])
        assert len(report.failures) == 9
        assert len(report.packages) == 251

    async def test_an_unreachable_server_is_a_failure_of_each_owner(self) -> None:
        async with GitHubPackages(
            TOKEN, base_url="http://127.0.0.1:9", max_retries=0, points_per_minute=None
        ) as gh:
            report = await gh.audit(["acme", "octo-org"])
        assert [each.reason for each in report.failures] == ["no_connection"] * 2

    async def test_a_package_name_that_fits_no_url_is_an_invalid_response(
        self, filled: World, gh: GitHubPackages
    ) -> None:
        filled.org("acme").package("maven", "a\x00b", versions=1)
        report = await gh.audit(["acme"], package_types=["maven"], versions=True)
        assert [(each.name, each.reason) for each in report.failures] == [
            ("a\x00b", "invalid_response")
        ]


async def test_an_audit_ended_by_the_token_source_is_continued_without_its_complete_listings(
    filled: World, server: EmbeddedGitHub, gh: GitHubPackages
) -> None:
    owners = ["acme", "octo-org", "user:octocat"]
    tokens = iter([TOKEN] * 9)

    class Vault:
        async def token(self) -> str:
            if (token := next(tokens, None)) is None:
                raise OSError(5, "sealed")
            return token

    obtained: list[Record] = []
    async with GitHubPackages(Vault(), base_url=server.url, concurrency=1) as client:
        with pytest.raises(GitHubPackagesError, match=r"^token source: token\(\) raised OSError$"):
            async for batch in client.audit(owners).batches():
                obtained += batch
    complete = {listing_key(each) for each in obtained if isinstance(each, ListingDone)}
    skip = {key for key in complete if key is not None}
    kept = [each for each in obtained if listing_key(each) in skip]
    rest = [each async for batch in gh.audit(owners, skip=skip).batches() for each in batch]
    everything = [each async for batch in gh.audit(owners).batches() for each in batch]
    assert 0 < len(kept) < len(everything)
    assert identities([*kept, *rest]) == identities(everything)


async def test_an_error_that_ends_an_audit_travels_between_processes(
    filled: World, server: EmbeddedGitHub
) -> None:
    class Broken:
        async def token(self) -> str:
            raise OSError(5, "no key store")

    async with GitHubPackages(Broken(), base_url=server.url) as gh:
        with pytest.raises(GitHubPackagesError, match="token source") as ended:
            await gh.audit(["acme"])
    seen: set[int] = set()
    error: BaseException | None = ended.value
    while error is not None:
        assert id(error) not in seen  # A reference cycle cannot be pickled.
        seen.add(id(error))
        assert not isinstance(error, BaseExceptionGroup)
        error = error.__cause__ or error.__context__
