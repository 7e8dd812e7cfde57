"""Send conditional requests for cached responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from .cache_entry import Key
from .messages import NoResponse

if TYPE_CHECKING:
    from .auth import Credentials
    from .cache import Cache
    from .messages import Request, Response
    from .stats import Stats
    from .transport import Transport

__all__ = ["CachingTransport"]


class CachingTransport:
    """A transport whose GETs are conditional if their response is cached for the same token.

    Args:
        transport: sends one request.
        cache: stores responses.
        credentials: their identity is used instead of the token, if they have one.
        variant: header values that cached responses depend on, beside token and URL.
        stats: counts the responses that were cached.
    """

    def __init__(
        self,
        transport: Transport,
        cache: Cache,
        credentials: Credentials,
        *,
        variant: tuple[str, ...],
        stats: Stats,
    ) -> None:
        self._transport = transport
        self._cache = cache
        self._credentials = credentials
        self._variant = variant
        self._stats = stats

    async def exchange(self, request: Request, seconds: float) -> Response | NoResponse:
        """Send once, or return the cached response if a 304 confirms it."""
        if request.write:
            return await self._transport.exchange(request, seconds)
        cache, key = self._cache, self._key(request)
        entry = None if request.etag else await cache.get(key)
        if entry is not None:
            request = attrs.evolve(request, etag=entry.etag)
        response = await self._transport.exchange(request, seconds)
        if isinstance(response, NoResponse):
            return response
        if response.status == 304 and entry is not None:
            self._stats.not_modified += 1
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

        As long as the body does not change, `Response.was_last` of later responses is true.
        """
        key = self._key(response.request)
        await self._cache.put(key, response.headers, response.raw_body, was_last=True)

    async def close(self) -> None:
        """Close the cache."""
        await self._cache.close()

    def _key(self, request: Request) -> Key:
        token = request.token.reveal() if request.token else ""
        identity = self._credentials.identity
        return Key.of(token, *self._variant, str(request.url), identity=identity)
