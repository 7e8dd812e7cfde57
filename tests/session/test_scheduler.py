"""Scheduling of one client's requests: concurrency, order, pace and notification of waits."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async import GitHubPackagesError, RateLimited, RateLimitWait
from ghpkg_async._session.limits import MINUTE, READ_POINTS, WRITE_POINTS, Limits
from ghpkg_async._session.scheduler import RequestScheduler
from ghpkg_async._session.stats import Stats
from tests.support.examples import examples
from tests.support.virtual import run

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = 3600.0


def gate(
    concurrency: int = 2,
    *,
    points: int | None = None,
    on_wait: Callable[[RateLimitWait], object] | None = None,
) -> RequestScheduler:
    limits = Limits(points, concurrency, jitter=lambda: 0.0)
    return RequestScheduler(limits, concurrency, Stats(), on_wait=on_wait)


def simulated_gate(
    concurrency: int,
    points: int | None = None,
    on_wait: Callable[[RateLimitWait], object] | None = None,
    stats: Stats | None = None,
) -> RequestScheduler:
    limits = Limits(points, concurrency, jitter=lambda: 0.0)
    clock = asyncio.get_running_loop().time
    stats = Stats() if stats is None else stats
    return RequestScheduler(limits, concurrency, stats, on_wait=on_wait, clock=clock)


async def enter(
    gate: RequestScheduler,
    flow: Hashable = None,
    *,
    write: bool = False,
    is_continuation: bool = False,
    speculative: bool = False,
    max_wait: float = 900,
) -> None:
    pause = await gate.acquire(
        write=write,
        flow=flow,
        is_continuation=is_continuation,
        speculative=speculative,
        max_wait=max_wait,
    )
    if pause is not None:
        raise TooLong(pause)


def refuse(gate: RequestScheduler, seconds: float, kind: str = "secondary") -> None:
    """Apply a rate limit response, while its request is in flight."""
    error = RateLimited(
        "slow down",
        kind=kind,  # type: ignore[arg-type]
        retry_at=NOW + timedelta(seconds=seconds),
        status=429,
        method="GET",
        url="",
    )
    gate.limits.on_rate_limited(gate.clock(), NOW, {"Retry-After": str(seconds)}, error)


class TooLong(Exception):
    pass


@attrs.define
class Crowd:
    """Tasks that acquire a slot, record their turn, and keep the slot until they are released."""

    gate: RequestScheduler
    turns: list[str] = attrs.field(factory=list)
    tasks: list[asyncio.Task[None]] = attrs.field(factory=list)

    def join(self, name: str, flow: Hashable = None, **kind: Any) -> asyncio.Task[None]:
        async def enter_and_note() -> None:
            await enter(self.gate, flow, **kind)
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
            self.gate.release(write=False)
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
        crowd.join("page", flow="long", is_continuation=True)
        crowd.join("short", flow=number)
    turns = (await crowd.let_all_through())[1:]
    assert sorted(turns) == ["page"] * 6 + ["short"] * 6
    assert all({*turns[place : place + 2]} == {"page", "short"} for place in range(0, 12, 2))


async def test_long_listings_take_turns_among_themselves() -> None:
    crowd = Crowd(gate(concurrency=1))
    crowd.join("inside")
    await crowd.settle()
    for flow in ("a", "b", "c"):
        for _ in range(3):
            crowd.join(flow, flow=flow, is_continuation=True)
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


async def test_a_turn_given_to_a_cancelled_request_is_passed_on() -> None:
    crowd = Crowd(gate(concurrency=1))
    crowd.join("inside")
    await crowd.settle()
    leaver = crowd.join("leaver")
    crowd.join("next")
    await crowd.settle()
    crowd.gate.release(write=False)
    leaver.cancel()
    await crowd.settle()
    assert crowd.turns == ["inside", "next"]
    assert crowd.gate.in_flight == 1


def test_a_pause_holds_all_requests_is_reported_once_and_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    waits: list[RateLimitWait] = []

    async def three_requests_after_a_refusal() -> None:
        crowd = Crowd(simulated_gate(concurrency=3, on_wait=waits.append))
        await enter(crowd.gate)
        refuse(crowd.gate, 7)
        crowd.gate.release(write=False)
        for number in range(3):
            crowd.join(str(number))
        await crowd.settle()
        assert crowd.turns == []
        await asyncio.wait(crowd.tasks)
        assert sorted(crowd.turns) == ["0", "1", "2"]

    with caplog.at_level(logging.INFO, "ghpkg_async"):
        run(three_requests_after_a_refusal, longest=HOUR)
    assert waits == [RateLimitWait("secondary", 7, NOW + timedelta(seconds=7), 1)]
    began, ended = caplog.records
    assert (began.levelname, ended.levelname) == ("WARNING", "INFO")
    assert began.getMessage().startswith("secondary rate limit: every request waits 7.0 s")
    assert ended.getMessage() == "secondary rate limit: over after 7.0 s"


def test_a_listener_that_raises_is_logged_and_holds_no_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_: RateLimitWait) -> None:
        raise ValueError("no such gauge")

    async def a_request_after_a_refusal() -> None:
        waits: list[RateLimitWait] = []
        crowd = Crowd(simulated_gate(concurrency=1, on_wait=broken))
        with crowd.gate.listening("on_event", waits.append):
            await enter(crowd.gate)
            refuse(crowd.gate, 7)
            crowd.join("next")
            await crowd.settle()
            crowd.gate.release(write=False)
            await asyncio.wait(crowd.tasks)
        assert crowd.turns == ["next"]
        assert crowd.gate.in_flight == 1
        assert len(waits) == 1

    run(a_request_after_a_refusal, longest=HOUR)
    [error] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert error.name == "ghpkg_async"
    assert error.getMessage().startswith("on_wait raised an exception")
    assert "ValueError: no such gauge" in error.getMessage()


def test_seconds_are_those_in_which_requests_were_held() -> None:
    async def writes_then_a_refusal() -> tuple[float, float, float]:
        stats = Stats()
        crowd = Crowd(simulated_gate(concurrency=4, points=900, stats=stats))
        for number in range(3):
            crowd.join(str(number), write=True)
        await asyncio.wait(crowd.tasks)
        crowd.gate.update_seconds()
        after_writes = stats.seconds_paced
        await asyncio.sleep(100)
        refuse(crowd.gate, 10)
        waiting = crowd.join("late")
        await asyncio.sleep(4)
        crowd.gate.update_seconds()
        under_way = stats.seconds_limited
        await waiting
        await asyncio.sleep(100)
        crowd.gate.update_seconds()
        assert stats.seconds_paced == pytest.approx(after_writes, abs=0.5)
        return after_writes, under_way, stats.seconds_limited

    assert run(writes_then_a_refusal, longest=HOUR) == pytest.approx((2, 4, 10))


async def test_a_pause_longer_than_allowed_is_refused_at_once_to_all_who_wait() -> None:
    crowd = Crowd(gate(concurrency=1))
    await enter(crowd.gate)
    waiting = [crowd.join(str(number), max_wait=10) for number in range(3)]
    patient = crowd.join("patient", max_wait=12)
    await crowd.settle()
    refuse(crowd.gate, 11, "primary")
    crowd.gate.release(write=False)
    await crowd.settle()
    waiting.append(crowd.join("late", max_wait=10))
    await crowd.settle()
    for task in waiting:
        with pytest.raises(TooLong) as refused:
            await task
        [pause] = refused.value.args
        assert (pause.kind, pause.until) == ("primary", NOW + timedelta(seconds=11))
    assert not patient.done()
    patient.cancel()
    await asyncio.wait([patient])
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
    for flow in ("a", "b"):
        for number in (1, 2):
            crowd.join(f"{flow}{number}", flow=flow, speculative=True)
    await crowd.settle()
    for kind in ({"write": True}, {"is_continuation": True}, {}):
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


@attrs.frozen
class Load:
    """Request of a simulation.

    Attributes:
        kind: ``"write"``, ``"start"``, ``"further"`` or ``"speculative"``.
        flow: number of the request's listing.
        start: seconds from the beginning to the call of `RequestScheduler.acquire`.
        latency: seconds from the sending of the request to its response.
        arrival: share of the latency after which the request reaches the server.
    """

    kind: str
    flow: int = 0
    start: float = 0.0
    latency: float = 0.1
    arrival: float = 0.5


@attrs.define
class Simulation:
    """Requests of one client in simulated time, with the server's times of arrival."""

    gate: RequestScheduler
    arrivals: list[tuple[float, int]] = attrs.field(factory=list)
    waits: dict[str, float] = attrs.field(factory=dict)
    max_in_flight: int = 0

    @classmethod
    def of(cls, loads: list[Load], *, concurrency: int, points: int) -> Simulation:
        """Simulate all requests; fail if one is never admitted."""

        async def simulate() -> Simulation:
            simulation = cls(simulated_gate(concurrency, points))
            async with asyncio.timeout(3600), asyncio.TaskGroup() as group:
                for load in loads:
                    group.create_task(simulation.request(load))
            return simulation

        simulation = run(simulate, longest=HOUR)
        assert len(simulation.arrivals) == len(loads)
        assert simulation.max_in_flight <= concurrency
        return simulation

    async def request(self, load: Load) -> None:
        gate, clock, kind = self.gate, self.gate.clock, load.kind
        write, speculative = kind == "write", kind == "speculative"
        await asyncio.sleep(load.start)
        called = clock()
        await enter(
            gate, load.flow, write=write, is_continuation=kind == "further", speculative=speculative
        )
        self.max_in_flight = max(self.max_in_flight, gate.in_flight)
        self.waits[kind] = max(clock() - called, self.waits.get(kind, 0.0))
        cost = WRITE_POINTS if write else READ_POINTS
        self.arrivals.append((clock() + load.arrival * load.latency, cost))
        await asyncio.sleep(load.latency)
        gate.release(write=write)

    def dearest_minute(self) -> int:
        """Return the most points that reached the server in any 60 seconds."""
        return max(
            sum(cost for when, cost in self.arrivals if start <= when < start + MINUTE - 1e-6)
            for start, _ in self.arrivals
        )


