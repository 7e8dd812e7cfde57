"""The one gate every request of a client passes: how many at once, in which order, and when."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import OrderedDict, deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from .errors import GitHubPackagesError
from .hooks import call_hook

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from datetime import datetime

    from .errors import LimitKind
    from .limits import Limits, Pause

__all__ = ["Gate", "RateLimitWait", "Wait"]

_log = logging.getLogger("ghpkg_async")

LONGEST_SLEEP: Final = 60.0
"""Timers are checked against the clock this often, in case it moved while the machine slept."""

_Ticket: TypeAlias = "asyncio.Future[Pause | None]"


@attrs.frozen
class RateLimitWait:
    """A pause of every request of a client, required by a rate limit.

    Attributes:
        kind: ``"primary"`` or ``"secondary"``.
        seconds: duration from now.
        until: when it ends, by the server's clock.
        waiting: number of requests that it holds so far.
    """

    kind: LimitKind
    seconds: float
    until: datetime
    waiting: int


Wait = RateLimitWait
"""An earlier name of `RateLimitWait`."""


class _Line:
    """Queue of waiting requests of one kind; its lanes take turns."""

    def __init__(self, *, write: bool = False, speculative: bool = False) -> None:
        self.write = write
        self.speculative = speculative
        self._lanes: OrderedDict[Hashable, deque[_Ticket]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def __bool__(self) -> bool:
        return bool(self._lanes)

    def join(self, lane: Hashable, ticket: _Ticket) -> None:
        self._lanes.setdefault(lane, deque()).append(ticket)

    def leave(self, lane: Hashable, ticket: _Ticket) -> None:
        waiting = self._lanes.get(lane)
        if waiting is not None and ticket in waiting:
            waiting.remove(ticket)
            if not waiting:
                del self._lanes[lane]

    def next(self) -> _Ticket:
        lane, waiting = next(iter(self._lanes.items()))
        ticket = waiting.popleft()
        if waiting:
            self._lanes.move_to_end(lane)
        else:
            del self._lanes[lane]
        return ticket

    def clear(self) -> list[_Ticket]:
        tickets = [ticket for waiting in self._lanes.values() for ticket in waiting]
        self._lanes.clear()
        return tickets


class Gate:
    """Lets requests through: ``concurrency`` at once, when the limits allow, in fair turns.

    Three lines take turns: writes, reads that start something (a first page, a single package)
    and further pages. So a long listing goes on while hundreds of short ones start, and they
    start while it goes on; among further pages the listings take turns. Speculative requests are
    admitted only while these three queues are empty and the limits have slack.

    Args:
        limits: what decides when.
        concurrency: how many may be in flight.
        max_wait: seconds; a longer pause is refused instead of waited for.
        on_wait: called with a `RateLimitWait` when a pause begins to hold a request.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        limits: Limits,
        concurrency: int,
        *,
        max_wait: float,
        on_wait: Callable[[RateLimitWait], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self.clock = clock
        self.in_flight = 0
        self.seconds_paused = 0.0
        self._concurrency = concurrency
        self.max_wait = max_wait
        self._listeners = [] if on_wait is None else [on_wait]
        self._writes, self._starts, self._further = _Line(write=True), _Line(), _Line()
        self._turns = [self._writes, self._starts, self._further]
        self._speculative = _Line(speculative=True)
        self._timer: asyncio.TimerHandle | None = None
        self._announced: Pause | None = None
        self._paused_since = 0.0
        self._closed = False

    async def enter(
        self, *, write: bool, lane: Hashable, further: bool, speculative: bool = False
    ) -> Pause | None:
        """Waits for a turn, and whoever got it must `leave`; or the pause that is too long.

        Args:
            write: whether the request changes something.
            lane: which listing or call it belongs to.
            further: whether it is a page after the listing's first.
            speculative: lowest priority; waits until no other request of the client does.

        Raises:
            GitHubPackagesError: the gate was closed.
        """
        if self._closed:
            raise GitHubPackagesError("the client is closed")
        if not (speculative or any(self._turns)) and self.in_flight < self._concurrency:
            now = self.clock()
            self._end_pause(now)
            if self.limits.delay(now, write=write) <= 0:
                self._admit(now, write=write)
                return None
        if speculative:
            line = self._speculative
        else:
            line = self._writes if write else self._further if further else self._starts
        ticket: _Ticket = asyncio.get_running_loop().create_future()
        line.join(lane, ticket)
        self._dispatch()
        try:
            return await ticket
        except BaseException:
            line.leave(lane, ticket)
            admitted = ticket.done() and not ticket.cancelled() and not ticket.exception()
            if admitted and ticket.result() is None:
                self.leave()  # Cancelled between its admission and its resumption.
            else:
                self._dispatch()  # It may have been all that held back speculative requests.
            raise

    def leave(self) -> None:
        """The request that entered is over."""
        self.in_flight -= 1
        self.limits.returned()
        self._dispatch()

    @contextmanager
    def listening(self, listener: Callable[[RateLimitWait], object]) -> Iterator[None]:
        """Calls the listener too when a pause begins to hold a request."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def will_wait(self) -> bool:
        """Whether the present pause, if any, is short enough to wait for."""
        pause = self.limits.pause
        return pause is None or pause.ends - self.clock() <= self.max_wait

    def close(self) -> None:
        """Ends every wait with an error, and every wait to come."""
        self._closed = True
        self._stop_timer()
        for ticket in self._all_waiting():
            ticket.set_exception(GitHubPackagesError("the client was closed meanwhile"))

    def _admit(self, now: float, *, write: bool) -> None:
        self.in_flight += 1
        self.limits.sent(now, write=write)

    def _dispatch(self) -> None:
        """Admit the waiting requests that the limits allow and set the timer for the next."""
        self._stop_timer()
        now = self.clock()
        self._end_pause(now)
        pause = self.limits.pause
        if pause is not None and self._waiting():
            if not self.will_wait():
                for ticket in self._all_waiting():
                    ticket.set_result(pause)
                return
            self._announce(pause, now)
        while self.in_flight < self._concurrency and self._waiting():
            wait = self._let_one_through(now)
            if wait > 0:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(min(wait, LONGEST_SLEEP), self._dispatch)
                return

    def _let_one_through(self, now: float) -> float:
        """Admit the request whose turn it is; return the seconds to wait if none may go yet."""
        soonest = math.inf
        for line in self._turns if any(self._turns) else [self._speculative]:
            if not line:
                continue
            delay = self.limits.delay(now, write=line.write, speculative=line.speculative)
            if delay <= 0:
                if not line.speculative:
                    self._turns.remove(line)
                    self._turns.append(line)
                ticket = line.next()
                if not ticket.done():
                    self._admit(now, write=line.write)
                    ticket.set_result(None)
                return 0.0
            soonest = min(soonest, delay)
        return soonest

    def _announce(self, pause: Pause, now: float) -> None:
        if self._announced is not None and self._announced.ends >= pause.ends:
            return
        if self._announced is None:
            self._paused_since = now
        self._announced = pause
        wait = RateLimitWait(
            pause.kind, pause.ends - now, pause.until, sum(map(len, self._lines()))
        )
        _log.warning(
            "%s rate limit: every request waits %.1f s, until %s",
            wait.kind,
            wait.seconds,
            f"{wait.until:%Y-%m-%d %H:%M:%S %Z}",
        )
        for listener in tuple(self._listeners):
            call_hook("on_wait", listener, wait)

    def _end_pause(self, now: float) -> None:
        if self.limits.resume(now) and self._announced is not None:
            waited = now - self._paused_since
            self.seconds_paused += waited
            _log.info("%s rate limit: over after %.1f s", self._announced.kind, waited)
            self._announced = None

    def _all_waiting(self) -> list[_Ticket]:
        return [ticket for line in self._lines() for ticket in line.clear() if not ticket.done()]

    def _lines(self) -> list[_Line]:
        return [*self._turns, self._speculative]

    def _waiting(self) -> bool:
        return any(self._lines())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
