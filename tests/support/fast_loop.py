"""Event loop on which waiting is short, and time measured by its clock."""

from __future__ import annotations

import asyncio
import math
import selectors
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from ghpkg_async._clock import loop_time

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEED = 25
"""Quotient of a wait by the loop's clock and the wait in fact."""
SHORTEST_WAIT, LONGEST_WAIT = 0.001, 0.05
"""Seconds to wait in fact; the shortest for data on its way between sockets of the process."""
LONGEST_STEP = 0.05
"""Seconds that the callbacks of one iteration take at the most, by the loop's clock."""


class FastLoop(asyncio.SelectorEventLoop):
    """Event loop that skips most of the time in which every task waits for a timer.

    A wait of a second takes 40 milliseconds. While a callback runs, the clock runs as usual, but a
    stall of the process hardly moves it: a timeout means that the awaited event did not happen,
    however busy the machine is.

    It is for servers and clients in one thread, and skips nothing while there are other threads
    than at its start. Responses of other processes would be too late for its timers.
    """

    def __init__(self) -> None:
        self._now = time.monotonic()
        self._threads = set(threading.enumerate())
        super().__init__(_FastSelector(self))

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds

    async def subprocess_exec(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError("mark the test as slow: a FastLoop does not wait for processes")

    def real_wait(self, seconds: float) -> float:
        """Return the seconds to wait in fact for a wait of `seconds` by the loop's clock."""
        if not self._threads.issuperset(threading.enumerate()):
            return seconds
        return min(seconds, max(seconds / SPEED, SHORTEST_WAIT), LONGEST_WAIT)


class _FastSelector(selectors.DefaultSelector):
    def __init__(self, loop: FastLoop) -> None:
        super().__init__()
        self._loop = loop
        self._returned_at = time.monotonic()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        called_at = time.monotonic()
        ran = min(called_at - self._returned_at, LONGEST_STEP)
        self._loop.advance(ran)
        left = math.inf if timeout is None else max(0.0, timeout - ran)
        wait = self._loop.real_wait(left) if left else 0.0
        events = super().select(None if timeout is None else wait)
        self._returned_at = time.monotonic()
        waited = min(self._returned_at - called_at, wait)
        self._loop.advance(waited if events else left)
        return events


@contextmanager
def takes(least: float = 0.0, most: float = 2.5) -> Iterator[None]:
    """Fail unless the block takes `least` to `most` seconds by the loop's clock.

    Fail also if it takes more CPU time than `most`, or than 2.5 seconds if that is more.
    """
    start, started = loop_time(), time.process_time()
    yield
    took, cpu = loop_time() - start, time.process_time() - started
    assert least <= took <= most, f"took {took:.2f} s instead of {least} to {most}"
    assert cpu <= max(most, 2.5), f"took {cpu:.2f} s of CPU time"
