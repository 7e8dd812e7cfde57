"""One request to one answer: the only room that touches the network.

Every request of a client goes through `Session`: through its gate, to its one origin, with its
headers, within its bounds, and home through its one mapping of errors.
"""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import aiohttp
import attrs
from multidict import CIMultiDict
from yarl import URL

from .auth import check_token
from .bodies import Scratch, read_wire
from .errors import (
    APIError,
    ConnectionFailed,
    GitHubPackagesError,
    InvalidResponse,
    NotFound,
    RateLimited,
    RequestTimeout,
    error_for,
)
from .limits import READ_POINTS, WRITE_POINTS
from .retry import wait_before_retry

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from .auth import TokenSource
    from .codec import Buffer
    from .gate import Gate

__all__ = ["Answer", "Session", "Stats"]

T = TypeVar("T")

MAX_REDIRECTS: Final = 5
READ_BUFFER: Final = 2**20

MAX_REFUSALS: Final = 20
"""Rate limits in a row that one request takes before it gives up."""
MAYBE_CARRIED_OUT: Final = "An earlier attempt may have been carried out."

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_KEEPING_THE_METHOD: Final = frozenset({307, 308})


@attrs.frozen
class Answer:
    """What came back, as it came: the body is still compressed.

    Attributes:
        status: the HTTP status.
        headers: the headers, case-insensitive.
        url: the URL that answered, after redirects.
        wire: the body's bytes on the wire.
        scratch: where to inflate the body.
        uncertain: whether an earlier attempt of ours may have been carried out already.
    """

    status: int
    headers: Mapping[str, str]
    url: URL
    wire: bytes = attrs.field(repr=False)
    scratch: Scratch = attrs.field(factory=Scratch, repr=False)
    uncertain: bool = False

    def read(self, decode: Callable[[Buffer], T]) -> T:
        """The body, decoded; `InvalidResponse` names the URL and the place that is wrong."""
        try:
            return decode(self.body())
        except InvalidResponse as error:
            raise InvalidResponse(f"{asked('GET', self.url)}: {error}") from None

    def body(self) -> Buffer:
        """The body, inflated within a bound; good until another one is."""
        return self.scratch.inflate(self.wire, self.headers.get("Content-Encoding", ""))


@attrs.define
class Stats:
    """What a client did so far.

    Attributes:
        requests: requests sent, further attempts and followed redirects included.
        retries: of these, further attempts after a transient failure or a rate limit.
        points: what they cost of GitHub's secondary limit (GET 1, writes 5).
    """

    requests: int = 0
    retries: int = 0
    points: int = 0


