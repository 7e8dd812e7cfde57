"""The one gate of a client: how many at once, whose turn it is, and what waiting looks like."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import attrs
import pytest

from ghpkg_async import GitHubPackagesError, RateLimited, Wait
from ghpkg_async.gate import Gate
from ghpkg_async.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def gate(
    concurrency: int = 2,
    *,
    points: int | None = None,
    max_wait: float = 900,
    on_wait: Callable[[Wait], object] | None = None,
) -> Gate:
    limits = Limits(points, concurrency, jitter=lambda: 0.0)
    return Gate(limits, concurrency, max_wait=max_wait, on_wait=on_wait)


async def enter(
    gate: Gate,
    lane: Hashable = None,
    *,
    write: bool = False,
    further: bool = False,
    speculative: bool = False,
) -> None:
    pause = await gate.enter(write=write, lane=lane, further=further, speculative=speculative)
    if pause is not None:
        raise TooLong(pause)


def refuse(gate: Gate, seconds: float, kind: str = "secondary") -> None:
    """What an answer does that a limit refused, while its request is still inside."""
    error = RateLimited(
        "slow down",
        kind=kind,  # type: ignore[arg-type]
        retry_at=NOW + timedelta(seconds=seconds),
        status=429,
        method="GET",
        url="",
    )
    gate.limits.refused(gate.clock(), NOW, {"Retry-After": str(seconds)}, error)


class TooLong(Exception):
    pass


@attrs.define
class Crowd:
    """Tasks that enter, note their turn and stay until they are let out."""

    gate: Gate
    turns: list[str] = attrs.field(factory=list)
    tasks: list[asyncio.Task[None]] = attrs.field(factory=list)

    def join(self, name: str, lane: Hashable = None, **kind: bool) -> asyncio.Task[None]:
        async def enter_and_note() -> None:
            await enter(self.gate, lane, **kind)
            self.turns.append(name)

        task = asyncio.create_task(enter_and_note())
        self.tasks.append(task)
        return task

    async def settle(self) -> None:
        for _ in range(4):
            await asyncio.sleep(0)

    async def let_all_through(self) -> list[str]:
        await self.settle()
        while self.gate.in_flight:
            self.gate.leave()
            await self.settle()
        return self.turns


async def test_never_more_than_concurrency_are_inside() -> None:
    crowd = Crowd(gate(concurrency=3))
    for number in range(10):
        crowd.join(str(number))
    await crowd.settle()
    assert crowd.gate.in_flight == 3
    assert await crowd.let_all_through() == [str(number) for number in range(10)]


async def test_a_long_listing_and_many_short_ones_take_turns() -> None:
    crowd = Crowd(gate(concurrency=1))
    crowd.join("inside")
    await crowd.settle()
    for number in range(6):
        crowd.join("page", lane="long", further=True)
        crowd.join("short", lane=number)
    turns = (await crowd.let_all_through())[1:]
    assert sorted(turns) == ["page"] * 6 + ["short"] * 6
    assert all({*turns[place : place + 2]} == {"page", "short"} for place in range(0, 12, 2))


async def test_long_listings_take_turns_among_themselves() -> None:
    crowd = Crowd(gate(concurrency=1))
    crowd.join("inside")
    await crowd.settle()
    for lane in ("a", "b", "c"):
        for _ in range(3):
            crowd.join(lane, lane=lane, further=True)
    assert (await crowd.let_all_through())[1:] == ["a", "b", "c"] * 3


async def test_writes_that_wait_for_their_second_let_reads_pass() -> None:
    crowd = Crowd(gate(concurrency=4, points=900))
    for name, write in (("w1", True), ("w2", True), ("r1", False), ("r2", False)):
        crowd.join(name, write=write)
    await crowd.settle()
    assert crowd.turns == ["w1", "r1", "r2"]
    crowd.gate.close()
    with pytest.raises(GitHubPackagesError, match="closed"):
        await crowd.tasks[1]


async def test_a_cancelled_wait_gives_its_place_to_the_next() -> None:
    crowd = Crowd(gate(concurrency=1))
    crowd.join("inside")
    await crowd.settle()
    leaver = crowd.join("leaver")
    crowd.join("next")
    await crowd.settle()
    leaver.cancel()
    assert await crowd.let_all_through() == ["inside", "next"]
    assert leaver.cancelled()


async def test_a_turn_that_comes_as_its_owner_is_cancelled_is_passed_on() -> None:
    crowd = Crowd(gate(concurrency=1))
    crowd.join("inside")
    await crowd.settle()
    leaver = crowd.join("leaver")
    crowd.join("next")
    await crowd.settle()
    crowd.gate.leave()
    leaver.cancel()
    await crowd.settle()
    assert crowd.turns == ["inside", "next"]
    assert crowd.gate.in_flight == 1


async def test_a_pause_holds_everybody_is_announced_once_and_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    waits: list[Wait] = []
    crowd = Crowd(gate(concurrency=3, on_wait=waits.append))
    await enter(crowd.gate)
    refuse(crowd.gate, 0.05)
    crowd.gate.leave()
    with caplog.at_level(logging.INFO, "ghpkg_async"):
        for number in range(3):
            crowd.join(str(number))
        await crowd.settle()
        assert crowd.turns == []
        await asyncio.wait(crowd.tasks, timeout=5)
    assert sorted(crowd.turns) == ["0", "1", "2"]
    assert [(wait.kind, wait.until) for wait in waits] == [
        ("secondary", NOW + timedelta(seconds=0.05))
    ]
    began, ended = (record.getMessage() for record in caplog.records)
    assert began.startswith("secondary rate limit: every request waits 0.")
    assert ended.startswith("secondary rate limit: over after 0.")
    assert crowd.gate.seconds_paused > 0.04


async def test_a_pause_longer_than_allowed_is_refused_at_once_to_all_who_wait() -> None:
    crowd = Crowd(gate(concurrency=1, max_wait=10))
    await enter(crowd.gate)
    waiting = [crowd.join(str(number)) for number in range(3)]
    await crowd.settle()
    refuse(crowd.gate, 11, "primary")
    crowd.gate.leave()
    await crowd.settle()
    waiting.append(crowd.join("late"))
    await crowd.settle()
    for task in waiting:
        with pytest.raises(TooLong) as refused:
            await task
        [pause] = refused.value.args
        assert (pause.kind, pause.until) == ("primary", NOW + timedelta(seconds=11))
    assert crowd.gate.in_flight == 0


async def test_closing_ends_every_wait() -> None:
    crowd = Crowd(gate(concurrency=1))
    await enter(crowd.gate)
    waiting = [crowd.join(str(number)) for number in range(3)]
    await crowd.settle()
    crowd.gate.close()
    for task in waiting:
        with pytest.raises(GitHubPackagesError, match="closed"):
            await task
    with pytest.raises(GitHubPackagesError, match="closed"):
        await enter(crowd.gate)


async def test_speculative_requests_wait_until_no_other_does() -> None:
    crowd = Crowd(gate(concurrency=1))
    crowd.join("inside")
    await crowd.settle()
    for lane in ("a", "b"):
        for number in (1, 2):
            crowd.join(f"{lane}{number}", lane=lane, speculative=True)
    await crowd.settle()
    for kind in ({"write": True}, {"further": True}, {}):
        crowd.join("needed", **kind)
    assert (await crowd.let_all_through())[1:] == ["needed"] * 3 + ["a1", "b1", "a2", "b2"]


async def test_a_speculative_request_is_admitted_at_once_when_the_gate_is_free() -> None:
    crowd = Crowd(gate(concurrency=2, points=900))
    crowd.join("speculative", speculative=True)
    crowd.join("needed")
    await crowd.settle()
    assert crowd.gate.in_flight == 2


async def test_a_speculative_request_that_lacks_slack_delays_no_other() -> None:
    crowd = Crowd(gate(concurrency=9, points=4))
    for number in range(4):
        crowd.join(f"speculative {number}", speculative=True)
    await crowd.settle()
    assert len(crowd.turns) == 2
    crowd.join("needed")
    await crowd.settle()
    assert crowd.turns[2:] == ["needed"]
    crowd.gate.close()
    await asyncio.gather(*crowd.tasks, return_exceptions=True)


async def test_a_cancelled_request_no_longer_holds_back_speculative_ones() -> None:
    crowd = Crowd(gate(concurrency=9, points=900))
    crowd.join("first write", write=True)
    second = crowd.join("second write", write=True)
    crowd.join("speculative", speculative=True)
    await crowd.settle()
    assert crowd.turns == ["first write"]
    second.cancel()
    await crowd.settle()
    assert crowd.turns == ["first write", "speculative"]


async def test_a_waiting_speculative_request_can_be_cancelled() -> None:
    crowd = Crowd(gate(concurrency=1))
    crowd.join("inside")
    await crowd.settle()
    speculative = crowd.join("speculative", speculative=True)
    await crowd.settle()
    speculative.cancel()
    crowd.join("needed")
    assert await crowd.let_all_through() == ["inside", "needed"]
    assert speculative.cancelled()
