"""Counts of a client's requests."""

from __future__ import annotations

import attrs

__all__ = ["Stats"]


@attrs.define
class Stats:
    """Counts of a client's requests.

    Seconds are those during which at least one request was held, however many were; speculative
    requests do not count.

    Attributes:
        requests: requests sent, retries and followed redirects included.
        retries: attempts after the first, after a transient failure or a rate limit.
        not_modified: cached responses that a 304 confirmed, free of the hourly budget.
        points: their cost in GitHub's secondary limit (GET 1, writes 5).
        seconds_paced: seconds during which requests were held by ``points_per_minute``, the second
            between writes or the gradual return after a rate limit.
        seconds_limited: seconds during which a rate limit held requests.
    """

    requests: int = 0
    retries: int = 0
    not_modified: int = 0
    points: int = 0
    seconds_paced: float = 0.0
    seconds_limited: float = 0.0

    @property
    def seconds_waited(self) -> float:
        """``seconds_paced`` and ``seconds_limited`` together; they never overlap."""
        return self.seconds_paced + self.seconds_limited
