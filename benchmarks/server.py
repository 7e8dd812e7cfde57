"""Server in its own process, with pages rendered and compressed before it starts.

``python -m benchmarks.server`` reads the listings as JSON from standard input, prints its port
when it accepts connections, and exits when standard input is closed.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import sys
import time
from dataclasses import asdict
from email.utils import formatdate
from functools import cached_property
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote, urlencode

from .control import Stats
from .data import CAP, PER_PAGE, Listing

if TYPE_CHECKING:
    from collections.abc import Sequence

_HOURLY: Final = 1_000_000


class _Page:
    """Rendered page of a listing."""

    def __init__(self, listing: Listing, number: int, per_page: int) -> None:
        plain = listing.page(number, per_page)
        self._listing, self._number, self._per_page = listing, number, per_page
        self.etag = hashlib.sha256(plain).hexdigest()
        self.compressed = gzip.compress(plain, 6, mtime=0)

    @cached_property
    def plain(self) -> bytes:
        return gzip.decompress(self.compressed)

    def link(self, mode: str, origin: str) -> str:
        """Return the line of the ``Link`` header, or an empty string."""
        listing, number = self._listing, self._number
        last = max(1, -(-listing.size // self._per_page))
        if mode == "never" or (mode == "github" and number == last == 1):
            return ""
        targets = {"first": 1, "last": last} if last == 1 else {}
        if number > 1:
            targets |= {"prev": min(number - 1, last), "first": 1}
        if number < last:
            targets |= {"next": number + 1, "last": last}
        kind = {"package_type": listing.package_type} if listing.name is None else {}
        links = (
            f"<{origin}{listing.collection}?"
            f'{urlencode({**kind, "page": page, "per_page": self._per_page})}>; rel="{rel}"'
            for rel, page in targets.items()
        )
        return f"Link: {', '.join(links)}\r\n"


class _Site:
    """State shared by all connections."""

    def __init__(self, listings: Sequence[Listing]) -> None:
        self.origin = ""
        self.latency = 0.0
        self.requests = 0
        self._requests_before = 0
        self._link = "github"
        self._in_flight = 0
        self._max_in_flight = 0
        self._cpu_before = 0.0
        self._listings = {(each.org, each.package_type, each.name): each for each in listings}
        self._pages: dict[tuple[Listing, int, int], _Page] = {}
        self._heads: dict[tuple[str, bool], tuple[bytes, bytes]] = {}
        for listing in listings:
            for number in range(1, listing.fewest_requests + 1):
                self._page(listing, number, PER_PAGE)

    def begin(self) -> None:
        """Count a received request as in flight."""
        self.requests += 1
        self._in_flight += 1
        self._max_in_flight = max(self._max_in_flight, self._in_flight)

    def end(self) -> None:
        """Count a request as done: its response is sent or its connection is closed."""
        self._in_flight -= 1

    def response(self, target: str, *, compressed: bool) -> bytes:
        """Return the complete response to a GET."""
        known = self._heads.get((target, compressed))
        if known is None:
            known = self._heads[target, compressed] = self._render(target, compressed)
        head, body = known
        count = self._requests_before + self.requests
        changing = (
            f"Date: {formatdate(usegmt=True)}\r\n"
            f"X-RateLimit-Remaining: {_HOURLY - count}\r\n"
            f"X-RateLimit-Used: {count}\r\n"
            f"X-GitHub-Request-Id: C0DE:{count:06X}:{count * 7919:08X}:65A1B2C3\r\n\r\n"
        )
        return head + changing.encode() + body

    def control(self, target: str) -> bytes:
        """Return the response to ``/_reset`` or ``/_stats``."""
        path, _, query = target.partition("?")
        if path == "/_reset":
            options = parse_qs(query)
            self.latency, self._link = float(options["latency"][0]), options["link"][0]
            self._requests_before += self.requests
            self.requests = self._max_in_flight = 0
            self._cpu_before = time.process_time()
            self._heads.clear()
        spent = time.process_time() - self._cpu_before
        body = json.dumps(asdict(Stats(self.requests, self._max_in_flight, spent))).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    def _page(self, listing: Listing, number: int, per_page: int) -> _Page:
        key = listing, number, per_page
        if key not in self._pages:
            self._pages[key] = _Page(listing, number, per_page)
        return self._pages[key]

    def _render(self, target: str, compressed: bool) -> tuple[bytes, bytes]:
        path, _, query = target.partition("?")
        options = {name: values[0] for name, values in parse_qs(query).items()}
        number, per_page = int(options.get("page", 1)), int(options.get("per_page", 30))
        key: tuple[str, str, str | None]
        match path.strip("/").split("/"):
            case ["orgs", org, "packages"]:
                key = org, options.get("package_type", ""), None
                if number * per_page > CAP:
                    return _refusal("400 Bad Request", "per_page * page is greater than 10000")
            case ["orgs", org, "packages", kind, name, "versions"]:
                key = org, kind, unquote(name)
            case _:
                return _refusal("404 Not Found", "Not Found")
        if key not in self._listings:
            return _refusal("404 Not Found", "Not Found")
        page = self._page(self._listings[key], number, per_page)
        body = page.compressed if compressed else page.plain
        encoding = "Content-Encoding: gzip\r\n" if compressed else ""
        head = (
            "HTTP/1.1 200 OK\r\n"
            f"{_COMMON}"
            "Cache-Control: private, max-age=60, s-maxage=60\r\n"
            "Vary: Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept\r\n"
            f'ETag: W/"{page.etag}"\r\n'
            f"{page.link(self._link, self.origin)}{encoding}"
            f"Content-Length: {len(body)}\r\n"
        )
        return head.encode(), body


_COMMON: Final = (
    "Server: github.com\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "X-OAuth-Scopes: read:packages\r\n"
    "X-Accepted-OAuth-Scopes: \r\n"
    "X-GitHub-Media-Type: github.v3; format=json\r\n"
    "X-GitHub-Api-Version-Selected: 2022-11-28\r\n"
    f"X-RateLimit-Limit: {_HOURLY}\r\n"
    f"X-RateLimit-Reset: {int(time.time()) + 7 * 86_400}\r\n"
    "X-RateLimit-Resource: core\r\n"
    "Access-Control-Allow-Origin: *\r\n"
    "Strict-Transport-Security: max-age=31536000; includeSubdomains; preload\r\n"
    "X-Frame-Options: deny\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-XSS-Protection: 0\r\n"
    "Referrer-Policy: origin-when-cross-origin, strict-origin-when-cross-origin\r\n"
    "Content-Security-Policy: default-src 'none'\r\n"
)


def _refusal(status: str, message: str) -> tuple[bytes, bytes]:
    body = json.dumps({"message": message, "status": status[:3]}).encode()
    return f"HTTP/1.1 {status}\r\n{_COMMON}Content-Length: {len(body)}\r\n".encode(), body


class _Connection(asyncio.Protocol):
    """HTTP/1.1 server connection: GET without a body, keep-alive, no pipelining."""

    def __init__(self, site: _Site) -> None:
        self._site = site
        self._received = b""
        self._later: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._later is not None:
            self._later.cancel()
            self._site.end()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._received.endswith(b"\r\n\r\n"):
            return
        head, self._received = self._received, b""
        target = head.split(b" ", 2)[1].decode()
        if target.startswith("/_"):
            self._transport.write(self._site.control(target))
            return
        self._site.begin()
        headers = head.lower()
        compressed = b"gzip" in headers.partition(b"\r\naccept-encoding:")[2].partition(b"\r\n")[0]
        if self._site.latency:
            loop = asyncio.get_running_loop()
            self._later = loop.call_later(self._site.latency, self._send, target, compressed)
        else:
            self._send(target, compressed)

    def _send(self, target: str, compressed: bool) -> None:
        self._later = None
        self._site.end()
        self._transport.write(self._site.response(target, compressed=compressed))


async def _serve(listings: Sequence[Listing]) -> None:
    site = _Site(listings)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(site), "127.0.0.1", 0, backlog=512)
    port = server.sockets[0].getsockname()[1]
    site.origin = f"http://127.0.0.1:{port}"
    print(port, flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve([Listing(**each) for each in json.loads(sys.stdin.readline())]))
