"""One request on the wire, and what came back: the only room that touches the network."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiohttp
import attrs
from multidict import CIMultiDict

from .auth import check_token
from .bodies import Scratch, read_wire
from .errors import ConnectionFailed, GitHubPackagesError, InvalidResponse, RequestTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from yarl import URL

    from .auth import TokenSource
    from .codec import Buffer

__all__ = ["Answer", "Failure", "Request", "Transport"]

T = TypeVar("T")

READ_BUFFER: Final = 2**20


@attrs.frozen
class Request:
    """What to ask.

    Attributes:
        method: the HTTP method.
        url: on the client's origin.
        lane: which listing it belongs to.
        further: whether it is a page after the listing's first.
        etag: what to ask with, where an answer was kept.
    """

    method: str
    url: URL
    lane: Hashable = None
    further: bool = False
    etag: str = ""

    @property
    def write(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET"

    def __str__(self) -> str:
        return f"{self.method} {self.shown_url}"

    @property
    def shown_url(self) -> str:
        """The URL for errors and logs: a query may hold a package token."""
        return str(self.url.with_query(None)) if "token" in self.url.query else str(self.url)


@attrs.frozen
class Answer:
    """What came back, as it came: the body is still compressed.

    Attributes:
        request: what was asked, after redirects.
        status: the HTTP status.
        headers: the headers, case-insensitive.
        wire: the body's bytes on the wire.
        scratch: where to inflate the body.
        uncertain: whether an earlier attempt of ours may have been carried out already.
        kept: whether the body and ``Link`` are those of an earlier answer, unchanged since.
    """

    request: Request
    status: int
    headers: Mapping[str, str]
    wire: bytes = attrs.field(repr=False)
    scratch: Scratch = attrs.field(factory=Scratch, repr=False)
    uncertain: bool = False
    kept: bool = False

    def read(self, decode: Callable[[Buffer], T]) -> T:
        """The body, decoded; `InvalidResponse` names the URL and the place that is wrong."""
        try:
            return decode(self.body())
        except InvalidResponse as error:
            raise InvalidResponse(f"{self.request}: {error}") from None

    def body(self) -> Buffer:
        """The body, inflated within a bound; good until another one is."""
        return self.scratch.inflate(self.wire, self.headers.get("Content-Encoding", ""))


@attrs.frozen
class Failure:
    """No whole answer.

    Attributes:
        request: what was asked.
        error: why.
        sent: whether the request may have reached the server.
        transient: whether another attempt makes sense.
    """

    request: Request
    error: ConnectionFailed
    sent: bool
    transient: bool = True


class Transport:
    """Sends requests to one origin, each once.

    Args:
        origin: where requests, and the token with them, may go.
        token: ``""`` for none.
        headers: sent with every request.
        timeout: seconds for a request and its answer.
        injected: the caller's aiohttp session, whose connections are used.
    """

    def __init__(
        self,
        origin: URL,
        *,
        token: str | TokenSource,
        headers: Mapping[str, str],
        timeout: float,
        injected: aiohttp.ClientSession | None = None,
    ) -> None:
        self._origin = origin
        self._token = token
        self._last_token = token if isinstance(token, str) else ""
        self._headers = CIMultiDict({**headers, "Accept-Encoding": "gzip"})
        if self._last_token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._timeout = timeout
        self._injected = injected
        self._scratch = Scratch()
        self._http: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Makes ready to send."""
        if self._http is None:
            self._http = _http_session(self._injected)

    async def close(self) -> None:
        """Lets go of the connections."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def token(self) -> str:
        """The token to use now; ``""`` for none."""
        if not isinstance(self._token, str):
            self._last_token = check_token(await self._token.token(), "token source")
        return self._last_token

    def scrub(self, body: Buffer) -> bytes:
        """A body without the token, should the server repeat it."""
        secret = self._last_token.encode()
        return bytes(body).replace(secret, b"***") if secret else bytes(body)

    async def exchange(self, request: Request) -> Answer | Failure:
        """Sends once and reads the answer, or tells how that failed.

        Raises:
            InvalidResponse: the URL is on another origin, or what came is no HTTP or too large.
            GitHubPackagesError: the session that was given is closed.
        """
        http, url = self._http, request.url
        if http is None or http.closed or (self._injected is not None and self._injected.closed):
            raise GitHubPackagesError("session: the aiohttp.ClientSession given is closed")
        if url.user is not None or url.origin() != self._origin:
            raise InvalidResponse(
                f"{request}: not on {self._origin}, the only origin that is asked"
            )
        headers = await self._headers_for(request)
        try:
            async with (
                asyncio.timeout(self._timeout),
                http.request(
                    request.method, url, headers=headers, allow_redirects=False
                ) as response,
            ):
                wire = await read_wire(response)
                return Answer(request, response.status, response.headers, wire, self._scratch)
        except TimeoutError:
            error = RequestTimeout(f"{request}: no answer within {self._timeout:g} seconds")
            return Failure(request, error, sent=True)
        except InvalidResponse as invalid:
            raise InvalidResponse(f"{request}: {invalid}") from None
        except aiohttp.ClientResponseError as cause:
            # Its repr holds the request's headers, and so the token.
            raise InvalidResponse(f"{request}: no HTTP: {cause.message}") from None
        except aiohttp.ClientConnectorError as cause:
            failed = ConnectionFailed(f"{request}: no connection: {cause}")
            failed.__cause__ = cause
            certificate = isinstance(cause, aiohttp.ClientSSLError)
            return Failure(request, failed, sent=False, transient=not certificate)
        except (aiohttp.ClientError, OSError) as cause:
            reason = str(cause) or type(cause).__name__
            failed = ConnectionFailed(f"{request}: the connection broke: {reason}")
            failed.__cause__ = cause.__cause__ if isinstance(cause, _SentOnce) else cause
            return Failure(request, failed, sent=True)

    async def _headers_for(self, request: Request) -> CIMultiDict[str]:
        if isinstance(self._token, str) and not request.etag:
            return self._headers
        headers = self._headers.copy()
        if token := await self.token():
            headers["Authorization"] = f"Bearer {token}"
        if request.etag:
            headers["If-None-Match"] = request.etag
        return headers


class _SentOnce(aiohttp.ClientConnectionError):
    """Stands for an error after which aiohttp would quietly send the request again."""


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keeps aiohttp from re-sending: an attempt nobody counted turns a DELETE into a 404."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _SentOnce(str(error)) from error


def _http_session(injected: aiohttp.ClientSession | None) -> aiohttp.ClientSession:
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
            "trust_env": injected.trust_env,
            "trace_configs": injected.trace_configs,
            # aiohttp shows a session's proxy nowhere else.
            "proxy": getattr(injected, "_default_proxy", None),
        }
    return aiohttp.ClientSession(
        **options,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        read_bufsize=READ_BUFFER,
        middlewares=(_send_once,),
    )
