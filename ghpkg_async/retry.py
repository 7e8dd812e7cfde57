"""Whether to ask again, and when: pure, so that thousands of cases a second can be tested."""

from __future__ import annotations

from typing import Final

import attrs

__all__ = ["LONGEST_BACKOFF", "RETRIED_STATUSES", "Attempts", "backoff"]

RETRIED_STATUSES: Final = frozenset({500, 502, 503, 504})
"""Answers that another attempt may turn into a good one. Any other answer stands."""

_FIRST_WAIT: Final = 0.5
LONGEST_BACKOFF: Final = 30.0


@attrs.define
class Attempts:
    """What came of the attempts at one request, and so whether there will be another.

    Attributes:
        max_retries: attempts that may follow the first.
        longest: seconds; a server that asks for a longer wait is not asked again.
        made: attempts made, the one under way included.
        uncertain: whether any of them may have been carried out without saying so.
    """

    max_retries: int
    longest: float = LONGEST_BACKOFF
    made: int = 1
    uncertain: bool = False

    def wait_after_answer(
        self, status: int, *, retry_after: float | None, jitter: float
    ) -> float | None:
        """Seconds to wait before the next attempt, or ``None`` where the answer stands.

        Args:
            status: the answer's.
            retry_after: the seconds the answer's ``Retry-After`` asks for, if it does.
            jitter: a random number from 0 to 1, so that clients that failed together part.
        """
        self.uncertain = self.uncertain or status >= 500
        least = retry_after or 0.0
        return self._wait(status in RETRIED_STATUSES and least <= self.longest, least, jitter)

    def wait_after_failure(
        self, *, transient: bool, carried_out: bool, jitter: float
    ) -> float | None:
        """Seconds to wait before the next attempt, or ``None`` where there will be none.

        Args:
            transient: whether another attempt makes sense.
            carried_out: whether the request may have been, though no whole answer came.
            jitter: a random number from 0 to 1.
        """
        self.uncertain = self.uncertain or carried_out
        return self._wait(transient, 0.0, jitter)

    def _wait(self, sensible: bool, least: float, jitter: float) -> float | None:
        if not sensible or self.made > self.max_retries:
            return None
        wait = max(backoff(self.made, jitter), least)
        self.made += 1
        return wait


def backoff(attempt: int, jitter: float) -> float:
    """Seconds that double with each attempt, up to a bound, of which jitter takes up to half."""
    whole = min(LONGEST_BACKOFF, _FIRST_WAIT * 2.0 ** min(attempt - 1, 16))
    return whole * (1 - jitter / 2)
