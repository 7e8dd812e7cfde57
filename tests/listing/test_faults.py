"""Listings with faults yield all items once, in order, or raise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ghpkg_async import ServerError
from ghpkg_async.testing import EmbeddedGitHub, Faults
from tests.support.embedded import (
    MakeClient,
    error_of,
    expected_ids,
    ids,
    versions_of_long,
)
from tests.support.fast_loop import takes

if TYPE_CHECKING:
    from ghpkg_async import GitHubPackages

pytestmark = pytest.mark.usefixtures("each_github", "short_retry_waits")


async def test_large_pages_that_keep_failing_give_way_to_smaller_ones(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.faults = Faults(fail_pages_above=50)
    gh = make_client(max_retries=1)
    with takes(most=3):
        assert ids(await versions_of_long(gh).versions()) == expected_ids(github)
    sizes = [int(r.query["per_page"]) for r in github.requests]
    assert sizes[:2] == [100, 100]
    assert sizes[-1] <= 50


async def test_pages_that_start_to_fail_midway_are_requested_in_smaller_sizes(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    gh = make_client(max_retries=1, concurrency=1)
    found = []
    async for page in versions_of_long(gh).versions().pages():
        found += ids(page.items)
        github.faults.fail_pages_above = 30
    assert found == expected_ids(github)


async def test_the_error_is_raised_if_pages_of_every_size_fail(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.faults = Faults(server_error=1.0)
    gh = make_client(max_retries=0)
    with takes(most=3):
        assert isinstance(await error_of(versions_of_long(gh).versions()), ServerError)


@pytest.mark.parametrize("seed", range(4))
async def test_responses_without_link_cost_no_item(
    github: EmbeddedGitHub, github_client: GitHubPackages, seed: int
) -> None:
    github.faults = Faults(seed=seed, missing_link=0.5, latency=(0.0, 0.01))
    assert ids(await versions_of_long(github_client).versions(per_page=20)) == expected_ids(github)


async def test_on_a_bad_day_a_listing_is_whole_and_in_order(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.faults = Faults(
        seed=1,
        latency=(0.0, 0.02),
        missing_link=0.2,
        reset_before=0.04,
        reset_headers=0.04,
        cut_body=0.04,
        server_error=0.04,
        stall=0.04,
    )
    gh = make_client(timeout=0.3, max_retries=8)
    assert ids(await versions_of_long(gh).versions(per_page=5)) == expected_ids(github)
    assert len({r.fault for r in github.requests}) == 6


async def test_deleting_in_the_loop_through_faults_reaches_each_version_once(
    github: EmbeddedGitHub, github_client: GitHubPackages
) -> None:
    expected = expected_ids(github)
    github.faults = Faults(seed=9, server_error_after=0.05, reset_after=0.05, server_error=0.05)
    app = versions_of_long(github_client)
    found = []
    async for version in app.versions(per_page=30):
        found.append(version.id)
        if len(found) % 20 == 1:
            await app.version(version.id).delete()
    assert sorted(found) == sorted(expected)
    assert set(expected_ids(github)) == set(expected) - set(found[::20])
    done = [r.target for r in github.requests if r.method == "DELETE" and r.status == 204]
    assert len(done) == len(set(done)) == 13


async def test_restoring_in_the_loop_reaches_each_deleted_version_once(
    github: EmbeddedGitHub, github_client: GitHubPackages
) -> None:
    real = github.world.org("acme").find("npm", "long")
    for gone in real.versions()[:100]:
        gone.delete()
    expected = [version.id for version in real.versions("deleted")]
    app = versions_of_long(github_client)
    found = []
    async for version in app.versions(state="deleted", per_page=30):
        found.append(version.id)
        if len(found) % 10 == 1:
            await app.version(version.id).restore()
    assert sorted(found) == sorted(expected)


async def test_a_listing_that_cannot_be_finished_raises_after_the_items_it_had(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.faults.next("server_error", target="page=3", times=99)
    found = []
    with pytest.raises(ServerError):
        async for version in versions_of_long(make_client(max_retries=0)).versions(per_page=1):
            found.append(version.id)
    assert found == expected_ids(github)[:2]
