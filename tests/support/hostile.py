"""Server that sends scripted responses over real sockets, and clients of it."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import struct
import traceback
import zlib
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from attrs import define, field, frozen

from ghpkg_async import GitHubPackages, GitHubPackagesError
from ghpkg_async._clock import loop_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

TOKEN = "ghp_Qf7ZkW2mXr9LbT4vNc8HsJ1yPd6GaE3uRo5K"
PACKAGE_TOKEN = "pkt_z3Xn8Vb1+/=Ue6Rw9Ty4Qa7Sd2Fg5Hj0Kl"
MIB = 2**20
RECOGNIZABLE = 12
"""Number of consecutive characters that make a part of a token recognizable."""


@frozen
class Request:
    """Request as received over the socket."""

    raw: bytes
    connection: int

    @property
    def method(self) -> str:
        return self.raw.split(b" ", 1)[0].decode()

    @property
    def target(self) -> str:
        return self.raw.split(b" ", 2)[1].decode("latin-1")

    @property
    def headers(self) -> dict[str, str]:
        lines = self.raw.decode("latin-1").split("\r\n")[1:-2]
        return {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}


@define
class Call:
    """Request in flight, with the connection on which a step responds."""

    request: Request
    number: int
    writer: asyncio.StreamWriter
    reader: asyncio.StreamReader

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def stall(self) -> None:
        """Send nothing more until the client closes the connection."""
        await self.reader.read()

    async def hang_up(self) -> None:
        """Close the connection normally."""
        self.writer.close()

    async def reset(self) -> None:
        """Close the connection with a TCP reset."""
        await asyncio.sleep(0.02)  # Time for written data to be sent.
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Step: TypeAlias = "bytes | Callable[[Call], Awaitable[object]]"


def response(
    status: int | str = 200, body: bytes | str | list[Any] | dict[str, Any] = b"", *headers: str
) -> bytes:
    """Return the bytes of a response; a list or dictionary as body is encoded as JSON."""
    if isinstance(body, (list, dict)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    lines = [f"HTTP/1.1 {status}{' Said' if isinstance(status, int) else ''}", *headers]
    if status != 204 and not any(line.lower().startswith("content-length") for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def gzipped(body: bytes) -> bytes:
    return response(200, gzip.compress(body), "Content-Encoding: gzip")


def bomb(mebibytes: int) -> bytes:
    """Return a gzip stream of an empty JSON list that contains `mebibytes` MiB of spaces."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = packer.compress(b"[") + packer.flush(zlib.Z_FULL_FLUSH)
    one = packer.compress(b" " * MIB) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.compress(b"]") + packer.flush()
    body_crc = 0  # Wrong, but no client reads as far as the checksum.
    trailer = struct.pack("<II", body_crc, (mebibytes * MIB + 2) % 2**32)
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + start + one * mebibytes + end + trailer


def hanging_up(data: bytes = b"") -> Step:
    """Return a step that sends the data and closes the connection."""

    async def step(call: Call) -> None:
        await call.send(data)
        await call.hang_up()

    return step


def resetting(data: bytes = b"") -> Step:
    """Return a step that sends the data and resets the connection."""

    async def step(call: Call) -> None:
        await call.send(data)
        await call.reset()

    return step


def stalling(data: bytes = b"") -> Step:
    """Return a step that sends the data and then nothing more."""

    async def step(call: Call) -> None:
        await call.send(data)
        await call.stall()

    return step


def flooding(head: bytes, chunk: bytes) -> Step:
    """Return a step that sends the head, and repeats the chunk until the client disconnects."""

    async def step(call: Call) -> None:
        await call.send(head)
        while True:
            await call.send(chunk)

    return step


@define
class HostileServer:
    """Server that handles the nth request with the nth step, and all later ones with the last."""

    port: int = 0
    steps: list[Step] = field(factory=list)
    requests: list[Request] = field(factory=list)
    connections: int = 0
    open: set[asyncio.StreamWriter] = field(factory=set)
    busy: set[asyncio.StreamWriter] = field(factory=set)
    _handlers: set[asyncio.Task[None]] = field(factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def targets(self) -> list[str]:
        return [request.target for request in self.requests]

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.requests]

    def will(self, *steps: Step) -> None:
        self.steps = list(steps)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self.open.add(writer)
        self.connections += 1
        connection = self.connections
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while not writer.is_closing():
                    raw = await reader.readuntil(b"\r\n\r\n")
                    request = Request(raw, connection)
                    self.requests.append(request)
                    number = len(self.requests)
                    step = self.steps[min(number, len(self.steps)) - 1]
                    call = Call(request, number, writer, reader)
                    self.busy.add(writer)
                    await (call.send(step) if isinstance(step, bytes) else step(call))
                    self.busy.discard(writer)
        finally:
            self._handlers.discard(task)
            self.open.discard(writer)
            self.busy.discard(writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def stop(self) -> None:
        tasks = list(self._handlers)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def client(self, token: Any = TOKEN, **options: Any) -> GitHubPackages:
        """Return a client of this server, by default without retries, rate limit waits, pacing."""
        given = {"timeout": 5.0, "max_retries": 0, "max_rate_limit_wait": 0.0, **options}
        given.setdefault("points_per_minute", None)
        return GitHubPackages(token, base_url=given.pop("base_url", self.url), **given)


@asynccontextmanager
async def serving(server: HostileServer) -> AsyncIterator[HostileServer]:
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await server.stop()


async def eventually(holds: Callable[[], object], what: str, within: float = 4.0) -> None:
    """Wait until the condition holds; fail after `within` seconds.

    By default that is less than the timeout of `HostileServer.client`, which must not be needed.
    """
    until = loop_time() + within
    while not holds():
        assert loop_time() < until, f"not so within {within} s: {what}"
        await asyncio.sleep(0.005)


def others() -> set[asyncio.Task[Any]]:
    """Return all tasks except the test's own and those of its servers."""
    return {
        task
        for task in asyncio.all_tasks() - {asyncio.current_task()}
        if not re.search("HostileServer|_accept_connection", repr(task.get_coro()))
    }


async def refused(call: Awaitable[object]) -> GitHubPackagesError:
    """Return the library's error that the call raises."""
    with pytest.raises(GitHubPackagesError) as caught:
        await call
    return caught.value


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, its causes, contexts and members of groups, including suppressed ones."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        left += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            left += one.exceptions


def told_by(error: BaseException) -> str:
    """Return all text of an error and its chain: tracebacks, messages, notes and attributes."""
    told = [*traceback.format_exception(error)]
    for one in chain(error):
        told += [str(one), repr(one), repr(one.args), repr(getattr(one, "__notes__", []))]
        told += [f"{name}={value!r}" for name, value in vars(one).items()]
    return "\n".join(told)


def assert_keeps_secret(text: str, secret: str = TOKEN) -> None:
    """Fail if the text contains a recognizable part of the secret."""
    hidden, text = secret[4:].lower(), text.lower()
    for start in range(len(hidden) - RECOGNIZABLE + 1):
        part = hidden[start : start + RECOGNIZABLE]
        place = text.find(part)
        assert place < 0, f"{part!r} in: ...{text[max(0, place - 200) : place + 60]}..."
