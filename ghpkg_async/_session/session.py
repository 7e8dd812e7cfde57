"""The session: every request of a client is one of its calls, with one response or an error."""

from __future__ import annotations

import asyncio
import random
from copy import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote

import attrs
from yarl import URL

from ..errors import ClientClosed, GitHubPackagesError, InvalidResponse, NotFound
from .auth import Credentials
from .caching_transport import CachingTransport
from .calls import Calls
from .limits import Limits
from .messages import Request, mark_maybe_applied
from .redaction import Secret
from .scheduler import RequestScheduler
from .sender import Sender
from .stats import Stats

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Mapping

    from .cache import Cache
    from .calls import Call
    from .hooks import RequestEvent
    from .messages import Response
    from .redaction import Redactor
    from .sender import Options
    from .transport import Transport

__all__ = ["Session"]


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
        self.options = options
        self._transport = transport
        self._cached = (
            CachingTransport(transport, cache, credentials, variant=variant, stats=stats)
            if cache is not None
            else None
        )
        self._sender = Sender(
            self._cached or transport, scheduler, credentials, redactor, stats, on_request, jitter
        )
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
            on_request=self._sender.on_request,
            jitter=self._sender.jitter,
        )

    def with_options(self, options: Options) -> Session:
        """Return a session that shares everything with this one but the options."""
        view = copy(self)
        view.options = options
        return view

    async def token(self) -> Secret:
        """Return the token that a request would be sent with now."""
        return await self._sender.credentials.token(self.options.timeout)

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
        if self._cached is not None:
            await self._cached.close()

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
            _raise_error(response)
        return response

    async def send(self, request: Request, accept: Collection[int] = (200,)) -> Response:
        """Send a request that changes nothing, with a token of its own if it has one.

        Args:
            request: a GET.
            accept: the statuses of responses to return; others are raised as errors.
        """
        with self.redactor.using(request.token), self.call():
            response = await self._send(request)
            if response.status not in accept:
                _raise_error(response)
            return response

    async def delete(self, url: URL) -> None:
        """Send a DELETE. A 404 after an attempt whose response was lost counts as success."""
        with self.call():
            response = await self._send(Request("DELETE", url))
            done_before = response.status == 404 and response.maybe_applied
            if response.status != 204 and not done_before:
                _raise_error(response)

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
                await self._confirm_restored(restored, response)
            elif response.status != 204:
                _raise_error(response)

    async def _confirm_restored(self, restored: URL, response: Response) -> None:
        try:
            await self.get(restored)
        except NotFound:
            pass
        except GitHubPackagesError as error:
            mark_maybe_applied(error, response.request)
            raise
        else:
            return
        _raise_error(response)

    async def remember_last(self, response: Response) -> None:
        """Store with a cached response that a listing proved its page to be the last one."""
        if self._cached is not None:
            await self._cached.remember_last(response)

    async def _send(self, request: Request, *, retry: bool = True) -> Response:
        """Return the final response, or raise `ClientClosed` as soon as the client is closed."""
        calls, options = self._calls, self.options
        if not retry:
            options = attrs.evolve(options, max_retries=0)
        calls.check(in_flight=True)
        self._transport.open()
        try:
            async with asyncio.timeout(None) as timeout:
                calls.timeouts.add(timeout)
                try:
                    return await self._sender.send(request, options)
                finally:
                    calls.timeouts.discard(timeout)
        except TimeoutError:
            if timeout.expired():
                error = ClientClosed(f"{request}: the client was closed before the response")
                if request.write:
                    mark_maybe_applied(error)
                raise error from None
            raise


def _raise_error(response: Response) -> NoReturn:
    error: GitHubPackagesError
    if response.status >= 400:
        error = response.error(datetime.now(UTC))
    else:
        reason = f"{response.status} is not a status of the API"
        error = InvalidResponse(f"{response.request}: {reason}")
    # A status below 400 that is not 204 may be that of an accepted write.
    if response.request.write and (response.maybe_applied or response.status < 400):
        mark_maybe_applied(error)
    raise error
