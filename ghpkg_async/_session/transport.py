"""Send one request and read its response: the only module that touches the network."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.request import getproxies, proxy_bypass

import aiohttp
import attrs
from multidict import CIMultiDict
from yarl import URL

from ..errors import ConnectionFailed, GitHubPackagesError, InvalidResponse, RequestTimeout
from .auth import is_loopback
from .bodies import GzipBuffer, read_raw_body
from .limits import READ_POINTS, WRITE_POINTS
from .redaction import Secret, drop_frames
from .retry import is_refusal
from .urls import same_origin

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from multidict import MultiMapping

    from .._codec import Buffer

__all__ = ["NoResponse", "Request", "Response", "Stats", "Transport"]

T = TypeVar("T")

READ_BUFFER: Final = 2**20
LONGEST_FIELD: Final = 2**17
"""Of a header, bytes: GitHub's policies are long, and are no reason to lose an error."""


@attrs.define
class Stats:
    """Counts of a client's requests.

    Seconds are those during which at least one request was held, however many were; speculative
    requests do not count.

    Attributes:
        requests: requests sent, retries and followed redirects included.
        retries: attempts after the first, after a transient failure or a rate limit.
        not_modified: cached responses that a 304 confirmed, free of the hourly budget.
        points: their cost in GitHub's secondary limit (GET 1, writes 5).
        seconds_paced: seconds during which requests were held by ``points_per_minute``, the second
            between writes or the gradual return after a rate limit.
        seconds_limited: seconds during which a rate limit held requests.
    """

    requests: int = 0
    retries: int = 0
    not_modified: int = 0
    points: int = 0
    seconds_paced: float = 0.0
    seconds_limited: float = 0.0

    @property
    def seconds_waited(self) -> float:
        """``seconds_paced`` and ``seconds_limited`` together; they never overlap."""
        return self.seconds_paced + self.seconds_limited


@attrs.frozen(eq=False, repr=False)
class Request:
    """One request.

    Attributes:
        method: the HTTP method.
        url: on the client's origin.
        flow: its listing.
        is_continuation: whether it is a page after the listing's first one.
        etag: value of ``If-None-Match``; empty: none.
        speculative: whether its response may turn out not to be needed.
        on_admitted: called when the scheduler admits it.
        token: authenticates it; ``None`` until just before it is sent.
        scheme: how the token authenticates: ``"Bearer"`` or ``"Basic"``.
        secret_query: the query of a request whose query holds a secret; ``url`` has none then.
    """

    method: str
    url: URL
    flow: Hashable = None
    is_continuation: bool = False
    etag: str = ""
    speculative: bool = False
    on_admitted: Callable[[], object] | None = None
    token: Secret | None = None
    scheme: str = "Bearer"
    secret_query: Secret | None = None

    @property
    def write(self) -> bool:
        """``True`` unless the method is GET."""
        return self.method != "GET"

    def __str__(self) -> str:
        return f"{self.method} {self.url}"

    def redirected(self, url: URL) -> Request:
        """The request that a redirect to ``url`` asks for; a secret query stays one."""
        query = self.secret_query
        if query is not None:
            url, query = url.with_query(None), Secret(url.raw_query_string)
        return attrs.evolve(self, url=url, secret_query=query, etag="")

    @property
    def shown_url(self) -> str:
        """The URL for errors and logs."""
        return str(self.url)

    @property
    def whole_url(self) -> URL:
        """The URL to send, secrets included."""
        query = self.secret_query
        return URL(f"{self.url}?{query.reveal()}", encoded=True) if query else self.url


@attrs.frozen(eq=False)
class Response:
    """A whole response; its body is still compressed.

    Attributes:
        request: the request, after redirects.
        status: the HTTP status.
        headers: the headers, case-insensitive.
        raw_body: the compressed bytes of the body.
        buffer: the buffer for the decompressed body.
        maybe_applied: whether the server may have applied an earlier attempt.
        from_cache: whether the body is that of a cached response, which a 304 confirmed. Headers
            that the 304 did not have, as GitHub's has no ``Link``, are the cached ones: they may be
            stale while the body is not. A full page without ``next`` may have got a
            successor; a page that is not full may not have, since it would have grown.
        stored: whether the cache holds this response, so that the next request for it is
            conditional. It is for every response confirmed by a 304, and false without a cache.
        was_last: whether a listing proved earlier that this page was the last one; see
            `Session.remember_last`. The body and the headers of the page are unchanged since.
    """

    request: Request
    status: int
    headers: MultiMapping[str] = attrs.field(repr=False)
    raw_body: bytes = attrs.field(repr=False)
    buffer: GzipBuffer = attrs.field(factory=GzipBuffer, repr=False)
    maybe_applied: bool = False
    from_cache: bool = False
    stored: bool = False
    was_last: bool = False

    @property
    def link(self) -> str:
        """The ``Link`` header, its lines joined with commas."""
        return ", ".join(self.headers.getall("Link", []))

    def read(self, decode: Callable[[Buffer], T]) -> T:
        """The body, decoded; `InvalidResponse` names the URL and the place that is wrong."""
        try:
            return decode(self.body())
        except InvalidResponse as error:
            invalid = error
        raise InvalidResponse(f"{self.request}: {invalid}")

    def body(self) -> Buffer:
        """The body, inflated within a bound; good until another one is."""
        return self.buffer.inflate(self.raw_body, self.headers.get("Content-Encoding", ""))


@attrs.frozen(eq=False, repr=False)
class NoResponse:
    """An attempt without a whole response.

    Attributes:
        request: the request.
        error: the exception to raise.
        maybe_applied: whether the server may have applied the request.
        transient: whether another attempt may succeed.
    """

    request: Request
    error: GitHubPackagesError
    maybe_applied: bool
    transient: bool = True


class Transport:
    """Sends requests to one origin, each once.

    Args:
        origin: where requests, and the token with them, may go.
        headers: sent with every request.
        injected: the caller's aiohttp session, whose connections are used.
    """

    def __init__(
        self,
        origin: URL,
        *,
        headers: Mapping[str, str],
        injected: aiohttp.ClientSession | None = None,
    ) -> None:
        self._origin = origin
        self.stats: Stats = Stats()
        self._headers = CIMultiDict({**headers, "Accept-Encoding": "gzip"})
        self._injected = injected
        self._buffer = GzipBuffer()
        self._http: aiohttp.ClientSession | None = None

    def on_origin(self, origin: URL, headers: Mapping[str, str]) -> Transport:
        """Return a transport to another origin with the same connection settings."""
        transport = Transport(origin, headers=headers, injected=self._injected)
        transport._headers.setdefault("User-Agent", self._headers.get("User-Agent", ""))
        return transport

    def open(self) -> None:
        """Open the connection pool."""
        if self._http is None:
            self._http = _http_session(self._injected, self._origin)

    async def close(self) -> None:
        """Lets go of the connections."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def exchange(self, request: Request, seconds: float) -> Response | NoResponse:
        """Send once and read the whole response, within ``seconds``."""
        outer = sys.exception()
        try:
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
        self.stats.requests += 1
        self.stats.points += WRITE_POINTS if request.write else READ_POINTS
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
