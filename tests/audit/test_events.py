"""Progress of an audit, and the estimate of its remaining time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async.audit import Progress


def progress(**numbers: int) -> Progress:
    return Progress(**numbers)


def test_the_estimate_is_unknown_before_the_first_page() -> None:
    assert progress(listings=70).seconds_to_go(3.0) is None
    assert progress(listings=70).requests_to_go() == 70


def test_listings_not_begun_are_estimated_from_finished_ones() -> None:
    half_way = progress(listings=10, listings_begun=5, pages=20, pages_done=15)
    assert half_way.requests_to_go() == 5 + 5 * 4
    assert half_way.seconds_to_go(15.0) == 25.0


def test_an_hour_whose_budget_does_not_suffice_is_waited_for() -> None:
    half_way = progress(listings=10, listings_begun=5, pages=20, pages_done=15)
    assert half_way.seconds_to_go(15.0, remaining=24, reset_in=1800.0) == 1800.0
    assert half_way.seconds_to_go(15.0, remaining=25, reset_in=1800.0) == 25.0


@given(
    listings=st.integers(0, 9999),
    begun=st.integers(0, 9999),
    pages=st.integers(0, 9999),
    done=st.integers(0, 9999),
    elapsed=st.floats(0, 1e6),
)
def test_the_estimate_is_never_negative_and_ends_at_zero(
    listings: int, begun: int, pages: int, done: int, elapsed: float
) -> None:
    begun, done = min(begun, listings), min(done, pages)
    now = progress(listings=listings, listings_begun=begun, pages=pages, pages_done=done)
    assert now.requests_to_go() >= 0
    assert (now.seconds_to_go(elapsed) or 0.0) >= 0.0
    end = progress(listings=listings, listings_begun=listings, pages=pages, pages_done=pages)
    assert end.requests_to_go() == 0
