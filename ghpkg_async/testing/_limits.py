"""GitHub's rate limits, enforced. Pure: the caller passes the current time.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs
from attrs.validators import ge, gt, in_

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR: Final = 3600
MINUTE: Final = 60.0

READ_POINTS: Final = {"GET": 1, "HEAD": 1, "OPTIONS": 1}
"""Points of a request by method; all other methods cost ``WRITE_POINTS``."""
WRITE_POINTS: Final = 5

REFERENCE: Final = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"
PRIMARY_MESSAGE: Final = "API rate limit exceeded for user ID 1."
SECONDARY_MESSAGE: Final = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)


@attrs.frozen
class LimitReached:
    """Refusal of a request that exceeds a rate limit."""

    limit: Literal["primary_limit", "secondary_limit"]
    status: int
    message: str
    headers: Mapping[str, str] = attrs.field(factory=dict)
    documentation_url: str = REFERENCE


@attrs.define
class Quota:
    """Requests of one token in a window, which begins with the first of them.

    Attributes:
        limit: Requests per window.
        used: Requests in the current window.
        reset: End of the current window, as Unix time in seconds.
        window: Length of a window in seconds.
    """

    limit: int
    used: int = 0
    reset: int = 0
    window: int = HOUR

    def headers(self, now: int, *, counts: bool) -> dict[str, str]:
        """Return the ``x-ratelimit-*`` headers, after counting a request.

        Args:
            now: Current Unix time in seconds.
            counts: Count a request; ``False`` leaves the quota unchanged.
        """
        if now >= self.reset:
            self.used, self.reset = 0, now + self.window
        self.used += counts
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(max(0, self.limit - self.used)),
            "x-ratelimit-used": str(self.used),
            "x-ratelimit-reset": str(self.reset),
            "x-ratelimit-resource": "core",
        }

    def is_used_up(self, now: int) -> bool:
        """Return whether one more request would exceed the limit."""
        return (self.used if now < self.reset else 0) >= self.limit


@attrs.define
class PrimaryLimit:
    """Primary rate limit: requests per token and hour.

    Requests above the limit are refused with ``x-ratelimit-remaining: 0`` until the reset. All
    responses state the limit in their headers.

    Args:
        limit: Requests per window, at least 0. GitHub's is 5,000 with a user's token, 60 without.
        window: Whole seconds from the first request to the reset, at least 1.
        status: Status of refused requests, 403 or 429; GitHub may send either.
    """

    limit: int = attrs.field(default=5000, validator=ge(0))
    window: int = attrs.field(default=HOUR, kw_only=True, validator=ge(1))
    status: int = attrs.field(default=403, kw_only=True, validator=in_((403, 429)))
    _quotas: dict[str, Quota] = attrs.field(factory=dict, init=False, repr=False)

    def refuses(self, caller: str, now: int) -> LimitReached | None:
        """Count the request and return ``None``, or return its refusal.

        Args:
            caller: Key of the caller; each has a limit of its own.
            now: Current Unix time in seconds.
        """
        quota = self._quota(caller)
        if not quota.is_used_up(now):
            quota.headers(now, counts=True)
            return None
        headers = quota.headers(now, counts=False)
        return LimitReached("primary_limit", self.status, PRIMARY_MESSAGE, headers)

    def headers(self, caller: str, now: int, *, free: bool = False) -> dict[str, str]:
        """Return the caller's ``x-ratelimit-*`` headers.

        Args:
            caller: Key of the caller.
            now: Current Unix time in seconds.
            free: Uncount the request, for example because its response is a 304.
        """
        quota = self._quota(caller)
        quota.used -= free and quota.used > 0
        return quota.headers(now, counts=False)

    def _quota(self, caller: str) -> Quota:
        return self._quotas.setdefault(caller, Quota(self.limit, window=self.window))


def _is_wait(_: object, attribute: attrs.Attribute[Any], value: int | None) -> None:
    if value is not None and not (isinstance(value, int) and value >= 0):
        raise ValueError(f"{attribute.name}: {value!r} is not a whole number of seconds")


@attrs.define
class SecondaryLimit:
    """Secondary rate limit: points per token and minute, and concurrent requests per token.

    After exceeding it, a token is refused all requests for ``retry_after`` seconds. Without
    ``retry-after`` in the refusal, GitHub asks clients to wait for a minute.

    Args:
        points: Points per window, at least 1; a GET costs 1, a write 5.
        concurrent: Requests in flight, at least 1.
        window: Seconds, greater than 0.
        retry_after: Whole seconds of refusal, at least 0, sent as ``retry-after``. ``None``: 60
            seconds, and no ``retry-after``.
        status: Status of refused requests, 403 or 429; GitHub may send either.
    """

    points: int = attrs.field(default=900, validator=ge(1))
    concurrent: int = attrs.field(default=100, kw_only=True, validator=ge(1))
    window: float = attrs.field(default=MINUTE, kw_only=True, validator=gt(0))
    retry_after: int | None = attrs.field(default=60, kw_only=True, validator=_is_wait)
    status: int = attrs.field(default=403, kw_only=True, validator=in_((403, 429)))
    _callers: dict[str, _Spending] = attrs.field(factory=dict, init=False, repr=False)

    def refuses(
        self, caller: str, method: str, *, in_flight: int, now: float
    ) -> LimitReached | None:
        """Count the request and return ``None``, or return its refusal.

        Args:
            caller: Key of the caller; each has a limit of its own.
            method: The request's method.
            in_flight: Number of requests in flight, including this one.
            now: Current time in seconds by a monotonic clock.
        """
        spending = self._callers.setdefault(caller, _Spending())
        cost = READ_POINTS.get(method, WRITE_POINTS)
        if now < spending.refused_until:
            return self._refusal(spending.refused_until - now)
        if in_flight <= self.concurrent and spending.since(now - self.window) + cost <= self.points:
            spending.spent.append((now, cost))
            return None
        seconds = MINUTE if self.retry_after is None else self.retry_after
        spending.refused_until = now + seconds
        spending.spent.clear()  # After the refusal, all points are available again.
        return self._refusal(seconds)

    def _refusal(self, seconds: float) -> LimitReached:
        headers = {} if self.retry_after is None else {"Retry-After": str(math.ceil(seconds))}
        return LimitReached("secondary_limit", self.status, SECONDARY_MESSAGE, headers)


@attrs.define
class _Spending:
    """Points of one caller's recent requests, and the end of its refusal."""

    spent: deque[tuple[float, int]] = attrs.field(factory=deque)
    refused_until: float = -math.inf

    def since(self, then: float) -> int:
        """Return the points spent after that time; forget older ones."""
        while self.spent and self.spent[0][0] <= then:
            self.spent.popleft()
        return sum(cost for _, cost in self.spent)
