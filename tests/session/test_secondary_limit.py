"""Secondary rate limits: requests wait as long as GitHub's response or documentation requires."""

from __future__ import annotations

import asyncio

import pytest

from ghpkg_async import RateLimited, RateLimitWait
from ghpkg_async.testing import EmbeddedGitHub, Faults, SecondaryLimit
from tests.support.api import package
from tests.support.embedded import MakeClient, error_of, left, many
from tests.support.fast_loop import takes
from tests.support.hostile import HostileServer, response


@pytest.mark.parametrize("status", [403, 429])
async def test_every_task_holds_for_as_long_as_retry_after_says(
    github: EmbeddedGitHub, make_client: MakeClient, status: int
) -> None:
    limit = SecondaryLimit(10, retry_after=1, status=status)
    github.faults = Faults(secondary_limit=limit)
    gh = make_client(concurrency=4)
    with takes(1, 3):
        await many(left(gh).get, 18)
    refused = [r for r in github.requests if r.fault == "secondary_limit"]
    carried_out = [r for r in github.requests if r.status == 200]
    assert 1 <= len(refused) <= 4, "asked again while it was refused"
    assert len(carried_out) == 18
    assert carried_out[10].at - refused[0].at >= 1


@pytest.mark.parametrize("status", [403, 429])
async def test_a_message_alone_means_a_minute_and_then_longer(
    server: HostileServer, status: int
) -> None:
    refusal = response(status, {"message": "You have exceeded a secondary rate limit."})
    server.will(refusal, refusal, refusal, response(200, package(1)))
    waits: list[RateLimitWait] = []
    async with server.client(concurrency=1, max_rate_limit_wait=300, on_wait=waits.append) as gh:
        with takes(420, 430):
            await many(left(gh).get, 3)
    assert [wait.kind for wait in waits] == ["secondary"] * 3
    assert [wait.seconds for wait in waits] == pytest.approx([60, 120, 240])
    assert len(server.requests) == 3 + 3, "asked before the wait was over"


async def test_a_wait_longer_than_allowed_raises_with_its_end(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.faults = Faults(secondary_limit=SecondaryLimit(1, retry_after=None))
    gh = make_client(concurrency=2, max_rate_limit_wait=30)
    await left(gh).get()
    with takes(most=0.5):
        errors = await asyncio.gather(*(error_of(left(gh).get()) for _ in range(6)))
    for error in errors:
        assert isinstance(error, RateLimited)
        assert error.kind == "secondary"
    assert len(github.requests) <= 1 + 2


async def test_requests_within_the_limit_of_concurrent_ones_are_never_refused(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.faults = Faults(secondary_limit=SecondaryLimit(concurrent=8), latency=(0.0, 0.01))
    await many(left(make_client(concurrency=8)).get, 60)
    assert {r.fault for r in github.requests} == {None}
