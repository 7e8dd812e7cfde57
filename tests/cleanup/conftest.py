"""Fixtures: GitHub and a container registry with a package of images, new for each test."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from ghpkg_async._paging.mutations import MutationTracker
from ghpkg_async.testing import EmbeddedGitHub

from .registries import ScriptedRegistry
from .sites import Site, new_site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
def no_write_spacing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send writes without the delay between them."""
    monkeypatch.setattr("ghpkg_async._session.limits.WRITE_SPACING", 0.0)


@pytest.fixture
def no_replica_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start a second pass over a listing immediately: the embedded server has no replicas."""
    tracker = partial(MutationTracker, replica_lag=0.0)
    monkeypatch.setattr("ghpkg_async._context.MutationTracker", tracker)


@pytest_asyncio.fixture
async def empty_site(
    short_retry_waits: None, no_write_spacing: None, no_replica_lag: None
) -> AsyncIterator[Site]:
    """GitHub and its registry, with a package without versions."""
    async with EmbeddedGitHub() as github, ScriptedRegistry() as registry:
        yield new_site(github, registry)


@pytest.fixture
def site(empty_site: Site) -> Site:
    """GitHub and its registry with the images `older`, `old`, and `new` tagged `latest`."""
    empty_site.push_image("older", "pr-1")
    empty_site.push_image("old", "pr-2")
    empty_site.push_image("new", "latest", "1.0")
    return empty_site
