"""Errors of responses with bodies and headers of proxies and broken servers."""

from __future__ import annotations

import gzip
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ghpkg_async import (
    APIError,
    BadRequest,
    DeletionRefused,
    Forbidden,
    GitHubPackages,
    InsufficientScope,
    InvalidResponse,
    NotFound,
    RateLimited,
    ServerError,
    SSORequired,
    Unauthorized,
    UnprocessableEntity,
)
from tests.support.api import package
from tests.support.fast_loop import takes
from tests.support.hostile import HostileServer, refused, response

KINDS = [
    (400, BadRequest),
    (401, Unauthorized),
    (402, APIError),
    (403, Forbidden),
    (404, NotFound),
    (405, APIError),
    (407, APIError),
    (408, APIError),
    (409, APIError),
    (410, APIError),
    (418, APIError),
    (422, UnprocessableEntity),
    (429, RateLimited),
    (451, APIError),
    (499, APIError),
    (500, ServerError),
    (501, ServerError),
    (502, ServerError),
    (503, ServerError),
    (504, ServerError),
    (511, ServerError),
    (599, ServerError),
    (600, APIError),
    (999, APIError),
]
BODIES: list[bytes] = [
    b"",
    b"<html><body><h1>502 Bad Gateway</h1></body></html>",
    b"null",
    b"[]",
    b"0",
    b'"message"',
    b"{}",
    b'{"message": null}',
    b'{"message": 5}',
    b'{"message": ["no"]}',
    b'{"message": {"message": "no"}}',
    b'{"message": "cut sh',
    b'{"message": "\xff\xfe"}',
    b'{"message": "\\ud800"}',
    b'\xef\xbb\xbf{"message": "marked"}',
    b"\xff\xfem\x00",
    b"\x00" * 100,
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"message": NaN}',
    b'{"message": 1e999}',
    b'{"message": ' + b"9" * 5000 + b"}",
    b'{"message": "one", "message": 2}',
]
ODD_HEADERS = [
    "X-Odd: \udcff\udcfe\udc80",
    "X-Odd: \u00e9\u4e16",
    "Date: garbage",
    "Date: ",
    "Date: \udcff",
    "Date: Thu, 01 Jan 99999999999999999999 00:00:00 GMT",
    "Date: Thu, 01 Jan 0001 00:00:00 +2359",
    "Date: Fri, 31 Dec 9999 23:59:59 GMT",
    "Date: Fri, 31 Dec 9999 23:59:59 -2359",
    "Date: Thu, 01 Jan 2026 00:00:00 +99999999999999999999",
    "Date: Thu, 01 Jan 2026 99:99:99 GMT",
    "Date: Thu, 32 Foo 2026 00:00:00",
    "Date: Thu, 01 Jan 2026 00:00:00 " + "(" * 2000,
    "Retry-After: garbage",
    "Retry-After: -1",
    "Retry-After: 1.5",
    "Retry-After: NaN",
    "Retry-After: inf",
    "Retry-After: 1e999",
    "Retry-After: " + "9" * 5000,
    "Retry-After: 9999999999",
    "Retry-After: \u0661",
    "Retry-After: \u00b2",
    "Retry-After: Wed, 21 Oct 2099 07:28:00 GMT",
    "Retry-After: Fri, 31 Dec 9999 23:59:59 -2359",
    "X-RateLimit-Remaining: garbage",
    "X-RateLimit-Reset: NaN",
    "X-RateLimit-Reset: -1",
    "X-RateLimit-Reset: " + "9" * 5000,
    "X-RateLimit-Reset: 9999999999",
    "X-GitHub-SSO: required",
    "X-GitHub-SSO: required; url=",
    "X-GitHub-SSO: required; url=\udcff",
    "X-GitHub-SSO: ;;;===",
    "X-OAuth-Scopes: ,,,",
    "X-OAuth-Scopes: \udcff",
    "X-Accepted-OAuth-Scopes: ,",
    "X-GitHub-Request-Id: \udcff",
    "X-GitHub-Request-Id: " + "A" * 8000,
    "Content-Type: \udcff; charset=nonsense",
    "Content-Encoding: \udcff",
    "Link: \udcff",
    "Set-Cookie: \udcff=\udcff",
    "Set-Cookie: ;;;=",
    "Location: http://elsewhere.invalid/",
    "WWW-Authenticate: Basic realm=\udcff",
]


