"""Fixtures: a Dask cluster of two workers for the whole session, and an `EmbeddedGitHub`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from ghpkg_async.testing import EmbeddedGitHub, demo_world
from tests.cluster.rig import OTHER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="session")
def _workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from distributed import Client, LocalCluster  # Imported here, as the import takes 0.5 s.

    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            local_directory=str(tmp_path_factory.mktemp("dask")),
        ) as workers,
        Client(workers) as client,
    ):
        yield client


@pytest.fixture
def cluster(_workers: Any) -> Any:
    """Client of the cluster, after both workers are connected again."""
    _workers.wait_for_workers(2, timeout=20)
    return _workers


@pytest_asyncio.fixture
async def server() -> AsyncIterator[EmbeddedGitHub]:
    world = demo_world()
    world.token(OTHER, login="octocat")
    async with EmbeddedGitHub(world) as server:
        yield server
