"""An injected session, with any settings, changes no result and is not modified."""

from __future__ import annotations

import asyncio
import gzip
import json
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from yarl import URL

from ghpkg_async import GitHubPackagesError, InvalidResponse, NotFound, RequestTimeout, ServerError
from tests.support.api import package, version
from tests.support.fast_loop import takes
from tests.support.hostile import (
    TOKEN,
    HostileServer,
    assert_keeps_secret,
    bomb,
    eventually,
    flooding,
    gzipped,
    hanging_up,
    others,
    refused,
    response,
    stalling,
    told_by,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


async def refuse(response: aiohttp.ClientResponse) -> None:
    raise RuntimeError(f"no {response.status} wanted here")


async def meddle(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    request.headers["Authorization"] = "Bearer meddled"
    await handler(request)
    return await handler(request)


class Jar(aiohttp.CookieJar):
    """Cookie jar with a cookie for the test's server."""

    def __init__(self) -> None:
        super().__init__(unsafe=True)
        self.update_cookies({"crumb": "1"}, URL("http://127.0.0.1"))


def basic() -> dict[str, Any]:
    return {"auth": aiohttp.BasicAuth("octocat", "secret")}


SETTINGS: dict[str, Callable[[], dict[str, Any]]] = {
    "none": dict,
    "raise_for_status": lambda: {"raise_for_status": True},
    "raise_for_status, a function": lambda: {"raise_for_status": refuse},
    "Authorization": lambda: {"headers": {"Authorization": "Bearer of-another"}},
    "authorization": lambda: {"headers": {"authorization": "token of-another"}},
    "If-None-Match": lambda: {"headers": {"If-None-Match": '"x"', "If-Modified-Since": "x"}},
    "Range": lambda: {"headers": {"Range": "bytes=0-1", "If-Range": '"x"'}},
    "Accept": lambda: {"headers": {"Accept": "text/html", "Accept-Encoding": "br, zstd"}},
    "version": lambda: {"headers": {"X-GitHub-Api-Version": "1999-01-01"}},
    "Host": lambda: {"headers": {"Host": "evil.invalid", "User-Agent": "curl"}},
    "body headers": lambda: {
        "headers": {"Transfer-Encoding": "chunked", "Content-Length": "9", "Expect": "100-continue"}
    },
    "Connection": lambda: {"headers": {"Connection": "close", "Upgrade": "h2c"}},
    "Cookie": lambda: {"headers": {"Cookie": "session=1"}},
    "cookies": lambda: {"cookies": {"session": "1"}},
    "a jar": lambda: {"cookie_jar": Jar()},
    "auth": basic,
    "base_url": lambda: {"base_url": "http://evil.invalid/api/"},
    "auto_decompress off": lambda: {"auto_decompress": False},
    "auto_decompress on": lambda: {"auto_decompress": True},
    "timeout": lambda: {"timeout": aiohttp.ClientTimeout(total=0.000001)},
    "no timeout": lambda: {"timeout": aiohttp.ClientTimeout(total=None)},
    "json_serialize": lambda: {"json_serialize": lambda value: 1 / 0},
    "read_bufsize": lambda: {"read_bufsize": 1},
    "max_field_size": lambda: {"max_line_size": 10, "max_field_size": 10},
    "skip_auto_headers": lambda: {"skip_auto_headers": ["User-Agent", "Accept", "Host"]},
    "HTTP/1.0": lambda: {"version": aiohttp.HttpVersion10},
    "middlewares": lambda: {"middlewares": (meddle,)},
    "trust_env": lambda: {"trust_env": True},
    "one connection": lambda: {"connector": aiohttp.TCPConnector(limit=1)},
    "force_close": lambda: {"connector": aiohttp.TCPConnector(force_close=True)},
    "requote_redirect_url": lambda: {"requote_redirect_url": False},
    "traces": lambda: {"trace_configs": [aiohttp.TraceConfig()]},
}


def state(session: aiohttp.ClientSession) -> dict[str, Any]:
    """Return the public state of a session."""
    return {
        "closed": session.closed,
        "connector": session.connector,
        "headers": dict(session.headers),
        "cookies": [(morsel.key, morsel.value) for morsel in session.cookie_jar],
        "auth": session.auth,
        "timeout": session.timeout,
        "raise_for_status": session.raise_for_status,
        "auto_decompress": session.auto_decompress,
        "trust_env": session.trust_env,
        "skip_auto_headers": session.skip_auto_headers,
        "trace_configs": list(session.trace_configs),
        "version": session.version,
    }


@contextmanager
def deprecations_aside() -> Iterator[None]:
    """Ignore the warnings about settings that aiohttp deprecates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def session_with(settings: str) -> aiohttp.ClientSession:
    with deprecations_aside():
        return aiohttp.ClientSession(**SETTINGS[settings]())


@pytest.fixture(autouse=True)
def _netrc_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize("settings", SETTINGS)
async def test_requests_are_the_same_and_the_session_is_unchanged(
    server: HostileServer, settings: str
) -> None:
    server.will(response(200, package(1), "Set-Cookie: planted=1; Path=/"))
    async with server.client() as gh:
        await gh.org("acme").package("npm", "p").get()
        await gh.org("acme").package("npm", "p").get()
    async with session_with(settings) as session:
        before = state(session)
        async with server.client(session=session) as gh:
            await gh.org("acme").package("npm", "p").get()
            await gh.org("acme").package("npm", "p").get()
            assert gh.stats.requests == 2
        assert state(session) == before
    connecting = b"Connection: close\r\n"  # Set by the session's connector.
    own, again, injected, injected_again = (
        request.raw.replace(connecting, b"") for request in server.requests
    )
    assert own == again
    assert injected == own
    assert injected_again == own


@pytest.mark.parametrize("settings", SETTINGS)
async def test_results_are_the_same(server: HostileServer, settings: str) -> None:
    page = gzip.compress(json.dumps([version(1)]).encode())
    here = f'Link: <{server.url}/x?page=2>; rel="next"'
    server.will(
        response(200, page, "Content-Encoding: gzip", here),
        response(302, "", "Location: /y", "Set-Cookie: planted=1"),
        response(200, [version(2)], f'Link: <{server.url}/x?page=1>; rel="prev"'),
        response(404, {"message": "Not Found"}, "X-GitHub-Request-Id: AB:12"),
        response(502, "<html>"),
        response(304),
        response(302, "", "Location: http://evil.invalid/"),
        response(200, bomb(100), "Content-Encoding: gzip"),
        response(204),
        hanging_up(),
    )
    async with (
        session_with(settings) as session,
        server.client(session=session, concurrency=1) as gh,
    ):
        ref = gh.org("acme").package("npm", "p")
        assert [each.id for each in await ref.versions()] == [1, 2]
        missing = await refused(ref.get())
        assert isinstance(missing, NotFound)
        assert (missing.message, missing.request_id) == ("Not Found", "AB:12")
        assert isinstance(await refused(ref.get()), ServerError)
        for _ in ("304", "elsewhere", "bomb"):
            assert isinstance(await refused(ref.get()), InvalidResponse)
        await ref.delete()
        assert_keeps_secret(told_by(await refused(ref.get())))
        assert gh.stats.requests <= len(server.requests) + 1
        assert len(session.cookie_jar) == (1 if settings in ("cookies", "a jar") else 0)


@pytest.mark.parametrize("settings", SETTINGS)
async def test_attempts_are_counted_and_bounded_the_same(
    server: HostileServer, settings: str
) -> None:
    server.will(response(200, package(1)), hanging_up(), response(200, package(2)))
    async with (
        session_with(settings) as session,
        server.client(session=session, max_retries=0) as gh,
    ):
        ref = gh.org("acme").package("npm", "p")
        await ref.get()
        await refused(ref.get())
        assert len(server.requests) == gh.stats.requests == 2


@pytest.mark.parametrize("settings", ["none", "no timeout", "timeout", "one connection"])
async def test_the_timeout_is_the_clients(server: HostileServer, settings: str) -> None:
    server.will(stalling())
    async with (
        session_with(settings) as session,
        server.client(session=session, timeout=0.2) as gh,
    ):
        with takes(most=1):
            error = await refused(gh.org("acme").package("npm", "p").get())
    assert isinstance(error, RequestTimeout)
    assert "0.2" in str(error)


async def test_an_endless_body_is_bounded(server: HostileServer) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.will(flooding(head, b"10000\r\n" + b" " * 65536 + b"\r\n"))
    async with session_with("auto_decompress on") as session, server.client(session=session) as gh:
        with takes(most=4):
            error = await refused(gh.org("acme").package("npm", "p").get())
    assert isinstance(error, InvalidResponse)


@pytest.mark.parametrize("token", [TOKEN, ""], ids=["with a token", "anonymous"])
async def test_a_netrc_neither_replaces_nor_adds_authorization(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, token: str
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login octocat password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.will(response(200, package(1)))
    async with session_with("trust_env") as session, server.client(token, session=session) as gh:
        await gh.org("acme").package("npm", "p").get()
    expected = f"Bearer {TOKEN}" if token else None
    assert server.requests[0].headers.get("authorization") == expected


REMOTE = "http://github.invalid"


async def test_the_sessions_proxy_is_used(server: HostileServer) -> None:
    server.will(response(200, package(1)))
    async with (
        aiohttp.ClientSession(proxy=server.url) as session,
        server.client("", base_url=REMOTE, session=session) as gh,
    ):
        await gh.org("acme").package("npm", "p").get()
    assert server.targets == [f"{REMOTE}/orgs/acme/packages/npm/p"]


async def test_the_sessions_proxy_gets_its_credentials(server: HostileServer) -> None:
    server.will(response(200, package(1)))
    with deprecations_aside():
        session = aiohttp.ClientSession(
            proxy=server.url, proxy_auth=aiohttp.BasicAuth("octocat", "secret")
        )
    async with session, server.client("", base_url=REMOTE, session=session) as gh:
        with deprecations_aside():
            await gh.org("acme").package("npm", "p").get()
    assert server.requests[0].headers["proxy-authorization"].startswith("Basic ")


async def test_the_environments_proxy_is_used_where_the_session_trusts_it(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    server.will(response(200, package(1)))
    async with (
        aiohttp.ClientSession(trust_env=True) as session,
        server.client("", base_url=REMOTE, session=session) as gh,
    ):
        await gh.org("acme").package("npm", "p").get()
    assert server.targets == [f"{REMOTE}/orgs/acme/packages/npm/p"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("trust_env", [False, True], ids=["given", "of the environment"])
async def test_loopback_is_reached_without_the_sessions_proxy(
    server: HostileServer,
    elsewhere: HostileServer,
    monkeypatch: pytest.MonkeyPatch,
    trust_env: bool,
    host: str,
) -> None:
    """A proxy could read the token, which the client sends over plain HTTP to loopback only."""
    for variable in ("http_proxy", "all_proxy"):
        monkeypatch.setenv(variable, elsewhere.url)
    proxy = None if trust_env else elsewhere.url
    server.will(response(200, package(1)))
    async with (
        aiohttp.ClientSession(proxy=proxy, trust_env=trust_env) as session,
        server.client(session=session, base_url=f"http://{host}:{server.port}") as gh,
    ):
        await gh.org("acme").package("npm", "p").get()
    assert elsewhere.requests == []
    assert len(server.requests) == 1


async def test_the_sessions_traces_see_each_attempt(server: HostileServer) -> None:
    seen: list[str] = []
    trace = aiohttp.TraceConfig()

    async def note(session: Any, context: Any, params: aiohttp.TraceRequestStartParams) -> None:
        seen.append(params.method)

    trace.on_request_start.append(note)
    server.will(response(503), response(204))
    async with (
        aiohttp.ClientSession(trace_configs=[trace]) as session,
        server.client(session=session, max_retries=1) as gh,
    ):
        await gh.org("acme").package("npm", "p").delete()
    assert seen == ["DELETE", "DELETE"]


async def test_a_trace_that_fails_leaves_nothing_behind(server: HostileServer) -> None:
    trace = aiohttp.TraceConfig()

    async def fail(session: Any, context: Any, params: Any) -> None:
        raise LookupError("the trace's own")

    trace.on_request_end.append(fail)
    server.will(response(200, package(1)))
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        async with server.client(session=session, concurrency=1) as gh:
            for _ in range(2):  # The first request must release its slot.
                with pytest.raises(LookupError, match="the trace's own"):
                    await gh.org("acme").package("npm", "p").get()
        assert others() == set()


async def test_a_session_given_closed_is_refused(server: HostileServer) -> None:
    session = aiohttp.ClientSession()
    await session.close()
    gh = server.client(session=session)
    error = await refused(gh.org("acme").package("npm", "p").get())
    assert "session" in str(error)
    await gh.close()
    assert server.requests == []


@pytest.mark.parametrize("retries", [0, 4])
async def test_a_session_closed_under_us_ends_calls_with_an_error(
    server: HostileServer, retries: int
) -> None:
    server.will(response(200, package(1)), stalling())
    session = aiohttp.ClientSession()
    async with server.client(session=session, max_retries=retries) as gh:
        ref = gh.org("acme").package("npm", "p")
        await ref.get()
        call = asyncio.create_task(ref.get())
        await eventually(lambda: len(server.requests) == 2, "it asks")
        with takes(most=1.5):
            await session.close()
            error = await refused(call)
            assert isinstance(error, GitHubPackagesError)
            assert "session" in str(await refused(ref.get()))


async def test_closing_the_client_leaves_the_session_usable(server: HostileServer) -> None:
    server.will(response(200, package(1)))
    async with aiohttp.ClientSession() as session:
        async with server.client(session=session) as gh:
            await gh.org("acme").package("npm", "p").get()
        async with session.get(server.url) as got:
            assert got.status == 200
        async with server.client(session=session) as gh:
            await gh.org("acme").package("npm", "p").get()


async def test_closing_the_client_ends_its_calls_on_the_session_and_no_others(
    server: HostileServer, elsewhere: HostileServer
) -> None:
    server.will(stalling())
    elsewhere.will(stalling())
    async with aiohttp.ClientSession() as session:
        mine = asyncio.create_task(session.get(elsewhere.url))
        async with server.client(session=session) as gh:
            call = asyncio.create_task(gh.org("acme").package("npm", "p").get())
            await eventually(lambda: server.requests and elsewhere.requests, "both ask")
        with takes(most=1):
            await refused(call)
        await eventually(lambda: not server.open, "its connection is gone")
        assert not mine.done()
        assert elsewhere.open
        mine.cancel()
        await asyncio.gather(mine, return_exceptions=True)


async def test_two_clients_on_one_session_keep_their_tokens_apart(server: HostileServer) -> None:
    server.will(response(200, package(1)))
    async with (
        aiohttp.ClientSession() as session,
        server.client("ghp_one", session=session) as one,
        server.client("ghp_two", session=session) as two,
        server.client("", session=session) as nobody,
    ):
        for gh in (one, two, nobody, one):
            await gh.org("acme").package("npm", "p").get()
    sent = [request.headers.get("authorization") for request in server.requests]
    assert sent == ["Bearer ghp_one", "Bearer ghp_two", None, "Bearer ghp_one"]


async def test_a_response_class_of_the_sessions_is_not_in_the_way(server: HostileServer) -> None:
    class Broken(aiohttp.ClientResponse):
        @property
        def ok(self) -> bool:
            raise RuntimeError

    server.will(gzipped(json.dumps(package(1)).encode()))
    async with (
        aiohttp.ClientSession(response_class=Broken) as session,
        server.client(session=session) as gh,
    ):
        assert (await gh.org("acme").package("npm", "p").get()).id == 1
