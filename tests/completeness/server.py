"""Independent model of GitHub Packages for tests of listings: state, time, unusual responses.

The model shares no code with the library or its embedded server. In a `VirtualLoop`, clients
reach it in memory; in any other loop, over sockets.
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_left, insort
from contextlib import asynccontextmanager
from functools import cache, cached_property
from hashlib import blake2b
from http import HTTPStatus
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlencode

import aiohttp
import attrs

from ghpkg_async import GitHubPackages
from tests.support.virtual import SERVER, VirtualLoop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

CAP = 10_000
TIME = "2026-01-02T03:04:05Z"
ORGANIZATION_ID = "4711"
LISTINGS = ("packages", "versions", "conflicts")
Seconds: TypeAlias = "tuple[float, float]"


@attrs.frozen(eq=False, slots=False)
class Item:
    """A package or a version.

    Attributes:
        id: identifier.
        name: name of the package or version.
        package_type: type of the package.
        visibility: visibility of a package; ``None`` for a version.
    """

    id: int
    name: str
    package_type: str = "npm"
    visibility: str | None = None

    @cached_property
    def body(self) -> bytes:
        """JSON of the item, with the keys of recorded responses."""
        url = f"https://api.github.com/{self.id}"
        fields: dict[str, Any] = {"id": self.id, "name": self.name, "url": url, "html_url": url}
        fields |= {"created_at": TIME, "updated_at": TIME}
        if self.visibility is None:
            fields |= {"package_html_url": url, "metadata": {"package_type": self.package_type}}
        else:
            fields |= {"package_type": self.package_type, "visibility": self.visibility}
        return json.dumps(fields).encode()


_shared_item = cache(Item)
"""Cached constructor: equal items are one object, and are encoded once."""
_Views: TypeAlias = "dict[bool, list[Item]]"


class Collection:
    """Items in a fixed order, each present or deleted, with the times of changes.

    Args:
        items: initial items, all present.
        order: sort order: ``"newest"`` for descending ids, ``"name"`` for ascending names.
    """

    def __init__(self, items: Iterable[Item], order: str = "newest") -> None:
        self._key = _by_name if order == "name" else _newest_first
        self._views: _Views = {True: sorted(items, key=self._key), False: []}
        self._items = {item.id: item for item in self._views[True]}
        self._present: dict[int, bool] = dict.fromkeys(self._items, True)
        # Time, item, and whether it was present before the change; `None` before its insertion.
        self._changes: list[tuple[float, Item, bool | None]] = []

    def __contains__(self, item_id: int) -> bool:
        return self._present.get(item_id, False)

    @property
    def items(self) -> Sequence[Item]:
        """Live view of the items that are present, in order."""
        return self._views[True]

    @property
    def ids(self) -> list[int]:
        """Ids of the items that are present, in order."""
        return [item.id for item in self._views[True]]

    @property
    def deleted_ids(self) -> list[int]:
        """Ids of the items that are deleted, in order."""
        return [item.id for item in self._views[False]]

    def insert(self, item: Item) -> None:
        """Add an item as present."""
        self._items[item.id] = item
        self._set(item.id, present=True)

    def delete(self, item_id: int) -> bool:
        """Delete an item; return whether it was present."""
        return item_id in self and self._set(item_id, present=False)

    def restore(self, item_id: int) -> bool:
        """Restore an item; return whether it was deleted."""
        return not self._present.get(item_id, True) and self._set(item_id, present=True)

    def at(self, when: float, *, present: bool = True) -> Sequence[Item]:
        """Return the items that were present at a time; with ``present=False``, deleted ones."""
        if not self._changes or self._changes[-1][0] <= when:
            return self._views[present]
        views = {state: [*items] for state, items in self._views.items()}
        now = dict(self._present)
        for changed, item, before in reversed(self._changes):
            if changed <= when:
                break
            self._move(views, item, now[item.id], before)
            if before is not None:
                now[item.id] = before
        return views[present]

    def ever(self, since: float, *, present: bool = True) -> set[int]:
        """Return the ids that were present, or else deleted, at some moment since a time."""
        left = {item.id for when, item, before in self._since(since) if before == present}
        return left | {item.id for item in self._views[present]}

    def throughout(self, since: float, *, present: bool = True) -> set[int]:
        """Return the ids that were present, or else deleted, at every moment since a time."""
        changed = {item.id for _, item, _ in self._since(since)}
        return {item.id for item in self._views[present]} - changed

    def _since(self, when: float) -> list[tuple[float, Item, bool | None]]:
        return [change for change in self._changes if change[0] >= when]

    def _set(self, item_id: int, *, present: bool) -> bool:
        item, before = self._items[item_id], self._present.get(item_id)
        self._changes.append((_now(), item, before))
        self._present[item_id] = present
        self._move(self._views, item, before, present)
        return True

    def _move(self, views: _Views, item: Item, old: bool | None, new: bool | None) -> None:
        if old is not None:
            del views[old][bisect_left(views[old], self._key(item), key=self._key)]
        if new is not None:
            insort(views[new], item, key=self._key)


def _newest_first(item: Item) -> Any:
    return -item.id


def _by_name(item: Item) -> Any:
    return item.name


def _now() -> float:
    return asyncio.get_running_loop().time()


@attrs.define(eq=False)
class Request:
    """Request as received.

    Attributes:
        method: HTTP method.
        path: decoded path segments.
        query: query parameters.
        host: ``Host`` header.
        etag: ``If-None-Match`` header, or ``""``.
        at: time of arrival, in seconds of the loop's clock.
        status: status of the response; ``None`` before it, or if the connection was closed.
        count: number of items on the page.
    """

    method: str
    path: list[str]
    query: dict[str, str]
    host: str
    etag: str
    at: float
    status: int | None = None
    count: int = 0

    @property
    def page(self) -> int:
        """Requested page number; 1 by default."""
        return int(self.query.get("page", 1))

    @property
    def per_page(self) -> int:
        """Requested page size; 30 by default."""
        return int(self.query.get("per_page", 30))


@attrs.frozen
class Fault:
    """Fault that the server injects into a request.

    Attributes:
        status: status of an error response; ``None`` for the regular response.
        drop: flag to close the connection without a response.
        done: flag to carry out the request in spite of the fault.
        delay: seconds before the request is carried out, in addition to the latency.
    """

    status: int | None = None
    drop: bool = False
    done: bool = False
    delay: float = 0.0


@attrs.frozen
class Position:
    """Position of a page in its listing.

    Attributes:
        number: page number.
        last: number of the last page; 0 without items.
    """

    number: int
    last: int


LinkStyle: TypeAlias = "Callable[[Position], dict[str, int]]"


def recorded(page: Position) -> dict[str, int]:
    """Return links as GitHub.com does: no links on a single page, links back beyond the end."""
    if page.number == 1 and page.last <= 1:
        return {}
    if page.last == 0:
        return {"last": 0}
    if page.number > page.last:
        return {"prev": page.last, "last": page.last, "first": 1}
    return _links(page)


def always(page: Position) -> dict[str, int]:
    """Return links for each page, even for a single one."""
    if page.last <= 1:
        return {"first": 1, "last": 1}
    return recorded(page)


def absent(_: Position) -> dict[str, int]:
    """Return no links."""
    return {}


def _links(page: Position) -> dict[str, int]:
    back = {"prev": page.number - 1, "first": 1} if page.number > 1 else {}
    on = {"next": page.number + 1, "last": page.last} if page.number < page.last else {}
    return {**back, **on}


@attrs.define(eq=False, kw_only=True)
class Server:
    """Model of the GitHub Packages API.

    Attributes:
        seed: seed of all random numbers.
        login: login of the user at ``/user``.
        latency: least and most seconds from a request to its response; it takes effect halfway.
        lag: least and most seconds by which reads are behind writes.
        largest_page: maximum number of items on a page, regardless of the requested page size.
        link: style of the ``Link`` headers.
        link_loss: share of the responses without their ``Link``.
        ignores_page: flag to send the first page for every page number.
        etags: flag to send ``ETag`` headers.
        meddle: function called with each request on arrival; returns its fault, if any.
        before: function called with each request right before it is carried out.
        requests: requests received.
        in_flight: number of requests without a response so far.
        most_in_flight: highest value of `in_flight`.
    """

    seed: int = 0
    login: str = "octocat"
    latency: Seconds = (0.01, 0.01)
    lag: Seconds = (0.0, 0.0)
    largest_page: int = 100
    link: LinkStyle = recorded
    link_loss: float = 0.0
    ignores_page: bool = False
    etags: bool = True
    meddle: Callable[[Request], Fault | None] = lambda _: None
    before: Callable[[Request], object] = lambda _: None
    requests: list[Request] = attrs.field(factory=list, init=False)
    in_flight: int = attrs.field(default=0, init=False)
    most_in_flight: int = attrs.field(default=0, init=False)
    _collections: dict[tuple[str, ...], Collection] = attrs.field(factory=dict, init=False)
    _random: Random = attrs.field(init=False)
    _tasks: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)

    def __attrs_post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311  (reproducible, not secret)

    def packages(
        self,
        count: int,
        *,
        owner: str = "acme",
        package_type: str = "npm",
        visibility: Callable[[int], str] = lambda _: "private",
        order: str = "newest",
    ) -> Collection:
        """Make the packages of an owner, with ids from 1."""
        items = [
            _shared_item(number, f"p{number:06}", package_type, visibility(number))
            for number in range(1, count + 1)
        ]
        return self._add((owner, package_type), items, order)

    def versions(self, count: int, *, owner: str = "acme", name: str = "app") -> Collection:
        """Make the versions of an npm package, with ids from 1, newest first."""
        items = [_shared_item(number, f"0.0.{number}") for number in range(1, count + 1)]
        return self._add((owner, "npm", name), items, "newest")

    def conflicts(self, count: int, *, owner: str = "acme") -> Collection:
        """Make the Docker migration conflicts of an owner, with ids from 1."""
        items = [Item(number, f"d{number}", "docker", "private") for number in range(1, count + 1)]
        return self._add((owner, "docker conflicts"), items, "newest")

    def _add(self, key: tuple[str, ...], items: list[Item], order: str) -> Collection:
        collection = self._collections[key] = Collection(items, order)
        return collection

    @property
    def listed(self) -> list[Request]:
        """Requests for pages, in order of arrival."""
        return [x for x in self.requests if x.method == "GET" and x.path[-1] in LISTINGS]

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[GitHubPackages]:
        """Yield a client of the server, without pacing."""
        options = {"points_per_minute": None, **options}
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualLoop):
            path = f"/model/{id(self)}"
            loop.listeners[path] = lambda: Connection(self)
            connector = aiohttp.UnixConnector(path, limit=0)
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                GitHubPackages(
                    "ghp_x", base_url="http://127.0.0.1", session=session, **options
                ) as gh,
            ):
                yield gh
            return
        listener = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0)
        async with listener:
            port = listener.sockets[0].getsockname()[1]
            base_url = f"http://127.0.0.1:{port}"
            async with GitHubPackages("ghp_x", base_url=base_url, **options) as gh:
                yield gh

    def receive(self, request: Request, respond: Callable[[bytes | None], None]) -> None:
        """Serve a request, even if its client disconnects."""
        self.requests.append(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        task = asyncio.create_task(self._serve(request, respond), name=SERVER)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, request: Request, respond: Callable[[bytes | None], None]) -> None:
        half = self._random.uniform(*self.latency) / 2
        fault = self.meddle(request) or Fault()
        await asyncio.sleep(half + fault.delay)
        self.before(request)
        response = b""
        if fault.done or not (fault.drop or fault.status):
            response = self._carry_out(request)
        await asyncio.sleep(half)
        self.in_flight -= 1
        if fault.status:
            response = _response(request, fault.status, b'{"message": "Server Error"}')
        if fault.drop:
            request.status = None
        respond(None if fault.drop else response)

    def _carry_out(self, request: Request) -> bytes:
        match request.path:
            case ["user", *rest]:
                owner = self.login
            case ["organizations", id_, *rest] if id_ == ORGANIZATION_ID:
                owner = "acme"
            case ["orgs" | "users", owner, *rest]:
                owner = owner.lower()
            case _:
                return _not_found(request)
        match request.method, rest:
            case "GET", ["docker", "conflicts"]:
                return self._list(request, (owner, "docker conflicts"), rest)
            case "GET", ["packages"]:
                kind = request.query["package_type"]
                return self._list(request, (owner, kind), rest, capped=True)
            case "GET", ["packages", kind, name, "versions"]:
                return self._list(request, (owner, kind, name), rest)
            case "GET", ["packages", kind, name]:
                return self._get_package(request, owner, kind, name)
            case "GET", ["packages", kind, name, "versions", version]:
                return self._get(request, self._find(owner, kind, name), int(version))
            case "DELETE", ["packages", kind, name, "versions", version]:
                done = self._find(owner, kind, name).delete(int(version))
                return _response(request, 204) if done else _not_found(request)
            case "POST", ["packages", kind, name, "versions", version, "restore"]:
                done = self._find(owner, kind, name).restore(int(version))
                return _response(request, 204) if done else _not_found(request)
            case "DELETE", ["packages", kind, name]:
                done = self._find(owner, kind).delete(_package_id(name))
                return _response(request, 204) if done else _not_found(request)
            case "POST", ["packages", kind, name, "restore"]:
                done = self._find(owner, kind).restore(_package_id(name))
                return _response(request, 204) if done else _not_found(request)
        return _not_found(request)

    def _find(self, *key: str) -> Collection:
        return self._collections.get(key) or Collection([])

    def _get(self, request: Request, collection: Collection, item_id: int) -> bytes:
        for item in collection.at(self._seen_at()):
            if item.id == item_id:
                return _response(request, 200, item.body)
        return _not_found(request)

    def _get_package(self, request: Request, owner: str, kind: str, name: str) -> bytes:
        """Respond with a package; add its version count if the server has its versions."""
        versions = self._collections.get((owner, kind, name))
        if versions is None:
            return self._get(request, self._find(owner, kind), _package_id(name))
        count = len(versions.at(self._seen_at()))
        fields = json.loads(Item(1, name, kind, "private").body)
        return _response(request, 200, json.dumps({**fields, "version_count": count}).encode())

    def _list(
        self, request: Request, key: tuple[str, ...], rest: list[str], *, capped: bool = False
    ) -> bytes:
        if capped and request.page * request.per_page > CAP:
            return _response(request, 400, b'{"message": "Only the first 10000 are listed"}')
        active = request.query.get("state", "active") == "active"
        items = self._find(*key).at(self._seen_at(), present=active)
        if visibility := request.query.get("visibility"):
            items = [item for item in items if item.visibility == visibility]
        size = min(request.per_page, self.largest_page)
        number = 1 if self.ignores_page else request.page
        page = items[(number - 1) * size : number * size]
        request.count = len(page)
        body = b"[" + b",".join(item.body for item in page) + b"]"
        etag = f'W/"{blake2b(body, digest_size=16).hexdigest()}"' if self.etags else ""
        if etag and request.etag == etag:
            return _response(request, 304, etag=etag)
        links = self.link(Position(request.page, -(-len(items) // size)))
        if self._random.random() < self.link_loss:
            links = {}
        return _response(request, 200, body, etag=etag, link=_link_header(request, rest, links))

    def _seen_at(self) -> float:
        return _now() - self._random.uniform(*self.lag)


def _package_id(name: str) -> int:
    return int(name.removeprefix("p")) if name[1:].isdigit() else 0


def _link_header(request: Request, rest: list[str], links: dict[str, int]) -> str:
    """Return a ``Link`` header whose paths and parameter order differ from the request's."""
    organization = request.path[0] in ("orgs", "organizations")
    start = ["organizations", ORGANIZATION_ID] if organization else request.path[: -len(rest)]
    path = "/".join([*start, *rest])
    found = []
    for rel, number in links.items():
        paging = {"per_page": request.per_page, "page": number}
        query = urlencode({**paging, **{k: v for k, v in request.query.items() if k not in paging}})
        found.append(f'<http://{request.host}/{path}?{query}>; rel="{rel}"')
    return ", ".join(found)


def _not_found(request: Request) -> bytes:
    return _response(request, 404, b'{"message": "Not Found"}')


def _response(
    request: Request, status: int, body: bytes = b"", *, etag: str = "", link: str = ""
) -> bytes:
    request.status = status
    fields = {"ETag": etag, "Link": link}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    if status not in (204, 304):
        head += f"Content-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    phrase = HTTPStatus(status).phrase
    return f"HTTP/1.1 {status} {phrase}\r\n{head}\r\n".encode() + body


class Connection(asyncio.Protocol):
    """Server end of a connection; parses requests, which have no bodies."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            self._server.receive(_parse(head.decode()), self._respond)

    def _respond(self, response: bytes | None) -> None:
        if response is None:
            self._transport.abort()
        elif not self._transport.is_closing():
            self._transport.write(response)


def _parse(head: str) -> Request:
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    fields = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
    path, _, query = target.partition("?")
    segments = [unquote(segment) for segment in path.strip("/").split("/")]
    etag = fields.get("if-none-match", "")
    return Request(method, segments, dict(parse_qsl(query)), fields["host"], etag, _now())
