"""Rate limit state of one client; the time is an argument, so tests need not wait."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ghpkg_async import RateLimited
from ghpkg_async._session.limits import (
    COMEBACK_SPREAD,
    MINUTE,
    WRITE_SPACING,
    Limits,
    read_rate_limit,
)
from tests.support.examples import examples

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def budget(remaining: int, reset: float = 3600, used: int | None = None) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": "5000",
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Used": str(5000 - remaining if used is None else used),
        "X-RateLimit-Reset": str(int(at(reset).timestamp())),
        "X-RateLimit-Resource": "core",
    }


def limited(kind: str, wait: float, now: float = 0) -> RateLimited:
    return RateLimited(
        "slow down",
        kind=kind,  # type: ignore[arg-type]
        retry_at=at(now + wait),
        status=403,
        method="GET",
        url="",
    )


def limits(points: int | None = None, concurrency: int = 16, jitter: float = 0.5) -> Limits:
    return Limits(points, concurrency, jitter=lambda: jitter)


def responded(state: Limits, now: float, headers: dict[str, str] | None = None) -> None:
    state.on_sent(now, write=False)
    state.on_response(now, at(now), headers or {})
    state.on_done(now, write=False)


def refused(
    state: Limits, now: float, kind: str, wait: float, headers: dict[str, str] | None = None
) -> None:
    state.on_sent(now, write=False)
    state.on_rate_limited(now, at(now), headers or {}, limited(kind, wait, now))
    state.on_done(now, write=False)


def test_rate_limit_is_that_of_the_last_response() -> None:
    state = limits()
    assert state.rate_limit is None
    responded(state, 0, budget(4999))
    assert state.rate_limit is not None
    assert (state.rate_limit.remaining, state.rate_limit.reset) == (4999, at(3600))


def test_a_late_response_of_an_earlier_request_does_not_count() -> None:
    state = limits()
    responded(state, 0, budget(10))
    responded(state, 0, budget(12))
    assert state.rate_limit is not None
    assert state.rate_limit.remaining == 10
    responded(state, 0, budget(5000, reset=7200))
    assert state.rate_limit.remaining == 5000


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**budget(1), "X-RateLimit-Remaining": "many"},
        {**budget(1), "X-RateLimit-Reset": "9" * 30},
        {**budget(1), "X-RateLimit-Reset": "nan"},
        {"X-RateLimit-Remaining": "0"},
    ],
)
def test_incomplete_rate_limit_headers_are_ignored(headers: dict[str, str]) -> None:
    assert read_rate_limit(headers) is None


def test_an_exhausted_budget_holds_all_requests_until_the_reset() -> None:
    state = limits()
    refused(state, 0, "primary", 100, budget(0, reset=100))
    assert state.delay(0, write=False) == 100
    assert state.delay(99, write=True) == 1
    assert state.resume(100)
    assert state.delay(101, write=False) == 0


def test_no_request_is_sent_with_an_exhausted_budget() -> None:
    state = limits()
    responded(state, 0, budget(0, reset=100))
    assert state.delay(0, write=False) == 100
    assert state.pause is not None
    assert state.pause.kind == "primary"


def test_no_more_are_in_flight_than_the_budget_has_left() -> None:
    state = limits()
    responded(state, 0, budget(2))
    state.on_sent(0, write=False)
    assert state.delay(0, write=False) == 0
    state.on_sent(0, write=False)
    assert state.delay(0, write=False) == float("inf")
    state.on_response(0, at(0), budget(1))
    state.on_done(0, write=False)
    assert state.delay(0, write=False) == float("inf")
    state.on_done(0, write=False)
    assert state.delay(0, write=False) == 0


def test_the_reset_is_judged_by_the_servers_clock() -> None:
    state = limits()
    state.on_sent(0, write=False)
    ahead = at(500)  # The server's clock is 500 s ahead of the client's.
    error = limited("primary", 560)
    state.on_rate_limited(0, ahead, budget(0, reset=560), error)
    assert state.delay(0, write=False) == 60


def test_a_secondary_limit_without_a_time_waits_a_minute_then_longer() -> None:
    state = limits()
    now = 0.0
    for expected in (60, 120, 240):
        refused(state, now, "secondary", 60)
        assert state.delay(now, write=False) == expected
        now += expected
        assert state.resume(now)
    responded(state, now)
    refused(state, now, "secondary", 60)
    assert state.delay(now, write=False) == 60


def test_responses_in_flight_do_not_extend_a_pause() -> None:
    state = limits()
    for _ in range(3):
        refused(state, 0, "secondary", 60)
    assert state.delay(0, write=False) == 60


def test_a_time_the_server_names_is_kept_to() -> None:
    state = limits()
    for now in (0, 5):
        refused(state, now, "secondary", 5, {"Retry-After": "5"})
        assert state.delay(now, write=False) == 5
        assert state.resume(now + 5)


@pytest.mark.parametrize("kind", ["primary", "secondary"])
@pytest.mark.parametrize("wait", [-3600, 0, 0.5])
def test_a_refusal_that_names_no_later_time_pauses_longer_each_time(kind: str, wait: float) -> None:
    state, now = limits(), 0.0
    for expected in (1, 2, 4, 8):
        refused(state, now, kind, wait, {"Retry-After": str(wait)})
        assert state.delay(now, write=False) == expected
        now += expected
        assert state.resume(now)
    responded(state, now)
    refused(state, now, kind, wait, {"Retry-After": str(wait)})
    assert state.delay(now, write=False) == 1


def test_requests_after_a_pause_are_spread_out() -> None:
    state = limits(concurrency=4)
    refused(state, 0, "secondary", 10, {"Retry-After": "10"})
    assert state.resume(10)
    now, sent = 10.0, []
    for _ in range(6):
        now += state.delay(now, write=False)
        state.on_sent(now, write=False)
        sent.append(now - 10)
    step = COMEBACK_SPREAD / 4
    assert sent == pytest.approx(
        [step / 2, *(step / 2 + step * n for n in (1, 2, 3)), sent[3], sent[3]]
    )


@pytest.mark.parametrize("points", [100, 900, 6_000])
def test_three_fifths_of_the_points_go_at_once_and_the_rest_over_the_minute(points: int) -> None:
    state, now, sent = limits(points=points), 0.0, []
    burst = points * 3 // 5 + 1
    while now < 3 * MINUTE:
        now += state.delay(now, write=False)
        state.on_sent(now, write=False)
        state.on_done(now, write=False)
        sent.append(now)
    assert sent[:burst] == [0.0] * burst < sent[: burst + 1]
    assert max(after - before for before, after in pairwise(sent)) < 180 / points
    assert len(sent) == pytest.approx(3 * points, rel=0.03), "points were left unspent"


def test_points_count_until_a_minute_after_the_response() -> None:
    state = limits(points=1)
    state.on_sent(0, write=False)
    assert state.delay(100, write=False) == math.inf
    state.on_done(100, write=False)
    assert state.delay(100, write=False) == MINUTE


def test_writes_are_a_second_apart() -> None:
    state = limits(points=900)
    state.on_sent(0, write=True)
    assert state.delay(0.25, write=True) == 0.75
    assert state.delay(0.25, write=False) == 0
    assert limits(points=None).delay(0, write=True) == 0


def test_a_budget_smaller_than_a_write_still_lets_one_through() -> None:
    state = limits(points=2)
    assert state.delay(0, write=True) == 0
    state.on_sent(0, write=True)
    state.on_done(0, write=True)
    assert state.delay(1, write=True) == 59


def test_speculation_stops_at_half_of_the_minutes_points() -> None:
    state = limits(points=10)
    for second in range(5):
        assert state.delay(second, write=False, speculative=True) == 0
        state.on_sent(second, write=False)
        state.on_done(second, write=False)
    assert state.delay(5, write=False, speculative=True) == MINUTE - 5
    assert state.delay(5, write=False) == 0
    assert state.delay(MINUTE, write=False, speculative=True) == 0


def test_speculation_leaves_a_tenth_of_the_hourly_budget() -> None:
    state = limits()
    assert state.delay(0, write=False, speculative=True) == 0
    responded(state, 0, budget(501))
    assert state.delay(0, write=False, speculative=True) == 0
    responded(state, 0, budget(500))
    assert state.delay(0, write=False, speculative=True) == 3600
    assert state.delay(0, write=False) == 0


def test_a_pause_holds_speculation_too() -> None:
    state = limits()
    refused(state, 0, "secondary", 10, {"Retry-After": "10"})
    assert state.delay(0, write=False, speculative=True) == 10


class AnyLoad(RuleBasedStateMachine):
    """Requests that wait for the delay of `Limits` never exceed a limit."""

    def __init__(self) -> None:
        super().__init__()
        self.points = 30
        self.state = Limits(self.points, 4, jitter=lambda: 0.3)
        self.now = 0.0
        self.in_flight: list[tuple[float, bool]] = []
        self.arrived: list[tuple[float, int]] = []
        self.writes: list[float] = []
        self.closed_until = 0.0

    @rule(seconds=st.floats(0, 45))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.state.resume(self.now)

    @rule(write=st.booleans())
    def a_request_goes_when_it_may(self, write: bool) -> None:
        while (delay := self.state.delay(self.now, write=write)) > 0:
            if delay == float("inf"):
                return  # The delay is unknown until a response is received.
            self.now += delay
            self.state.resume(self.now)
        assert self.now >= self.closed_until - 1e-6
        self.state.on_sent(self.now, write=write)
        self.in_flight.append((self.now, write))
        if write:
            self.writes.append(self.now)

    @precondition(lambda self: self.in_flight)
    @rule(remaining=st.integers(1, 5000), when=st.floats(0, 1))
    def send_response(self, remaining: int, when: float) -> None:
        self.state.on_response(self.now, at(self.now), budget(remaining))
        self.it_ends(when)

    @precondition(lambda self: self.in_flight)
    @rule(when=st.floats(0, 1))
    def it_is_lost(self, when: float) -> None:
        self.it_ends(when)

    @precondition(lambda self: self.in_flight)
    @rule(
        kind=st.sampled_from(["primary", "secondary"]),
        wait=st.integers(0, 120),
        when=st.floats(0, 1),
    )
    def a_limit_refuses_it(self, kind: str, wait: int, when: float) -> None:
        error = limited(kind, wait, self.now)
        self.state.on_rate_limited(self.now, at(self.now), {"Retry-After": str(wait)}, error)
        self.closed_until = max(self.closed_until, self.now + max(wait, 1))
        self.it_ends(when)

    def it_ends(self, when: float) -> None:
        """End the oldest request, which reached the server between being sent and now."""
        sent, write = self.in_flight.pop(0)
        self.arrived.append((sent + when * (self.now - sent), 5 if write else 1))
        self.state.on_done(self.now, write=write)

    @invariant()
    def no_minute_costs_more_than_the_budget(self) -> None:
        for start, _ in self.arrived:
            inside = [points for when, points in self.arrived if start <= when < start + 59.999]
            assert sum(inside) <= self.points

    @invariant()
    def writes_keep_their_distance(self) -> None:
        gaps = [after - before for before, after in zip(self.writes, self.writes[1:], strict=False)]
        assert all(gap >= WRITE_SPACING - 1e-6 for gap in gaps)


AnyLoad.TestCase.settings = examples(60, stateful_step_count=40)
test_any_load = AnyLoad.TestCase
