"""A hostile server for each test, and clients to attack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.support.hostile import HostileServer, answer, eventually, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ghpkg_async import GitHubPackages


@pytest.fixture(autouse=True)
def _short_waits_before_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ghpkg_async._session.retry._FIRST_WAIT", 0.02)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[HostileServer]:
    """The server whose API it is; after the test, the client has left it for good."""
    async with serving(HostileServer()) as server:
        yield server
        await eventually(lambda: not server.open, "the client left no connection open")


@pytest_asyncio.fixture
async def elsewhere() -> AsyncIterator[HostileServer]:
    """A server at another origin, which must never be asked."""
    async with serving(HostileServer(steps=[answer(200, [])])) as server:
        yield server


@pytest_asyncio.fixture
async def gh(server: HostileServer) -> AsyncIterator[GitHubPackages]:
    """A client that makes one attempt."""
    async with server.client() as client:
        yield client


@pytest_asyncio.fixture
async def stubborn(server: HostileServer) -> AsyncIterator[GitHubPackages]:
    """A client that makes a second attempt."""
    async with server.client(max_retries=1) as client:
        yield client
