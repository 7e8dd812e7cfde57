"""Response bodies: size limits before and after decompression, decoding, and errors."""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
import sys
import tracemalloc
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from ghpkg_async import (
    ConnectionFailed,
    GitHubPackages,
    InvalidResponse,
    Listing,
    NotFound,
    Package,
    PackageVersion,
    RequestTimeout,
)
from tests.support.api import package, version
from tests.support.fast_loop import takes
from tests.support.hostile import (
    MIB,
    Call,
    HostileServer,
    bomb,
    flooding,
    gzipped,
    hanging_up,
    refused,
    response,
    stalling,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OWNER = {
    "login": "o",
    "id": 1,
    "type": "User",
    "site_admin": False,
    "gravatar_id": None,
    **dict.fromkeys(
        (
            *("node_id", "avatar_url", "url", "html_url", "followers_url", "following_url"),
            *("gists_url", "starred_url", "subscriptions_url", "organizations_url", "repos_url"),
            *("events_url", "received_events_url"),
        ),
        "",
    ),
}


@contextmanager
def within_memory(mebibytes: int) -> Iterator[None]:
    """Fail if the peak memory of the process grows by more than `mebibytes` MiB in the block."""
    unit = 1 if sys.platform == "darwin" else 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    yield
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit - before
    assert grown < mebibytes * MIB, f"grew by {grown // MIB} MiB"


async def whole(listing: Listing[Package]) -> list[Package]:
    return await listing


async def listed(gh: GitHubPackages) -> InvalidResponse:
    error = await refused(gh.org("acme").package("npm", "p").versions())
    assert isinstance(error, InvalidResponse), repr(error)
    return error


@pytest.mark.parametrize("mebibytes", [100, 1_000, 20_000])
async def test_a_gzip_bomb_is_an_error_and_no_outage(
    server: HostileServer, gh: GitHubPackages, mebibytes: int
) -> None:
    server.will(response(200, bomb(mebibytes), "Content-Encoding: gzip"))
    with takes(most=3), within_memory(250):
        error = await listed(gh)
    assert "larger than 8 MiB" in str(error)


def nested(start: str, end: str, filling: bytes, size: int) -> bytes:
    """Return a body of `start`, about `size` bytes of repeated `filling`, and `end`."""
    return start.encode() + filling * (size // len(filling)) + filling.rstrip(b",") + end.encode()


TAGGED = version(1, metadata={"package_type": "container", "container": {"tags": "@"}})
DENSE: dict[str, tuple[int, Any, bytes]] = {
    "an ignored field": (200, [version(1, new="@")], b"[],"),
    "tags": (200, [TAGGED], b'"a",'),
    "no version": (200, ["@"], b"[],"),
    "a message": (404, {"message": "@"}, b"[],"),
    "an ignored field of an error": (404, {"errors": "@"}, b"[],"),
}


@pytest.mark.parametrize("mebibytes", [7, pytest.param(60, marks=pytest.mark.slow)])
@pytest.mark.parametrize("dense", DENSE)
async def test_a_few_kilobytes_cost_neither_memory_nor_time(
    server: HostileServer, gh: GitHubPackages, dense: str, mebibytes: int
) -> None:
    status, around, filling = DENSE[dense]
    start, end = json.dumps(around).split('"@"')
    body = gzip.compress(nested(f"{start}[", f"]{end}", filling, mebibytes * MIB))
    assert len(body) < 70 * 1024
    server.will(response(status, body, "Content-Encoding: gzip"), response(200, []))
    with takes(most=2), within_memory(250):
        if mebibytes == 7 and dense in ("an ignored field", "tags"):
            assert len(await gh.org("acme").package("npm", "p").versions()) == 1
        else:
            error = await refused(gh.org("acme").package("npm", "p").versions())
            assert isinstance(error, InvalidResponse if status == 200 else NotFound)


async def test_a_gzip_bomb_in_an_error_response_is_that_error(
    server: HostileServer, gh: GitHubPackages
) -> None:
    server.will(response(404, bomb(1000), "Content-Encoding: gzip", "X-GitHub-Request-Id: AB:12"))
    with takes(most=3), within_memory(250):
        error = await refused(gh.org("acme").package("npm", "p").get())
    assert "404" in str(error)
    assert "AB:12" in str(error)


async def test_a_gzip_bomb_within_a_gzip_bomb_is_refused(
    server: HostileServer, gh: GitHubPackages
) -> None:
    twice = gzip.compress(bomb(1000), 1)
    server.will(response(200, twice, "Content-Encoding: gzip, gzip"))
    with takes(most=2), within_memory(100):
        await listed(gh)
    server.will(response(200, twice, "Content-Encoding: gzip", "Content-Encoding: gzip"))
    with takes(most=2), within_memory(100):
        await listed(gh)


@pytest.mark.parametrize("status", [200, 302, 404])
@pytest.mark.parametrize(
    ("head", "chunk"),
    [
        ("Transfer-Encoding: chunked", b"10000\r\n" + b" " * 65536 + b"\r\n"),
        ("Content-Length: 99999999999999", b" " * 65536),
        ("Connection: close", b" " * 65536),
    ],
    ids=["chunked", "a huge Content-Length", "until it closes"],
)
async def test_a_body_without_an_end_is_refused(
    server: HostileServer, gh: GitHubPackages, status: int, head: str, chunk: bytes
) -> None:
    text = f"HTTP/1.1 {status} OK\r\n{head}\r\nLocation: /x\r\n\r\n"
    server.will(flooding(text.encode(), chunk))
    with takes(most=4), within_memory(250):
        error = await refused(gh.org("acme").package("npm", "p").get())
    assert isinstance(error, (InvalidResponse, NotFound) if status == 404 else InvalidResponse)
    assert len(server.requests) == 1


async def test_endless_interim_responses_end_with_the_attempt(server: HostileServer) -> None:
    server.will(flooding(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100))
    async with server.client(timeout=0.1) as gh:
        with takes(most=3), within_memory(250):
            error = await refused(gh.org("acme").package("npm", "p").get())
    assert isinstance(error, (RequestTimeout, InvalidResponse))


async def test_endless_trailers_end(server: HostileServer) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    server.will(flooding(head, b"X-More: and more\r\n" * 1000))
    async with server.client(timeout=0.5) as gh:
        with takes(most=3), within_memory(250):
            await refused(gh.org("acme").package("npm", "p").get())


async def test_a_body_that_drips_ends_with_the_attempt(server: HostileServer) -> None:
    async def drip(call: Call) -> None:
        await call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            await call.send(b" ")
            await asyncio.sleep(0.02)

    server.will(drip)
    async with server.client(timeout=0.3) as gh:
        with takes(most=1):
            error = await refused(gh.org("acme").package("npm", "p").get())
    assert isinstance(error, RequestTimeout)


async def test_tiny_chunks_are_read_in_reasonable_time(
    server: HostileServer, gh: GitHubPackages
) -> None:
    body = json.dumps([version(1)]).encode() + b" " * 100_000
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.will(head + chunks + b"0\r\n\r\n", response(200, []))
    with takes(most=5):
        assert len(await gh.org("acme").package("npm", "p").versions()) == 1


@pytest.mark.parametrize(
    "encoding", ["br", "zstd", "deflate", "compress", "gzip, br", "br, gzip", "\udcff", "x" * 4000]
)
async def test_an_encoding_that_was_not_requested_is_refused(
    server: HostileServer, gh: GitHubPackages, encoding: str
) -> None:
    server.will(response(200, zlib.compress(b"[]"), f"Content-Encoding: {encoding}"))
    error = await listed(gh)
    str(error).encode()
    assert len(str(error)) < 1000
    assert server.requests[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", " gzip ", "identity", ""])
async def test_each_requested_encoding_is_decoded(
    server: HostileServer, gh: GitHubPackages, encoding: str
) -> None:
    body = json.dumps([version(1)]).encode()
    if "gzip" in encoding.lower():
        body = gzip.compress(body)
    server.will(response(200, body, f"Content-Encoding: {encoding}"), response(200, []))
    assert len(await gh.org("acme").package("npm", "p").versions()) == 1


WHOLE = gzip.compress(b"[]", mtime=0)


@pytest.mark.parametrize(
    "body",
    [
        WHOLE[:1],
        WHOLE[:10],
        WHOLE[:-1],
        WHOLE[:-8],
        WHOLE + b"garbage",
        WHOLE + WHOLE[:5],
        WHOLE[:-8] + b"\x00" * 8,
        WHOLE[:-4] + b"\xff" * 4,
        b"[]",
        b"\x1f\x8b",
        b"\x1f\x8b\x08\xff" + b"\xff" * 100,
        b"\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03" + b"n" * 100_000,
        b"\x1f\x8b\x09\x00\x00\x00\x00\x00\x00\x03" + WHOLE[10:],
        zlib.compress(b"[]"),
        b"\x00" * 1000,
        b"\x28\xb5\x2f\xfd\x04\x00\x11\x00\x00\x5b\x5d",
    ],
    ids=lambda body: repr(body[:12]) + str(len(body)),
)
async def test_a_broken_gzip_stream_is_refused(
    server: HostileServer, gh: GitHubPackages, body: bytes
) -> None:
    server.will(response(200, body, "Content-Encoding: gzip"))
    await listed(gh)


async def test_a_gzip_header_without_a_body_is_no_list(
    server: HostileServer, gh: GitHubPackages
) -> None:
    server.will(response(200, b"", "Content-Encoding: gzip"))
    await listed(gh)


@pytest.mark.parametrize("pack", [response, None], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"true",
        b"0",
        b'"text"',
        b"{}",
        b"[",
        b"]",
        b"[,]",
        b"[]]",
        b"[] []",
        b"[]x",
        b"\xef\xbb\xbf[]",
        b"\xff\xfe[\x00]\x00",
        b"\x00",
        b"<html><body>Sign in to the Wi-Fi</body></html>",
        b"[null]",
        b"[1]",
        b"[[]]",
        b"[{}]",
        b"NaN",
        b"[NaN]",
        b"[Infinity]",
        b"[" * 1_000_000,
        b"[" * 1_000_000 + b"]" * 1_000_000,
        b'[{"a":' * 300_000,
        b'[{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}]",
        b"9" * 1_000_000,
        b"-" * 100,
        b"1e" + b"9" * 100_000,
        b'"' + b"\\" * 100_001,
        b'["\\ud800"]',
        b'["\xff"]',
        b"{'id': 1}",
        b"[1, 2, /* 3 */]",
    ],
    ids=lambda body: repr(body[:16]) + str(len(body)) if isinstance(body, bytes) else None,
)
async def test_a_body_that_is_not_a_list_is_refused(
    server: HostileServer, gh: GitHubPackages, body: bytes, pack: Callable[..., bytes] | None
) -> None:
    server.will(response(200, body) if pack else gzipped(body))
    with takes(most=3):
        error = await listed(gh)
        assert f"GET {server.url}/orgs/acme/package" in str(error)
        assert isinstance(await refused(gh.me().packages("npm")), InvalidResponse)
        assert isinstance(await refused(gh.me().docker_conflicts()), InvalidResponse)
        assert isinstance(await refused(gh.me().package("npm", "p").get()), InvalidResponse)
        assert isinstance(
            await refused(gh.me().package("npm", "p").version(1).get()), InvalidResponse
        )


RAW = "\x00raw:"


def _as_it_is(part: bytes) -> bytes:
    raw, _, rest = part.partition(b'"')
    return raw.replace(b"'", b'"').replace(b"\\\\", b"\\") + rest


def document(value: Any) -> bytes:
    """Return the value as JSON; the text after ``RAW`` in a string is inserted without encoding."""
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")
    marker = json.dumps(RAW)[:-1].encode()
    parts = text.split(marker)
    return parts[0] + b"".join(_as_it_is(part) for part in parts[1:])


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"id": None}, "id"),
    ({"id": "1"}, "id"),
    ({"id": 1.5}, "id"),
    ({"id": True}, "id"),
    ({"id": []}, "id"),
    ({"id": f"{RAW}NaN"}, ""),
    ({"id": f"{RAW}1e400"}, ""),
    ({"id": f"{RAW}{'9' * 5000}"}, ""),
    ({"name": None}, "name"),
    ({"name": 5}, "name"),
    ({"name": f"{RAW}'\\ud800'"}, ""),
    ({"created_at": "yesterday"}, "created_at"),
    ({"created_at": "2024-01-01T00:00:00"}, "created_at"),
    ({"created_at": "2024-13-41T99:99:99Z"}, "created_at"),
    ({"created_at": "99999-01-01T00:00:00Z"}, "created_at"),
    ({"created_at": "0000-01-01T00:00:00Z"}, "created_at"),
    ({"created_at": "0001-01-01T00:00:00+23:59"}, "created_at"),
    ({"created_at": "9999-12-31T23:59:59-23:59"}, "created_at"),
    ({"created_at": 1e300}, "created_at"),
    ({"created_at": None}, "created_at"),
    ({"created_at": ""}, "created_at"),
]
WRONG_VERSION: list[tuple[dict[str, Any], str]] = [
    *WRONG,
    ({"metadata": []}, "metadata"),
    ({"metadata": {"package_type": "container", "container": {"tags": "x"}}}, "tags"),
    ({"metadata": {"package_type": "container", "container": {"tags": [1]}}}, "tags"),
    ({"metadata": {"package_type": "container", "container": {"tags": [None]}}}, "tags"),
    ({"metadata": {"package_type": 5}}, "package_type"),
]
WRONG_PACKAGE: list[tuple[dict[str, Any], str]] = [
    *WRONG,
    ({"version_count": "many"}, "version_count"),
    ({"visibility": None}, "visibility"),
    ({"package_type": 7}, "package_type"),
    ({"owner": []}, "owner"),
    ({"owner": "octocat"}, "owner"),
    ({"owner": {}}, "owner"),
    ({"owner": {**OWNER, "id": "x"}}, "owner"),
    ({"repository": 5}, "repository"),
    ({"repository": {"id": 1}}, "repository"),
    ({"repository": f"{RAW}{'[' * 50_000}{']' * 50_000}"}, ""),
    ({"repository": f"{RAW}{'[' * 50_000}"}, ""),
]


