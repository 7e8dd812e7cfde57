"""Send one request and read its response: the only module that touches the network."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final
from urllib.request import getproxies, proxy_bypass

import aiohttp
import attrs
from multidict import CIMultiDict
from yarl import URL

from ..errors import ConnectionFailed, GitHubPackagesError, InvalidResponse, RequestTimeout
from .auth import is_loopback
from .bodies import GzipBuffer, read_raw_body
from .limits import READ_POINTS, WRITE_POINTS
from .messages import NoResponse, Response
from .redaction import drop_frames
from .retry import is_refusal
from .urls import same_origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .messages import Request
    from .redaction import Redactor
    from .stats import Stats

__all__ = ["Transport"]

READ_BUFFER: Final = 2**20
LONGEST_FIELD: Final = 2**17
"""Of a header, bytes: GitHub's policies are long, and are no reason to lose an error."""


class Transport:
    """Sends requests to one origin, each once.

    Args:
        origin: where requests, and the token with them, may go.
        headers: sent with every request.
        redactor: redacts the token of each request in flight.
        stats: counts the requests and their points.
        injected: the caller's aiohttp session, whose connections are used.
    """

    def __init__(
        self,
        origin: URL,
        *,
        headers: Mapping[str, str],
        redactor: Redactor,
        stats: Stats,
        injected: aiohttp.ClientSession | None = None,
    ) -> None:
        self._origin = origin
        self._redactor = redactor
        self._stats = stats
        self._headers = CIMultiDict({**headers, "Accept-Encoding": "gzip"})
        self._injected = injected
        self._buffer = GzipBuffer()
        self._http: aiohttp.ClientSession | None = None

    def on_origin(self, origin: URL, headers: Mapping[str, str], stats: Stats) -> Transport:
        """Return a transport to another origin with the same connection settings."""
        transport = Transport(
            origin,
            headers=headers,
            redactor=self._redactor,
            stats=stats,
            injected=self._injected,
        )
        transport._headers.setdefault("User-Agent", self._headers.get("User-Agent", ""))
        return transport

    def open(self) -> None:
        """Open the connection pool."""
        if self._http is None:
            self._http = _http_session(self._injected, self._origin)

    async def close(self) -> None:
        """Close the connections."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def exchange(self, request: Request, seconds: float) -> Response | NoResponse:
        """Send once and read the whole response, within ``seconds``."""
        outer = sys.exception()
        try:
            with self._redactor.sending(request.token):
                return await self._exchange(request, seconds)
        except BaseException as error:
            drop_frames(error, outer)  # They hold the request's headers.
            raise

    async def _exchange(self, request: Request, seconds: float) -> Response | NoResponse:
        http, outer = self._http, sys.exception()
        if http is None or http.closed or (self._injected is not None and self._injected.closed):
            raise GitHubPackagesError("session: the aiohttp.ClientSession given is closed")
        if not same_origin(self._origin, request.url):
            raise InvalidResponse(
                f"{request}: not on {self._origin}, the only origin that is asked"
            )
        self._stats.requests += 1
        self._stats.points += WRITE_POINTS if request.write else READ_POINTS
        response = None
        try:
            async with (
                asyncio.timeout(seconds),
                http.request(
                    request.method,
                    request.whole_url,
                    headers=self._headers_for(request),
                    allow_redirects=False,
                ) as response,
            ):
                raw_body = await read_raw_body(response)
                return Response(request, response.status, response.headers, raw_body, self._buffer)
        except (TimeoutError, InvalidResponse, aiohttp.ClientError, OSError) as error:
            cause = error
        drop_frames(cause, outer)
        failure = _no_response(request, cause, seconds)
        if response is not None and is_refusal(response.status):
            # Also if its body was lost.
            failure = attrs.evolve(failure, maybe_applied=False)
        return failure

    def _headers_for(self, request: Request) -> CIMultiDict[str]:
        headers = self._headers.copy()
        if request.token:
            headers["Authorization"] = f"{request.scheme} {request.token.reveal()}"
        if request.etag:
            headers["If-None-Match"] = request.etag
        return headers


def _no_response(request: Request, cause: Exception, seconds: float) -> NoResponse:
    """Map a lost response. Called outside the handler, as aiohttp's errors hold the headers."""
    error: GitHubPackagesError
    match cause:
        case InvalidResponse():
            error = InvalidResponse(f"{request}: {cause}")
            return NoResponse(request, error, maybe_applied=True, transient=False)
        case aiohttp.ClientResponseError():
            error = InvalidResponse(f"{request}: not HTTP: {cause.message[:200]}")
            return NoResponse(request, error, maybe_applied=True, transient=False)
        case TimeoutError():
            error = RequestTimeout(f"{request}: no response within {seconds:g} seconds")
            return NoResponse(request, error, maybe_applied=True)
        case aiohttp.ClientConnectorError():
            error = ConnectionFailed(f"{request}: no connection: {cause}")
            error.__cause__ = cause
            certificate = isinstance(cause, aiohttp.ClientSSLError)
            return NoResponse(request, error, maybe_applied=False, transient=not certificate)
    reason = str(cause)[:200] or type(cause).__name__
    error = ConnectionFailed(f"{request}: the connection broke: {reason}")
    error.__cause__ = cause.__cause__ if isinstance(cause, _SentOnce) else cause
    return NoResponse(request, error, maybe_applied=True)


class _SentOnce(aiohttp.ClientConnectionError):
    """Replaces an error after which aiohttp would silently send the request again."""


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a request again: an uncounted attempt turns a DELETE into a 404."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _SentOnce(str(error)) from error


def _http_session(injected: aiohttp.ClientSession | None, origin: URL) -> aiohttp.ClientSession:
    """A session with settings of its own, on connections of its own or of ``injected``.

    Of an injected session only how it connects is taken (connector, proxy, traces): its headers,
    cookies, base URL, middlewares and error handling are not, and nothing is left in it.
    """
    options: dict[str, Any]
    if injected is None:
        options = {"connector": aiohttp.TCPConnector(limit=0)}
    elif injected.closed:
        raise GitHubPackagesError("session: the aiohttp.ClientSession given is closed")
    else:
        options = {
            "connector": injected.connector,
            "connector_owner": False,
            "proxy": _proxy(injected, origin),
        }
    session = aiohttp.ClientSession(
        **options,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        read_bufsize=READ_BUFFER,
        max_line_size=LONGEST_FIELD,
        max_field_size=LONGEST_FIELD,
        middlewares=(_send_once,),
    )
    if injected is not None:
        # Instead of those that an instrumentation adds to each new session: they are among these.
        session.trace_configs[:] = injected.trace_configs
    return session


def _proxy(injected: aiohttp.ClientSession, origin: URL) -> URL | None:
    """Return the proxy that a session would use for the origin; loopback never has one.

    A proxy would get the token that plain http may carry to loopback. aiohttp has no public name
    for a session's proxy; its ``trust_env`` would bring in netrc, too.
    """
    if is_loopback(origin):
        return None
    proxy = getattr(injected, "_default_proxy", None)
    credentials = getattr(injected, "_default_proxy_auth", None)
    if proxy is not None and credentials is not None:
        return URL(proxy).with_user(credentials.login).with_password(credentials.password)
    if proxy is None and injected.trust_env and not proxy_bypass(origin.host or ""):
        proxy = getproxies().get(origin.scheme)
    return URL(proxy) if proxy is not None else None
