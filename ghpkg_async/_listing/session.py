"""The part of a session that listings use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from contextlib import AbstractContextManager

    from yarl import URL

    from .._session.messages import Response

__all__ = ["ListingSession"]


class ListingSession(Protocol):
    """Sends the requests of a listing; ``Session`` documents each method."""

    @property
    def origin(self) -> URL:
        """The origin that a ``Link`` must lead to."""

    def call(self) -> AbstractContextManager[None]:
        """Return the context of a call, which requests are a part of; it redacts the errors."""

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
        """Send a GET and return its 200 response, or a 304 where ``etag`` was given."""

    async def remember_last(self, response: Response) -> None:
        """Store with a cached response that its page is the last one."""
