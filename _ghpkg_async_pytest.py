"""The pytest plugin of ghpkg_async; `ghpkg_async.testing.plugin` documents its fixtures.

A module beside the package, because pytest loads it in every run wherever the library is installed:
a module of the package would import the whole library each time.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from ghpkg_async import GitHubPackages
    from ghpkg_async.testing import EmbeddedGitHub

try:
    from pytest_asyncio import fixture as _async_fixture
except ImportError:  # anyio's plugin runs asynchronous fixtures of pytest.
    _async_fixture = pytest.fixture  # type: ignore[assignment]


@pytest.fixture
def github(request: pytest.FixtureRequest) -> Iterator[EmbeddedGitHub]:
    """A running `EmbeddedGitHub` whose world has one token and no packages.

    It runs in the event loop of an asynchronous test, and in a thread beside a synchronous one.
    """
    if _runs_in_a_loop(request):
        yield request.getfixturevalue("_github_in_the_loop")
        return
    from ghpkg_async.testing import EmbeddedGitHub

    with EmbeddedGitHub() as server:
        yield server


@_async_fixture
async def github_client(github: EmbeddedGitHub) -> AsyncIterator[GitHubPackages]:
    """A `GitHubPackages` for `github`, with a token of every scope and without pacing."""
    from ghpkg_async import GitHubPackages

    async with GitHubPackages(github.token, base_url=github.url, points_per_minute=None) as client:
        yield client


@_async_fixture
async def _github_in_the_loop() -> AsyncIterator[EmbeddedGitHub]:
    from ghpkg_async.testing import EmbeddedGitHub

    async with EmbeddedGitHub() as server:
        yield server


def _runs_in_a_loop(request: pytest.FixtureRequest) -> bool:
    """Return whether a plugin of pytest runs the test in an event loop."""
    from unittest import TestCase

    # unittest runs the coroutines of its test cases in loops of its own.
    test = getattr(request.function, "hypothesis", None)
    function = request.function if test is None else test.inner_test
    return inspect.iscoroutinefunction(function) and not isinstance(request.instance, TestCase)