async def get(gh: GitHubPackages) -> APIError:
    error = await refused(gh.org("acme").package("npm", "p").get())
    assert isinstance(error, APIError), repr(error)
    return error


def assert_usable(error: APIError) -> None:
    """Fail unless the error can be shown, logged, pickled and compared."""
    for text in (str(error), repr(error), error.message, str(error.request_id)):
        text.encode()
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize(("status", "kind"), KINDS)
async def test_each_status_has_its_error(
    server: HostileServer, gh: GitHubPackages, status: int, kind: type[APIError]
) -> None:
    said = {"message": "No.", "documentation_url": "https://docs.github.com/rest", "more": [1]}
    server.will(response(status, said, "X-GitHub-Request-Id: AB:12"))
    error = await get(gh)
    assert type(error) is kind
    assert (error.status, error.message, error.request_id) == (status, "No.", "AB:12")
    assert error.documentation_url == "https://docs.github.com/rest"
    assert (error.method, error.url) == ("GET", f"{server.url}/orgs/acme/packages/npm/p")
    assert_usable(error)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:20]))
@pytest.mark.parametrize("status", [400, 403, 404, 422, 429, 502])
async def test_any_body_leaves_the_status_and_the_request_id(
    server: HostileServer, gh: GitHubPackages, status: int, body: bytes
) -> None:
    server.will(response(status, body, "X-GitHub-Request-Id: AB:12"))
    error = await get(gh)
    assert type(error) is dict(KINDS)[status]
    assert (error.status, error.request_id) == (status, "AB:12")
    assert error.message
    assert_usable(error)


@pytest.mark.parametrize("header", ODD_HEADERS, ids=lambda header: ascii(header[:60]))
@pytest.mark.parametrize("status", [404, 429])
async def test_no_header_breaks_the_mapping(
    server: HostileServer, gh: GitHubPackages, status: int, header: str
) -> None:
    more = [header]
    if not header.startswith("X-GitHub-Request-Id"):
        more.append("X-GitHub-Request-Id: AB:12")
    server.will(response(status, {"message": "No."}, *more))
    error = await get(gh)
    assert error.status == status
    if len(more) == 2:
        assert error.request_id == "AB:12"
    assert_usable(error)


@pytest.mark.parametrize("header", ODD_HEADERS, ids=lambda header: ascii(header[:60]))
async def test_no_header_breaks_the_mapping_of_a_used_up_budget(
    server: HostileServer, gh: GitHubPackages, header: str
) -> None:
    more = [header]
    if not header.startswith("X-RateLimit-Remaining"):
        more.append("X-RateLimit-Remaining: 0")
    server.will(response(429, {"message": "API rate limit exceeded"}, *more))
    error = await get(gh)
    assert isinstance(error, RateLimited)
    assert error.retry_at.tzinfo is not None
    assert_usable(error)


@pytest.mark.parametrize(
    "header",
    [header for header in ODD_HEADERS if not header.startswith(("Content-Encoding", "Link"))],
    ids=lambda header: ascii(header[:60]),
)
async def test_no_header_breaks_a_valid_response(
    server: HostileServer, gh: GitHubPackages, header: str
) -> None:
    limits = [
        f"X-RateLimit-{name}: {value}"
        for name, value in (("Limit", 5000), ("Remaining", 4999), ("Used", 1), ("Reset", 9999))
        if not header.startswith(f"X-RateLimit-{name}")
    ]
    server.will(response(200, package(1), header, *limits))
    assert (await gh.org("acme").package("npm", "p").get()).id == 1


@pytest.mark.parametrize("length", [9_000, 30_000, 60_000])
async def test_a_very_long_header_does_not_hide_the_error(
    server: HostileServer, gh: GitHubPackages, length: int
) -> None:
    long = "Content-Security-Policy: " + "a" * length
    server.will(response(404, {"message": "Not Found"}, long, "X-GitHub-Request-Id: AB:12"))
    error = await get(gh)
    assert isinstance(error, NotFound)
    assert error.request_id == "AB:12"


