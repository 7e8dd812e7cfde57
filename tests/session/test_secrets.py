"""No output contains a token or a recognizable part, even if the server repeats the token."""

from __future__ import annotations

import asyncio
import base64
import gzip
import itertools
import json
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import aiohttp
import pytest
import pytest_asyncio

from ghpkg_async import ConfigurationError, GitHubPackages, GitHubPackagesError
from ghpkg_async._client import session_of
from tests.support.api import package, version
from tests.support.hostile import (
    PACKAGE_TOKEN,
    TOKEN,
    Call,
    HostileServer,
    Step,
    assert_keeps_secret,
    eventually,
    gzipped,
    hanging_up,
    refused,
    resetting,
    response,
    serving,
    stalling,
    told_by,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ESCAPED = "".join(f"\\u{ord(letter):04x}" for letter in TOKEN)
LINK = 'Link: <{there}>; rel="next"'

ECHOES: dict[str, Step] = {
    "message": response(404, {"message": f"Bad {TOKEN}"}),
    "message, escaped": response(404, f'{{"message": "{ESCAPED}"}}'),
    "message, in gzip": response(
        404, gzip.compress(json.dumps({"message": TOKEN}).encode()), "Content-Encoding: gzip"
    ),
    "message of a 401": response(401, {"message": f"Bad credentials: Bearer {TOKEN}"}),
    "message of a 403": response(403, {"message": f"You need at least {TOKEN}:x scope"}),
    "message of a 422": response(422, {"message": "No", "errors": [{"code": TOKEN}]}),
    "message of a 429": response(429, {"message": TOKEN}, "Retry-After: 600"),
    "message of a 500": response(500, {"message": TOKEN}),
    "documentation_url": response(
        404, {"message": "No", "documentation_url": f"https://docs.github.com/?token={TOKEN}"}
    ),
    "documentation_url, escaped": response(
        404, f'{{"message": "No", "documentation_url": "{ESCAPED}"}}'
    ),
    "HTML": response(502, f"<html>{TOKEN}</html>"),
    "X-GitHub-Request-Id": response(404, "", f"X-GitHub-Request-Id: {TOKEN}"),
    "X-GitHub-SSO": response(403, "", f"X-GitHub-SSO: required; url=https://github.com/{TOKEN}"),
    "X-OAuth-Scopes": response(
        403, "", f"X-OAuth-Scopes: {TOKEN}", "X-Accepted-OAuth-Scopes: write:packages"
    ),
    "X-Accepted-OAuth-Scopes": response(
        403, "", "X-OAuth-Scopes: gist", f"X-Accepted-OAuth-Scopes: {TOKEN}"
    ),
    "X-RateLimit-Resource": response(
        429,
        "",
        "X-RateLimit-Limit: 60",
        "X-RateLimit-Remaining: 0",
        "X-RateLimit-Reset: 4000000000",
        f"X-RateLimit-Resource: {TOKEN}",
    ),
    "Retry-After": response(429, "", f"Retry-After: {TOKEN}"),
    "Date": response(404, "", f"Date: {TOKEN}"),
    "reason": response(f"404 {TOKEN}"),
    "reason of a 200": response(f"200 {TOKEN}", b"nonsense"),
    "status": response(TOKEN),
    "status line": f"{TOKEN} HTTP/1.1 200\r\n\r\n".encode(),
    "status line, long": f"HTTP/1.1 {TOKEN * 400}\r\n\r\n".encode(),
    "HTTP version": f"HTTP/{TOKEN} 200 OK\r\n\r\n".encode(),
    "header name": f"HTTP/1.1 200 OK\r\n{TOKEN} : x\r\n\r\n".encode(),
    "header without a colon": f"HTTP/1.1 200 OK\r\n{TOKEN}\r\n\r\n".encode(),
    "header with a zero": f"HTTP/1.1 200 OK\r\nX: {TOKEN}\x00\r\n\r\n".encode(),
    "header, long": response(404, "", f"X-Long: {TOKEN * 4000}"),
    "header, cut short": hanging_up(f"HTTP/1.1 200 OK\r\nX-Echo: {TOKEN}\r\n".encode()),
    "header, reset": resetting(f"HTTP/1.1 200 OK\r\nX-Echo: {TOKEN}\r\n".encode()),
    "Content-Length": response(200, "", f"Content-Length: {TOKEN}"),
    "Content-Encoding": response(200, [], f"Content-Encoding: {TOKEN}"),
    "Transfer-Encoding": hanging_up(
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {TOKEN}, chunked\r\n\r\n0\r\n\r\n".encode()
    ),
    "chunk size": (
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{TOKEN}\r\n[]\r\n0\r\n\r\n".encode()
    ),
    "chunk extension": (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        f"2;{TOKEN * 400}\r\n[]\r\n0\r\n\r\n".encode()
    ),
    "body, no JSON": response(200, TOKEN),
    "body, cut short": hanging_up(response(200, TOKEN, "Content-Length: 1000")),
    "body, no UTF-8": response(200, f'[{{"name": "{TOKEN}'.encode() + b'\xff"}]'),
    "body, no UTF-8 in the owner": response(
        200,
        json.dumps([package(1, owner={"login": "@"})])
        .encode()
        .replace(b"@", TOKEN.encode() + b"\xff"),
    ),
    "body, a wrong type": response(200, [package(1, id=TOKEN)]),
    "body, a wrong time": response(200, [package(1, created_at=TOKEN)]),
    "body, no list": response(200, {"message": TOKEN}),
    "Set-Cookie": response(404, "", f"Set-Cookie: {TOKEN}={TOKEN}; Path=/"),
    "Set-Cookie, a bad name": response(404, "", f"Set-Cookie: {TOKEN} @=1"),
    "Set-Cookie, a bad date": response(
        404, "", f"Set-Cookie: a=b; expires={TOKEN}; max-age={TOKEN}"
    ),
    "Set-Cookie, a bad domain": response(404, "", f"Set-Cookie: a=b; domain={TOKEN}"),
    "Link elsewhere": response(200, [], f'Link: <https://evil.invalid/{TOKEN}>; rel="next"'),
    "Link, no URL": response(200, [], f'Link: <{TOKEN}>; rel="next"'),
    "Link that needs a token": response(200, [], f'Link: <http://{TOKEN}@127.0.0.1/>; rel="next"'),
    "Link, malformed": response(200, [package(1)], f"Link: {TOKEN}"),
    "Location elsewhere": response(302, "", f"Location: https://evil.invalid/{TOKEN}"),
    "Location elsewhere, in the query": response(302, "", f"Location: //evil.invalid/?t={TOKEN}"),
    "Location elsewhere, as token": response(302, "", f"Location: //evil.invalid/?token={TOKEN}"),
    "Location elsewhere, as user": response(302, "", f"Location: https://{TOKEN}@evil.invalid/"),
    "Location elsewhere, as password": response(
        302, "", f"Location: http://x:{TOKEN}@evil.invalid/"
    ),
    "Location elsewhere, as host": response(302, "", f"Location: https://{TOKEN}.evil.invalid/"),
    "Location elsewhere, as fragment": response(
        302, "", f"Location: https://evil.invalid/#{TOKEN}"
    ),
    "Location, no URL": response(302, "", f"Location: http://[{TOKEN}/"),
    "Location, a bad port": response(302, "", f"Location: http://127.0.0.1:{TOKEN}/"),
    "Location here": response(302, "", f"Location: /{TOKEN}"),
    "Location here, in the query": response(302, "", f"Location: /?t={TOKEN}"),
    "Location here, with an empty user": response(302, "", f"Location: http://:{TOKEN}@127.0.0.1/"),
    "partial results": response(
        200,
        [],
        f"X-GitHub-SSO: partial-results; organizations={TOKEN}",
        f"X-GitHub-Request-Id: {TOKEN}",
    ),
    "letters that grow when lowered": response(404, {"message": "\u0130" * 40 + TOKEN}),
    "letters that shrink when raised": response(404, {"message": "\u1e9e\ufb03" * 40 + TOKEN}),
    "upper case": response(404, {"message": TOKEN.upper()}),
    "many times": response(404, {"message": TOKEN * 30}),
    "in parts": response(404, {"message": f"{TOKEN[:20]}..{TOKEN[20:]}"}),
    "nothing": hanging_up(),
    "reset": resetting(),
    "silence": stalling(),
}


@pytest_asyncio.fixture
async def eavesdropper(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Callable[[], str]]:
    """Yield a function that returns all logged text, including asyncio's debug messages."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0001
    caplog.set_level(logging.DEBUG)
    for name in ("asyncio", "aiohttp", "aiohttp.client", "aiohttp.internal", "ghpkg_async"):
        caplog.set_level(logging.DEBUG, name)
    formatter = logging.Formatter("%(name)s %(message)s %(exc_text)s")
    yield lambda: "\n".join(
        formatter.format(record) + repr(record.args)
        for record in caplog.records
        if "HostileServer" not in record.getMessage() and "rig.py" not in record.getMessage()
    )
    loop.set_debug(False)


async def everything(gh: GitHubPackages) -> list[GitHubPackagesError]:
    """Return the errors of a read, a listing and a write."""
    ref = gh.org("acme").package("npm", "p")
    errors = []
    listing = gh.org("acme").packages("npm", per_page=1)
    for call in (ref.get, lambda: listing, ref.delete):
        try:
            await call()
        except GitHubPackagesError as error:
            errors.append(error)
    return errors


@pytest.mark.parametrize("echo", ECHOES)
async def test_a_token_that_the_server_repeats_shows_nowhere(
    server: HostileServer, eavesdropper: Callable[[], str], echo: str
) -> None:
    server.will(ECHOES[echo])
    async with server.client(timeout=0.2 if echo == "silence" else 5.0) as gh:
        errors = await everything(gh)
        shown = [repr(gh), repr(gh.stats), repr(gh.rate_limit), repr(vars(gh).keys())]
    assert errors
    for error in errors:
        assert_keeps_secret(told_by(error))
    assert_keeps_secret("\n".join(shown))
    assert_keeps_secret(eavesdropper())


@pytest.mark.parametrize("echo", ["X-GitHub-Request-Id", "Link, no URL", "status line", "message"])
async def test_a_token_from_a_source_is_hidden_too(server: HostileServer, echo: str) -> None:
    class Source:
        async def token(self) -> str:
            return TOKEN

    server.will(ECHOES[echo])
    async with server.client(Source()) as gh:
        for error in await everything(gh):
            assert_keeps_secret(told_by(error))


async def test_tokens_of_concurrent_requests_are_both_redacted(server: HostileServer) -> None:
    """Two requests with different tokens are in flight; no error contains either token."""
    other = "ghs_M4nB7vC1xZ9lK3jH6gF0dS2aP8oI5uY"
    handed_out = [TOKEN, other]

    class Source:
        async def token(self) -> str:
            return handed_out.pop(0) if handed_out else other

    both = asyncio.Event()

    async def echo(call: Call) -> None:
        if call.number == 2:
            both.set()
        await both.wait()
        said = call.request.headers["authorization"]
        await call.send(response(404, {"message": said}))

    server.will(echo)
    async with server.client(Source()) as gh:
        ref = gh.org("acme").package("npm", "p")
        errors = await asyncio.gather(refused(ref.get()), refused(ref.version(1).get()))
    for error in errors:
        for secret in (TOKEN, other):
            assert_keeps_secret(told_by(error), secret)


async def test_the_token_of_a_slow_request_is_redacted_after_many_others(
    server: HostileServer,
) -> None:
    """The source returns a new token for each of hundreds of requests made during a slow one."""
    minted = (f"ghs_{number:04}R7tU9vW1xY3zB5dF{number:04}" for number in itertools.count())

    class Source:
        async def token(self) -> str:
            return next(minted)

    arrived, others_passed = asyncio.Event(), asyncio.Event()

    async def echo(call: Call) -> None:
        if call.request.target.endswith("/slow"):
            arrived.set()
            await others_passed.wait()
        await call.send(response(404, {"message": call.request.headers["authorization"]}))

    server.will(echo)
    async with server.client(Source(), points_per_minute=None) as gh:
        org = gh.org("acme")
        slow = asyncio.create_task(refused(org.package("npm", "slow").get()))
        await arrived.wait()
        for _ in range(200):
            await refused(org.package("npm", "quick").get())
        others_passed.set()
        error = await slow
    assert_keeps_secret(told_by(error), "ghs_0000R7tU9vW1xY3zB5dF0000")


async def test_a_token_in_basic_authorization_form_is_no_secret_of_ours(
    server: HostileServer, gh: GitHubPackages
) -> None:
    """Only the token in the form in which it was sent is redacted."""
    said = base64.b64encode(b"octocat").decode()
    server.will(response(404, {"message": f"Not found: {said}"}))
    error = await refused(gh.org("acme").package("npm", "p").get())
    assert said in str(error)


PACKAGE_ECHOES: dict[str, Callable[[str], Step]] = {
    "message": lambda text: response(404, {"message": f"Bad {text}"}),
    "X-GitHub-Request-Id": lambda text: response(404, "", f"X-GitHub-Request-Id: {text}"),
    "Location": lambda text: response(302, "", f"Location: https://evil.invalid/?token={text}"),
    "Location, other name": lambda text: response(307, "", f"Location: //evil.invalid/?t={text}"),
    "Location, in the path": lambda text: response(307, "", f"Location: //evil.invalid/{text}"),
    "Location, upper case": lambda text: response(307, "", f"Location: //e.invalid/?TOKEN={text}"),
    "Location here, in the path": lambda text: response(307, "", f"Location: /{text}"),
    "Content-Encoding": lambda text: response(200, "x", f"Content-Encoding: {text}"),
    "status line": lambda text: response(text),
    "200": lambda text: response(200, text),
    "400": lambda text: response(400, {"message": "No", "documentation_url": text}),
    "500": lambda text: response(500, {"message": text}),
    "silence": lambda text: stalling(),
    "nothing": lambda text: hanging_up(),
    "reset": lambda text: resetting(),
}


@pytest.mark.parametrize("encoded", [False, True], ids=["plain", "percent-encoded"])
@pytest.mark.parametrize("echo", PACKAGE_ECHOES)
async def test_a_package_token_shows_nowhere(
    server: HostileServer, eavesdropper: Callable[[], str], echo: str, encoded: bool
) -> None:
    text = quote(PACKAGE_TOKEN, safe="") if encoded else PACKAGE_TOKEN
    server.will(PACKAGE_ECHOES[echo](text))
    async with server.client(timeout=0.2 if echo == "silence" else 5.0) as gh:
        error = await refused(gh.org("acme").package("npm", "p").restore(token=PACKAGE_TOKEN))
        shown = repr(gh)
    assert f"?token={quote(PACKAGE_TOKEN, safe='')}" in server.targets[0]
    for secret in (PACKAGE_TOKEN, quote(PACKAGE_TOKEN, safe=""), TOKEN):
        assert_keeps_secret(told_by(error), secret)
        assert_keeps_secret(eavesdropper() + shown, secret)


async def test_a_package_token_is_hidden_where_the_outcome_is_looked_up(
    server: HostileServer, stubborn: GitHubPackages
) -> None:
    server.will(hanging_up(), response(404), response(500, {"message": PACKAGE_TOKEN}))
    error = await refused(stubborn.org("acme").package("npm", "p").restore(token=PACKAGE_TOKEN))
    assert_keeps_secret(told_by(error), PACKAGE_TOKEN)


async def test_the_token_is_still_hidden_after_many_package_tokens(
    server: HostileServer, gh: GitHubPackages
) -> None:
    server.will(response(404, {"message": TOKEN}))
    ref = gh.org("acme").package("npm", "p")
    for number in range(40):
        await refused(ref.restore(token=f"{PACKAGE_TOKEN}{number}"))
    assert_keeps_secret(told_by(await refused(ref.get())))


async def test_many_package_tokens_at_once_are_hidden_all(server: HostileServer) -> None:
    async def echo(call: Call) -> None:
        await asyncio.sleep(0.02)
        said = call.request.target.partition("?token=")[2]
        await call.send(response(404, {"message": said}, f"X-GitHub-Request-Id: {said}"))

    server.will(echo)
    tokens = [f"pkt_{number * 7919 + 10**9:x}{number * 104729 + 10**9:x}" for number in range(60)]
    async with server.client(concurrency=8) as gh:
        ref = gh.org("acme").package("npm", "p")
        errors = await asyncio.gather(*(refused(ref.restore(token=token)) for token in tokens))
    for token, error in zip(tokens, errors, strict=True):
        assert_keeps_secret(told_by(error), token)


async def test_a_short_package_token_is_hidden_too(
    server: HostileServer, gh: GitHubPackages
) -> None:
    server.will(response(404, {"message": "no k9Qz7w here"}))
    error = await refused(gh.org("acme").package("npm", "p").restore(token="k9Qz7w"))
    assert "k9Qz7w" not in told_by(error)
    assert "here" in str(error)


async def test_the_error_of_a_refused_connection_has_no_token(
    eavesdropper: Callable[[], str],
) -> None:
    async with serving(HostileServer()) as gone:
        pass
    async with gone.client() as gh:
        for error in await everything(gh):
            assert_keeps_secret(told_by(error))
        error = await refused(gh.org("acme").package("npm", "p").restore(token=PACKAGE_TOKEN))
    assert_keeps_secret(told_by(error), PACKAGE_TOKEN)
    assert_keeps_secret(eavesdropper())


async def test_log_records_of_retries_and_waits_have_no_token(
    server: HostileServer, eavesdropper: Callable[[], str]
) -> None:
    server.will(
        hanging_up(), response(503, TOKEN), response(429, {"message": TOKEN}, "Retry-After: 0"),
        response(200, package(1)),
    )  # fmt: skip
    async with server.client(max_retries=2, max_rate_limit_wait=5) as gh:
        await gh.org("acme").package("npm", "p").get()
    assert len(server.requests) == 4
    assert_keeps_secret(eavesdropper())


async def test_errors_of_closing_and_cancelling_have_no_token(
    server: HostileServer, eavesdropper: Callable[[], str]
) -> None:
    server.will(stalling())
    async with server.client() as gh:
        ref = gh.org("acme").package("npm", "p")
        calls = [asyncio.create_task(ref.restore(token=PACKAGE_TOKEN)) for _ in range(2)]
        await eventually(lambda: len(server.requests) == 2, "both ask")
        shown = repr(calls)
        calls[0].cancel()
        with suppress(asyncio.CancelledError):
            await calls[0]
    errors = [await refused(calls[1]), await refused(ref.restore(token=PACKAGE_TOKEN))]
    for secret in (TOKEN, PACKAGE_TOKEN):
        for error in errors:
            assert_keeps_secret(told_by(error), secret)
        assert_keeps_secret(shown + eavesdropper(), secret)


async def test_nothing_a_caller_holds_shows_a_token(server: HostileServer) -> None:
    server.will(response(200, [version(1)]), response(200, []))
    async with server.client() as gh:
        ref = gh.org("acme").package("npm", "p")
        listing = ref.versions()
        walk = listing.pages()
        page = await anext(walk)
        held = [gh, gh.org("acme"), gh.me(), ref, ref.version(1), listing, walk, page, gh.stats]
        held += [gh.rate_limit, page.items]
        assert_keeps_secret("\n".join(repr(one) + str(one) for one in held))
        await walk.aclose()


@pytest.mark.parametrize(
    "base_url",
    [
        "http://example.invalid",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://[::]",
        "http://localhost.evil.invalid",
        "http://127.0.0.1.evil.invalid",
        "http://127.0.0.1@evil.invalid",
        "http://127.0.0.1:80@evil.invalid",
        "http://evil.invalid\\@127.0.0.1",
        "http://127.0.0.1\\@evil.invalid",
        "http://evil.invalid#@127.0.0.1",
        "http://evil.invalid?@127.0.0.1",
        "http://:@127.0.0.1",
        "http://@evil.invalid",
        "HTTP://EVIL.INVALID",
        "http:evil.invalid",
        "http:/evil.invalid",
        "http:///evil.invalid",
        "//evil.invalid",
        "ftp://127.0.0.1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:x",
        "http://[::1",
        "http://\udcff",
        "http://127.0.0.1/\udcff",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\r\nX: y",
        "",
        " ",
        "http://",
    ],
)
def test_plain_http_with_a_token_leads_to_loopback_alone(base_url: str) -> None:
    try:
        gh = GitHubPackages(TOKEN, base_url=base_url)
    except ConfigurationError as error:
        assert_keeps_secret(told_by(error))
        str(error).encode()
    else:
        host = session_of(gh).base_url.host
        assert host == "127.0.0.1"
        assert repr(gh).isprintable()


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "http://127.9.9.9"]
)
def test_plain_http_with_a_token_may_lead_to_loopback(base_url: str) -> None:
    GitHubPackages(TOKEN, base_url=base_url)


@pytest.mark.parametrize(
    "base_url",
    [
        f"https://{TOKEN}@example.invalid",
        f"https://octocat:{TOKEN}@example.invalid",
        f"https://octocat:{TOKEN}@example.invalid:port",
        f"https://octocat:{TOKEN}@[example.invalid",
        f"https://example.invalid?access_token={TOKEN}",
        f"https://example.invalid#{TOKEN}",
    ],
)
def test_a_base_url_with_a_token_in_it_is_refused_without_showing_it(base_url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        GitHubPackages(TOKEN, base_url=base_url)
    assert_keeps_secret(told_by(caught.value))


BAD_TOKENS: list[Any] = [
    TOKEN + "\n",
    TOKEN + " ",
    "\u200b" + TOKEN,
    TOKEN + "\r\nX-Injected: 1",
    TOKEN.encode(),
    TOKEN + "\udcff",
    [TOKEN],
    {"token": TOKEN},
]


@pytest.mark.parametrize("token", BAD_TOKENS, ids=lambda token: type(token).__name__)
def test_a_token_that_cannot_be_sent_is_refused_without_showing_it(token: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        GitHubPackages(token)
    assert_keeps_secret(told_by(caught.value))


@pytest.mark.parametrize("token", [*BAD_TOKENS, None, "", 5], ids=lambda token: repr(token)[-12:])
async def test_an_invalid_token_of_a_source_is_refused_without_showing_it(
    server: HostileServer, token: Any
) -> None:
    class Source:
        async def token(self) -> Any:
            return token

    async with server.client(Source()) as gh:
        error = await refused(gh.org("acme").package("npm", "p").get())
    assert isinstance(error, ConfigurationError)
    assert_keeps_secret(told_by(error))
    assert server.requests == []


async def test_a_request_without_its_token_is_not_counted(server: HostileServer) -> None:
    class Source:
        async def token(self) -> str:
            return ""

    async with server.client(Source()) as gh:
        await refused(gh.org("acme").package("npm", "p").get())
    assert gh.stats.requests == gh.stats.points == len(server.requests) == 0


BAD_PACKAGE_TOKENS: list[Any] = [
    "",
    PACKAGE_TOKEN + "\n",
    PACKAGE_TOKEN + "\r\nX-Injected: 1",
    PACKAGE_TOKEN + "\x7f",
    PACKAGE_TOKEN + "\udcff",
    PACKAGE_TOKEN.encode(),
    [PACKAGE_TOKEN],
]


@pytest.mark.parametrize("token", BAD_PACKAGE_TOKENS, ids=lambda token: type(token).__name__)
async def test_a_package_token_that_cannot_be_sent_is_refused_without_showing_it(
    server: HostileServer, gh: GitHubPackages, token: Any
) -> None:
    error = await refused(gh.org("acme").package("npm", "p").restore(token=token))
    assert isinstance(error, ConfigurationError)
    assert_keeps_secret(told_by(error), PACKAGE_TOKEN)
    assert server.requests == []


@pytest.mark.parametrize(
    "token", ["a b", "caf\u00e9", "&state=deleted", "%2F", "#?/\\", "\U0001f511"]
)
async def test_any_other_package_token_is_percent_encoded(
    server: HostileServer, gh: GitHubPackages, token: str
) -> None:
    server.will(response(204))
    await gh.org("acme").package("npm", "p").restore(token=token)
    _, _, query = server.targets[0].partition("?token=")
    assert query.isascii()
    assert unquote(query) == token
    assert quote(token, safe="") == query


async def test_a_gzipped_echo_in_a_valid_response_is_data(
    server: HostileServer, gh: GitHubPackages
) -> None:
    """The name of a package is data of its owner and is returned unchanged."""
    server.will(gzipped(json.dumps(package(1, name="limit")).encode()))
    assert (await gh.org("acme").package("npm", "p").get()).name == "limit"


@pytest.mark.parametrize("token", ["e", "message", "rate", "limit", "secondary", '":'])
async def test_hiding_a_token_that_is_a_common_word_changes_no_meaning(
    server: HostileServer, token: str
) -> None:
    said = {"message": "You have exceeded a secondary rate limit"}
    server.will(response(403, said, "X-RateLimit-Remaining: 7"))
    async with server.client(token) as gh:
        error = await refused(gh.org("acme").package("npm", "p").get())
    assert type(error).__name__ == "RateLimited"


async def test_an_anonymous_client_sends_no_token(server: HostileServer) -> None:
    server.will(response(200, package(1)))
    async with server.client("") as gh:
        await gh.org("acme").package("npm", "p").get()
    assert "authorization" not in server.requests[0].headers


async def test_a_trace_of_an_injected_session_receives_its_events_only(
    server: HostileServer,
) -> None:
    """A trace of the caller receives the request; the client's error does not contain the token."""
    seen: list[Any] = []
    trace = aiohttp.TraceConfig()

    async def note(session: Any, context: Any, params: Any) -> None:
        seen.append(params)

    trace.on_request_exception.append(note)
    server.will(hanging_up())
    async with (
        aiohttp.ClientSession(trace_configs=[trace]) as session,
        server.client(session=session) as gh,
    ):
        error = await refused(gh.org("acme").package("npm", "p").get())
    assert len(seen) == 1
    assert_keeps_secret(told_by(error))
