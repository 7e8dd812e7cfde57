"""Send a request until its response is final: scheduling, retries, redirects, other tokens."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs

from ..errors import GitHubPackagesError, RateLimited
from .error_mapping import parse_retry_after
from .hooks import RequestEvent, call_hook
from .limits import MINUTE
from .messages import NoResponse, Response, mark_maybe_applied
from .redirects import follow_redirect, is_redirect
from .retry import LONGEST_BACKOFF, RetryState, replaces_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .auth import Credentials
    from .caching_transport import CachingTransport
    from .messages import Request
    from .redaction import Redactor, Secret
    from .scheduler import RequestScheduler
    from .stats import Stats
    from .transport import Transport

__all__ = ["Options", "Sender"]

_log = logging.getLogger("ghpkg_async")
_http_log = logging.getLogger("ghpkg_async.http")


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


@attrs.define(eq=False)
class Sender:
    """Sends the requests of one client, each until its response is final.

    Attributes:
        transport: sends one request.
        scheduler: admits each request.
        credentials: supplies the token of each request.
        redactor: redacts logs and events.
        stats: counts the retries.
        on_request: called after each attempt.
        jitter: returns random numbers from 0 to 1.
    """

    transport: Transport | CachingTransport
    scheduler: RequestScheduler
    credentials: Credentials
    redactor: Redactor
    stats: Stats
    on_request: Callable[[RequestEvent], object] | None
    jitter: Callable[[], float]
    _accepted_token: Secret | None = attrs.field(default=None, init=False)
    _accepted_at: float = attrs.field(default=0.0, init=False)

    async def send(self, request: Request, options: Options) -> Response:
        """Return the final response.

        Raises:
            RateLimited: a rate limit is longer than ``max_rate_limit_wait``, or more than
                ``MAX_RATE_LIMITS`` responses had one.
            ConnectionFailed: the last attempt had no response.
            RequestTimeout: the last attempt had no response in time.
            InvalidResponse: the last attempt had no valid response, or too many redirects, or
                one that may not be followed.
            ClientClosed: the client was closed.
        """
        retries = RetryState(
            options.max_retries, longest=max(options.max_rate_limit_wait, LONGEST_BACKOFF)
        )
        attempt, redirects = 1, 0
        wait: float | None
        try:
            while True:
                outcome = await self._attempt(request, options, attempt)
                if request.speculative:
                    request = attrs.evolve(request, speculative=False)
                match outcome:
                    case RateLimited():
                        will_wait = self.scheduler.pause_ends_within(options.max_rate_limit_wait)
                        if not retries.waits_for_rate_limit(will_wait=will_wait):
                            raise outcome
                        wait = 0.0  # The scheduler holds it until the limit is over.
                        reason = f"{outcome}; retrying after the rate limit"
                    case Response() if is_redirect(outcome.status):
                        redirects += 1
                        retries.note_redirect(outcome.status)
                        request = follow_redirect(request, outcome, redirects)
                        del outcome  # Its Location may repeat a secret query.
                        continue
                    case Response() if token := await self._other_token(request, outcome, options):
                        request = attrs.evolve(request, token=token)
                        wait = 0.0
                        reason = f"{request}: status 401; retrying with another token"
                    case Response():
                        wait = retries.delay_after_response(
                            outcome.status,
                            retry_after=_retry_after(outcome.headers),
                            jitter=self.jitter(),
                            token_worked=self._token_worked(outcome.request),
                        )
                        if wait is None:
                            if retries.maybe_applied:
                                outcome = attrs.evolve(outcome, maybe_applied=True)
                            return outcome
                        reason = f"{request}: status {outcome.status}; retrying in {wait:.1f} s"
                    case NoResponse():
                        wait = retries.delay_without_response(
                            transient=outcome.transient,
                            maybe_applied=outcome.maybe_applied,
                            jitter=self.jitter(),
                        )
                        if wait is None:
                            raise outcome.error
                        reason = f"{outcome.error}; retrying in {wait:.1f} s"
                attempt += 1
                self.stats.retries += 1
                _log.info("%s", self.redactor.redact(reason))
                await asyncio.sleep(wait)
        except GitHubPackagesError as error:
            if retries.maybe_applied and request.write:
                mark_maybe_applied(error)
            raise

    async def _other_token(
        self, request: Request, response: Response, options: Options
    ) -> Secret | None:
        """Return the token to repeat a request with whose token was refused, if there is one."""
        if not replaces_token(response.status, has_own=request.token is not None):
            return None
        return await self.credentials.other_than(response.request.token, options.timeout)

    def _token_worked(self, request: Request) -> bool:
        """Return whether the server accepted the request's token within the last minute."""
        recent = self.scheduler.clock() - self._accepted_at <= MINUTE
        return recent and bool(request.token) and self._accepted_token == request.token

    async def _attempt(
        self, request: Request, options: Options, number: int
    ) -> Response | NoResponse | RateLimited:
        """Send one request, when the scheduler admits it."""
        scheduler, write = self.scheduler, request.write
        pause = await scheduler.acquire(
            write=write,
            flow=request.flow,
            is_continuation=request.is_continuation,
            speculative=request.speculative,
            max_wait=options.max_rate_limit_wait,
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
            if request.token is None:
                token = await self.credentials.token(options.timeout)
                request = attrs.evolve(request, token=token)
            response = await self.transport.exchange(request, options.timeout)
            if self.on_request is not None or _http_log.isEnabledFor(logging.DEBUG):
                self._report(response, number, scheduler.clock() - started)
            if isinstance(response, Response):
                now, today = scheduler.clock(), datetime.now(UTC)
                if response.status in (403, 429):
                    error = response.error(today)
                    if isinstance(error, RateLimited):
                        scheduler.limits.on_rate_limited(now, today, response.headers, error)
                        return error
                scheduler.limits.on_response(now, today, response.headers)
                if response.status < 400:
                    self._accepted_token, self._accepted_at = response.request.token, now
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
        if self.on_request is not None:
            url = self.redactor.redact(request.shown_url)
            event = RequestEvent(request.method, url, status, error, seconds, attempt, from_cache)
            call_hook("on_request", self.on_request, event)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    return parse_retry_after(headers, datetime.now(UTC)) if "Retry-After" in headers else None
