"""The embedded GitHub Packages as an HTTP server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, cast
from urllib.parse import parse_qsl
from weakref import WeakSet

import attrs
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from .._clock import loop_time
from . import _transmission as transmission
from ._actions import Response
from ._api import API_VERSIONS, Api
from ._faults import Faults, RequestFault
from ._paging import Window
from ._registry import RegistryApi, is_registry
from ._thread import LoopThread
from ._tokens import ALL_SCOPES
from ._world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from types import TracebackType

    from ._behavior import Behaves
    from ._limits import LimitReached

Hook: TypeAlias = Callable[
    [web.BaseRequest, Callable[[], Awaitable[web.StreamResponse]]], Awaitable[web.StreamResponse]
]
"""Function of a request and its handler that returns the response to send.

Awaiting the handler carries out the request and returns GitHub's response.
"""

GRACE: Final = 0.05
"""Seconds that requests in flight have to finish when the server closes."""

HTTP_PORT: Final = 80

MISDIRECTED: Final = Response(
    421,
    b'{"message":"Host: the embedded GitHub serves 127.0.0.1, localhost and [::1] on its port"}',
)


@attrs.define(eq=False)
class Received:
    """Received request, with its outcome.

    Attributes:
        method: HTTP method.
        target: Path and query, percent-encoded as received.
        headers: Headers, with only the scheme of ``Authorization``.
        operation: Id of the operation in GitHub's reference, or ``None`` without a route.
        at: Time of arrival by the clock of the server's event loop, ``loop.time()``.
        status: Status of GitHub's response, even if a fault replaced or lost it. ``None`` if the
            request is not carried out, or not yet.
        fault: Name of the request's fault, or of the rate limit that refused it.
    """

    method: str
    target: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    operation: str | None
    at: float = attrs.field(factory=loop_time)
    status: int | None = None
    fault: str | None = None

    @property
    def path(self) -> str:
        """Percent-encoded path."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """Decoded query."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


