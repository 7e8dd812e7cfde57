"""Requests, responses, and attempts without a response."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

import attrs
from yarl import URL

from ..errors import GitHubPackagesError, InvalidResponse
from .bodies import GzipBuffer
from .error_mapping import error_from_response
from .redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import datetime

    from multidict import MultiMapping

    from .._codec import Buffer
    from ..errors import APIError

__all__ = ["NoResponse", "Request", "Response", "mark_maybe_applied"]

T = TypeVar("T")

_MAYBE_APPLIED: Final = "It may have been carried out all the same."


def mark_maybe_applied(error: GitHubPackagesError, write: Request | None = None) -> None:
    """Record on an error that a write may have been applied, and note it for people.

    Args:
        error: the error to raise.
        write: the write, if the error is that of another request.
    """
    if not error.maybe_applied:
        error.maybe_applied = True
        error.add_note(f"{write}: {_MAYBE_APPLIED}" if write else _MAYBE_APPLIED)


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
        url, query = url.with_fragment(None), self.secret_query
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
        was_last: whether a listing proved earlier that this page was the last one, and its body
            and headers are unchanged since; see `CachingTransport.remember_last`.
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
        """Return the decoded body; `InvalidResponse` names the URL and the field that is wrong."""
        try:
            return decode(self.body())
        except InvalidResponse as error:
            invalid = error
        raise InvalidResponse(f"{self.request}: {invalid}")

    def body(self) -> Buffer:
        """Return the body, inflated within a bound; valid until the next call for any response."""
        return self.buffer.inflate(self.raw_body, self.headers.get("Content-Encoding", ""))

    def error(self, now: datetime) -> APIError:
        """Return the exception for a response of status 400 or above, received ``now``."""
        body: Buffer = b""
        with suppress(InvalidResponse):
            body = self.body()
        return error_from_response(
            self.status,
            self.headers,
            bytes(body),
            method=self.request.method,
            url=self.request.shown_url,
            now=now,
        )


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
