"""The embedded GitHub Packages on a port of its own."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Self, TypeAlias
from urllib.parse import parse_qsl

from aiohttp import web
from attrs import field, frozen
from multidict import CIMultiDict, CIMultiDictProxy

from ghpkg_async.testing.api import API_VERSIONS, Api
from ghpkg_async.testing.world import ALL_SCOPES, World

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

#: Decides what a request gets: `await answer()` carries it out and gives GitHub's answer; what
#: the hook returns is sent.
Hook: TypeAlias = Callable[
    [web.BaseRequest, Callable[[], Awaitable[web.StreamResponse]]], Awaitable[web.StreamResponse]
]

#: How long requests in flight may go on when the server closes, in seconds.
GRACE = 0.05


@frozen
class Received:
    """A request as it arrived.

    Attributes:
        method: The HTTP method.
        target: Path and query exactly as they were on the wire.
        headers: Without the credentials: of `Authorization` only the scheme is kept.
        operation: The operation's id in GitHub's reference, or `None`: there is no such route.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    operation: str | None

    @property
    def path(self) -> str:
        """The target without its query, still encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The target's query, decoded."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


class EmbeddedGitHub:
    """GitHub's Packages API on 127.0.0.1, out of a `World`.

    Open it with `async with`, or with `start` and `close`. The world may be changed while it is
    served, and so may `latency`, `hook` and the switches, which are attributes of `api`.

    Args:
        world: What it serves. Default: an empty world with one token of every scope.
        port: The port it listens on; 0 takes a free one.
        base_path: Where the API is mounted: `""` as on GitHub.com, `"/api/v3"` as on Enterprise
            Server.
        link: Whether listings carry `Link`. GitHub has been seen to leave it out.
        link_by_id: Whether `Link` names organizations by id, `/organizations/1001/packages...`, as
            GitHub may. Such paths are answered in any case.
        paged_conflicts: Whether the Docker conflicts come in pages; GitHub's reference says nothing
            about it.
        rate_limits: Whether answers carry the `x-ratelimit-*` headers. Enterprise Server has them
            off by default.
        api_versions: The values of `X-GitHub-Api-Version` it supports; none: a server older than
            API versioning, which ignores that header.
        latency: Seconds each request waits before it is carried out.
        hook: Passed by every request before it is answered, after the latency. It may answer
            itself, change GitHub's answer, or cut the connection.

    Attributes:
        api: What decides the answers.
        requests: Every request received, in order of arrival.
        in_flight: Requests being answered at the moment.
        max_in_flight: The most that were at any.

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
        link: bool = True,
        link_by_id: bool = False,
        paged_conflicts: bool = False,
        rate_limits: bool = True,
        api_versions: Iterable[str] = API_VERSIONS,
        latency: float = 0.0,
        hook: Hook | None = None,
    ) -> None:
        if world is None:
            world = World()
            world.token("ghp_embedded", login="octocat")
        self.api = Api(
            world,
            base_path=base_path.rstrip("/"),
            link=link,
            link_by_id=link_by_id,
            paged_conflicts=paged_conflicts,
            rate_limits=rate_limits,
            api_versions=tuple(api_versions),
        )
        self.latency = latency
        self.hook = hook
        self.requests: list[Received] = []
        self.in_flight = 0
        self.max_in_flight = 0
        self._port = port
        self._runner: web.ServerRunner | None = None

    def __repr__(self) -> str:
        where = "closed" if self._runner is None else self.url
        return f"<{type(self).__name__} {where}>"

    @property
    def world(self) -> World:
        """What it serves."""
        return self.api.world

    @property
    def url(self) -> str:
        """The API's URL, base path and all, without a slash at its end.

        Raises:
            RuntimeError: it is not running.
        """
        if self._runner is None:
            raise RuntimeError("the embedded GitHub is not running")
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}{self.api.base_path}"

    @property
    def token(self) -> str:
        """A token with every scope, that sees and administers everything.

        Raises:
            LookupError: the world has none.
        """
        for token in self.world.tokens:
            if not token.lacks(ALL_SCOPES) and token.admin is True:
                return token.value
        raise LookupError("the world has no token with every scope that is admin everywhere")

    async def start(self) -> None:
        """Listen.

        Raises:
            RuntimeError: it does already.
            OSError: the port is taken.
        """
        if self._runner is not None:
            raise RuntimeError("the embedded GitHub is running already")
        # The low-level server: a router would decode paths before anyone could look at them.
        runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=GRACE)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner

    async def close(self) -> None:
        """Close the port and every connection, idle or not. Closing again does nothing."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(self._received(request))
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            if self.latency > 0:
                await asyncio.sleep(self.latency)

            async def answer() -> web.Response:
                return self._answer(request)

            return await (answer() if self.hook is None else self.hook(request, answer))
        finally:
            self.in_flight -= 1

    def _received(self, request: web.BaseRequest) -> Received:
        headers = CIMultiDict(request.headers)
        if "Authorization" in headers:
            headers["Authorization"] = _without_secret(headers["Authorization"])
        found = self.api.operation(request.method, request.raw_path)
        return Received(
            request.method,
            request.raw_path,
            CIMultiDictProxy(headers),
            found[0].id if found else None,
        )

    def _answer(self, request: web.BaseRequest) -> web.Response:
        # Not request.host: without a Host header that asks the resolver, and blocks.
        host = request.headers.get("Host", self.url.split("/")[2])
        answer = self.api.answer(
            request.method, request.raw_path, request.headers, f"http://{host}"
        )
        headers = {"Server": "github.com", **answer.headers}
        body: bytes | None = answer.body or None
        if body is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
            if _takes_gzip(request.headers.get("Accept-Encoding", "")):
                headers["Content-Encoding"] = "gzip"
                body = zlib.compress(body, level=1, wbits=31)
        return web.Response(status=answer.status, body=body, headers=headers)


def _without_secret(authorization: str) -> str:
    scheme, space, _ = authorization.partition(" ")
    # Without a space the whole of it may be the secret.
    return f"{scheme} ***" if space else "***"


def _takes_gzip(accepted: str) -> bool:
    for coding in accepted.lower().split(","):
        name, _, parameters = coding.partition(";")
        if name.strip() in ("gzip", "*"):
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
