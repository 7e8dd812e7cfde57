"""Rate-limit state of one client: when the next request may be sent. No I/O, no clock.

The limits: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

import math
import random
import re
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from .error_mapping import server_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..errors import LimitKind, RateLimited

__all__ = ["Limits", "Pause", "RateLimit"]

READ_POINTS: Final = 1
WRITE_POINTS: Final = 5
WRITE_SPACING: Final = 1.0
COMEBACK_SPREAD: Final = 1.0
"""Seconds over which as many requests as may be in flight come back after a pause."""
MINUTE: Final = 60.0
BURST: Final = 0.6
"""Share of a minute's points that may be spent at once; the others are spread over the minute."""
SHORTEST_PAUSE: Final = 1.0
"""Seconds to wait after a refusal that asks for less; they double with each in a row."""

_RESOURCE: Final = re.compile(r"[a-z_]{1,40}")


@attrs.frozen
class RateLimit:
    """The hourly budget, as the server's latest response gave it.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#checking-the-status-of-your-rate-limit

    Attributes:
        limit: requests per hour.
        remaining: requests left until the reset.
        used: requests used since the last reset.
        reset: time of the next reset, by the server's clock.
        resource: name of the budget; ``"core"`` for packages.
    """

    limit: int
    remaining: int
    used: int
    reset: datetime
    resource: str


@attrs.frozen
class Pause:
    """A time in which a rate limit allows no request.

    Attributes:
        kind: ``"primary"`` or ``"secondary"``.
        ends: its end, by the caller's clock.
        until: its end, by the server's clock.
        status: status of the response that caused it.
        message: message of that response.
        request_id: GitHub's id for that request.
    """

    kind: LimitKind
    ends: float
    until: datetime
    status: int
    message: str
    request_id: str | None = None


def read_rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """Parse the ``X-RateLimit-*`` headers; ``None`` if one is missing or invalid."""
    resource = headers.get("X-RateLimit-Resource", "")
    try:
        return RateLimit(
            limit=int(headers["X-RateLimit-Limit"]),
            remaining=int(headers["X-RateLimit-Remaining"]),
            used=int(headers.get("X-RateLimit-Used", 0)),
            reset=datetime.fromtimestamp(int(headers["X-RateLimit-Reset"]), UTC),
            resource=resource if _RESOURCE.fullmatch(resource) else "core",
        )
    except (KeyError, ValueError, OverflowError, OSError):
        return None


