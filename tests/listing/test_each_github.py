"""Listings of the embedded server are complete for each kind of GitHub that it imitates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from ghpkg_async import GitHubPackages
from ghpkg_async.testing import Behaves, EmbeddedGitHub, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SIZES = (0, 1, 99, 100, 101, 250)


def fill(world: World, count: int) -> list[str]:
    """Make `count` packages for an organization and for a user; return their names."""
    names = [f"p{number}" for number in range(count)]
    for name in names:
        for owner in (world.org("acme"), world.user("octocat")):
            owner.package("npm", name)
    return names


@pytest_asyncio.fixture
async def server(behaves: Behaves) -> AsyncIterator[EmbeddedGitHub]:
    async with EmbeddedGitHub(behaves=behaves) as server:
        server.world.org("acme")
        yield server


@pytest_asyncio.fixture
async def gh(server: EmbeddedGitHub) -> AsyncIterator[GitHubPackages]:
    async with GitHubPackages(
        server.token, base_url=server.url, points_per_minute=None, max_retries=0
    ) as gh:
        yield gh


@pytest.mark.parametrize("count", SIZES)
async def test_packages(server: EmbeddedGitHub, gh: GitHubPackages, count: int) -> None:
    names = fill(server.world, count)
    for owner in (gh.org("acme"), gh.me(), gh.user("octocat")):
        assert [each.name for each in await owner.packages("npm")] == names


@pytest.mark.parametrize("count", SIZES)
async def test_versions(server: EmbeddedGitHub, gh: GitHubPackages, count: int) -> None:
    expected = server.world.org("acme").package("npm", "left", versions=count).versions()
    versions = await gh.org("acme").package("npm", "left").versions()
    assert [each.id for each in versions] == [each.id for each in expected]


async def test_pages_and_later_beginnings(server: EmbeddedGitHub, gh: GitHubPackages) -> None:
    names = fill(server.world, 25)
    listing = gh.org("acme").packages("npm", per_page=10, page=2)
    pages = [(page.number, [each.name for each in page.items]) async for page in listing.pages()]
    assert [page for page in pages if page[1]] == [(2, names[10:20]), (3, names[20:])]


@pytest.mark.parametrize("paged", [False, True])
async def test_conflicts(server: EmbeddedGitHub, gh: GitHubPackages, paged: bool) -> None:
    server.api.paged_conflicts = paged
    names = [f"image{number}" for number in range(65)]
    for name in names:
        server.world.org("acme").docker_conflict(name)
    assert [each.name for each in await gh.org("acme").docker_conflicts()] == names


async def test_deleting_in_the_loop_reaches_every_package(
    server: EmbeddedGitHub, gh: GitHubPackages
) -> None:
    fill(server.world, 25)
    acme = gh.org("acme")
    async for package in acme.packages("npm", per_page=10):
        await acme.package(package).delete()
    assert server.world.org("acme").packages() == []
