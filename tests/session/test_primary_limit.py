"""Primary rate limit: requests wait for its reset."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from ghpkg_async import RateLimited, RateLimitWait
from ghpkg_async.testing import EmbeddedGitHub, Faults, PrimaryLimit
from tests.support.embedded import MakeClient, error_of, gaps, left, many
from tests.support.fast_loop import takes


async def test_every_task_waits_for_the_reset_without_a_refused_request(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.faults = Faults(primary_limit=PrimaryLimit(12, window=60))
    gh = make_client(concurrency=4)
    with takes(59, 63):
        await many(left(gh).get, 24)
    assert [r.fault for r in github.requests] == [None] * 24
    assert gaps(github.requests)[11] > 58, "no pause when the budget was used up"


@pytest.mark.parametrize("status", [403, 429])
async def test_a_refusal_holds_every_task_and_all_go_on_after_it(
    github: EmbeddedGitHub, make_client: MakeClient, status: int
) -> None:
    github.faults = Faults(primary_limit=PrimaryLimit(5, window=60, status=status))
    somebody_else, gh = make_client(), make_client(concurrency=3)
    await many(left(somebody_else).get, 5)
    github.faults.primary_limit = PrimaryLimit(0, window=60, status=status)
    waiting = asyncio.create_task(many(left(gh).get, 12))
    await asyncio.sleep(0.3)
    github.faults = Faults()
    await waiting
    refused = [r for r in github.requests if r.fault == "primary_limit"]
    assert 1 <= len(refused) <= 3, "asked again while it was refused"
    assert sum(r.status == 200 for r in github.requests) == 5 + 12


@pytest.mark.parametrize("skew", [-3600, 3600])
async def test_the_reset_is_judged_by_the_servers_clock(
    github: EmbeddedGitHub, make_client: MakeClient, skew: int
) -> None:
    github.faults = Faults(primary_limit=PrimaryLimit(1, window=60), clock_skew=skew)
    gh = make_client()
    await left(gh).get()
    with takes(58, 62):
        await left(gh).get()
    assert [r.fault for r in github.requests] == [None, None]


async def test_a_wait_that_would_be_too_long_is_refused_to_every_task_at_once(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.faults = Faults(primary_limit=PrimaryLimit(3))
    gh = make_client(max_rate_limit_wait=60)
    for _ in range(3):
        await left(gh).get()
    with takes(most=0.5):
        errors = await asyncio.gather(*(error_of(left(gh).get()) for _ in range(10)))
    assert len(github.requests) == 3, "asked in vain"
    assert gh.rate_limit is not None
    for error in errors:
        assert isinstance(error, RateLimited)
        assert (error.kind, error.retry_at) == ("primary", gh.rate_limit.reset)


async def test_tasks_that_wait_already_are_refused_at_once_too(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.latency = 0.05
    github.faults = Faults(primary_limit=PrimaryLimit(0))
    gh = make_client(concurrency=1, max_rate_limit_wait=60)
    with takes(most=0.5):
        errors = await asyncio.gather(*(error_of(left(gh).get()) for _ in range(10)))
    assert {type(error) for error in errors} == {RateLimited}
    assert len(github.requests) == 1


async def test_rate_limit_is_that_of_the_last_response(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.faults = Faults(primary_limit=PrimaryLimit(60, window=600))
    gh = make_client()
    assert gh.rate_limit is None
    await left(gh).get()
    await left(gh).get()
    told = gh.rate_limit
    assert told is not None
    assert (told.limit, told.remaining, told.used, told.resource) == (60, 58, 2, "core")
    assert abs(told.reset - datetime.now(UTC) - timedelta(seconds=600)) < timedelta(seconds=3)


async def test_a_wait_is_announced_when_it_begins_and_when_it_ends(
    github: EmbeddedGitHub, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ghpkg_async")
    github.faults = Faults(primary_limit=PrimaryLimit(1, window=60))
    waits: list[RateLimitWait] = []
    gh = make_client(on_wait=waits.append)
    await left(gh).get()
    start = datetime.now(UTC)
    github.faults.primary_limit = PrimaryLimit(100)
    await many(left(gh).get, 10)
    (wait,) = waits
    assert wait.kind == "primary"
    assert wait.seconds == pytest.approx(60, abs=2)
    assert abs(wait.until - start - timedelta(seconds=60)) < timedelta(seconds=3)
    assert 1 <= wait.waiting <= 10
    begun, over = [r for r in caplog.records if r.name.startswith("ghpkg_async")]
    assert (begun.levelname, over.levelname) == ("WARNING", "INFO")
    assert "wait" in begun.getMessage()
    assert "over" in over.getMessage()
    assert gh.stats.seconds_limited == pytest.approx(wait.seconds, abs=0.5)
    assert gh.stats.seconds_waited == gh.stats.seconds_limited + gh.stats.seconds_paced


async def test_a_task_that_waits_leaves_at_once_when_it_is_cancelled(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.faults = Faults(primary_limit=PrimaryLimit(1))
    gh = make_client(max_rate_limit_wait=7200)
    await left(gh).get()
    waiting = asyncio.create_task(left(gh).get())
    await asyncio.sleep(0.05)
    waiting.cancel()
    with takes(most=0.1), pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(github.requests) == 1
