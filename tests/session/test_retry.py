"""Decision whether and when to retry, from plain values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async._session.retry import RetryState, backoff

FINAL = [200, 204, 304, 400, 401, 403, 404, 409, 422, 429, 506, 508, 511, 519, 531, 599]


def attempts() -> RetryState:
    return RetryState(max_retries=4, longest=900)


def responded(
    status: int, at: RetryState | None = None, retry_after: float | None = None
) -> float | None:
    return (at or attempts()).delay_after_response(status, retry_after=retry_after, jitter=0)


def failed(
    at: RetryState, *, transient: bool = True, maybe_applied: bool = True, jitter: float = 0
) -> float | None:
    return at.delay_without_response(
        transient=transient, maybe_applied=maybe_applied, jitter=jitter
    )


@pytest.mark.parametrize(
    "status", [408, 500, 501, 502, 503, 504, 505, 507, 520, 521, 522, 523, 524, 525, 526, 527, 530]
)
def test_failures_of_servers_and_proxies_are_retried_and_leave_the_outcome_unknown(
    status: int,
) -> None:
    state = attempts()
    assert responded(status, state) == 0.5
    assert state.maybe_applied


def test_one_401_is_retried_where_the_same_token_worked_within_the_minute() -> None:
    def unauthorized(state: RetryState, *, token_worked: bool) -> float | None:
        return state.delay_after_response(
            401, retry_after=None, jitter=0, token_worked=token_worked
        )

    assert unauthorized(attempts(), token_worked=False) is None
    state = attempts()
    assert unauthorized(state, token_worked=True) == 0.5
    assert unauthorized(state, token_worked=True) is None
    assert not state.maybe_applied
    assert unauthorized(RetryState(max_retries=0), token_worked=True) is None


@pytest.mark.parametrize("status", FINAL)
def test_any_other_response_is_final(status: int) -> None:
    assert responded(status) is None


def test_a_transient_failure_without_a_response_is_retried() -> None:
    assert failed(attempts()) == 0.5
    assert failed(attempts(), transient=False) is None


def test_delays_grow_and_end_after_max_retries() -> None:
    at = attempts()
    waits = [responded(503, at), failed(at), responded(500, at), failed(at), responded(502, at)]
    assert waits == [0.5, 1, 2, 4, None]
    assert at.made == 5
    assert failed(RetryState(max_retries=0)) is None


def test_retry_after_is_honoured_or_too_long() -> None:
    assert responded(503, retry_after=7) == 7
    assert responded(503, retry_after=0.1) == 0.5
    assert responded(503, retry_after=900) == 900
    assert responded(503, retry_after=901) is None


@pytest.mark.parametrize("status", FINAL)
def test_maybe_applied_persists_over_later_attempts(status: int) -> None:
    at = attempts()
    responded(status, at)
    assert at.maybe_applied is (status >= 500)
    failed(at, maybe_applied=False)
    assert at.maybe_applied is (status >= 500)
    failed(at)
    responded(404, at)
    assert at.maybe_applied


@given(attempt=st.integers(1, 10_000), jitter=st.floats(0, 1))
def test_jitter_takes_up_to_half_and_no_wait_is_endless(attempt: int, jitter: float) -> None:
    whole = backoff(attempt, 0)
    wait = RetryState(max_retries=attempt, made=attempt).delay_without_response(
        transient=True, maybe_applied=True, jitter=jitter
    )
    assert wait is not None
    assert whole / 2 <= wait <= whole <= 30