LOADS = st.builds(
    Load,
    kind=st.sampled_from(["write", "start", "further", "speculative"]),
    flow=st.integers(0, 3),
    start=st.floats(0, 90),
    latency=st.sampled_from([0.0, 0.1, 3.0, 40.0]),
    arrival=st.sampled_from([0.0, 0.5, 1.0]),
)


@examples(150)
@given(
    loads=st.lists(LOADS, max_size=60), points=st.integers(10, 60), concurrency=st.integers(1, 8)
)
def test_any_mix_of_requests_is_admitted_within_the_limits(
    loads: list[Load], points: int, concurrency: int
) -> None:
    simulation = Simulation.of([Load("start"), *loads], concurrency=concurrency, points=points)
    assert simulation.dearest_minute() <= points


def test_a_write_gets_its_points_though_reads_take_every_one_that_is_free() -> None:
    loads = [Load("start", start=number / 10) for number in range(3000)]
    loads += [Load("write", start=100 * number) for number in range(1, 20)]
    simulation = Simulation.of(loads, concurrency=8, points=60)
    assert simulation.waits["write"] < 10


def test_reads_get_their_turns_though_writes_take_every_point_that_is_free() -> None:
    loads = [Load("write", start=number / 10) for number in range(300)]
    loads += [Load(kind, start=100) for kind in ("start", "further")]
    simulation = Simulation.of(loads, concurrency=8, points=60)
    assert max(simulation.waits["start"], simulation.waits["further"]) < 15


def test_speculative_requests_delay_others_by_no_more_than_a_place_that_was_free() -> None:
    loads = [Load("speculative", flow=number % 3) for number in range(20)]
    loads += [Load("start", start=number / 20) for number in range(40)]
    waits = Simulation.of(loads, concurrency=2, points=900).waits
    assert waits["start"] == pytest.approx(0.1)


def test_a_burst_is_not_slowed_and_the_pace_after_it_is_even() -> None:
    burst = Simulation.of([Load("start")] * 454, concurrency=16, points=900)
    assert burst.waits["start"] == pytest.approx(454 // 16 * 0.1)
    long = Simulation.of([Load("further")] * 2600, concurrency=16, points=900)
    sent = sorted(when for when, _ in long.arrivals)
    assert max(after - before for before, after in pairwise(sent)) < 1
    assert sent[-1] - sent[0] < 3 * MINUTE
