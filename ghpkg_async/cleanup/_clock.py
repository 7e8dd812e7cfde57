"""The server's clock: ages, deadlines and the end of a plan are compared with it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import attrs

from .._client import session_of
from .._session.error_mapping import server_time
from .._session.transport import Request

if TYPE_CHECKING:
    from .._client import GitHubPackages

__all__ = ["ServerClock"]


@attrs.frozen
class ServerClock:
    """The server's time, from one response and the time since then."""

    _time: datetime
    _received_at: float

    @classmethod
    async def of(cls, client: GitHubPackages) -> ServerClock:
        """Request the time; the response's status is of no importance.

        Raises:
            GitHubPackagesError: there was no response.
        """
        session = session_of(client)
        request = Request("GET", session.url("/rate_limit"))
        answer = await session.send(request, accept=range(200, 600))
        time = server_time(answer.headers, datetime.now(UTC))
        return cls(time.replace(microsecond=0), asyncio.get_running_loop().time())

    def now(self) -> datetime:
        """Return the server's time, in whole seconds."""
        seconds = int(asyncio.get_running_loop().time() - self._received_at)
        return self._time + timedelta(seconds=seconds)
