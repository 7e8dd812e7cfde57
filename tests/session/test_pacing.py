"""Pacing of requests, in advance of GitHub's rate limits."""

from __future__ import annotations

import asyncio

import pytest

from ghpkg_async.testing import EmbeddedGitHub, Faults, SecondaryLimit
from tests.support.embedded import MakeClient, gaps, left, many, versions_of_long
from tests.support.fast_loop import takes


async def test_a_burst_is_followed_by_an_even_pace(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.faults = Faults(secondary_limit=SecondaryLimit(20))
    gh = make_client(points_per_minute=20)
    with takes(60, 90):
        await many(left(gh).get, 24)
    burst, pace = gaps(github.requests)[:12], gaps(github.requests)[12:19]
    assert max(burst) < 0.1
    assert min(pace) > 2
    assert {r.fault for r in github.requests} == {None}


async def test_writes_are_a_second_apart_and_reads_need_not_wait_for_them(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    gh = make_client(points_per_minute=900)
    app = versions_of_long(gh)
    versions = [version.id async for version in app.versions()][:3]
    github.requests.clear()
    async with asyncio.TaskGroup() as group:
        for version in versions:
            group.create_task(app.version(version).delete())
        group.create_task(many(left(gh).get, 20))
    deletes = [r for r in github.requests if r.method == "DELETE"]
    assert min(gaps(deletes)) >= 0.9
    reads = [r for r in github.requests if r.method == "GET"]
    assert reads[-1].at < deletes[1].at


async def test_a_write_costs_five_points(github: EmbeddedGitHub, make_client: MakeClient) -> None:
    gh = make_client(points_per_minute=20)
    await left(gh).delete()
    await left(gh).restore()
    for _ in range(3):
        await left(gh).get()
    assert gh.stats.points == 13
    assert 0 < gh.stats.seconds_paced < 2.5, "only the second between writes"
    one_too_many = asyncio.create_task(left(gh).get())
    await asyncio.sleep(0.2)
    assert len(github.requests) == 5
    one_too_many.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one_too_many
    assert gh.stats.seconds_limited == 0


async def test_none_switches_pacing_off(github: EmbeddedGitHub, make_client: MakeClient) -> None:
    gh = make_client(points_per_minute=None)
    app = versions_of_long(gh)
    versions = [version.id async for version in app.versions()][:100]
    with takes(most=2):
        await asyncio.gather(*(app.version(each).delete() for each in versions))
    assert sum(r.status == 204 for r in github.requests) == 100
