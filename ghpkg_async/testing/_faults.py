"""What can go wrong between a service and GitHub, to be switched on. Pure: it only decides.

A test of a service says what goes wrong in a line:

    async def test_the_cleanup_survives_a_bad_day(github, github_client):
        github.faults = Faults(seed=7, server_error=0.2, reset_after=0.1, latency=(0.0, 0.02))
        ...

    async def test_a_delete_that_was_done_but_failed(github, github_client):
        github.faults.next("server_error_after", method="DELETE")
        ...

    async def test_the_budget_runs_out(github, github_client):
        github.faults = Faults(primary_limit=PrimaryLimit(20, window=2))
        ...

`github.requests` tells afterwards what came, what was carried out, and what fault each met.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from attrs import Attribute, define, field, frozen
from attrs.validators import ge, instance_of, optional

from ._actions import Answer
from ._limits import PrimaryLimit, SecondaryLimit

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What one request can meet; `Faults` tells what each is.
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

FAULTS: tuple[Fault, ...] = get_args(Fault)
#: The arguments of `Faults` that are rates.
RATES: tuple[str, ...] = (*FAULTS, "missing_link")
NOT_CARRIED_OUT: frozenset[Fault] = frozenset(
    {"reset_before", "close_keep_alive", "stall", "server_error"}
)

_JSON = "application/json; charset=utf-8"

#: What GitHub's failures look like: JSON, the page of a proxy, nothing, and half of something.
FAILURES = (
    Answer(500, b'{"message":"Server Error"}', {"Content-Type": _JSON}),
    Answer(
        502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", {"Content-Type": "text/html"}
    ),
    Answer(502),
    Answer(503, b'{"message":"Service unavailable"}', {"Content-Type": _JSON}),
    Answer(504, b'{"message": "We coul', {"Content-Type": _JSON}),
)


@frozen
class Fate:
    """What one request meets.

    Attributes:
        fault: `None`: none.
        latency: Seconds before anything happens.
        link: Whether a listing's answer keeps its `Link`.
        place: How much of what is cut arrives, from 0 to 1.
        failure: What is answered in any case, if the fault is an answer.
    """

    fault: Fault | None = None
    latency: float = 0.0
    link: bool = True
    place: float = 0.5
    failure: Answer | None = None

    @property
    def carried_out(self) -> bool:
        """Whether GitHub does what it was asked, whatever becomes of the answer."""
        return self.fault not in NOT_CARRIED_OUT


def _is_rate(_: object, attribute: Attribute[float], value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{attribute.name}: {value!r} is not a rate from 0 to 1")


def _span(value: float | tuple[float, float]) -> tuple[float, float]:
    return value if isinstance(value, tuple) else (value, value)


def _is_span(_: object, attribute: Attribute[tuple[float, float]], value: object) -> None:
    match value:
        case (float() | int() as low, float() | int() as high) if 0 <= low <= high:
            return
    raise ValueError(f"{attribute.name}: {value!r} is neither seconds nor two of them in order")


def _rate() -> float:
    return field(default=0.0, validator=_is_rate)


@define(kw_only=True)
class Faults:
    """What goes wrong, how often, and in which requests. All of it may be changed at any time.

    A rate is how many of the requests meet a fault, from 0 to 1. A request meets one at most, so
    the rates of the faults sum to no more than 1. Which it meets follows from the seed, from what
    it asks, and from how often the same was asked before: not from how tasks take turns, so a run
    can be repeated.

    Args:
        seed: Another seed, other requests.
        reset_before: The connection is reset; the request was not carried out.
        reset_after: The request is carried out, then the connection is reset without an answer.
        reset_headers: Carried out, then the connection is reset within the answer's headers.
        reset_body: Carried out, then the connection is reset within the answer's body. Where it
            has no body, within its headers.
        cut_body: Carried out, and the connection closed in good order within the answer's body.
            Where it has no body, within its headers.
        close_keep_alive: A connection that was kept is closed as the next request comes on it,
            which is not carried out. The first request of a connection never meets this.
        stall: No answer comes, for as long as the client cares to wait; not carried out.
        stall_after: Carried out, but no answer comes.
        server_error: 500, 502, 503 or 504, with JSON, HTML, nothing or rubbish in it; not carried
            out.
        server_error_after: Carried out, but that is the answer.
        missing_link: The answer to a listing lacks `Link` though there are more pages. This one
            comes on top of the others.
        latency: Seconds every request takes longer, or the least and the most.
        fail_pages_above: Listings asked for with a larger `per_page` get 502, always.
        clock_skew: Seconds that the server's clock is ahead, as `Date` and resets tell it.
        primary_limit: The hourly budget, kept to.
        secondary_limit: What may be asked at once and within a minute, kept to.

    Raises:
        ValueError: a rate is none, or they sum to more than 1.
    """

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
    latency: float | tuple[float, float] = field(
        default=(0.0, 0.0), converter=_span, validator=_is_span
    )
    fail_pages_above: int | None = field(default=None, validator=optional(ge(1)))
    clock_skew: float = 0.0
    primary_limit: PrimaryLimit | None = field(
        default=None, validator=optional(instance_of(PrimaryLimit))
    )
    secondary_limit: SecondaryLimit | None = field(
        default=None, validator=optional(instance_of(SecondaryLimit))
    )
    _script: list[_Scripted] = field(factory=list, init=False, repr=False)
    _asked: Counter[tuple[str, str]] = field(factory=Counter, init=False, repr=False)

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
        """Let the next request meet a fault, whatever the rates. What is said first comes first.

        Args:
            fault: Its name.
            method: The next with this method. Default: with any.
            target: The next whose path and query, as on the wire, have this in them.
            times: How many of them in all.
            status: With `server_error` and `server_error_after`: the answer's.
            headers: Likewise, such as `{"Retry-After": "1"}`.
            body: Likewise.

        Raises:
            ValueError: there is no such fault.
        """
        if fault not in FAULTS:
            raise ValueError(f"{fault!r} is none of the faults: {', '.join(FAULTS)}")
        content = body.encode() if isinstance(body, str) else body
        failure = Answer(status, content, dict(headers or {}))
        self._script.append(_Scripted(fault, method, target, times, failure))

    def fate(
        self, method: str, target: str, *, kept_alive: bool = False, per_page: int | None = None
    ) -> Fate:
        """What a request meets, which counts it.

        Args:
            method: The request's.
            target: Its path and query as on the wire.
            kept_alive: Whether its connection carried another before.
            per_page: The page size it asks for, if it asks for a listing.
        """
        low, high = _span(self.latency)
        self._asked[method, target] += 1
        asked = self._asked[method, target]
        # Hashed, so that neighbouring seeds and targets have nothing to do with each other.
        random = Random(f"{self.seed} {asked} {method} {target}")  # noqa: S311
        drawn = self._drawn(random.random())
        fault = None if drawn == "close_keep_alive" and not kept_alive else drawn
        failure = random.choice(FAILURES)
        latency = random.uniform(low, high)
        link = random.random() >= self.missing_link
        if scripted := self._scripted(method, target, kept_alive=kept_alive):
            fault, failure = scripted.fault, scripted.failure
        elif per_page and self.fail_pages_above and per_page > self.fail_pages_above:
            fault, failure = "server_error", Answer(502)
        fails = fault in ("server_error", "server_error_after")
        return Fate(fault, latency, link, random.random(), failure if fails else None)

    def _scripted(self, method: str, target: str, *, kept_alive: bool) -> _Scripted | None:
        """The first scripted fault that waits for this request, which is one less to come."""
        for scripted in self._script:
            if scripted.matches(method, target, kept_alive=kept_alive):
                scripted.times -= 1
                if scripted.times < 1:
                    self._script.remove(scripted)
                return scripted
        return None

    def _drawn(self, number: float) -> Fault | None:
        """The fault in whose share of the numbers from 0 to 1 this one falls."""
        for fault, rate in self._rates():
            if number < rate:
                return fault
            number -= rate
        return None

    def _rates(self) -> list[tuple[Fault, float]]:
        rates = [(fault, float(getattr(self, fault))) for fault in FAULTS]
        total = sum(rate for _, rate in rates)
        if total > 1 + 1e-9:
            raise ValueError(f"the rates of the faults sum to {total:g}, which is more than 1")
        return rates


@define
class _Scripted:
    """A fault that waits for its requests."""

    fault: Fault
    method: str | None
    target: str
    times: int
    failure: Answer

    def matches(self, method: str, target: str, *, kept_alive: bool) -> bool:
        """Whether this is a request it waits for."""
        possible = kept_alive or self.fault != "close_keep_alive"
        return possible and self.method in (None, method) and self.target in target
