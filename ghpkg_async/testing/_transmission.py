"""Transmission of a response: compression, and damage by faults."""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from ._actions import Response
    from ._faults import RequestFault

HEAD_START: Final = 0.01
"""Seconds between sent data and a reset, which would discard data that has not arrived."""
POLL_INTERVAL: Final = 0.01
"""Seconds between checks for a closed connection."""

_NO_LINGER: Final = struct.pack("ii", 1, 0)
"""Value of ``SO_LINGER`` that makes closing a socket send a reset."""


def encode(response: Response, *, accept_encoding: str, now: float) -> web.Response:
    """Return the undamaged response, dated, and compressed if the client accepts gzip."""
    headers = {"Server": "github.com", "Date": formatdate(now, usegmt=True), **response.headers}
    body: bytes | None = response.body or None
    if body is not None:
        headers.setdefault("Content-Type", "application/json; charset=utf-8")
        if _accepts_gzip(accept_encoding):
            headers["Content-Encoding"] = "gzip"
            body = zlib.compress(body, level=1, wbits=31)
        elif "ETag" in headers:  # The strong ETag of the body as sent, not compressed.
            headers["ETag"] = headers["ETag"].removeprefix("W/")
    return web.Response(status=response.status, body=body, headers=headers)


async def send(
    request: web.BaseRequest, whole: web.Response | None, fault: RequestFault
) -> web.StreamResponse:
    """Apply a fault to the connection, and return the response that aiohttp is to send.

    Args:
        request: The request.
        whole: The undamaged response; ``None`` if the request is not carried out.
        fault: Fault of the request.
    """
    match fault.name:
        case "stall" | "stall_after":
            await wait_until_disconnected(request)
        case "close_keep_alive":
            return close_connection(request)
        case "reset_before" | "reset_after":
            _reset(request)
        case "cut_body" if whole is not None:
            _write(request, _part(whole, fault.cut_at, headers_only=False))
            return close_connection(request)
        case "reset_headers" | "reset_body" if whole is not None:
            headers_only = fault.name == "reset_headers"
            _write(request, _part(whole, fault.cut_at, headers_only=headers_only))
            await asyncio.sleep(HEAD_START)
            _reset(request)
        case _ if whole is not None:
            if "Content-Encoding" in whole.headers:
                whole.enable_chunked_encoding()
            return whole
    return _nothing()


def close_connection(request: web.BaseRequest) -> web.StreamResponse:
    """Close the request's connection without a reset; return an empty response for aiohttp."""
    if request.transport is not None:
        request.transport.close()
    return _nothing()


async def wait_until_disconnected(request: web.BaseRequest) -> None:
    """Wait until the client has closed the request's connection."""
    # aiohttp can only cancel a handler when its client disconnects. Real servers carry out the
    # request nevertheless, so cancellation is off and the connection is polled.
    while not is_disconnected(request):  # noqa: ASYNC110  (there is no event to wait for)
        await asyncio.sleep(POLL_INTERVAL)


def is_disconnected(request: web.BaseRequest) -> bool:
    """Return whether the request's connection is closed."""
    return request.transport is None or request.transport.is_closing()


def _part(whole: web.Response, cut_at: float, *, headers_only: bool) -> bytes:
    """Return the first part of the encoded response, cut in its headers or its body.

    Args:
        whole: The undamaged response.
        cut_at: Fraction of the headers or the body before the cut, 0 to 1.
        headers_only: Cut in the headers; else in the body, if there is one.
    """
    body = whole.body if isinstance(whole.body, bytes) else b""
    lines = [f"HTTP/1.1 {whole.status} {whole.reason}"]
    lines += [f"{name}: {value}" for name, value in whole.headers.items()]
    if body and "Content-Length" not in whole.headers:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "", ""]).encode()
    if headers_only or not body:
        return head[: 1 + int(cut_at * (len(head) - 2))]
    return head + body[: int(cut_at * (len(body) - 1))]


def _nothing() -> web.StreamResponse:
    # aiohttp requires a response; the connection is closed, so it is not sent.
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


def _accepts_gzip(accepted: str) -> bool:
    for coding in accepted.lower().split(","):
        name, _, parameters = coding.partition(";")
        if name.strip() in ("gzip", "*"):
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
