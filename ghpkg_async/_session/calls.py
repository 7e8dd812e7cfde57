"""The calls of one client in flight: closing waits for them, and their errors are redacted."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from .._clock import loop_time
from ..errors import ClientClosed, ConfigurationError
from .redaction import RedactingContext

if TYPE_CHECKING:
    from .redaction import Redactor

__all__ = ["Call", "Calls"]


class Calls:
    """The calls of one client that are in flight, and whether it accepts more.

    Args:
        redactor: redacts the errors that leave a call.

    Attributes:
        timeouts: of the requests in flight; rescheduled to end them.
    """

    def __init__(self, redactor: Redactor) -> None:
        self.timeouts: set[asyncio.Timeout] = set()
        self._redactor = redactor
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closing = self._is_closed = False

    def check(self, *, in_flight: bool = False) -> None:
        """Raise `ClientClosed` if the client accepts no calls.

        Args:
            in_flight: whether the call began before the client was closed; it may then go on
                until the time for closing is over.
        """
        if self._is_closed or (self._is_closing and not in_flight):
            raise ClientClosed("the client is closed; make a new GitHubPackages to send requests")

    def call(self) -> Call:
        """Return the context of a call."""
        return Call(self, self._redactor)

    def start(self) -> None:
        """Count one more call in flight.

        Raises:
            ClientClosed: the client accepts no calls.
            ConfigurationError: an earlier call was made on another event loop.
        """
        self.check()
        loop = asyncio.get_running_loop()
        if self._loop not in (None, loop):
            raise ConfigurationError(
                "GitHubPackages: the first call of this client was made on another event loop; "
                "make a client for each loop"
            )
        self._loop = loop
        self._in_flight += 1
        self._idle.clear()

    def finish(self) -> None:
        """Count one call less."""
        self._in_flight -= 1
        if not self._in_flight:
            self._idle.set()

    async def drain(self, seconds: float) -> None:
        """Accept no more calls, and wait at most ``seconds`` until none is in flight."""
        self._is_closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._in_flight:
                    await self._idle.wait()

    def end(self) -> None:
        """End the requests in flight."""
        if self._is_closed:
            return
        self._is_closed = True
        now = loop_time()
        for timeout in self.timeouts:
            timeout.reschedule(now)


class Call(RedactingContext):
    """A call of the user's: closing waits for it, and the errors that leave it are redacted."""

    __slots__ = ("_calls",)

    def __init__(self, calls: Calls, redactor: Redactor) -> None:
        super().__init__(redactor)
        self._calls = calls

    def __enter__(self) -> None:
        self._calls.start()
        super().__enter__()

    def __exit__(self, exc_type: object, error: BaseException | None, traceback: object) -> None:
        self._calls.finish()
        super().__exit__(exc_type, error, traceback)
