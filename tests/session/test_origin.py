"""Generated links, redirects, names and headers never change a request's origin or segments."""

from __future__ import annotations

import socket
from contextlib import suppress
from itertools import product
from typing import Any
from urllib.parse import unquote

import pytest

from ghpkg_async import ConfigurationError, GitHubPackagesError, InvalidResponse
from tests.support.api import package, version
from tests.support.hostile import TOKEN, HostileServer, response

SCHEMES = ["http:", "HTTPS:", "ftp:", "", " http:", "http\t:"]
SLASHES = ["//", "/", "///", "\\\\", ""]
AUTHORITIES = [
    "127.0.0.1:{other}",
    "localhost:{port}",
    "127.0.0.1:{port}@127.0.0.1:{other}",
    "{token}@127.0.0.1:{port}",
    "127.0.0.1:{port}\\@127.0.0.1:{other}",
    "127.0.0.1:{port}.example.invalid",
    "127.0.0.1%00:{port}",
    "[::ffff:127.0.0.1]:{port}",
]
PATHS = ["/x", "?#/../..//127.0.0.1:{other}/"]
REFERENCES = ["".join(parts) for parts in product(SCHEMES, SLASHES, AUTHORITIES, PATHS)]

PIECES = [
    ".", "..", "...", "/", "//", "\\", "%", "%2F", "%2f..%2f", "%00", "%252F", "?", "?page=2", "#x",
    ";v=1", "&x=1", "@scope/pkg", ":", "..;/", "/versions/1", "/../../../user", " ", "\t", "\r\n",
    "\r\nHost: example.invalid", "\x00", "\x7f", "\x85", "é", "e\u0301", "ﬀ", "\uff0e\uff0e",
    "\uff0f", "\u202e", "\u3164", "\U000e0041", "💥", "\ud800", "+", "*", "'", '"', "<script>",
    "{}", "|", "^", "`", "~",
]  # fmt: skip
NAMES = [before + piece + after for piece in PIECES for before in ("", "a") for after in ("", "b")]

HEADERS = [
    "Retry-After", "X-RateLimit-Reset", "X-RateLimit-Remaining", "X-RateLimit-Limit", "Date",
    "ETag", "X-GitHub-SSO", "X-OAuth-Scopes", "X-Accepted-OAuth-Scopes",
    "X-GitHub-Request-Id", "Link",
]  # fmt: skip
VALUES = [
    "", "0", "-1", "1e999", "NaN", "9" * 400, "0x10", "٣", "Thu, 99 Foo 9999 99:99:99 GMT",
    "<", "<>", "<>; rel=next", "required; url=", "partial-results; organizations=", ",,,", "W/",
    '"', "\x7f", "\x1b[2J", "é", "\udcff", "<script>alert(1)</script>", "%s%s%n", "a" * 4000,
]  # fmt: skip


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> set[Any]:
    """Return the addresses that sockets connect to, and the host names that are looked up."""
    seen: set[Any] = set()

    class Recording(socket.socket):
        def connect(self, address: Any) -> None:
            seen.add(address)
            super().connect(address)

    def look_up(host: Any, *_: object, **__: object) -> Any:
        seen.add(host)
        raise socket.gaierror(socket.EAI_NONAME, "not looked up in a test")

    monkeypatch.setattr(socket, "socket", Recording)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return seen


def placed(reference: str, server: HostileServer, elsewhere: HostileServer) -> str:
    return reference.format(port=server.port, other=elsewhere.port, token=TOKEN)


@pytest.mark.parametrize("header", ["Location", "Link"])
async def test_no_reference_of_a_server_leads_to_another_origin(
    server: HostileServer, elsewhere: HostileServer, connected: set[Any], header: str
) -> None:
    async with server.client() as gh:
        for reference in REFERENCES:
            there = placed(reference, server, elsewhere)
            odd = f"Location: {there}" if header == "Location" else f'Link: <{there}>; rel="next"'
            server.requests.clear()
            server.will(response(302 if header == "Location" else 200, [package(1)], odd),
                        response(200, []))  # fmt: skip
            with suppress(InvalidResponse):
                await gh.org("acme").packages("npm")
            hosts = {request.headers["host"] for request in server.requests}
            assert hosts == {f"127.0.0.1:{server.port}"}, there
    assert elsewhere.requests == []
    assert connected == {("127.0.0.1", server.port)}


async def test_every_name_is_one_segment_or_refused(server: HostileServer) -> None:
    server.will(response(200, version(1)))
    async with server.client() as gh:
        for name in NAMES:
            server.requests.clear()
            try:
                await gh.org("acme").package("npm", name).version(1).get()
            except ConfigurationError:
                assert server.requests == []
                assert name in (".", "..") or "\ud800" in name or not name.isprintable(), name
                continue
            (target,) = server.targets
            assert target.isascii()
            *_, segment, versions, number = target.split("/")
            assert (target.count("/"), versions, number) == (7, "versions", "1"), name
            assert unquote(segment) == name
            assert not set(segment) & set("?#;\\")


@pytest.mark.parametrize("status", [200, 403, 429])
async def test_no_header_of_a_server_breaks_anything(server: HostileServer, status: int) -> None:
    for header, value in product(HEADERS, VALUES):
        server.requests.clear()
        server.will(response(status, [package(1)], f"{header}: {value}"), response(200, []))
        async with server.client() as gh:
            with suppress(GitHubPackagesError):
                await gh.org("acme").packages("npm")
        assert 1 <= len(server.requests) <= 2