class Session:
    """Sends the requests of one client.

    Args:
        base_url: the API's root; requests go to its ``origin`` and nowhere else.
        token: ``""`` for none.
        headers: sent with every request.
        gate: what every request passes.
        timeout: seconds for one attempt.
        max_retries: further attempts after a transient failure.
        injected: the caller's aiohttp session, whose connections are used.
        jitter: a source of random numbers from 0 to 1.
    """

    def __init__(
        self,
        base_url: URL,
        *,
        token: str | TokenSource,
        headers: Mapping[str, str],
        gate: Gate,
        timeout: float,
        max_retries: int,
        injected: aiohttp.ClientSession | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.base_url = base_url
        self.gate = gate
        self.stats = Stats()
        self.origin = base_url.origin()
        self._token = token
        self._last_token = ""
        self._headers = CIMultiDict({**headers, "Accept-Encoding": "gzip"})
        if isinstance(token, str) and token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._timeout = timeout
        self._max_retries = max_retries
        self._injected = injected
        self._jitter = jitter
        self._scratch = Scratch()
        self._http: aiohttp.ClientSession | None = None
        self._closed = False
        self._calls: set[asyncio.Timeout] = set()

    def url(self, path: str, query: str = "") -> URL:
        """An URL below the base, of parts that are percent-encoded already."""
        return URL(f"{self.base_url}{path}{'?' if query else ''}{query}", encoded=True)

    def open(self) -> None:
        """Makes ready to send; without it, the first request does."""
        if self._closed:
            raise GitHubPackagesError(
                "the client is closed; make a new GitHubPackages to go on asking"
            )
        if self._http is None:
            self._http = _http_session(self._injected)

    async def close(self) -> None:
        """Ends every call under way with an error, and lets go of the connections."""
        self._closed = True
        self.gate.close()
        for call in self._calls:
            call.reschedule(asyncio.get_running_loop().time())
        http, self._http = self._http, None
        if http is not None:
            await asyncio.sleep(0)  # Calls under way end before their connections do.
            await http.close()

    async def get(
        self, url: URL, *, lane: Hashable = None, further: bool = False, retry: bool = True
    ) -> Answer:
        """The answer to a GET, which is a 200.

        Args:
            url: what to ask.
            lane: which listing it belongs to.
            further: whether it is a page after the listing's first.
            retry: whether a transient failure is worth another attempt.
        """
        answer = await self._send("GET", url, lane=lane, further=further, retry=retry)
        if answer.status != 200:
            self._refuse(answer, "GET")
        return answer

    async def delete(self, url: URL) -> None:
        """Deletes what the URL names. Gone is gone, also if our own lost attempt did it."""
        answer = await self._send("DELETE", url)
        done_before = answer.status == 404 and answer.uncertain
        if answer.status != 204 and not done_before:
            self._refuse(answer, "DELETE")

    async def restore(self, url: URL, restored: URL) -> None:
        """Restores by a POST to ``url``; ``restored`` is where the thing is if it is there."""
        answer = await self._send("POST", url)
        if answer.status == 204:
            return
        if answer.status == 404 and answer.uncertain:
            # Already restored answers 404 too: only looking tells whether our attempt did it.
            try:
                await self.get(restored)
            except NotFound:
                self._refuse(answer, "POST")
            return
        self._refuse(answer, "POST")

    def error(self, answer: Answer, method: str) -> APIError:
        """The error that an answer of 400 and above stands for."""
        try:
            body = bytes(answer.body())
        except InvalidResponse:
            body = b""
        error = error_for(
            answer.status,
            answer.headers,
            self._scrub(body),
            method=method,
            url=shown(answer.url),
            now=datetime.now(UTC),
        )
        if answer.uncertain and method != "GET":
            error.add_note(MAYBE_CARRIED_OUT)
        return error

    def _refuse(self, answer: Answer, method: str) -> NoReturn:
        if answer.status >= 400:
            raise self.error(answer, method)
        raise InvalidResponse(
            f"{asked(method, answer.url)}: {answer.status} is not an answer the API gives"
        )

    async def _send(
        self,
        method: str,
        url: URL,
        *,
        lane: Hashable = None,
        further: bool = False,
        retry: bool = True,
    ) -> Answer:
        """The answer that stands, after redirects, waits and further attempts."""
        self.open()
        try:
            async with asyncio.timeout(None) as call:
                self._calls.add(call)
                try:
                    return await self._send_until_it_stands(
                        method, url, lane, further, self._max_retries if retry else 0
                    )
                finally:
                    self._calls.discard(call)
        except TimeoutError:
            if call.expired():
                raise GitHubPackagesError(
                    f"{asked(method, url)}: the client was closed before the answer came"
                ) from None
            raise

    async def _send_until_it_stands(
        self, method: str, url: URL, lane: Hashable, further: bool, max_retries: int
    ) -> Answer:
        attempt, redirects, refusals, uncertain = 1, 0, 0, False
        while True:
            outcome = await self._attempt(method, url, lane=lane, further=further)
            if isinstance(outcome, RateLimited):
                refusals += 1
                if refusals > MAX_REFUSALS or not self.gate.will_wait():
                    raise outcome
                self.stats.retries += 1
                continue  # The gate holds it until the limit is over.
            if isinstance(outcome, Answer):
                if outcome.status in _REDIRECTS:
                    redirects += 1
                    url = _redirected(outcome, method, redirects)
                    continue
                answer = attrs.evolve(outcome, uncertain=True) if uncertain else outcome
                wait = wait_before_retry(
                    outcome.status,
                    attempt,
                    max_retries=max_retries,
                    retry_after=_retry_after(outcome.headers),
                    jitter=self._jitter(),
                )
                if wait is None:
                    return answer
                uncertain = True
            else:
                uncertain = uncertain or outcome.sent
                wait = wait_before_retry(
                    None,
                    attempt,
                    max_retries=max_retries if outcome.transient else 0,
                    retry_after=None,
                    jitter=self._jitter(),
                )
                if wait is None:
                    if uncertain and method != "GET":
                        outcome.error.add_note(MAYBE_CARRIED_OUT)
                    raise outcome.error from outcome.error.__cause__
            attempt += 1
            self.stats.retries += 1
            await asyncio.sleep(wait)

    async def _attempt(
        self, method: str, url: URL, *, lane: Hashable, further: bool
    ) -> Answer | RateLimited | _Failure:
        """One request on the wire, within the gate."""
        gate, write = self.gate, method != "GET"
        pause = await gate.enter(write=write, lane=lane, further=further)
        if pause is not None:
            return RateLimited(
                f"{pause.message}; the wait is longer than max_rate_limit_wait",
                kind=pause.kind,
                retry_at=pause.until,
                status=pause.status,
                method=method,
                url=shown(url),
            )
        try:
            self.stats.requests += 1
            self.stats.points += WRITE_POINTS if write else READ_POINTS
            answer = await self._exchange(method, url)
            if isinstance(answer, Answer):
                now, today = gate.clock(), datetime.now(UTC)
                if answer.status in (403, 429):
                    error = self.error(answer, method)
                    if isinstance(error, RateLimited):
                        gate.limits.refused(now, today, answer.headers, error)
                        return error
                gate.limits.answered(now, today, answer.headers)
            return answer
        finally:
            gate.leave()

    async def _exchange(self, method: str, url: URL) -> Answer | _Failure:
        """Sends once and reads the answer, or tells how that failed."""
        http = self._http
        if http is None:  # Closed while this call was on its way here.
            raise GitHubPackagesError("the client is closed")
        if http.closed or (self._injected is not None and self._injected.closed):
            raise GitHubPackagesError("session: the aiohttp.ClientSession given is closed")
        if url.user is not None or url.origin() != self.origin:
            raise InvalidResponse(
                f"{asked(method, url)}: not on {self.origin}, the only origin that is asked"
            )
        headers = await self._headers_now()
        try:
            async with (
                asyncio.timeout(self._timeout),
                http.request(method, url, headers=headers, allow_redirects=False) as response,
            ):
                wire = await read_wire(response)
                return Answer(response.status, response.headers, url, wire, self._scratch)
        except TimeoutError:
            where, seconds = asked(method, url), f"{self._timeout:g} seconds"
            return _Failure(RequestTimeout(f"{where}: no answer within {seconds}"), sent=True)
        except InvalidResponse as error:
            raise InvalidResponse(f"{asked(method, url)}: {error}") from None
        except aiohttp.ClientResponseError as cause:
            # Its repr holds the request's headers, and so the token.
            raise InvalidResponse(f"{asked(method, url)}: no HTTP: {cause.message}") from None
        except aiohttp.ClientConnectorError as cause:
            failed = ConnectionFailed(f"{asked(method, url)}: no connection: {cause}")
            failed.__cause__ = cause
            certificate = isinstance(cause, aiohttp.ClientSSLError)
            return _Failure(failed, sent=False, transient=not certificate)
        except (aiohttp.ClientError, OSError) as cause:
            reason = str(cause) or type(cause).__name__
            failed = ConnectionFailed(f"{asked(method, url)}: the connection broke: {reason}")
            failed.__cause__ = cause.__cause__ if isinstance(cause, _SentOnce) else cause
            return _Failure(failed, sent=True)

    async def _headers_now(self) -> CIMultiDict[str]:
        if isinstance(self._token, str):
            return self._headers
        self._last_token = check_token(await self._token.token(), "token source")
        headers = self._headers.copy()
        headers["Authorization"] = f"Bearer {self._last_token}"
        return headers

    def _scrub(self, body: bytes) -> bytes:
        """The body without the token, should the server repeat it."""
        secret = (self._token if isinstance(self._token, str) else self._last_token).encode()
        return body.replace(secret, b"***") if secret else body


@attrs.frozen
class _Failure:
    """No whole answer.

    Attributes:
        error: why.
        sent: whether the request may have reached the server.
        transient: whether another attempt makes sense.
    """

    error: ConnectionFailed
    sent: bool
    transient: bool = True


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
    options: dict[str, Any] = {"connector": aiohttp.TCPConnector(limit=0)}
    if injected is not None:
        if injected.closed:
            raise GitHubPackagesError("session: the aiohttp.ClientSession given is closed")
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


def asked(method: str, url: URL) -> str:
    """What was asked, for errors."""
    return f"{method} {shown(url)}"


def shown(url: URL) -> str:
    """The URL for errors and logs: a query may hold a package token."""
    return str(url.with_query(None)) if "token" in url.query else str(url)


def _redirected(answer: Answer, method: str, redirects: int) -> URL:
    """Where a redirect leads; the origin is checked where every request's is."""
    where, location = asked(method, answer.url), answer.headers.get("Location")
    if method != "GET" and answer.status not in _KEEPING_THE_METHOD:
        raise InvalidResponse(f"{where}: a {answer.status} redirect would turn it into a GET")
    if redirects > MAX_REDIRECTS:
        raise InvalidResponse(f"{where}: more than {MAX_REDIRECTS} redirects")
    if not location:
        raise InvalidResponse(f"{where}: a {answer.status} redirect that leads nowhere")
    try:
        return answer.url.join(URL(location, encoded=True))
    except ValueError:
        raise InvalidResponse(f"{where}: redirected to {location!r}, not a URL") from None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
