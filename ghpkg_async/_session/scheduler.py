"""Schedule the requests of one client: concurrency, order and pace."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from .._clock import loop_time
from ..errors import ClientClosed
from .hooks import call_hook

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from datetime import datetime

    from ..errors import LimitKind
    from .limits import Limits, Pause
    from .stats import Stats

__all__ = ["RateLimitWait", "RequestScheduler", "Wait"]

_log = logging.getLogger("ghpkg_async")

LONGEST_SLEEP: Final = 60.0
"""Seconds after which a timer is checked against the clock, in case the machine was suspended."""

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


class _FairQueue:
    """Queue of waiting requests of one kind; its flows take turns."""

    def __init__(self, *, write: bool = False, speculative: bool = False) -> None:
        self.write = write
        self.speculative = speculative
        self._flows: OrderedDict[Hashable, OrderedDict[_Ticket, float]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._flows.values()))

    def __bool__(self) -> bool:
        return bool(self._flows)

    def join(self, flow: Hashable, ticket: _Ticket, max_wait: float) -> None:
        self._flows.setdefault(flow, OrderedDict())[ticket] = max_wait

    def leave(self, flow: Hashable, ticket: _Ticket) -> None:
        waiting = self._flows.get(flow)
        if waiting is not None and ticket in waiting:
            del waiting[ticket]
            if not waiting:
                del self._flows[flow]

    def next(self) -> _Ticket:
        flow, waiting = next(iter(self._flows.items()))
        ticket, _ = waiting.popitem(last=False)
        if waiting:
            self._flows.move_to_end(flow)
        else:
            del self._flows[flow]
        return ticket

    def clear(self) -> list[_Ticket]:
        return self.remove_impatient(math.inf)

    def remove_impatient(self, seconds: float) -> list[_Ticket]:
        """Remove and return the tickets whose ``max_wait`` is less than ``seconds``."""
        left: list[_Ticket] = []
        for flow, waiting in list(self._flows.items()):
            for ticket in [ticket for ticket, most in waiting.items() if most < seconds]:
                self.leave(flow, ticket)
                left.append(ticket)
        return left


class RequestScheduler:
    """Admits requests: at most ``concurrency`` at once, when the limits allow, in fair turns.

    Three queues take turns: writes, reads that start something (a first page, a single package)
    and continuation pages. A long listing thus continues while hundreds of short ones start, and
    vice versa; continuation pages of several listings take turns. The queue whose turn it is waits
    for the points it needs, five for a write, and the others do not overtake it, except that reads
    overtake a write while only the delay between two writes holds it. Speculative requests are
    admitted only while these three queues are empty and the limits have slack.

    Args:
        limits: decides when.
        concurrency: maximum number of requests in flight, at least 1.
        stats: receives the seconds during which requests are held; see `update_seconds`.
        on_wait: called with a `RateLimitWait` when a pause begins to hold requests.
        clock: returns seconds that never decrease.

    Attributes:
        clock: the argument; also the clock of attempts and of responses.
        in_flight: number of requests admitted that have not been released yet.
    """

    def __init__(
        self,
        limits: Limits,
        concurrency: int,
        stats: Stats,
        *,
        on_wait: Callable[[RateLimitWait], object] | None = None,
        clock: Callable[[], float] = loop_time,
    ) -> None:
        self.limits = limits
        self.clock: Callable[[], float] = clock
        self.in_flight: int = 0
        self._concurrency = concurrency
        self._stats = stats
        self._listeners = [] if on_wait is None else [("on_wait", on_wait)]
        self._writes, self._starts, self._further = (
            _FairQueue(write=True),
            _FairQueue(),
            _FairQueue(),
        )
        self._turns = [self._writes, self._starts, self._further]
        self._speculative = _FairQueue(speculative=True)
        self._timer: asyncio.TimerHandle | None = None
        self._announced: Pause | None = None
        self._refused_for: Pause | None = None
        self._announced_at = 0.0
        self._limited = self._paced = False
        self._updated_at = 0.0
        self._closed = False

    async def acquire(
        self,
        *,
        write: bool,
        flow: Hashable,
        is_continuation: bool,
        max_wait: float,
        speculative: bool = False,
    ) -> Pause | None:
        """Wait until the request may be sent; if ``None`` is returned, the caller must `release`.

        Args:
            write: whether the request changes something.
            flow: which listing or call it belongs to.
            is_continuation: whether it is a page after the listing's first.
            speculative: lowest priority; waits until no other request of the client does.
            max_wait: seconds; a longer pause is returned instead of waiting for its end. Has no
                effect on a speculative request.

        Returns:
            ``None``, or the pause that is longer than ``max_wait``: the request is not admitted.

        Raises:
            ClientClosed: the scheduler was closed.
        """
        if self._closed:
            raise ClientClosed("the client is closed")
        if not (speculative or any(self._turns)) and self.in_flight < self._concurrency:
            now = self.clock()
            self._end_pause(now)
            if self.limits.delay(now, write=write) <= 0:
                self._admit(now, write=write)
                return None
        if speculative:
            queue = self._speculative
        elif not self.pause_ends_within(max_wait):
            return self.limits.pause
        else:
            queue = self._writes if write else self._further if is_continuation else self._starts
        ticket: _Ticket = asyncio.get_running_loop().create_future()
        queue.join(flow, ticket, max_wait)
        self._dispatch()
        try:
            return await ticket
        except (asyncio.CancelledError, ClientClosed):
            queue.leave(flow, ticket)
            admitted = ticket.done() and not ticket.cancelled() and not ticket.exception()
            if admitted and ticket.result() is None:
                self.release(write=write)  # Cancelled between its admission and its resumption.
            else:
                self._dispatch()  # Others may have waited for its turn to pass.
            raise

    def release(self, *, write: bool) -> None:
        """Free the place of an admitted request, after its response or without one."""
        self.in_flight -= 1
        self.limits.on_done(self.clock(), write=write)
        self._dispatch()

    @contextmanager
    def listening(self, name: str, listener: Callable[[RateLimitWait], object]) -> Iterator[None]:
        """Also call ``listener`` when a pause begins, in the block; logs name it ``name``."""
        self._listeners.append((name, listener))
        try:
            yield
        finally:
            self._listeners.remove((name, listener))

    def pause_ends_within(self, max_wait: float) -> bool:
        """Return whether the pause, if any, ends within ``max_wait`` seconds."""
        pause = self.limits.pause
        return pause is None or pause.ends - self.clock() <= max_wait

    def update_seconds(self) -> None:
        """Add the wait in progress, if any, to the statistics; without effect outside the loop."""
        try:
            now = self.clock()
        except RuntimeError:  # No event loop runs in this thread.
            return
        self._update_seconds(now)

    def _update_seconds(self, now: float) -> None:
        if self._limited:
            self._stats.seconds_limited += now - self._updated_at
        elif self._paced:
            self._stats.seconds_paced += now - self._updated_at
        self._updated_at = now

    def close(self) -> None:
        """End every wait, present and future, with an error."""
        self._closed = True
        for queue in (*self._turns, self._speculative):
            for ticket in queue.clear():
                if not ticket.done():
                    ticket.set_exception(ClientClosed("the client was closed"))
        self._dispatch()

    def _admit(self, now: float, *, write: bool) -> None:
        self.in_flight += 1
        self.limits.on_sent(now, write=write)

    def _dispatch(self) -> None:
        """Admit the waiting requests that the limits allow and set the timer for the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self.clock()
        self._update_seconds(now)
        self._end_pause(now)
        pause = self.limits.pause
        if pause is not None and pause is not self._refused_for:
            self._refused_for = pause  # Once: the end of a pause only gets nearer.
            for queue in self._turns:
                for ticket in queue.remove_impatient(pause.ends - now):
                    if not ticket.done():
                        ticket.set_result(pause)
        delay = 0.0
        while delay <= 0 and self.in_flight < self._concurrency:
            if not (any(self._turns) or self._speculative):
                break
            delay = self._admit_next(now)
        if delay > 0:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(delay, LONGEST_SLEEP), self._dispatch)
        held = any(self._turns)
        self._limited = held and pause is not None
        self._paced = held and delay > 0
        if held and pause is not None:
            self._announce(pause, now)

    def _admit_next(self, now: float) -> float:
        """Admit the request whose turn it is; return the seconds to wait if it may not go yet."""
        spacing = math.inf
        for queue in self._turns if any(self._turns) else [self._speculative]:
            if not queue:
                continue
            if queue.write and (wait := self.limits.until_next_write(now)) > 0:
                spacing = wait
                continue
            delay = self.limits.delay(now, write=queue.write, speculative=queue.speculative)
            if delay > 0:
                return min(delay, spacing)
            if not queue.speculative:
                self._turns.remove(queue)
                self._turns.append(queue)
            ticket = queue.next()
            if not ticket.done():
                self._admit(now, write=queue.write)
                ticket.set_result(None)
            return 0.0
        return spacing

    def _announce(self, pause: Pause, now: float) -> None:
        if self._announced is not None and self._announced.ends >= pause.ends:
            return
        if self._announced is None:
            self._announced_at = now
        self._announced = pause
        waiting = sum(map(len, self._turns))
        wait = RateLimitWait(pause.kind, pause.ends - now, pause.until, waiting)
        _log.warning(
            "%s rate limit: every request waits %.1f s, until %s",
            wait.kind,
            wait.seconds,
            f"{wait.until:%Y-%m-%d %H:%M:%S %Z}",
        )
        for name, listener in tuple(self._listeners):
            call_hook(name, listener, wait)

    def _end_pause(self, now: float) -> None:
        if self.limits.resume(now) and self._announced is not None:
            waited = now - self._announced_at
            _log.info("%s rate limit: over after %.1f s", self._announced.kind, waited)
            self._announced = None
