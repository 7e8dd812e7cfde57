"""Fixtures: an `EmbeddedGitHub`, a client for it, and the command `ghpkg audit` against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from ghpkg_async import GitHubPackages
from ghpkg_async.testing import Behaves, EmbeddedGitHub, World
from tests.audit.rig import TOKEN, new_world
from tests.support.command import Command, bare_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def world() -> World:
    return new_world()


@pytest_asyncio.fixture
async def server(world: World) -> AsyncIterator[EmbeddedGitHub]:
    async with EmbeddedGitHub(world) as server:
        yield server


@pytest.fixture
def each_github(server: EmbeddedGitHub, behaves: Behaves) -> None:
    """Run the test once for each GitHub that the server can imitate."""
    server.api.behaves = behaves


@pytest.fixture
def counts(server: EmbeddedGitHub) -> None:
    """Let the server send `version_count` in listings."""
    server.api.behaves = "documented"


@pytest_asyncio.fixture
async def gh(server: EmbeddedGitHub) -> AsyncIterator[GitHubPackages]:
    async with GitHubPackages(
        TOKEN, base_url=server.url, points_per_minute=None, max_retries=0
    ) as client:
        yield client


@pytest.fixture
def ghpkg(server: EmbeddedGitHub, tmp_path: Path) -> Command:
    """Command `ghpkg audit` for the server, in an empty working directory."""
    return Command(
        {**bare_environment(), "GH_ENTERPRISE_TOKEN": TOKEN, "COLUMNS": "120"},
        ("--base-url", server.url, "--points-per-minute", "none"),
        ("audit",),
        tmp_path,
    )


@pytest.fixture
def filled(world: World) -> World:
    """Two organizations and a user; acme has 250 npm packages, a container and a conflict."""
    acme = world.org("acme")
    for number in range(250):
        acme.package("npm", f"p{number}", visibility=("public", "private")[number % 2])
    acme.package("container", "team/app", repository="app", versions=3)
    acme.docker_conflict("old", versions=2)
    world.org("octo-org").package("maven", "m", versions=1)
    world.user("octocat").package("npm", "mine", versions=1)
    return world


@pytest.fixture
def small(world: World) -> World:
    """Two organizations with five packages in total."""
    acme = world.org("acme")
    for name in ("a", "b", "c"):
        acme.package("npm", name, repository="r", versions=1)
    acme.package("container", "open", visibility="public", repository="r", versions=3)
    world.org("octo-org").package("maven", "m", repository="r", versions=1)
    return world
