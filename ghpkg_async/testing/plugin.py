"""The pytest plugin: a running embedded GitHub Packages, and a client for it.

Installed with the library and loaded by pytest by itself, so it imports nothing before a test asks
for a fixture. The fixtures are asynchronous, for pytest-asyncio in either of its modes:

    async def test_cleanup(github, github_client):
        github.world.org("acme").package("npm", "left", versions=3)
        assert len(await github_client.org("acme").packages("npm")) == 1

What goes wrong is switched on in a line, at any time:

    async def test_a_bad_day(github, github_client):
        github.faults = Faults(seed=7, server_error=0.1, reset_after=0.05, latency=(0.0, 0.02))

    async def test_a_delete_that_was_done_but_answered_502(github, github_client):
        github.faults.next("server_error_after", method="DELETE")

    async def test_the_hourly_budget_runs_out(github, github_client):
        github.faults.primary_limit = PrimaryLimit(20, window=2)

    async def test_an_outage(github, github_client):
        async with github.down():
            ...

`Faults` lists all there is, and `github.requests` tells what each request met and what became of
it. `ghpkg_async.testing` has these names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .. import GitHubPackages
    from ._server import EmbeddedGitHub

try:
    from pytest_asyncio import fixture as _fixture
except ImportError:  # then anyio's plugin may run them, and no one else's tests are disturbed
    _fixture = pytest.fixture  # type: ignore[assignment]


@_fixture
async def github() -> AsyncIterator[EmbeddedGitHub]:
    """A running embedded GitHub Packages whose world is empty but for one token."""
    from ._server import EmbeddedGitHub

    async with EmbeddedGitHub() as server:
        yield server


@_fixture
async def github_client(github: EmbeddedGitHub) -> AsyncIterator[GitHubPackages]:
    """A `GitHubPackages` client for `github`, with a token of every scope."""
    from .. import GitHubPackages

    async with GitHubPackages(github.token, base_url=github.url) as client:
        yield client
