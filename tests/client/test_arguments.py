"""Invalid arguments raise an error that names the argument, before any request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from aiohttp import ClientSession
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ghpkg_async import ConfigurationError, GitHubPackages, GitHubPackagesError, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGETS = ["org", "username", "package_type", "name"]


def ask(argument: str, value: Any) -> Any:
    """Make a reference with the value as one of its arguments, without a request."""
    gh = GitHubPackages("", base_url="http://127.0.0.1:9")
    match argument:
        case "org":
            return gh.org(value)
        case "username":
            return gh.user(value)
        case "package_type":
            return gh.me().package(value, "left")
        case "name":
            return gh.me().package("npm", value)
    raise AssertionError(argument)


@pytest.mark.parametrize("argument", TARGETS)
@pytest.mark.parametrize(
    "value", ["", ".", "..", "a\x00b", "a\nb", "\x7f", "\x85", "\ud800", None, 5]
)
def test_a_name_that_fits_no_path_segment_is_refused(argument: str, value: Any) -> None:
    if argument == "name" and value is None:
        with pytest.raises(ConfigurationError, match=r"^name: missing"):
            ask(argument, value)
        return
    with pytest.raises(ConfigurationError, match=rf"^{argument}: "):
        ask(argument, value)


@pytest.mark.parametrize("value", [0, -1, 101, 2.5, "10", None, True])
def test_per_page_is_1_to_100(value: Any) -> None:
    me = GitHubPackages("").me()
    with pytest.raises(ConfigurationError, match=r"^per_page: "):
        me.packages("npm", per_page=value)
    with pytest.raises(ConfigurationError, match=r"^per_page: "):
        me.package("npm", "left").versions(per_page=value)


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", None, True])
def test_page_is_at_least_1(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^page: "):
        GitHubPackages("").me().packages("npm", page=value)


def test_a_start_beyond_the_cap_is_refused_for_packages_only() -> None:
    me = GitHubPackages("").me()
    me.packages("npm", page=100)
    me.packages("npm", page=333, per_page=30)
    me.package("npm", "left").versions(page=1000)
    for per_page, page in ((100, 101), (30, 334), (1, 10_001)):
        with pytest.raises(ConfigurationError, match=r"^page: .*10000"):
            me.packages("npm", page=page, per_page=per_page)


@pytest.mark.parametrize("value", [0, -1, 1.0, "42", "1.2.3", None, True])
def test_a_version_id_is_a_positive_integer(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^version_id: "):
        GitHubPackages("").me().package("npm", "left").version(value)


def test_visibility_and_state_are_of_the_documented_ones() -> None:
    me = GitHubPackages("").me()
    with pytest.raises(ConfigurationError, match=r"^visibility: 'interal'.*internal"):
        me.packages("npm", visibility="interal")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"^state: 'gone'.*deleted"):
        me.package("npm", "left").versions(state="gone")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("concurrency", 0),
        ("concurrency", 1.5),
        ("timeout", 0),
        ("timeout", float("nan")),
        ("timeout", "30"),
        ("max_retries", -1),
        ("max_rate_limit_wait", -1),
        ("max_rate_limit_wait", float("inf")),
        ("points_per_minute", 0),
        ("api_version", ""),
        ("api_version", "2022\n"),
        ("accept", "é"),
        ("user_agent", " "),
    ],
)
def test_a_setting_that_cannot_work_is_refused(argument: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{argument}: "):
        GitHubPackages("", **{argument: value})


async def test_a_closed_session_is_refused() -> None:
    session = ClientSession()
    await session.close()
    with pytest.raises(GitHubPackagesError, match=r"session: .*closed"):
        await GitHubPackages("", session=session).me().package("npm", "left").get()


# Encoding of names in request targets


@attrs.define
class Recorder:
    """Server that responds to each request with 404, and records the raw request targets."""

    url: str = ""
    targets: list[bytes] = attrs.field(factory=list)

    async def respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            self.targets.append(head.split(b" ", 2)[1])
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def recorder(runner: asyncio.Runner) -> Iterator[Recorder]:
    recorder = Recorder()

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await recorder.respond(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(respond, "127.0.0.1", 0)

    server = runner.run(start())
    host, port = server.sockets[0].getsockname()
    recorder.url = f"http://{host}:{port}"
    yield recorder
    server.close()


def percent_encoded(name: str) -> bytes:
    plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    return b"".join(bytes([byte]) if byte in plain else b"%%%02X" % byte for byte in name.encode())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1))
@example("team/app")
@example("@scope/pkg")
@example("a b")
@example("a%2Fb")
@example("x?y=1")
@example("x#y")
@example("é")
@example("../../../../repos/acme/prod")
@example("...")
@example("%2e%2e")
@example("a+b;c&d=e\\f")
def test_a_name_is_one_segment_on_the_wire(
    runner: asyncio.Runner, recorder: Recorder, name: str
) -> None:
    if name in (".", ".."):
        return
    recorder.targets.clear()

    async def ask() -> None:
        async with GitHubPackages("", base_url=f"{recorder.url}/api/v3") as gh:
            with pytest.raises(NotFound):
                await gh.org(name).package(name, name).version(1).get()
            with pytest.raises(NotFound):
                await gh.user(name).packages(name)

    runner.run(ask())
    segment = percent_encoded(name)
    assert recorder.targets == [
        b"/api/v3/orgs/%b/packages/%b/%b/versions/1" % (segment, segment, segment),
        b"/api/v3/users/%b/packages?package_type=%b&per_page=100&page=1" % (segment, segment),
    ]