def ids_of(wrong: list[tuple[dict[str, Any], str]]) -> list[str]:
    return [ascii(changed)[:50] for changed, _ in wrong]


def assert_names(error: InvalidResponse, place: str, index: str) -> None:
    text = str(error)
    text.encode()
    assert len(text) < 2000
    if place:
        assert place in text
        assert index in text


def is_read_as_a_time(changed: dict[str, Any]) -> bool:
    """Return whether a time is near the limits of `datetime`, and may be decoded or refused."""
    return str(changed.get("created_at", ""))[:4] in ("0001", "9999")


@pytest.mark.parametrize(("changed", "place"), WRONG_VERSION, ids=ids_of(WRONG_VERSION))
async def test_a_wrong_version_is_refused_and_the_place_named(
    server: HostileServer, gh: GitHubPackages, changed: dict[str, Any], place: str
) -> None:
    wrong = version(2, **changed)
    server.will(response(200, document([version(1), wrong])), response(200, []))
    ref = gh.org("acme").package("npm", "p")
    if is_read_as_a_time(changed):
        with suppress(InvalidResponse):
            assert "id=2" in repr(await ref.versions())
        return
    error = await refused(ref.versions())
    assert isinstance(error, InvalidResponse)
    assert_names(error, place, "[1]")
    server.will(response(200, document(wrong)))
    error = await refused(ref.version(2).get())
    assert isinstance(error, InvalidResponse)
    assert_names(error, place, place)


