"""An embedded GitHub Packages with something to list, get, delete and restore."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from ghpkg_async import GitHubPackages
from ghpkg_async.testing import Behaves, EmbeddedGitHub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.embedded import MakeClient


@pytest_asyncio.fixture
async def server() -> AsyncIterator[EmbeddedGitHub]:
    """Serves one npm package of 3 versions, and one of 250."""
    async with EmbeddedGitHub() as server:
        acme = server.world.org("acme")
        acme.package("npm", "left", versions=3)
        acme.package("npm", "long", versions=250)
        yield server


@pytest.fixture
def each_github(server: EmbeddedGitHub, behaves: Behaves) -> None:
    """The server behaves as each GitHub in turn."""
    server.api.behaves = behaves


@pytest_asyncio.fixture
async def client(server: EmbeddedGitHub) -> AsyncIterator[MakeClient]:
    """Makes clients of the server, which do not pace themselves unless told to."""
    async with AsyncExitStack() as stack:

        def make(**options: object) -> GitHubPackages:
            given: dict[str, object] = {"base_url": server.url, "points_per_minute": None}
            gh = GitHubPackages(server.token, **{**given, **options})  # type: ignore[arg-type]
            stack.push_async_callback(gh.close)
            return gh

        yield make


@pytest_asyncio.fixture
async def gh(client: MakeClient) -> GitHubPackages:
    """A client as it is, but for pacing."""
    return client()
