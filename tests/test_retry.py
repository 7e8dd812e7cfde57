"""Whether and when to ask again, decided without waiting or asking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async.retry import RETRIED_STATUSES, Attempts, backoff

STANDING = [200, 204, 304, 400, 401, 403, 404, 409, 422, 429, 501]


def attempts() -> Attempts:
    return Attempts(max_retries=4, longest=900)


def answered(
    status: int, at: Attempts | None = None, retry_after: float | None = None
) -> float | None:
    return (at or attempts()).wait_after_answer(status, retry_after=retry_after, jitter=0)


def failed(
    at: Attempts, *, transient: bool = True, carried_out: bool = True, jitter: float = 0
) -> float | None:
    return at.wait_after_failure(transient=transient, carried_out=carried_out, jitter=jitter)


@pytest.mark.parametrize("status", sorted(RETRIED_STATUSES))
def test_server_failures_are_asked_again(status: int) -> None:
    assert answered(status) == 0.5


@pytest.mark.parametrize("status", STANDING)
def test_any_other_answer_stands(status: int) -> None:
    assert answered(status) is None


def test_no_answer_is_asked_again_where_that_makes_sense() -> None:
    assert failed(attempts()) == 0.5
    assert failed(attempts(), transient=False) is None


def test_waits_grow_and_come_only_so_many_times() -> None:
    at = attempts()
    waits = [answered(503, at), failed(at), answered(500, at), failed(at), answered(502, at)]
    assert waits == [0.5, 1, 2, 4, None]
    assert at.made == 5
    assert failed(Attempts(max_retries=0)) is None


def test_a_time_the_server_asks_for_is_kept_to_or_too_long() -> None:
    assert answered(503, retry_after=7) == 7
    assert answered(503, retry_after=0.1) == 0.5
    assert answered(503, retry_after=900) == 900
    assert answered(503, retry_after=901) is None


@pytest.mark.parametrize("status", STANDING)
def test_what_may_have_been_carried_out_is_not_forgotten(status: int) -> None:
    at = attempts()
    answered(status, at)
    assert at.uncertain is (status >= 500)
    failed(at, carried_out=False)
    assert at.uncertain is (status >= 500)
    failed(at)
    answered(404, at)
    assert at.uncertain


@given(attempt=st.integers(1, 10_000), jitter=st.floats(0, 1))
def test_jitter_takes_up_to_half_and_no_wait_is_endless(attempt: int, jitter: float) -> None:
    whole = backoff(attempt, 0)
    wait = Attempts(max_retries=attempt, made=attempt).wait_after_failure(
        transient=True, carried_out=True, jitter=jitter
    )
    assert wait is not None
    assert whole / 2 <= wait <= whole <= 30