async def test_a_header_without_an_end_is_refused(
    server: HostileServer, gh: GitHubPackages
) -> None:
    server.will(response(404, "", "X-Long: " + "a" * 5_000_000))
    with takes(most=3):
        error = await refused(gh.org("acme").package("npm", "p").get())
    assert isinstance(error, InvalidResponse)
    assert len(str(error)) < 5000


@pytest.mark.parametrize("number", [100, 100_000])
async def test_many_headers_are_accepted_or_an_error_of_the_library(
    server: HostileServer, gh: GitHubPackages, number: int
) -> None:
    server.will(response(404, "", *[f"X-{n}: {n}" for n in range(number)]))
    with takes(most=3):
        error = await refused(gh.org("acme").package("npm", "p").get())
    assert isinstance(error, NotFound if number == 100 else InvalidResponse)


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "compress", "gzip", "gzip, gzip"])
async def test_an_error_response_in_an_unknown_encoding_is_that_error(
    server: HostileServer, gh: GitHubPackages, encoding: str
) -> None:
    headers = (f"Content-Encoding: {encoding}", "X-GitHub-Request-Id: AB:12")
    server.will(response(404, b"\x1b\x03\x00\xf8nonsense", *headers))
    error = await get(gh)
    assert isinstance(error, NotFound)
    assert error.request_id == "AB:12"


async def test_a_gzipped_error_response_is_read(server: HostileServer, gh: GitHubPackages) -> None:
    body = gzip.compress(b'{"message": "Not here"}')
    server.will(response(404, body, "Content-Encoding: gzip"))
    assert (await get(gh)).message == "Not here"


async def test_an_odd_documentation_url_does_not_cost_the_message(
    server: HostileServer, gh: GitHubPackages
) -> None:
    server.will(response(404, {"message": "Not here", "documentation_url": 404}))
    error = await get(gh)
    assert (error.message, error.documentation_url) == ("Not here", None)


async def test_a_long_message_is_shortened(server: HostileServer, gh: GitHubPackages) -> None:
    server.will(response(404, {"message": "No. " * 1_000_000}))
    error = await get(gh)
    assert len(str(error)) < 10_000


@pytest.mark.parametrize(
    "message",
    ["at least " * 5_000, "at least a" + " scope" * 20_000, "least " * 20_000],
)
async def test_no_message_takes_long_to_understand(
    server: HostileServer, gh: GitHubPackages, message: str
) -> None:
    server.will(response(403, {"message": message}))
    with takes(most=1):
        assert isinstance(await get(gh), Forbidden)


@pytest.mark.parametrize(
    ("status", "headers", "message", "kind"),
    [
        (403, ["X-RateLimit-Remaining: 0"], "API rate limit exceeded", "primary"),
        (429, ["X-RateLimit-Remaining: 0"], "API rate limit exceeded", "primary"),
        (
            403,
            ["X-RateLimit-Remaining: 5"],
            "You have exceeded a secondary rate limit",
            "secondary",
        ),
        (403, ["Retry-After: 60"], "", "secondary"),
        (429, [], "", "secondary"),
    ],
)
async def test_a_rate_limit_is_distinguished_from_a_refusal(
    server: HostileServer,
    gh: GitHubPackages,
    status: int,
    headers: list[str],
    message: str,
    kind: str,
) -> None:
    server.will(response(status, {"message": message}, *headers, "X-GitHub-Request-Id: AB:12"))
    error = await get(gh)
    assert isinstance(error, RateLimited)
    assert (error.kind, error.request_id) == (kind, "AB:12")
    assert error.retry_at >= datetime.now(UTC) - timedelta(seconds=5)


async def test_retry_after_may_be_a_date(server: HostileServer, gh: GitHubPackages) -> None:
    """See https://www.rfc-editor.org/rfc/rfc9110#field.retry-after for the format of the date."""
    server.will(response(429, "", "Retry-After: Wed, 21 Oct 2099 07:28:00 GMT"))
    error = await get(gh)
    assert isinstance(error, RateLimited)
    assert error.retry_at == datetime(2099, 10, 21, 7, 28, tzinfo=UTC)


