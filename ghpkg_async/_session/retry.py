"""Decide whether and when to retry a request. No I/O, no clock."""

from __future__ import annotations

from typing import Final

import attrs

__all__ = [
    "LONGEST_BACKOFF",
    "RETRIED_STATUSES",
    "RetryState",
    "backoff",
    "is_refusal",
    "replaces_token",
]

RETRIED_STATUSES: Final = frozenset({408, *range(500, 506), 507, *range(520, 531)})
"""Statuses that are retried: transient failures of GitHub, or of a proxy before it.

With such a status, a write may have been applied; see `is_refusal`.
"""

MAX_RATE_LIMITS: Final = 20
"""Rate limits of one request that are waited for; a further one raises `RateLimited`."""

FIRST_BACKOFF: Final = 0.5
"""Seconds before the second attempt, of which jitter takes up to half."""
LONGEST_BACKOFF: Final = 30.0
"""Upper bound of the backoff in seconds."""


@attrs.define
class RetryState:
    """The attempts at one request so far.

    Attributes:
        max_retries: attempts that may follow the first.
        longest: longest ``Retry-After`` in seconds that is waited for.
        made: attempts that count towards ``max_retries``, the present one included; repeats after
            a rate limit or with another token do not count.
        maybe_applied: whether any of them may have been applied without a response that says so.
        unauthorized: whether a 401 was retried.
        rate_limits: responses with a rate limit so far.
    """

    max_retries: int
    longest: float = LONGEST_BACKOFF
    made: int = 1
    maybe_applied: bool = False
    unauthorized: bool = False
    rate_limits: int = 0

    def waits_for_rate_limit(self, *, will_wait: bool) -> bool:
        """Count a rate limit and return whether to send the request again when it is over.

        Args:
            will_wait: whether the limit ends within ``max_rate_limit_wait``.
        """
        self.rate_limits += 1
        return will_wait and self.rate_limits <= MAX_RATE_LIMITS

    def note_redirect(self, status: int) -> None:
        """Record a redirect: a 303 refers to the result of a request that may have been applied."""
        self.maybe_applied = self.maybe_applied or status == 303

    def delay_after_response(
        self,
        status: int,
        *,
        retry_after: float | None,
        jitter: float,
        token_worked: bool = False,
    ) -> float | None:
        """Record a response and return the seconds before the next attempt.

        Args:
            status: status of the response.
            retry_after: value of its ``Retry-After`` in seconds, if it has one.
            jitter: random number from 0 to 1, so that clients that failed together spread out.
            token_worked: whether the server accepted the request's token within the last minute.
                Under load GitHub refuses a valid token now and then, so one 401 is then retried.

        Returns:
            ``None`` if the response is final.
        """
        transient = status in RETRIED_STATUSES
        self.maybe_applied = self.maybe_applied or (status >= 400 and not is_refusal(status))
        if status == 401 and token_worked and not self.unauthorized:
            transient = self.unauthorized = True
        least = retry_after or 0.0
        return self._wait(transient and least <= self.longest, least, jitter)

    def delay_without_response(
        self, *, transient: bool, maybe_applied: bool, jitter: float
    ) -> float | None:
        """Record an attempt without a response and return the seconds before the next attempt.

        Args:
            transient: whether another attempt may succeed.
            maybe_applied: whether the request may have been applied.
            jitter: random number from 0 to 1.

        Returns:
            ``None`` if there is no further attempt.
        """
        self.maybe_applied = self.maybe_applied or maybe_applied
        return self._wait(transient, 0.0, jitter)

    def _wait(self, is_transient: bool, least: float, jitter: float) -> float | None:
        if not is_transient or self.made > self.max_retries:
            return None
        wait = max(backoff(self.made, jitter), least)
        self.made += 1
        return wait


def is_refusal(status: int) -> bool:
    """Return whether a response with this status proves that the request was not applied."""
    return 400 <= status < 500 and status not in RETRIED_STATUSES


def replaces_token(status: int, *, has_own: bool) -> bool:
    """Return whether to send the request again if the token source has another token by now.

    Args:
        status: status of the response.
        has_own: whether the request has a token of its own, or one that replaced another.
    """
    return status == 401 and not has_own


def backoff(attempt: int, jitter: float) -> float:
    """Return 0.5 s doubled with each attempt, at most 30 s, of which jitter takes up to half."""
    whole = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(attempt - 1, 16))
    return whole * (1 - jitter / 2)
