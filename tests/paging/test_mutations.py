"""Tracking of the client's own writes, for its listings."""

from __future__ import annotations

import asyncio

import pytest

from ghpkg_async import Forbidden, GitHubPackagesError, ServerError
from ghpkg_async._paging.mutations import LOST_WRITE_DELAY, REPLICA_LAG, MutationTracker
from ghpkg_async._session.messages import mark_maybe_applied


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tracker(clock: Clock) -> MutationTracker:
    return MutationTracker(clock)


def overlapped(tracker: MutationTracker, collection: str = "npm/left") -> bool:
    with tracker.observe(collection) as mutations:
        return mutations.any


def test_a_write_while_a_listing_runs_is_observed(tracker: MutationTracker) -> None:
    with tracker.observe("npm/left") as mutations, tracker.observe("npm/right") as others:
        assert not mutations.any
        with tracker.record("npm/left", "npm/left?state=deleted"):
            assert mutations.any
        assert not others.any
    assert overlapped(tracker, "npm/left?state=deleted")


def test_a_write_in_flight_as_a_listing_begins_is_observed(tracker: MutationTracker) -> None:
    with tracker.record("npm/left"):
        assert overlapped(tracker)


def test_a_confirmed_write_may_be_invisible_for_a_moment(
    tracker: MutationTracker, clock: Clock
) -> None:
    with tracker.record("npm/left"):
        pass
    clock.now = 0.9 * REPLICA_LAG
    assert overlapped(tracker)
    clock.now = REPLICA_LAG
    assert not overlapped(tracker)


def _maybe_applied(error: GitHubPackagesError) -> GitHubPackagesError:
    mark_maybe_applied(error)
    return error


@pytest.mark.parametrize(
    ("error", "settles_after"),
    [
        (Forbidden("", status=403, method="DELETE", url=""), REPLICA_LAG),
        (_maybe_applied(Forbidden("", status=403, method="DELETE", url="")), LOST_WRITE_DELAY),
        (_maybe_applied(ServerError("", status=502, method="DELETE", url="")), LOST_WRITE_DELAY),
        (TimeoutError(), LOST_WRITE_DELAY),
        (asyncio.CancelledError(), LOST_WRITE_DELAY),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_a_write_whose_response_was_lost_may_still_be_applied(
    tracker: MutationTracker, clock: Clock, error: BaseException, settles_after: float
) -> None:
    with pytest.raises(type(error)), tracker.record("npm/left"):
        raise error
    clock.now = settles_after - 0.01
    assert overlapped(tracker)
    clock.now = settles_after
    assert not overlapped(tracker)
