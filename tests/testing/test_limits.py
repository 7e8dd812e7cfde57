"""Rate limits and concurrency limits of the embedded server."""

from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

from ghpkg_async.testing import Faults, PrimaryLimit, SecondaryLimit, World

if TYPE_CHECKING:
    from tests.testing.conftest import Caller, Serve

LEFT = "/orgs/acme/packages/npm/left"


@pytest.fixture(autouse=True)
def _left(world: World) -> None:
    world.org("acme").package("npm", "left", versions=2)


async def statuses(call: Caller, *methods: str) -> list[int]:
    return [(await call.send(method, f"{LEFT}/versions/1")).status for method in methods]


@pytest.mark.parametrize("status", [403, 429])
async def test_an_exhausted_budget_is_refused_until_the_reset(serve: Serve, status: int) -> None:
    limit = PrimaryLimit(3, window=60, status=status)
    call = await serve(faults=Faults(primary_limit=limit))
    replies = [await call.get(LEFT) for _ in range(5)]
    assert [reply.status for reply in replies] == [200, 200, 200, status, status]
    told = [reply.headers["x-ratelimit-remaining"] for reply in replies]
    assert told == ["2", "1", "0", "0", "0"]
    assert {reply.headers["x-ratelimit-limit"] for reply in replies} == {"3"}
    assert "rate limit exceeded" in replies[-1].message
    assert [r.fault for r in call.server.requests] == [None] * 3 + ["primary_limit"] * 2
    assert [r.status for r in call.server.requests] == [200] * 3 + [None] * 2
    reset = int(replies[0].headers["x-ratelimit-reset"])
    date = parsedate_to_datetime(replies[-1].headers["Date"]).timestamp()
    await asyncio.sleep(reset - date)
    assert (await call.get(LEFT)).headers["x-ratelimit-remaining"] == "2"


async def test_each_token_has_a_budget_and_a_304_costs_nothing(world: World, serve: Serve) -> None:
    world.token("ghp_other", login="hubot")
    call = await serve(faults=Faults(primary_limit=PrimaryLimit(2)))
    etag = (await call.get(LEFT)).headers["ETag"]
    for _ in range(3):
        assert (await call.get(LEFT, If_None_Match=etag)).status == 304
    assert [(await call.get(LEFT)).status for _ in range(2)] == [200, 403]
    assert (await call.using("ghp_other").get(LEFT)).status == 200


async def test_a_minute_holds_so_many_points(serve: Serve) -> None:
    call = await serve(faults=Faults(secondary_limit=SecondaryLimit(11, retry_after=1)))
    assert await statuses(call, "GET", "DELETE", "POST") == [404, 404, 404]
    reply = await call.get(LEFT)
    assert (reply.status, reply.headers["Retry-After"]) == (403, "1")
    assert int(reply.headers["x-ratelimit-remaining"]) > 0
    assert "secondary rate limit" in reply.message
    assert call.server.requests[-1].fault == "secondary_limit"
    await asyncio.sleep(1)
    assert (await call.get(LEFT)).status == 200


async def test_concurrent_requests_are_limited(serve: Serve) -> None:
    limit = SecondaryLimit(concurrent=2, retry_after=None, status=429)
    call = await serve(faults=Faults(secondary_limit=limit), latency=0.05)
    replies = await asyncio.gather(*(call.get(LEFT) for _ in range(3)))
    assert sorted(reply.status for reply in replies) == [200, 200, 429]
    assert "Retry-After" not in replies[-1].headers
    assert (await call.get(LEFT)).status == 429


def test_points_are_counted_in_a_window_that_moves() -> None:
    limit = SecondaryLimit(6, window=10, retry_after=5)

    def refused(method: str, now: float) -> bool:
        return limit.refuses("", method, in_flight=1, now=now) is not None

    assert not refused("DELETE", 0)
    assert not refused("GET", 9)
    assert not refused("DELETE", 10)
    assert refused("GET", 10.5)
    assert refused("GET", 15.4)
    assert not refused("DELETE", 15.5)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: PrimaryLimit(-1),
        lambda: PrimaryLimit(status=500),
        lambda: SecondaryLimit(0),
        lambda: SecondaryLimit(retry_after=-1),
        lambda: SecondaryLimit(window=0),
    ],
)
def test_limits_that_cannot_be_are_refused(wrong: type[PrimaryLimit]) -> None:
    with pytest.raises(ValueError, match=r"must be|whole number"):
        wrong()
