"""Whether to ask again, and when: pure, so that thousands of cases a second can be tested."""

from __future__ import annotations

from typing import Final

__all__ = ["LONGEST_BACKOFF", "RETRIED_STATUSES", "backoff", "wait_before_retry"]

RETRIED_STATUSES: Final = frozenset({500, 502, 503, 504})
"""Answers that another attempt may turn into a good one. Any other answer stands."""

_FIRST_WAIT: Final = 0.5
LONGEST_BACKOFF: Final = 30.0


def wait_before_retry(
    status: int | None,
    attempt: int,
    *,
    max_retries: int,
    retry_after: float | None,
    longest: float,
    jitter: float,
) -> float | None:
    """Seconds to wait before the next attempt, or ``None`` where this outcome stands.

    Args:
        status: the answer's status; ``None`` where no whole answer came.
        attempt: how many attempts were made, from 1.
        max_retries: how many more than one may be made.
        retry_after: the seconds the answer's ``Retry-After`` asks for, if it does.
        longest: seconds; an answer that asks for more stands.
        jitter: a random number from 0 to 1, so that clients that failed together part.
    """
    if attempt > max_retries:
        return None
    if status is not None and status not in RETRIED_STATUSES:
        return None
    if retry_after is not None and retry_after > longest:
        return None
    return max(backoff(attempt, jitter), retry_after or 0.0)


def backoff(attempt: int, jitter: float) -> float:
    """Seconds that double with each attempt, up to a bound, of which jitter takes up to half."""
    whole = min(LONGEST_BACKOFF, _FIRST_WAIT * 2.0 ** min(attempt - 1, 16))
    return whole * (1 - jitter / 2)