class Limits:
    """Pauses, the hourly budget, pacing and the gradual return after a pause.

    A request may reach the server at any time between being sent and its response. Its points
    therefore count from the first until a minute after the second, and no 60 seconds at the server
    cost more than ``points_per_minute``.

    Args:
        points_per_minute: points any 60 seconds may cost (GET 1, writes 5); ``None``: no pacing.
        concurrency: number of requests to spread out after a pause, at least 1.
        jitter: returns random numbers from 0 to 1.
    """

    def __init__(
        self,
        points_per_minute: int | None,
        concurrency: int,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.pause: Pause | None = None
        self.rate_limit: RateLimit | None = None
        self._reset_at = -math.inf
        self._budget = points_per_minute
        self._points = 0
        self._ended: deque[tuple[int, int]] = deque()
        self._next_spread = -math.inf
        self._next_write = -math.inf
        self._concurrency = concurrency
        self._jitter = jitter
        self._coming_back = 0
        self._next_comeback = -math.inf
        self._in_flight = 0
        self._refusals_in_a_row = 0

    def delay(self, now: float, *, write: bool, speculative: bool = False) -> float:
        """Return the seconds until a request may be sent; infinity: not before a response.

        A speculative request is sent only while less than half of the minute's points are spent
        and more than a tenth of the hourly budget is left, if that is known.
        """
        if self.pause is not None and self.pause.ends > now:
            return self.pause.ends - now
        delay = self._until_budget(now, self._reserve() if speculative else 0)
        if self._coming_back:
            delay = max(delay, self._next_comeback - now)
        if self._budget is not None:
            points = self._cost(write)
            if speculative:  # As if half of the minute's points were spent already.
                points += self._budget // 2
            delay = max(delay, self._until_points(now, points), self._next_spread - now)
            if write:
                delay = max(delay, self.until_next_write(now))
        return delay

    def until_next_write(self, now: float) -> float:
        """Return the seconds for which only writes are held, because of the last one."""
        return max(0.0, self._next_write - now)

    def on_sent(self, now: float, *, write: bool) -> None:
        """Count a request that is sent now."""
        self._in_flight += 1
        if self._budget is not None:
            points = self._cost(write)
            self._points += points
            self._next_spread = now + self._spread(now, points)
            if write:
                self._next_write = now + WRITE_SPACING
        if self._coming_back:
            self._coming_back -= 1
            step = COMEBACK_SPREAD / self._concurrency
            self._next_comeback = now + step * (0.5 + self._jitter())

    def on_done(self, now: float, *, write: bool) -> None:
        """End a request that was sent, with a response or without one."""
        self._in_flight -= 1
        if self._budget is not None:
            points = self._cost(write)
            ended = math.ceil(now)  # Sixty sums at most, at any pace.
            if self._ended and self._ended[-1][0] == ended:
                points += self._ended.pop()[1]
            self._ended.append((ended, points))

    def on_response(self, now: float, today: datetime, headers: Mapping[str, str]) -> None:
        """Read the budget from a response that is no rate limit.

        Args:
            now: time by the caller's clock, seconds.
            today: date and time, for servers that send no ``Date``.
            headers: the response's headers, case-insensitive.
        """
        if self.pause is None:
            self._refusals_in_a_row = 0
        self._read_budget(now, today, headers)
        budget = self.rate_limit
        if budget is not None and budget.remaining <= 0 and self._reset_at > now:
            message = f"the hourly budget of {budget.limit} requests is used up"
            self._hold(Pause("primary", self._reset_at, budget.reset, 403, message))

    def on_rate_limited(
        self, now: float, today: datetime, headers: Mapping[str, str], error: RateLimited
    ) -> None:
        """Hold every request because a limit refused one; never without a pause."""
        self._read_budget(now, today, headers)
        server_now = server_time(headers, today)
        seconds = max(0.0, (error.retry_at - server_now).total_seconds())
        if self.pause is None:  # Else it was in flight when the first one was refused.
            self._refusals_in_a_row += 1
        names_end = error.kind == "primary" or "Retry-After" in headers
        if seconds < SHORTEST_PAUSE or not names_end:
            growth = 2.0 ** min(self._refusals_in_a_row - 1, 8)
            seconds = max(seconds, SHORTEST_PAUSE) * growth
        until = server_now + timedelta(seconds=seconds)
        ends, status = now + seconds, error.status
        self._hold(Pause(error.kind, ends, until, status, error.message, error.request_id))

    def resume(self, now: float) -> bool:
        """End the pause if its time is over; return whether it ended.

        The requests after it are spread out.
        """
        if self.pause is None or self.pause.ends > now:
            return False
        self.pause = None
        self._coming_back = self._concurrency
        self._next_comeback = now + self._jitter() * COMEBACK_SPREAD / self._concurrency
        return True

    def _hold(self, pause: Pause) -> None:
        if self.pause is None or pause.ends > self.pause.ends:
            self.pause = pause

    def _cost(self, write: bool) -> int:
        return min(WRITE_POINTS if write else READ_POINTS, self._budget or WRITE_POINTS)

    def _until_points(self, now: float, points: int) -> float:
        """Return the seconds until ``points`` fit; infinity: not before a response."""
        ended = self._ended
        while ended and ended[0][0] <= now - MINUTE:
            self._points -= ended.popleft()[1]
        excess = self._points + points - (self._budget or 0)
        if excess <= 0:
            return 0.0
        for when, ended_points in ended:
            excess -= ended_points
            if excess <= 0:
                return when + MINUTE - now
        return math.inf

    def _spread(self, now: float, points: int) -> float:
        """Return the seconds to wait after sending ``points``: 0 within the burst.

        The pace is the fastest one that can be kept up until any later time of the coming minute,
        with the points that are left and those that are a minute old by then.
        """
        budget = self._budget or 0
        if self._points <= BURST * budget:
            return 0.0
        wait, left = 0.0, budget - self._points
        for ended, ended_points in self._ended:
            seconds = ended + MINUTE - now
            wait = max(wait, seconds * points / max(left, points))
            left += ended_points
        return max(wait, MINUTE * points / budget)

    def _until_budget(self, now: float, reserve: int) -> float:
        """Return the seconds until the budget has one request beyond those in flight and kept."""
        budget = self.rate_limit
        if budget is None or self._reset_at <= now or budget.remaining > self._in_flight + reserve:
            return 0.0
        return math.inf if self._in_flight else self._reset_at - now

    def _reserve(self) -> int:
        """Return the requests of the hourly budget that speculation must not spend."""
        return 0 if self.rate_limit is None else self.rate_limit.limit // 10

    def _read_budget(self, now: float, today: datetime, headers: Mapping[str, str]) -> None:
        budget, known = read_rate_limit(headers), self.rate_limit
        if budget is None:
            return
        if known is None or (budget.resource, budget.reset) != (known.resource, known.reset):
            self._reset_at = now + (budget.reset - server_time(headers, today)).total_seconds()
        elif budget.used < known.used:
            return  # An earlier response, received late.
        self.rate_limit = budget
