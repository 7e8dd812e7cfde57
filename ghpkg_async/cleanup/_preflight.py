"""Check the server's clock and the token's scopes before anything is read or changed."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from .._client import session_of
from .._clock import loop_time
from .._session.error_mapping import scopes_of, server_time
from .._session.messages import Request
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from .._client import GitHubPackages

__all__ = ["ServerClock", "preflight"]

MAX_SKEW: Final = timedelta(minutes=5)
"""Clock difference between the server and this machine above which a warning is logged."""

_log: Final = logging.getLogger("ghpkg_async")


@attrs.frozen
class ServerClock:
    """The server's time, from one response and the time since then.

    Ages, deadlines and the end of a plan are compared with it, not with the machine's clock.
    """

    _time: datetime
    _received_at: float

    def now(self) -> datetime:
        """Return the server's time, in whole seconds."""
        seconds = int(loop_time() - self._received_at)
        return self._time + timedelta(seconds=seconds)


async def preflight(client: GitHubPackages, *required: str) -> ServerClock:
    """Request the server's time, and compare the token's scopes with the required ones.

    Only classic tokens have scopes. If the response names none, they are not compared, and missing
    permissions show only in later responses.

    Args:
        client: sends the request; any status from 200 to 599 is accepted.
        required: scopes like ``delete:packages``.

    Raises:
        ConfigurationError: the token lacks a required scope.
        GitHubPackagesError: there was no response.
    """
    session = session_of(client)
    request = Request("GET", session.url("/rate_limit"))
    response = await session.send(request, accept=range(200, 600))
    granted = scopes_of(response.headers)
    if missing := [scope for scope in required if granted and scope not in granted]:
        raise ConfigurationError(
            f"token: has the scopes {', '.join(sorted(granted))} and lacks {', '.join(missing)}; "
            "add them to the token, or use another one"
        )
    local = datetime.now(UTC)
    time = server_time(response.headers, local)
    if abs(skew := time - local) > MAX_SKEW:
        _log.warning(
            "This machine's clock is %s %s the server's. Ages and deadlines count by the server's",
            timedelta(minutes=round(abs(skew) / timedelta(minutes=1))),
            "behind" if skew > timedelta() else "ahead of",
        )
    return ServerClock(time.replace(microsecond=0), loop_time())
