"""Settings and fixtures of all tests: no tokens of the machine, no Hypothesis deadlines."""

from __future__ import annotations

import asyncio
import gc
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, get_args

import pytest
import pytest_asyncio
from hypothesis import settings

from ghpkg_async import GitHubPackages
from ghpkg_async._session.auth import DOTCOM_VARIABLES, ENTERPRISE_VARIABLES
from ghpkg_async.testing import Behaves
from tests.support.api import package
from tests.support.fast_loop import FastLoop
from tests.support.hostile import HostileServer, eventually, response, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ghpkg_async.testing import EmbeddedGitHub
    from tests.support.embedded import MakeClient

settings.register_profile("all", deadline=None, max_examples=100)
settings.register_profile("quick", deadline=None, max_examples=25)

SLOW = {"bare", "browser", "cluster", "docker", "ghpkg"}
"""Fixtures that start processes."""


def pytest_configure(config: pytest.Config) -> None:
    """Load the Hypothesis profile: a quarter of the examples in a run without the slow tests."""
    settings.load_profile("quick" if "not slow" in config.option.markexpr else "all")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests on a `FastLoop`, except for slow ones, which wait for other processes."""
    is_slow = item.get_closest_marker("slow") or fixtures_of(item) & SLOW
    return {"usual": asyncio.SelectorEventLoop} if is_slow else {"fast": FastLoop}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start processes, a browser or a cluster, by the fixtures they use."""
    for item in items:
        fixtures = fixtures_of(item)
        for fixture in fixtures & {"browser", "cluster"}:
            item.add_marker(fixture)
        if fixtures & SLOW:
            item.add_marker("slow")


def pytest_collection_finish() -> None:
    """Exempt the modules and tests from garbage collections, which take 0.4 s with them."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Have the modules collected at exit: DuckDB reports those that are not as leaked."""
    gc.unfreeze()


def fixtures_of(item: pytest.Item) -> set[str]:
    """Return the names of the fixtures that a test uses."""
    return set(getattr(item, "fixturenames", ()))


@pytest.fixture(autouse=True)
def _no_token_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*DOTCOM_VARIABLES, *ENTERPRISE_VARIABLES, "GH_HOST"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(params=get_args(Behaves))
def behaves(request: pytest.FixtureRequest) -> Behaves:
    """Parametrize a test with each kind of GitHub that the embedded server imitates."""
    behaves: Behaves = request.param
    return behaves


@pytest.fixture
def short_retry_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit the delay of the first retry to 0.02 seconds."""
    monkeypatch.setattr("ghpkg_async._session.retry.FIRST_BACKOFF", 0.02)


@pytest_asyncio.fixture
async def server(short_retry_waits: None) -> AsyncIterator[HostileServer]:
    """Yield a server that responds with a package unless scripted.

    Fail if a client still has a connection to it after the test.
    """
    async with serving(HostileServer(steps=[response(200, package(1))])) as server:
        yield server
        await eventually(lambda: not server.open, "the client left no connection open")


@pytest_asyncio.fixture
async def elsewhere() -> AsyncIterator[HostileServer]:
    """Yield a server at another origin, to which no client may send a request."""
    async with serving(HostileServer(steps=[response(200, [])])) as server:
        yield server


@pytest_asyncio.fixture
async def gh(server: HostileServer) -> AsyncIterator[GitHubPackages]:
    """Yield a client of `server` without retries."""
    async with server.client() as client:
        yield client


@pytest_asyncio.fixture
async def stubborn(server: HostileServer) -> AsyncIterator[GitHubPackages]:
    """Yield a client of `server` with one retry."""
    async with server.client(max_retries=1) as client:
        yield client


@pytest.fixture
def each_github(github: EmbeddedGitHub, behaves: Behaves) -> None:
    """Run a test once for each kind of GitHub that `github` imitates."""
    github.api.behaves = behaves


@pytest_asyncio.fixture
async def make_client(github: EmbeddedGitHub) -> AsyncIterator[MakeClient]:
    """Yield a function that makes clients of `github`, by default without pacing."""
    async with AsyncExitStack() as stack:

        def make(**options: object) -> GitHubPackages:
            given: dict[str, object] = {"base_url": github.url, "points_per_minute": None}
            gh = GitHubPackages(github.token, **{**given, **options})  # type: ignore[arg-type]
            stack.push_async_callback(gh.close)
            return gh

        yield make