async def test_a_limit_that_holds_a_later_request_has_the_request_id_of_the_refusal(
    server: HostileServer, gh: GitHubPackages
) -> None:
    server.will(response(429, "", "Retry-After: 600", "X-GitHub-Request-Id: AB:12"))
    first, second = await get(gh), await get(gh)
    assert isinstance(first, RateLimited)
    assert isinstance(second, RateLimited)
    assert len(server.requests) == 1
    assert (second.retry_at, second.kind) == (first.retry_at, first.kind)
    assert second.request_id == "AB:12"


@pytest.mark.parametrize(
    ("headers", "message", "kind"),
    [
        (["X-GitHub-SSO: required; url=https://github.com/orgs/a/sso?x=1"], "", SSORequired),
        (["X-GitHub-SSO: required"], "", SSORequired),
        ([], "You need at least read:packages scope to list packages.", InsufficientScope),
        (["X-OAuth-Scopes: gist", "X-Accepted-OAuth-Scopes: repo"], "", InsufficientScope),
        (["X-OAuth-Scopes: repo", "X-Accepted-OAuth-Scopes: repo"], "", Forbidden),
        (["X-Accepted-OAuth-Scopes: repo"], "", Forbidden),
        ([], "Resource not accessible by integration", Forbidden),
    ],
)
async def test_a_403_names_the_missing_permission(
    server: HostileServer,
    gh: GitHubPackages,
    headers: list[str],
    message: str,
    kind: type[APIError],
) -> None:
    server.will(response(403, {"message": message}, *headers, "X-GitHub-Request-Id: AB:12"))
    error = await get(gh)
    assert type(error) is kind
    assert error.request_id == "AB:12"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("You cannot delete the last tagged version of a package.", "last_tagged_version"),
        ("You cannot delete the last version of a package.", "last_version"),
        (
            "Publicly visible ones with more than 5000 downloads cannot be deleted.",
            "download_limit",
        ),
    ],
)
async def test_a_refused_deletion_says_why(
    server: HostileServer, gh: GitHubPackages, message: str, reason: str
) -> None:
    server.will(response(400, {"message": message}))
    error = await refused(gh.org("acme").package("npm", "p").version(7).delete())
    assert isinstance(error, DeletionRefused)
    assert error.reason == reason


SUCCESSES: list[tuple[int | str, Any]] = [
    (201, {}),
    (202, {}),
    (203, []),
    (204, b""),
    (205, b""),
    (206, []),
    (226, []),
    (299, []),
]


@pytest.mark.parametrize(("status", "body"), SUCCESSES)
async def test_another_2xx_is_no_list(
    server: HostileServer, gh: GitHubPackages, status: int, body: Any
) -> None:
    server.will(response(status, body))
    assert isinstance(await refused(gh.org("acme").packages("npm")), InvalidResponse)


@pytest.mark.parametrize(
    ("status", "body"), [*SUCCESSES, (200, b""), (200, b"<html>welcome</html>")]
)
@pytest.mark.parametrize("operation", ["delete", "restore"])
async def test_another_2xx_is_no_proof_of_a_write(
    server: HostileServer, gh: GitHubPackages, status: int, body: Any, operation: str
) -> None:
    ref = gh.org("acme").package("npm", "p")
    server.will(response(status, body))
    call = ref.delete() if operation == "delete" else ref.restore()
    if status == 204:
        assert await call is None  # type: ignore[func-returns-value]
    else:
        assert isinstance(await refused(call), InvalidResponse)


@pytest.mark.parametrize(
    "wire",
    [
        b"garbage\r\n\r\n",
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 -200 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n[]x",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999999\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]x",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: empty\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n[]\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n[]\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n[]",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2" + b";x=y" * 9999 + b"\r\n[]",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ],
    ids=lambda wire: repr(wire[-40:]),
)
async def test_a_response_that_is_not_http_is_an_error_of_the_library(
    server: HostileServer, wire: bytes
) -> None:
    async def step(call: Any) -> None:
        await call.send(wire)
        await call.hang_up()

    server.will(step)
    async with server.client(timeout=1) as gh:
        error = await refused(gh.org("acme").packages("npm"))
    assert not isinstance(error, APIError)
    str(error).encode()
