"""How an answer, or what is left of it, goes onto the wire."""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from email.utils import formatdate
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from ._actions import Answer
    from ._faults import Fate

#: How long what was sent before a reset has to arrive, in seconds: a reset overtakes it.
HEAD_START = 0.01
#: How often it is looked whether a client is still there, in seconds.
PATIENCE = 0.01

#: Closing a socket that lingers for no time sends a reset.
_NO_LINGER = struct.pack("ii", 1, 0)


def response(answer: Answer, *, accept_encoding: str, now: float) -> web.Response:
    """The whole answer, compressed if the client takes that, and dated."""
    headers = {"Server": "github.com", "Date": formatdate(now, usegmt=True), **answer.headers}
    body: bytes | None = answer.body or None
    if body is not None:
        headers.setdefault("Content-Type", "application/json; charset=utf-8")
        if _takes_gzip(accept_encoding):
            headers["Content-Encoding"] = "gzip"
            body = zlib.compress(body, level=1, wbits=31)
        elif "ETag" in headers:  # It is of this very body, not of a compressed one.
            headers["ETag"] = headers["ETag"].removeprefix("W/")
    return web.Response(status=answer.status, body=body, headers=headers)


async def send(
    request: web.BaseRequest, whole: web.Response | None, fate: Fate
) -> web.StreamResponse:
    """What of the answer is left for aiohttp to send, after what its fate left on the wire.

    Args:
        request: The request to answer.
        whole: The answer, if the request was carried out.
        fate: What the request met.
    """
    match fate.fault:
        case "stall" | "stall_after":
            await until_left(request)
        case "close_keep_alive":
            return hang_up(request)
        case "reset_before" | "reset_after":
            _reset(request)
        case "cut_body" if whole is not None:
            _write(request, _part(whole, fate.place, headers_only=False))
            return hang_up(request)
        case "reset_headers" | "reset_body" if whole is not None:
            headers_only = fate.fault == "reset_headers"
            _write(request, _part(whole, fate.place, headers_only=headers_only))
            await asyncio.sleep(HEAD_START)
            _reset(request)
        case _ if whole is not None:
            if "Content-Encoding" in whole.headers:
                whole.enable_chunked_encoding()
            return whole
    return _nothing()


def hang_up(request: web.BaseRequest) -> web.StreamResponse:
    """Close the request's connection in good order; what is left to send is nothing."""
    if request.transport is not None:
        request.transport.close()
    return _nothing()


async def until_left(request: web.BaseRequest) -> None:
    """Wait until the client has closed the request's connection."""
    # aiohttp tells a handler of that only by cancelling it, and then a request could not be
    # carried out after its client lost patience, which is just what servers do.
    while not has_left(request):  # noqa: ASYNC110  (there is no event to wait for)
        await asyncio.sleep(PATIENCE)


def has_left(request: web.BaseRequest) -> bool:
    """Whether the request's connection is closed."""
    return request.transport is None or request.transport.is_closing()


def _part(whole: web.Response, place: float, *, headers_only: bool) -> bytes:
    """The answer as it is on the wire, up to that place in its headers or its body."""
    body = whole.body if isinstance(whole.body, bytes) else b""
    lines = [f"HTTP/1.1 {whole.status} {whole.reason}"]
    lines += [f"{name}: {value}" for name, value in whole.headers.items()]
    if body and "Content-Length" not in whole.headers:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "", ""]).encode()
    if headers_only or not body:
        return head[: 1 + int(place * (len(head) - 2))]
    return head + body[: int(place * (len(body) - 1))]


def _nothing() -> web.StreamResponse:
    # aiohttp wants an answer; nobody is left to receive it, which ends the connection quietly.
    return web.Response()


def _write(request: web.BaseRequest, data: bytes) -> None:
    if request.transport is not None:
        request.transport.write(data)


def _reset(request: web.BaseRequest) -> None:
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()


def _takes_gzip(accepted: str) -> bool:
    for coding in accepted.lower().split(","):
        name, _, parameters = coding.partition(";")
        if name.strip() in ("gzip", "*"):
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