@pytest.mark.parametrize(("changed", "place"), WRONG_PACKAGE, ids=ids_of(WRONG_PACKAGE))
async def test_a_wrong_package_is_refused_and_the_place_named(
    server: HostileServer, gh: GitHubPackages, changed: dict[str, Any], place: str
) -> None:
    wrong = package(2, **changed)
    server.will(response(200, document([package(1), wrong])), response(200, []))
    if is_read_as_a_time(changed):
        with suppress(InvalidResponse):
            assert "id=2" in repr(await gh.org("acme").packages("npm"))
        return
    error = await refused(gh.org("acme").packages("npm"))
    assert isinstance(error, InvalidResponse)
    assert_names(error, place, "[1]")
    server.will(response(200, document(wrong)))
    error = await refused(gh.org("acme").package("npm", "p").get())
    assert isinstance(error, InvalidResponse)
    assert_names(error, place, place)


REQUIRED = [
    (kind, name)
    for kind, one in ((Package, package(1)), (PackageVersion, version(1)))
    for name in one
    if name != "version_count"  # GitHub omits this field in listings.
]


@pytest.mark.parametrize(("kind", "left_out"), REQUIRED)
async def test_a_missing_field_is_named(
    server: HostileServer, gh: GitHubPackages, kind: type, left_out: str
) -> None:
    one = package(1) if kind is Package else version(1)
    del one[left_out]
    server.will(response(200, [one]))
    ref = gh.org("acme").package("npm", "p")
    listing = gh.org("acme").packages("npm") if kind is Package else ref.versions()
    error = await refused(listing)
    assert isinstance(error, InvalidResponse)
    assert f"`{left_out}`" in str(error)
    assert "[0]" in str(error)