class EmbeddedGitHub:
    """Server of GitHub's Packages API on 127.0.0.1, with the state of a ``World``.

    It serves requests whose ``Host`` is 127.0.0.1, localhost or [::1] with its port, and responds
    421 to any other, so that a web page cannot reach it by DNS rebinding.

    Open it with ``async with``, or with ``start`` and ``close``; without an event loop, open it
    with ``with``, which runs it in a thread. The world may be changed while it is served (from
    another thread between requests only), and so may the attributes: those of ``api`` and
    ``latency`` set the responses of a healthy server, ``faults`` adds failures, and ``hook`` may
    replace any response.

    At the root of its origin, it is also a container registry that sends manifests like ghcr.io:
    ``/token`` exchanges a token of the world for a token of one repository, and
    ``/v2/NAME/manifests/REFERENCE`` sends the manifest of a version by digest or tag. A GET counts
    as a download of the version. ``Package.push``, ``push_image``, ``push_signature`` and
    ``push_build_cache`` fill it.

    ``behaves`` selects the imitated GitHub:

    - ``"recorded"``: GitHub.com, according to responses recorded from 2024 to 2026. Packages in a
      listing have no ``version_count``; the response to a single package has it. A listing that
      fits one page has no ``Link``. A page past the end is empty, and its ``Link`` has ``prev``,
      ``first`` and ``last``, or, in an empty listing, only ``last`` with ``page=0``. ``Link`` names
      organizations by id, ``/organizations/1001/packages?...``. ``X-Accepted-OAuth-Scopes`` is
      empty. Owners have ``user_view_type``.
    - ``"documented"``: GitHub according to its reference. Packages in a listing have
      ``version_count``, every page of a listing has ``Link``, even a single one, ``Link`` repeats
      the request's path, ``X-Accepted-OAuth-Scopes`` names the operation's scopes, and no field is
      undocumented.
    - ``"linkless"``: as recorded, but package listings have no ``Link``: GitHub.com until 2024 and
      Enterprise Servers of that age. Version listings have it.

    All three omit a field without a value, where the documentation would allow null.

    Args:
        world: State of the server. Default: an empty world with one token of every scope.
        port: Port to listen on. Default: a free port.
        base_path: Path of the API: ``""`` as on GitHub.com, ``"/api/v3"`` as on Enterprise Server.
        behaves: ``"recorded"``, ``"documented"`` or ``"linkless"``.
        link: ``False`` omits ``Link`` from all listings, regardless of ``behaves``.
        paged_conflicts: List the Docker conflicts in pages. GitHub's reference leaves this open.
        rate_limits: Send the ``x-ratelimit-*`` headers. Enterprise Server omits them by default.
        api_versions: Supported values of ``X-GitHub-Api-Version``. Empty: the header is ignored, as
            by servers older than API versioning.
        latency: Seconds before each request is carried out.
        faults: Faults and rate limits. Default: none.
        hook: Called for each request after the latency. It may return a response of its own,
            change GitHub's response, or close the connection. Faults and limits are applied before
            GitHub's response reaches the hook.
        max_requests: Number of latest requests kept in ``requests``, at least 0. Default: all.

    Raises:
        ValueError: if ``behaves`` or ``max_requests`` is out of range.

    Attributes:
        api: The API without its network.
        requests: Received requests, in order of arrival. It may be cleared.
        max_in_flight: Maximum number of requests in flight so far.

    Example:
        >>> async with EmbeddedGitHub() as server:
        ...     server.world.org("acme").package("npm", "left", versions=250)
        ...     ...  # talk to server.url with server.token
    """

    def __init__(
        self,
        world: World | None = None,
        *,
        port: int = 0,
        base_path: str = "",
        behaves: Behaves = "recorded",
        link: bool = True,
        paged_conflicts: bool = False,
        rate_limits: bool = True,
        api_versions: Iterable[str] = API_VERSIONS,
        latency: float = 0.0,
        faults: Faults | None = None,
        hook: Hook | None = None,
        max_requests: int | None = None,
    ) -> None:
        if max_requests is not None and max_requests < 0:
            raise ValueError(f"max_requests: {max_requests} is below 0")
        if world is None:
            world = World()
            world.token("ghp_embedded", login="octocat")
        self.api: Api = Api(
            world,
            base_path=base_path.rstrip("/"),
            behaves=behaves,
            link=link,
            paged_conflicts=paged_conflicts,
            rate_limits=rate_limits,
            api_versions=tuple(api_versions),
        )
        self.latency = latency
        self.faults: Faults = Faults() if faults is None else faults
        self.hook = hook
        self.requests: list[Received] = []
        self.max_in_flight: int = 0
        self._max_requests = max_requests
        self._requests_in_flight: dict[asyncio.Task[Any], web.BaseRequest] = {}
        # aiohttp runs one task per connection; these have carried a request.
        self._connections: WeakSet[asyncio.Task[None]] = WeakSet()
        self._port = port
        self._closing = False
        self._address = ""
        # Seconds by which the event loop's clock was ahead of the computer's at the start.
        self._loop_lead = 0.0
        # Accepted values of `Host`, kept after closing for requests still in flight.
        self._hosts: frozenset[str] = frozenset()
        self._runner: web.ServerRunner | None = None
        self._thread: LoopThread | None = None

    def __repr__(self) -> str:
        state = "closed" if self._runner is None else self.url
        return f"<{type(self).__name__} {state}>"

    @property
    def world(self) -> World:
        """State of the server."""
        return self.api.world

    @property
    def url(self) -> str:
        """URL of the API, with the base path, without a trailing slash.

        Raises:
            RuntimeError: if the server is not running.
        """
        if self._runner is None:
            raise RuntimeError("the embedded GitHub is not running")
        return f"http://{self._address}{self.api.base_path}"

    @property
    def token(self) -> str:
        """First classic token with every scope that administers all owners.

        Raises:
            LookupError: if the world has no such token.
        """
        for token in self.world.tokens:
            full = token.kind == "classic" and not token.lacks(ALL_SCOPES)
            if full and token.admin is True:
                return token.value
        raise LookupError("the world has no token with every scope that is admin everywhere")

    @property
    def in_flight(self) -> int:
        """Number of requests in flight whose clients are still connected."""
        return sum(
            not transmission.is_disconnected(request)
            for request in self._requests_in_flight.values()
        )

    async def start(self) -> None:
        """Listen on the port.

        Raises:
            RuntimeError: if the server is running.
            OSError: if the port is in use.
        """
        if self._runner is not None:
            raise RuntimeError("the embedded GitHub is running already")
        self._loop_lead = loop_time() - time.monotonic()
        await self._listen(self._port)

    async def _listen(self, port: int) -> None:
        self._closing = False
        # The low-level server, because a router would decode the paths.
        runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=GRACE)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        bound = runner.addresses[0][1]
        self._address = f"127.0.0.1:{bound}"
        self._hosts = _hosts(bound)

    async def close(self) -> None:
        """Close the port and all connections. Has no effect if the server is closed."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self._closing = True
        for site in list(runner.sites):
            await site.stop()
        # aiohttp would cancel them too, but logs an error for each that outlasts its timeout.
        if self._requests_in_flight:
            await asyncio.wait(self._requests_in_flight, timeout=GRACE)
        unfinished = list(self._requests_in_flight)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        await runner.cleanup()

    @asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """Close the port and all connections during the block, then listen on the port again.

        Raises:
            RuntimeError: if the server is not running.
            OSError: if another process uses the port at the end of the block.
        """
        port = int(self.url.removesuffix(self.api.base_path).rpartition(":")[2])
        await self.close()
        try:
            yield
        finally:
            await self._listen(port)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __enter__(self) -> Self:
        thread = LoopThread()
        try:
            thread.run(self.start())
        except BaseException:
            thread.close()
            raise
        self._thread = thread
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.run(self.close())
            thread.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._closing:
            return transmission.close_connection(request)
        received = self._received(request)
        self.requests.append(received)
        if self._max_requests is not None and len(self.requests) > self._max_requests:
            del self.requests[0]
        origin = self._origin(request)
        if origin is None:
            received.status = MISDIRECTED.status
            return transmission.encode(MISDIRECTED, accept_encoding="", now=self._now())
        task = cast("asyncio.Task[Any]", asyncio.current_task())  # Not None in a handler.
        self._requests_in_flight[task] = request
        try:
            # Lets the loop notice clients that disconnected before this request.
            await asyncio.sleep(0)
            self.max_in_flight = max(self.max_in_flight, self.in_flight)
            reached = self._limit_reached(request)
            fault = RequestFault() if reached else self._assign_fault(request, received)
            received.fault = reached.limit if reached else fault.name
            if (latency := self.latency + fault.latency) > 0:
                await asyncio.sleep(latency)

            async def handler() -> web.StreamResponse:
                whole = self._whole(request, received, origin, fault, reached)
                return await transmission.send(request, whole, fault)

            return await (handler() if self.hook is None else self.hook(request, handler))
        finally:
            del self._requests_in_flight[task]

    def _received(self, request: web.BaseRequest) -> Received:
        headers = CIMultiDict(request.headers)
        if "Authorization" in headers:
            headers["Authorization"] = _without_secret(headers["Authorization"])
        match = self.api.operation(request.method, request.raw_path)
        return Received(
            request.method,
            request.raw_path,
            CIMultiDictProxy(headers),
            match[0].id if match else None,
        )

    def _limit_reached(self, request: web.BaseRequest) -> LimitReached | None:
        """Count the request in the limits; return the limit that refuses it, if one does."""
        if is_registry(request.raw_path):
            return None  # The limits are those of the API.
        caller, faults = _caller(request), self.faults
        reached = None
        if faults.primary_limit is not None:
            reached = faults.primary_limit.refuses(caller, self._now())
        if reached is None and faults.secondary_limit is not None:
            arrived = list(self._requests_in_flight.values())
            until_this = arrived[: arrived.index(request) + 1]
            reached = faults.secondary_limit.refuses(
                caller,
                request.method,
                in_flight=sum(not transmission.is_disconnected(other) for other in until_this),
                now=loop_time(),
            )
        return reached

    def _assign_fault(self, request: web.BaseRequest, received: Received) -> RequestFault:
        listing = (received.operation or "").startswith(("list-", "get-all-"))
        kept_alive = request.task in self._connections
        self._connections.add(request.task)
        return self.faults.assign(
            received.method,
            received.target,
            kept_alive=kept_alive,
            per_page=Window.asked(received.query).per_page if listing else None,
        )

    def _whole(
        self,
        request: web.BaseRequest,
        received: Received,
        origin: str,
        fault: RequestFault,
        reached: LimitReached | None,
    ) -> web.Response | None:
        """Return the undamaged response; ``None`` if a fault drops the request unprocessed."""
        now = self._now()
        method, target, headers = request.method, request.raw_path, request.headers
        response: Response | None = None
        if reached is not None:
            response = self.api.refusal(reached, method, target, headers, now)
        elif fault.carried_out:
            if is_registry(target):
                response = RegistryApi(self.world).respond(method, target, headers, origin=origin)
            else:
                response = self.api.respond(method, target, headers, origin=origin, now=now)
            received.status = response.status
            if not fault.link:
                response.headers.pop("Link", None)
        primary = None if is_registry(target) else self.faults.primary_limit
        if response is not None and primary is not None:
            free = response.status == 304
            response.headers.update(primary.headers(_caller(request), now, free=free))
        if fault.failure is not None:
            response = fault.failure
        if response is None:
            return None
        return transmission.encode(
            response, accept_encoding=headers.get("Accept-Encoding", ""), now=now
        )

    def _origin(self, request: web.BaseRequest) -> str | None:
        """Return the origin of the URLs in the response, or ``None`` if ``Host`` is not served."""
        # Not request.host, which resolves the machine's name if the header is missing.
        host = request.headers.get("Host", "").lower()
        return f"http://{host}" if host in self._hosts else None

    def _now(self) -> int:
        """Return the Unix time of the server's clock in seconds, with its skew."""
        # A test's event loop may skip the time it waits; the server's clock then skips it too.
        skipped = loop_time() - time.monotonic() - self._loop_lead
        return int(time.time() + skipped + self.faults.clock_skew)


def _hosts(port: int) -> frozenset[str]:
    names = ("127.0.0.1", "localhost", "[::1]")
    default = names if port == HTTP_PORT else ()
    return frozenset((*(f"{name}:{port}" for name in names), *default))


def _caller(request: web.BaseRequest) -> str:
    """Return the key of the rate limits that the request counts against."""
    return request.headers.get("Authorization", "")


def _without_secret(authorization: str) -> str:
    scheme, space, _ = authorization.partition(" ")
    # Without a space, the whole value may be the secret.
    return f"{scheme} ***" if space else "***"
