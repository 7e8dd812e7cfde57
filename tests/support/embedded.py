"""Clients of an embedded server: its packages, and its records of requests."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol, TypeVar

import pytest

from ghpkg_async import GitHubPackages, GitHubPackagesError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ghpkg_async import PackageVersion
    from ghpkg_async._refs import PackageRef, VersionRef
    from ghpkg_async.testing import EmbeddedGitHub, Fault, Received, World

T = TypeVar("T")

FIRST_WAIT = 0.24
"""Lower bound of the delay of the first retry, in seconds, with tolerance for timers."""

#: Faults that lose the response to a request: before and after the request is carried out.
SILENT: tuple[Fault, ...] = ("reset_before", "close_keep_alive", "stall")
LYING: tuple[Fault, ...] = ("reset_after", "reset_headers", "reset_body", "cut_body", "stall_after")


class MakeClient(Protocol):
    """Type of the fixture that makes clients of the embedded server."""

    def __call__(self, **options: object) -> GitHubPackages: ...


def publish_left_and_long(world: World) -> None:
    """Publish npm packages of ``acme``: ``left`` with 3 versions, and ``long`` with 250."""
    acme = world.org("acme")
    acme.package("npm", "left", versions=3)
    acme.package("npm", "long", versions=250)


def left(gh: GitHubPackages) -> PackageRef:
    """Return the package with 3 versions."""
    return gh.org("acme").package("npm", "left")


def a_version(github: EmbeddedGitHub, gh: GitHubPackages) -> VersionRef:
    """Return the newest version of ``left``, which may be deleted."""
    newest = github.world.org("acme").find("npm", "left").versions()[0]
    return left(gh).version(newest.id)


def versions_of_long(gh: GitHubPackages) -> PackageRef:
    """Return the package with 250 versions."""
    return gh.org("acme").package("npm", "long")


def expected_ids(github: EmbeddedGitHub) -> list[int]:
    """Return the version ids of ``long`` in the order of a listing."""
    return [version.id for version in github.world.org("acme").find("npm", "long").versions()]


def ids(versions: list[PackageVersion]) -> list[int]:
    return [version.id for version in versions]


def statuses(github: EmbeddedGitHub, method: str | None = None) -> list[int | None]:
    """Return the statuses of the requests, in order; `None` for a request not carried out."""
    return [r.status for r in github.requests if method in (None, r.method)]


def gaps(requests: list[Received]) -> list[float]:
    """Return the seconds between each request and the next."""
    return [after.at - before.at for before, after in pairwise(requests)]


async def many(call: Callable[[], Awaitable[object]], times: int) -> None:
    """Make a call in `times` concurrent tasks; raise if any of them fails."""
    async with asyncio.TaskGroup() as group:
        for _ in range(times):
            group.create_task(awaiting(call()))


async def awaiting(call: Awaitable[T]) -> T:
    """Wrap an awaitable in a coroutine, from which a task can be created."""
    return await call


async def error_of(call: Awaitable[object]) -> GitHubPackagesError:
    """Return the library's error that the call raises."""
    with pytest.raises(GitHubPackagesError) as caught:
        await call
    return caught.value


def says_it_may_be_done(error: BaseException) -> bool:
    noted = any("may have been carried out" in note for note in getattr(error, "__notes__", ()))
    assert getattr(error, "maybe_applied", False) is noted
    return noted