@pytest.mark.parametrize("wrong", [{"name": "n\udcff"}, {"owner": {**OWNER, "login": "l\udcff"}}])
async def test_the_position_of_invalid_utf_8_is_in_the_error(
    server: HostileServer, gh: GitHubPackages, wrong: dict[str, Any]
) -> None:
    server.will(response(200, document([package(1), package(2, **wrong)])))
    error = await refused(gh.org("acme").packages("npm"))
    assert isinstance(error, InvalidResponse)
    assert "not UTF-8 - at `$[1]`" in str(error) or next(iter(wrong)) in str(error)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**64, 2**64 - 1, 10**100])
async def test_an_id_beyond_64_bits_is_refused(
    server: HostileServer, gh: GitHubPackages, number: int
) -> None:
    server.will(response(200, [version(1), version(number)]))
    error = await listed(gh)
    assert "id" in str(error)


@pytest.mark.parametrize("number", [0, -1, 2**63 - 1, -(2**63)])
async def test_an_odd_id_within_64_bits_is_an_id(
    server: HostileServer, gh: GitHubPackages, number: int
) -> None:
    server.will(response(200, [version(1000), version(number)]), response(200, []))
    found = await gh.org("acme").package("npm", "p").versions()
    assert [each.id for each in found] == [1000, number]


