"""GitHub's limits, kept to: who asks too much is refused. Pure, and told the time.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any, Literal

from attrs import Attribute, define, field, frozen
from attrs.validators import ge, gt, in_

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR = 3600
MINUTE = 60.0

#: What a request costs of the secondary limit; whatever is not listed costs `WRITE_POINTS`.
READ_POINTS = {"GET": 1, "HEAD": 1, "OPTIONS": 1}
WRITE_POINTS = 5

REFERENCE = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"
PRIMARY_MESSAGE = "API rate limit exceeded for user ID 1."
SECONDARY_MESSAGE = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)


@frozen
class LimitReached:
    """What a limit answers to who asks too much."""

    limit: Literal["primary_limit", "secondary_limit"]
    status: int
    message: str
    headers: Mapping[str, str] = field(factory=dict)
    documentation_url: str = REFERENCE


@define
class Quota:
    """The requests of one token in the window since the first of them."""

    limit: int
    used: int = 0
    reset: int = 0
    window: int = HOUR

    def headers(self, now: int, *, counts: bool) -> dict[str, str]:
        """The headers that tell of it, after counting one more request or not.

        Args:
            now: The time as real clients know it, in seconds since 1970.
            counts: Whether there was one to count.
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
        """Whether one more request is one too many."""
        return (self.used if now < self.reset else 0) >= self.limit


@define
class PrimaryLimit:
    """The budget of requests a token has in an hour, kept to.

    Beyond it, requests are refused with `x-ratelimit-remaining: 0` until the reset. All answers
    tell of it in their headers.

    Args:
        limit: Requests in a window. GitHub's is 5,000 for a user, 60 for nobody in particular.
        window: Whole seconds, from the first request in it to the reset.
        status: What refused requests get: 403 or 429, GitHub may send either.
    """

    limit: int = field(default=5000, validator=ge(0))
    window: int = field(default=HOUR, kw_only=True, validator=ge(1))
    status: int = field(default=403, kw_only=True, validator=in_((403, 429)))
    _quotas: dict[str, Quota] = field(factory=dict, init=False, repr=False)

    def refuses(self, caller: str, now: int) -> LimitReached | None:
        """What the caller is refused with, or `None`: the request is let in, and counted.

        Args:
            caller: Whose budget it is.
            now: The time as real clients know it, in seconds since 1970.
        """
        quota = self._quota(caller)
        if not quota.is_used_up(now):
            quota.headers(now, counts=True)
            return None
        told = quota.headers(now, counts=False)
        return LimitReached("primary_limit", self.status, PRIMARY_MESSAGE, told)

    def headers(self, caller: str, now: int, *, free: bool = False) -> dict[str, str]:
        """The headers that tell of the caller's budget.

        Args:
            caller: Whose budget it is.
            now: The time as real clients know it, in seconds since 1970.
            free: Whether the request turned out to cost nothing.
        """
        quota = self._quota(caller)
        quota.used -= free and quota.used > 0
        return quota.headers(now, counts=False)

    def _quota(self, caller: str) -> Quota:
        return self._quotas.setdefault(caller, Quota(self.limit, window=self.window))


def _is_wait(_: object, attribute: Attribute[Any], value: int | None) -> None:
    if value is not None and not (isinstance(value, int) and value >= 0):
        raise ValueError(f"{attribute.name}: {value!r} is not a whole number of seconds")


@define
class SecondaryLimit:
    """What a token may ask of the server at once and within a minute, kept to.

    Who goes beyond it is refused everything for a while. With the refusal comes `retry-after`, or
    nothing but its message: then a client is to stay away for a minute.

    Args:
        points: What a window may cost; a GET costs 1, a write 5.
        concurrent: Requests that may be in flight at once.
        window: Seconds.
        retry_after: Whole seconds for which who went too far is refused, as `retry-after` tells
            it. `None`: a minute, and only the message tells.
        status: What refused requests get: 403 or 429, GitHub may send either.
    """

    points: int = field(default=900, validator=ge(1))
    concurrent: int = field(default=100, kw_only=True, validator=ge(1))
    window: float = field(default=MINUTE, kw_only=True, validator=gt(0))
    retry_after: int | None = field(default=60, kw_only=True, validator=_is_wait)
    status: int = field(default=403, kw_only=True, validator=in_((403, 429)))
    _callers: dict[str, _Spending] = field(factory=dict, init=False, repr=False)

    def refuses(
        self, caller: str, method: str, *, in_flight: int, now: float
    ) -> LimitReached | None:
        """What the caller is refused with, or `None`: the request is let in, and counted.

        Args:
            caller: Whose requests are counted together.
            method: The request's.
            in_flight: The requests in flight, this one too.
            now: Seconds that never go back.
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
        spending.spent.clear()  # Who stayed away starts anew.
        return self._refusal(seconds)

    def _refusal(self, seconds: float) -> LimitReached:
        told = {} if self.retry_after is None else {"Retry-After": str(math.ceil(seconds))}
        return LimitReached("secondary_limit", self.status, SECONDARY_MESSAGE, told)


@define
class _Spending:
    """What one caller's last requests cost, and how long it is refused."""

    spent: deque[tuple[float, int]] = field(factory=deque)
    refused_until: float = -math.inf

    def since(self, then: float) -> int:
        while self.spent and self.spent[0][0] <= then:
            self.spent.popleft()
        return sum(cost for _, cost in self.spent)
