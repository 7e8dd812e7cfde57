"""Faults between a client and GitHub. Pure: choose the fault of each request.

A test switches faults on in one line:

    async def test_the_cleanup_survives_a_bad_day(github, github_client):
        github.faults = Faults(seed=7, server_error=0.2, reset_after=0.1, latency=(0.0, 0.02))
        ...

    async def test_a_delete_that_is_done_but_responds_502(github, github_client):
        github.faults.next("server_error_after", method="DELETE")
        ...

    async def test_the_budget_runs_out(github, github_client):
        github.faults = Faults(primary_limit=PrimaryLimit(20, window=2))
        ...

Afterwards, ``github.requests`` has each request with its fault and its status.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias, get_args

import attrs
from attrs.validators import ge, instance_of, optional

from ._actions import Response
from ._limits import PrimaryLimit, SecondaryLimit

if TYPE_CHECKING:
    from collections.abc import Mapping

Fault: TypeAlias = Literal[
    "reset_before",
    "reset_after",
    "reset_headers",
    "reset_body",
    "cut_body",
    "close_keep_alive",
    "stall",
    "stall_after",
    "server_error",
    "server_error_after",
]
"""Name of a fault; ``Faults`` describes each."""

FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)
NOT_CARRIED_OUT: Final[frozenset[Fault]] = frozenset(
    {"reset_before", "close_keep_alive", "stall", "server_error"}
)

_JSON: Final = "application/json; charset=utf-8"

FAILURES: Final = (
    Response(500, b'{"message":"Server Error"}', {"Content-Type": _JSON}),
    Response(
        502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", {"Content-Type": "text/html"}
    ),
    Response(502),
    Response(503, b'{"message":"Service unavailable"}', {"Content-Type": _JSON}),
    Response(504, b'{"message": "We coul', {"Content-Type": _JSON}),
)
"""Responses of a failing GitHub: JSON, the page of a proxy, no body, and truncated JSON."""


@attrs.frozen
class RequestFault:
    """Fault of one request, with its details.

    Attributes:
        name: Name of the fault, or ``None``.
        latency: Seconds before the request is carried out.
        link: A listing's response may have ``Link``.
        cut_at: Fraction of a cut response that is sent, 0 to 1.
        failure: Response of a server error, sent instead of the real one.
    """

    name: Fault | None = None
    latency: float = 0.0
    link: bool = True
    cut_at: float = 0.5
    failure: Response | None = None

    @property
    def carried_out(self) -> bool:
        """The request is carried out, even if its response is lost or replaced."""
        return self.name not in NOT_CARRIED_OUT


def _is_rate(_: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{attribute.name}: {value!r} is not a rate from 0 to 1")


def _span(value: float | tuple[float, float]) -> tuple[float, float]:
    return value if isinstance(value, tuple) else (value, value)


def _is_span(_: object, attribute: attrs.Attribute[tuple[float, float]], value: object) -> None:
    match value:
        case (float() | int() as low, float() | int() as high) if 0 <= low <= high:
            return
    raise ValueError(
        f"{attribute.name}: {value!r} must be seconds of at least 0, or a minimum and a maximum"
    )


def _rate() -> float:
    return attrs.field(default=0.0, validator=_is_rate)


@attrs.define(kw_only=True)
class Faults:
    """Rates of faults, latency, clock skew and rate limits. All may be changed at any time.

    A rate is a share of the requests, 0 to 1, default 0. A request has one fault at most, so the
    rates of the faults sum to at most 1. The fault of a request depends on the seed, the method,
    the target and the number of equal requests before it, but not on the order of tasks, so a run
    can be repeated.

    Args:
        seed: Each seed gives faults to other requests.
        reset_before: Reset the connection; the request is not carried out.
        reset_after: Carry out the request, then reset the connection before the response.
        reset_headers: Carry out the request, then reset the connection within the response's
            headers.
        reset_body: Carry out the request, then reset the connection within the response's body;
            without a body, within the headers.
        cut_body: Carry out the request, then close the connection without a reset within the
            response's body; without a body, within the headers.
        close_keep_alive: Close a kept-alive connection on its next request, which is not carried
            out. The first request of a connection is never affected.
        stall: Send no response until the client disconnects; the request is not carried out.
        stall_after: Carry out the request, but send no response until the client disconnects.
        server_error: Respond 500, 502, 503 or 504, with JSON, HTML, an empty or a truncated body;
            the request is not carried out.
        server_error_after: Carry out the request, then respond with such a status.
        missing_link: Omit ``Link`` from the response to a listing although there are more pages.
            Combines with the other faults.
        latency: Seconds before each request is carried out, or their minimum and maximum; at
            least 0.
        fail_pages_above: Respond 502 to listings with a greater ``per_page``. Default: no limit.
        clock_skew: Seconds that the server's clock is ahead in ``Date`` and rate-limit resets.
        primary_limit: Primary rate limit. Default: none.
        secondary_limit: Secondary rate limit. Default: none.

    Raises:
        ValueError: if a rate is not 0 to 1, the rates of the faults sum to more than 1, or another
            value is out of range.
    """

    RATES: ClassVar[tuple[str, ...]] = (*FAULTS, "missing_link")
    """The arguments that are rates."""

    seed: int = 0
    reset_before: float = _rate()
    reset_after: float = _rate()
    reset_headers: float = _rate()
    reset_body: float = _rate()
    cut_body: float = _rate()
    close_keep_alive: float = _rate()
    stall: float = _rate()
    stall_after: float = _rate()
    server_error: float = _rate()
    server_error_after: float = _rate()
    missing_link: float = _rate()
    latency: float | tuple[float, float] = attrs.field(
        default=(0.0, 0.0), converter=_span, validator=_is_span
    )
    fail_pages_above: int | None = attrs.field(default=None, validator=optional(ge(1)))
    clock_skew: float = 0.0
    primary_limit: PrimaryLimit | None = attrs.field(
        default=None, validator=optional(instance_of(PrimaryLimit))
    )
    secondary_limit: SecondaryLimit | None = attrs.field(
        default=None, validator=optional(instance_of(SecondaryLimit))
    )
    _script: list[_Scripted] = attrs.field(factory=list, init=False, repr=False)
    _requests: Counter[tuple[str, str]] = attrs.field(factory=Counter, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._rates()

    def next(
        self,
        fault: Fault,
        *,
        method: str | None = None,
        target: str = "",
        times: int = 1,
        status: int = 502,
        headers: Mapping[str, str] | None = None,
        body: bytes | str = b"",
    ) -> None:
        """Give the next matching request a fault, regardless of the rates. Calls queue up.

        Args:
            fault: Name of the fault.
            method: Match requests with this method. Default: any method.
            target: Match requests that contain this text in their path and query, percent-encoded
                as received. Default: any target.
            times: Number of requests to match.
            status: Status of the response to a ``server_error`` or ``server_error_after``.
            headers: Headers of that response, such as ``{"Retry-After": "1"}``. Default: none.
            body: Body of that response. Default: empty.

        Raises:
            ValueError: if the fault is unknown.
        """
        if fault not in FAULTS:
            raise ValueError(f"fault: {fault!r} must be one of {', '.join(FAULTS)}")
        content = body.encode() if isinstance(body, str) else body
        failure = Response(status, content, dict(headers or {}))
        self._script.append(_Scripted(fault, method, target, times, failure))

    def assign(
        self, method: str, target: str, *, kept_alive: bool = False, per_page: int | None = None
    ) -> RequestFault:
        """Count the request and return its fault.

        Args:
            method: The request's method.
            target: Path and query, percent-encoded as received.
            kept_alive: The connection carried an earlier request.
            per_page: Page size if the request is for a listing.
        """
        low, high = _span(self.latency)
        self._requests[method, target] += 1
        count = self._requests[method, target]
        # A string seed is hashed, so similar seeds and targets have independent faults.
        random = Random(f"{self.seed} {count} {method} {target}")  # noqa: S311
        drawn = self._drawn(random.random())
        fault = None if drawn == "close_keep_alive" and not kept_alive else drawn
        failure = random.choice(FAILURES)
        latency = random.uniform(low, high)
        link = random.random() >= self.missing_link
        if scripted := self._scripted(method, target, kept_alive=kept_alive):
            fault, failure = scripted.fault, scripted.failure
        elif per_page and self.fail_pages_above and per_page > self.fail_pages_above:
            fault, failure = "server_error", Response(502)
        fails = fault in ("server_error", "server_error_after")
        return RequestFault(fault, latency, link, random.random(), failure if fails else None)

    def _scripted(self, method: str, target: str, *, kept_alive: bool) -> _Scripted | None:
        """Return the first scripted fault that matches the request, and count the match."""
        for scripted in self._script:
            if scripted.matches(method, target, kept_alive=kept_alive):
                scripted.times -= 1
                if scripted.times < 1:
                    self._script.remove(scripted)
                return scripted
        return None

    def _drawn(self, number: float) -> Fault | None:
        """Return the fault whose share of the interval from 0 to 1 contains the number."""
        for fault, rate in self._rates():
            if number < rate:
                return fault
            number -= rate
        return None

    def _rates(self) -> list[tuple[Fault, float]]:
        rates = [(fault, float(getattr(self, fault))) for fault in FAULTS]
        total = sum(rate for _, rate in rates)
        if total > 1 + 1e-9:
            raise ValueError(f"the rates of the faults sum to {total:g}, more than 1")
        return rates


@attrs.define
class _Scripted:
    """Fault for the next ``times`` matching requests."""

    fault: Fault
    method: str | None
    target: str
    times: int
    failure: Response

    def matches(self, method: str, target: str, *, kept_alive: bool) -> bool:
        """Return whether the fault applies to the request."""
        possible = kept_alive or self.fault != "close_keep_alive"
        return possible and self.method in (None, method) and self.target in target