async def test_of_duplicate_keys_one_value_is_taken(
    server: HostileServer, gh: GitHubPackages
) -> None:
    twice = json.dumps(package(1))[:-1] + ', "id": 2, "name": "again", "owner": null}'
    server.will(response(200, twice))
    assert (await gh.org("acme").package("npm", "p").get()).id in (1, 2)
    server.will(response(200, f"[{twice[:-1]}" + ', "id": "text"}]'))
    assert isinstance(await refused(gh.me().packages("npm")), InvalidResponse)


async def test_unknown_fields_cost_nothing_however_many(
    server: HostileServer, gh: GitHubPackages
) -> None:
    many = {f"new_{number}": {"deeper": [number] * 10} for number in range(30_000)}
    server.will(response(200, package(1, **many)))
    with takes(most=2):
        assert (await gh.org("acme").package("npm", "p").get()).id == 1


async def test_a_listing_of_many_owners_does_not_keep_them_all(
    server: HostileServer, gh: GitHubPackages
) -> None:
    """The cache of decoded parts that packages share has a bounded size."""
    pages = [
        [
            package(page * 100 + n, owner={**OWNER, "url": f"{page}-{n}-" + "x" * 5000})
            for n in range(100)
        ]
        for page in range(20)
    ]
    server.will(*[response(200, page) for page in pages], response(200, []))
    tracemalloc.start()
    try:
        async for page in gh.org("acme").packages("npm").pages():
            assert len(page.items) in (0, 100)
        del page
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 40 * MIB


async def test_concurrent_listings_do_not_mix_their_decompressed_bodies(
    server: HostileServer,
) -> None:
    """Bodies differ in size, owners begin with the same bytes, and responses are concurrent."""

    async def step(call: Call) -> None:
        number = int(call.request.target.partition("&page=")[2])
        who = call.request.target.split("/")[2]
        packages = [
            package(n, owner={**OWNER, "login": "o", "url": f"{who}-{n}-" + "x" * 10 * n})
            for n in range(number * 100, number * 100 + 100)
        ]
        await call.send(gzipped(json.dumps(packages if number < 6 else []).encode()))

    server.will(step)
    names = [f"n{number}" for number in range(5)]
    async with server.client() as gh:
        listings = await asyncio.gather(*(whole(gh.org(name).packages("npm")) for name in names))
    for name, packages in zip(names, listings, strict=True):
        assert [each.id for each in packages] == list(range(100, 600))
        for each in packages:
            assert each.owner is not None
            assert each.owner.url == f"{name}-{each.id}-" + "x" * 10 * each.id


async def test_excess_bytes_of_a_response_are_not_part_of_the_next(
    server: HostileServer, gh: GitHubPackages
) -> None:
    """A second response, sent along with the first, is not the response of the next request."""
    server.will(response(200, package(1)) + response(200, package(666)), response(200, package(2)))
    ref = gh.org("acme").package("npm", "p")
    assert (await ref.get()).id == 1
    assert (await ref.get()).id == 2


@pytest.mark.parametrize("status", [204, 304])
async def test_a_body_of_a_response_without_one_is_not_part_of_the_next(
    server: HostileServer, gh: GitHubPackages, status: int
) -> None:
    head = f"HTTP/1.1 {status} X\r\nContent-Length: 9999\r\n\r\n".encode()
    server.will(head + response(200, package(666)), response(200, package(2)))
    ref = gh.org("acme").package("npm", "p")
    if status == 204:
        await ref.delete()
    else:
        await refused(ref.get())
    assert (await ref.get()).id == 2


@pytest.mark.parametrize("step", [hanging_up, stalling])
@pytest.mark.parametrize(
    "wire",
    [
        response(200, b"[" + b" " * 100, "Content-Length: 1000"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n[]",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n",
    ],
    ids=["Content-Length", "no last chunk", "within a chunk", "within the last chunk"],
)
async def test_a_body_cut_short_is_never_taken_for_whole(
    server: HostileServer, wire: bytes, step: Callable[[bytes], Any]
) -> None:
    server.will(step(wire))
    async with server.client(timeout=0.3) as gh:
        error = await refused(gh.org("acme").package("npm", "p").get())
    assert isinstance(error, ConnectionFailed)
