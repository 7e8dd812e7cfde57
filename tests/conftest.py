"""Settings for every test: no token of the machine, and no deadline that load could miss."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, get_args

import pytest
import pytest_asyncio
from hypothesis import settings

from ghpkg_async import GitHubPackages
from ghpkg_async._session.auth import DOTCOM_VARIABLES, ENTERPRISE_VARIABLES
from ghpkg_async.testing import Behaves
from tests.support.api import package
from tests.support.hostile import HostileServer, answer, eventually, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ghpkg_async.testing import EmbeddedGitHub
    from tests.support.embedded import MakeClient

settings.register_profile("all", deadline=None, max_examples=100)
settings.register_profile("quick", deadline=None, max_examples=25)

PROCESSES = {"bare", "ghpkg"}
"""Fixtures that run the command as a process."""


def pytest_configure(config: pytest.Config) -> None:
    """Try a quarter of the examples of each property in a run without the slow tests."""
    settings.load_profile("quick" if "not slow" in config.option.markexpr else "all")


def pytest_xdist_auto_num_workers() -> int:
    """Run two workers a core: half of the time, tests wait for a server or a limit."""
    return 2 * (os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start processes, a browser or a cluster, by the fixtures they use."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        for fixture in fixtures & {"browser", "cluster"}:
            item.add_marker(fixture)
        if fixtures & {*PROCESSES, "browser", "cluster"}:
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def _no_token_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*DOTCOM_VARIABLES, *ENTERPRISE_VARIABLES, "GH_HOST"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(params=get_args(Behaves))
def behaves(request: pytest.FixtureRequest) -> Behaves:
    """Each GitHub that the embedded server imitates, in turn."""
    behaves: Behaves = request.param
    return behaves


@pytest.fixture
def short_retry_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first retry wait for at most 0.02 seconds."""
    monkeypatch.setattr("ghpkg_async._session.retry.FIRST_BACKOFF", 0.02)


@pytest_asyncio.fixture
async def server(short_retry_waits: None) -> AsyncIterator[HostileServer]:
    """A server that responds with a package unless scripted.

    After the test, no client has a connection to it.
    """
    async with serving(HostileServer(steps=[answer(200, package(1))])) as server:
        yield server
        await eventually(lambda: not server.open, "the client left no connection open")


@pytest_asyncio.fixture
async def elsewhere() -> AsyncIterator[HostileServer]:
    """A server at another origin, which no client may send a request to."""
    async with serving(HostileServer(steps=[answer(200, [])])) as server:
        yield server


@pytest_asyncio.fixture
async def gh(server: HostileServer) -> AsyncIterator[GitHubPackages]:
    """A client of `server` that makes one attempt."""
    async with server.client() as client:
        yield client


@pytest_asyncio.fixture
async def stubborn(server: HostileServer) -> AsyncIterator[GitHubPackages]:
    """A client of `server` that makes a second attempt."""
    async with server.client(max_retries=1) as client:
        yield client


@pytest.fixture
def each_github(github: EmbeddedGitHub, behaves: Behaves) -> None:
    """Let `github` behave as each GitHub in turn."""
    github.api.behaves = behaves


@pytest_asyncio.fixture
async def make_client(github: EmbeddedGitHub) -> AsyncIterator[MakeClient]:
    """Makes clients of `github`, without pacing by default."""
    async with AsyncExitStack() as stack:

        def make(**options: object) -> GitHubPackages:
            given: dict[str, object] = {"base_url": github.url, "points_per_minute": None}
            gh = GitHubPackages(github.token, **{**given, **options})  # type: ignore[arg-type]
            stack.push_async_callback(gh.close)
            return gh

        yield make
