"""Event loop whose clock jumps to the next timer, and connections in memory.

An hour of waiting takes no real time, and the same seed results in the same order of events.
"""

from __future__ import annotations

import asyncio
import functools
import random
import selectors
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

P = ParamSpec("P")
T = TypeVar("T")

LONGEST = 120.0
"""Virtual seconds after which a run fails by default."""

SERVER = "server"
"""Name of the server's tasks, which may outlive a run."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Event loop in virtual time, without sockets and threads; a wait for these is a deadlock.

    Attributes:
        listeners: factories of the server's protocols, by path of the Unix socket.
        unhandled: contexts of errors that no task or callback handled.
    """

    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__(_Jump(self.advance))
        self.listeners: dict[str, Callable[[], asyncio.Protocol]] = {}
        self.unhandled: list[dict[str, Any]] = []

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds

    async def create_unix_connection(
        self, protocol_factory: Callable[[], Any], path: Any = None, **options: Any
    ) -> Any:
        """Connect in memory to the listener of a path."""
        client, server = protocol_factory(), self.listeners[path]()
        here, there = Pipe(self, client), Pipe(self, server)
        here.other, there.other = there, here
        server.connection_made(there)
        client.connection_made(here)
        return here, client

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.unhandled.append(context)


class _Jump(selectors.SelectSelector):
    def __init__(self, advance: Callable[[float], None]) -> None:
        super().__init__()
        self._advance = advance

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("deadlock: all tasks wait, and no timer is set")
        if timeout <= 0:
            return []
        self._advance(timeout)
        return []


class Pipe(asyncio.Transport):
    """One end of a connection in memory; data written to it is received at the other end."""

    other: Pipe

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if not self._closing:
            self._loop.call_soon(self.other.receive, bytes(data))

    def receive(self, data: bytes) -> None:
        if not self._closing:
            self._protocol.data_received(data)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)
            self._loop.call_soon(self.other.close)

    def abort(self) -> None:
        self.close()


def run(
    main: Callable[[], Coroutine[Any, Any, T]], *, seed: int = 0, longest: float = LONGEST
) -> T:
    """Run a coroutine function in virtual time.

    Args:
        main: coroutine function to run.
        seed: seed of the random numbers in the client's retry delays.
        longest: virtual seconds after which the run fails.

    Raises:
        TimeoutError: the run took longer than `longest`.
        AssertionError: an error was not handled, or a task other than the server's is left.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            loop = runner.get_loop()
            assert isinstance(loop, VirtualLoop)
            result = runner.run(_bounded(main, longest))
            assert not loop.unhandled, loop.unhandled
            return result
    finally:
        random.setstate(state)


async def _bounded(main: Callable[[], Coroutine[Any, Any, T]], longest: float) -> T:
    async with asyncio.timeout(longest):
        result = await main()
    await asyncio.sleep(0)  # Closed transports notify their protocols in the next step.
    left = {task for task in asyncio.all_tasks() if task.get_name() != SERVER}
    assert left == {asyncio.current_task()}, left
    return result


def virtual(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Decorate an asynchronous test to run in virtual time."""

    @functools.wraps(test)
    def run_test(*args: P.args, **kwargs: P.kwargs) -> None:
        run(lambda: test(*args, **kwargs))

    return run_test
