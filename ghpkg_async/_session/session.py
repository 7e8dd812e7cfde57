"""Send requests: scheduling, retries, redirects, caching and error mapping.

Every request of a client passes `Session`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from copy import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import quote

import attrs
from yarl import URL

from ..errors import (
    APIError,
    ClientClosed,
    GitHubPackagesError,
    InvalidResponse,
    NotFound,
    RateLimited,
)
from .auth import Credentials
from .cache_entry import Key
from .calls import Calls
from .error_mapping import error_from_response, parse_retry_after
from .hooks import RequestEvent, call_hook
from .limits import MINUTE, Limits
from .messages import NoResponse, Request, Response
from .redaction import Secret
from .retry import LONGEST_BACKOFF, RetryState
from .scheduler import RequestScheduler
from .stats import Stats
from .urls import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Mapping

    from .._codec import Buffer
    from .cache import Cache
    from .calls import Call
    from .redaction import Redactor
    from .transport import Transport

__all__ = ["Options", "Session"]

_log = logging.getLogger("ghpkg_async")
_http_log = logging.getLogger("ghpkg_async.http")

MAX_REDIRECTS: Final = 5
MAX_REFUSALS: Final = 20
"""Rate limits in a row that one request takes before it gives up."""
MAYBE_APPLIED: Final = "It may have been carried out all the same."

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_KEEPING_THE_METHOD: Final = frozenset({307, 308})


@attrs.frozen
class Options:
    """Options of a client that `GitHubPackages.with_options` may change.

    Attributes:
        timeout: seconds for one attempt, and for the token source.
        max_retries: further attempts after a transient failure.
        max_rate_limit_wait: seconds; `RateLimited` is raised instead of waiting longer.
    """

    timeout: float
    max_retries: int
    max_rate_limit_wait: float


class Session:
    """Sends the requests of one client.

    Args:
        base_url: the API's root.
        transport: sends one request.
        scheduler: admits each request.
        credentials: supplies the token of each request.
        redactor: redacts the errors.
        options: limits of each call.
        stats: counts the retries and the responses that the cache had.
        cache: stores responses; ``None``: no cache.
        variant: header values that cached responses depend on, beside token and URL.
        on_request: called after each attempt.
        jitter: returns random numbers from 0 to 1.
    """

    def __init__(
        self,
        base_url: URL,
        transport: Transport,
        scheduler: RequestScheduler,
        credentials: Credentials,
        *,
        redactor: Redactor,
        options: Options,
        stats: Stats,
        cache: Cache | None = None,
        variant: tuple[str, ...] = (),
        on_request: Callable[[RequestEvent], object] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.base_url = base_url
        self.origin: URL = base_url.origin()
        self.scheduler = scheduler
        self.stats: Stats = stats
        self.redactor = redactor
        self._transport = transport
        self._credentials = credentials
        self.options = options
        self._cache = cache
        self._variant = variant
        self._on_request = on_request
        self._jitter = jitter
        self._accepted: tuple[Secret | None, float] = (None, 0.0)
        self._calls = Calls(redactor)

    def url(self, path: str, query: str = "") -> URL:
        """An URL below the base, of parts that are percent-encoded already."""
        return URL(f"{self.base_url}{path}{'?' if query else ''}{query}", encoded=True)

    def on_origin(self, base_url: URL, *, headers: Mapping[str, str], concurrency: int) -> Session:
        """Return a session of another server: same retries and redaction, without any token.

        The client's token is sent there only where a request carries it. The session has limits and
        statistics of its own and is closed by its owner.

        Args:
            base_url: the other server's root.
            headers: sent with every request.
            concurrency: requests in flight at once, at least 1.
        """
        stats = Stats()
        return Session(
            base_url,
            self._transport.on_origin(base_url.origin(), headers, stats),
            RequestScheduler(Limits(None, concurrency), concurrency, stats),
            Credentials("", self.redactor),
            redactor=self.redactor,
            options=self.options,
            stats=stats,
            on_request=self._on_request,
            jitter=self._jitter,
        )

    def with_options(self, options: Options) -> Session:
        """Return a session that shares everything with this one but the options."""
        view = copy(self)
        view.options = options
        return view

    async def token(self) -> Secret:
        """Return the token that a request would be sent with now."""
        return await self._credentials.token(self.options.timeout)

    def open(self) -> None:
        """Open the connection pool. The first request does this implicitly."""
        self._calls.check()
        self._transport.open()

    def call(self) -> Call:
        """Return the context of a call of the user's.

        `close` may wait for the call. The errors of the library that leave it are redacted: every
        request is part of a call.

        Raises:
            ClientClosed: upon entry, if the client is closed or is closing.
        """
        return self._calls.call()

    async def close(self, seconds: float = 0.0) -> None:
        """End the calls in flight with an error, and close connections and cache.

        Args:
            seconds: time that the calls in flight get to finish; new ones are refused at once.
        """
        await self._calls.drain(seconds)
        self.scheduler.close()
        self._calls.end()
        await asyncio.sleep(0)  # They end before their connections are closed.
        await self._transport.close()
        if self._cache is not None:
            await self._cache.close()

    async def get(
        self,
        url: URL,
        *,
        flow: Hashable = None,
        is_continuation: bool = False,
        retry: bool = True,
        speculative: bool = False,
        on_admitted: Callable[[], object] | None = None,
        etag: str = "",
    ) -> Response:
        """Send a GET, as a part of a call, and return its 200 response, or a 304 to ``etag``.

        Args:
            url: of the request.
            flow: its listing; flows take turns.
            is_continuation: whether it is a page after the listing's first one.
            retry: whether a transient failure is worth another attempt.
            speculative: whether the response may turn out not to be needed: the request then
                waits until no other request of the client does and the limits have slack. Once
                sent, it is a request like any other, also when it is retried.
            on_admitted: called when the request stops waiting to be sent. A caller that needs the
                response of a speculative request before that cancels it and sends an ordinary one.
            etag: sent as ``If-None-Match``; the client's cache is not read then.
        """
        request = Request(
            "GET",
            url,
            flow,
            is_continuation,
            etag,
            speculative=speculative,
            on_admitted=on_admitted,
        )
        response = await self._send(request, retry=retry)
        if response.status != 200 and not (etag and response.status == 304):
            self._refuse(response)
        return response

    async def send(self, request: Request, accept: Collection[int] = (200,)) -> Response:
        """Send a request that changes nothing, with a token of its own if it has one.

        Args:
            request: is sent without use of the cache.
            accept: the statuses of responses to return; others are raised as errors.
        """
        with self.redactor.using(request.token), self.call():
            response = await self._send(request)
            if response.status not in accept:
                self._refuse(response)
            return response

    async def delete(self, url: URL) -> None:
        """Send a DELETE. A 404 after an attempt whose response was lost counts as success."""
        with self.call():
            response = await self._send(Request("DELETE", url))
            done_before = response.status == 404 and response.maybe_applied
            if response.status != 204 and not done_before:
                self._refuse(response)

    async def restore(self, url: URL, restored: URL, token: Secret | None = None) -> None:
        """Restore by a POST.

        Args:
            url: receives the POST.
            restored: is a 404 until the restore is done.
            token: the package token.
        """
        query = token and Secret(f"token={quote(token.reveal(), safe='')}")
        with self.redactor.using(token), self.call():
            response = await self._send(Request("POST", url, secret_query=query))
            if response.status == 404 and response.maybe_applied:
                # Restoring twice is a 404, too: only a GET shows that this restore was applied.
                await self._look_for(restored, response)
            elif response.status != 204:
                self._refuse(response)

    async def _look_for(self, restored: URL, response: Response) -> None:
        try:
            await self.get(restored)
        except NotFound:
            pass
        except GitHubPackagesError as error:
            error.add_note(f"{response.request}: {MAYBE_APPLIED}")
            raise
        else:
            return
        self._refuse(response)

    def error(self, response: Response) -> APIError:
        """Return the exception for a response of status 400 or above."""
        body: Buffer = b""
        with suppress(InvalidResponse):
            body = response.body()
        return error_from_response(
            response.status,
            response.headers,
            bytes(body),
            method=response.request.method,
            url=response.request.shown_url,
            now=datetime.now(UTC),
        )

    def _refuse(self, response: Response) -> NoReturn:
        error: GitHubPackagesError
        if response.status >= 400:
            error = self.error(response)
        else:
            what = f"{response.status} is not a status of the API"
            error = InvalidResponse(f"{response.request}: {what}")
        if response.maybe_applied and response.request.write:
            error.add_note(MAYBE_APPLIED)
        raise error

    async def _exchange(self, request: Request) -> Response | NoResponse:
        """Send one request with its token; with a cache, a GET is conditional."""
        if request.token is None:
            request = attrs.evolve(
                request, token=await self._credentials.token(self.options.timeout)
            )
        if self._cache is None or request.write:
            return await self._transport.exchange(request, self.options.timeout)
        return await self._get_with(self._cache, request)

    async def _get_with(self, cache: Cache, request: Request) -> Response | NoResponse:
        """Send a GET, conditional if its response is cached for the same token."""
        key = self._cache_key(request)
        entry = None if request.etag else await cache.get(key)
        if entry is not None:
            request = attrs.evolve(request, etag=entry.etag)
        response = await self._transport.exchange(request, self.options.timeout)
        if isinstance(response, NoResponse):
            return response
        if response.status == 304 and entry is not None:
            self.stats.not_modified += 1
            headers = entry.updated(response.headers)
            entry = await cache.update(key, entry, headers)
            return attrs.evolve(
                response,
                status=200,
                headers=headers,
                raw_body=entry.body,
                from_cache=True,
                stored=True,
                was_last=entry.was_last,
            )
        stored = response.status == 200 and await cache.put(
            key, response.headers, response.raw_body
        )
        return attrs.evolve(response, stored=True) if stored else response

    async def remember_last(self, response: Response) -> None:
        """Store with a cached response that a listing proved its page to be the last one.

        As long as the body does not change, `Response.was_last` of later responses says so.
        """
        if self._cache is not None and response.stored and not response.was_last:
            key = self._cache_key(response.request)
            await self._cache.put(key, response.headers, response.raw_body, was_last=True)

    def _cache_key(self, request: Request) -> Key:
        token = request.token.reveal() if request.token else ""
        identity = self._credentials.identity
        return Key.of(token, *self._variant, str(request.url), identity=identity)

    async def _send(self, request: Request, *, retry: bool = True) -> Response:
        """Return the final response, or raise `ClientClosed` as soon as the client is closed."""
        calls = self._calls
        calls.check(in_flight=True)
        self._transport.open()
        try:
            async with asyncio.timeout(None) as timeout:
                calls.timeouts.add(timeout)
                try:
                    max_retries = self.options.max_retries if retry else 0
                    return await self._send_until_it_stands(request, max_retries)
                finally:
                    calls.timeouts.discard(timeout)
        except TimeoutError:
            if timeout.expired():
                raise ClientClosed(
                    f"{request}: the client was closed before the response"
                ) from None
            raise

    async def _send_until_it_stands(self, request: Request, max_retries: int) -> Response:
        attempts = RetryState(
            max_retries, longest=max(self.options.max_rate_limit_wait, LONGEST_BACKOFF)
        )
        redirects = refusals = 0
        attempt = 1
        wait: float | None
        try:
            while True:
                outcome = await self._attempt(request, attempt)
                if request.speculative:
                    request = attrs.evolve(request, speculative=False)
                match outcome:
                    case RateLimited():
                        refusals += 1
                        if refusals > MAX_REFUSALS or not self.scheduler.will_wait(
                            self.options.max_rate_limit_wait
                        ):
                            raise outcome
                        wait = 0.0  # The scheduler holds it until the limit is over.
                        reason = f"{outcome}; retrying after the rate limit"
                    case Response() if outcome.status in _REDIRECTS:
                        redirects += 1
                        request = _redirected(request, outcome, redirects)
                        del outcome  # Its Location may repeat a secret query.
                        continue
                    case Response() if token := await self._other_token(request, outcome):
                        request = attrs.evolve(request, token=token)
                        wait = 0.0
                        reason = f"{request}: status 401; retrying with another token"
                    case Response():
                        wait = attempts.delay_after_response(
                            outcome.status,
                            retry_after=_retry_after(outcome.headers),
                            jitter=self._jitter(),
                            token_worked=self._token_worked(outcome.request),
                        )
                        if wait is None:
                            maybe_applied = attempts.maybe_applied
                            return (
                                attrs.evolve(outcome, maybe_applied=True)
                                if maybe_applied
                                else outcome
                            )
                        reason = f"{request}: status {outcome.status}; retrying in {wait:.1f} s"
                    case NoResponse():
                        wait = attempts.delay_without_response(
                            transient=outcome.transient,
                            maybe_applied=outcome.maybe_applied,
                            jitter=self._jitter(),
                        )
                        if wait is None:
                            raise outcome.error
                        reason = f"{outcome.error}; retrying in {wait:.1f} s"
                attempt += 1
                self.stats.retries += 1
                _log.info("%s", self.redactor.redact(reason))
                await asyncio.sleep(wait)
        except GitHubPackagesError as error:
            if attempts.maybe_applied and request.write:
                error.add_note(MAYBE_APPLIED)
            raise

    async def _other_token(self, request: Request, response: Response) -> Secret | None:
        """Return the token to repeat a request with whose token was refused, if there is one."""
        was_repeated = request.token is not None
        if response.status != 401 or was_repeated:
            return None
        return await self._credentials.other_than(response.request.token, self.options.timeout)

    def _token_worked(self, request: Request) -> bool:
        """Return whether the server accepted the request's token within the last minute."""
        token, accepted_at = self._accepted
        recent = self.scheduler.clock() - accepted_at <= MINUTE
        return bool(token) and token == request.token and recent

    async def _attempt(self, request: Request, number: int) -> Response | NoResponse | RateLimited:
        """Send one request, when the scheduler admits it."""
        scheduler, write = self.scheduler, request.write
        pause = await scheduler.acquire(
            write=write,
            flow=request.flow,
            is_continuation=request.is_continuation,
            speculative=request.speculative,
            max_wait=self.options.max_rate_limit_wait,
        )
        if pause is not None:
            return RateLimited(
                f"{pause.message}; the wait is longer than max_rate_limit_wait",
                kind=pause.kind,
                retry_at=pause.until,
                status=pause.status,
                request_id=pause.request_id,
                method=request.method,
                url=request.shown_url,
            )
        try:
            if request.on_admitted is not None:
                request.on_admitted()
            started = scheduler.clock()
            response = await self._exchange(request)
            if self._on_request is not None or _http_log.isEnabledFor(logging.DEBUG):
                self._report(response, number, scheduler.clock() - started)
            if isinstance(response, Response):
                now, today = scheduler.clock(), datetime.now(UTC)
                if response.status in (403, 429):
                    error = self.error(response)
                    if isinstance(error, RateLimited):
                        scheduler.limits.on_rate_limited(now, today, response.headers, error)
                        return error
                scheduler.limits.on_response(now, today, response.headers)
                if response.status < 400:
                    self._accepted = (response.request.token, now)
            return response
        finally:
            scheduler.release(write=write)

    def _report(self, outcome: Response | NoResponse, attempt: int, seconds: float) -> None:
        """Log an attempt, and call ``on_request``."""
        request, status, error, from_cache = outcome.request, None, None, False
        if isinstance(outcome, Response):
            from_cache = outcome.from_cache
            status = 304 if from_cache else outcome.status
        else:
            error = outcome.error
            self.redactor.redact_error(error, None)
        _http_log.debug(
            "%s %s: %s in %.3f s, attempt %d%s",
            request.method,
            self.redactor.redact(request.url.raw_path_qs),
            status or type(error).__name__,
            seconds,
            attempt,
            ", from the cache" if from_cache else "",
        )
        if self._on_request is not None:
            url = self.redactor.redact(request.shown_url)
            event = RequestEvent(request.method, url, status, error, seconds, attempt, from_cache)
            call_hook("on_request", self._on_request, event)


def _redirected(request: Request, response: Response, redirects: int) -> Request:
    """Return the request a redirect leads to; its origin is checked where every request's is."""
    location = response.headers.get("Location", "")
    if request.write and response.status not in _KEEPING_THE_METHOD:
        raise InvalidResponse(f"{request}: a {response.status} redirect would turn it into a GET")
    if redirects > MAX_REDIRECTS:
        raise InvalidResponse(f"{request}: more than {MAX_REDIRECTS} redirects")
    with suppress(ValueError):
        return request.redirected(resolve(request.url, location))
    raise InvalidResponse(f"{request}: redirected to {location[:200]!r}, not a URL")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    return parse_retry_after(headers, datetime.now(UTC)) if "Retry-After" in headers else None
