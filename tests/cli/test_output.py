"""Behaviour of standard output after Ctrl-C, with a closed pipe and with a slow reader."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import re
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from ghpkg_async._cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from typing_extensions import Buffer

    from ghpkg_async import GitHubPackages
    from ghpkg_async.testing import EmbeddedGitHub
    from tests.support.command import Command

LIST = ("list", "acme", "--type", "npm")


@pytest.fixture
def later_pages_hang(github: EmbeddedGitHub) -> asyncio.Event:
    """Event that is set when a page after the first is requested; it gets no response."""
    asked = asyncio.Event()
    for number in range(150):
        github.world.org("acme").package("npm", f"package-{number}", repository="pad")

    async def hook(
        request: web.BaseRequest, respond: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.query["page"] == "1":
            return await respond()
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    github.hook = hook
    return asked


async def test_ctrl_c_leaves_complete_lines(
    later_pages_hang: asyncio.Event, ghpkg: Command
) -> None:
    process = await ghpkg.start(*LIST, "--json")
    assert process.stdout is not None
    async with asyncio.timeout(30):
        lines = [await process.stdout.readline() for _ in range(100)]
        await later_pages_hang.wait()
        process.send_signal(signal.SIGINT)
        rest, err = await process.communicate()
    assert (process.returncode, rest, err) == (130, b"", b"")
    assert json.loads(lines[-1])["name"] == "package-99"


async def test_ctrl_c_shows_the_table_so_far(
    later_pages_hang: asyncio.Event, ghpkg: Command
) -> None:
    process = await ghpkg.start(*LIST)
    async with asyncio.timeout(30):
        await later_pages_hang.wait()
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert (process.returncode, err) == (130, b"")
    assert out.decode().splitlines()[-1].startswith("package-99 ")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("options", [("--json",), ()])
async def test_a_closed_pipe_ends_the_command_quietly(
    github: EmbeddedGitHub, ghpkg: Command, options: tuple[str, ...], unbuffered: str
) -> None:
    for number in range(1000):  # Larger than the buffer of a pipe, also as a table.
        github.world.org("acme").package("npm", f"{'x' * 100}{number}", repository="pad")
    reader, its_end = os.pipe()
    process = await ghpkg.having(PYTHONUNBUFFERED=unbuffered).start(*LIST, *options, stdout=its_end)
    os.close(its_end)
    async with asyncio.timeout(30):
        assert await asyncio.to_thread(os.read, reader, 1)
        os.close(reader)
        _, err = await process.communicate()
    assert (process.returncode, err) == (141, b"")


async def test_a_full_disk_is_reported(github: EmbeddedGitHub, ghpkg: Command) -> None:
    github.world.org("acme").package("npm", "left")
    full = os.open("/dev/full", os.O_WRONLY)
    process = await ghpkg.start(*LIST, stdout=full)
    os.close(full)
    _, err = await process.communicate()
    assert process.returncode == 3
    assert err == b"ghpkg: [Errno 28] No space left on device\n"


class SlowReader(io.RawIOBase):
    """Stream whose writes block until the event loop has run, then accept 100 bytes each."""

    def __init__(self) -> None:
        self.loop_ran = threading.Event()
        self.took = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        assert self.loop_ran.wait(5), "the event loop is blocked"
        taken = bytes(data)[:100]
        self.took += taken
        return len(taken)


async def test_a_slow_reader_does_not_block_the_event_loop(
    github: EmbeddedGitHub, github_client: GitHubPackages, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.world.org("acme").package("npm", "left")
    packages = await github_client.org("acme").packages("npm")
    reader = SlowReader()
    with io.TextIOWrapper(reader, write_through=True) as stdout:  # type: ignore[type-var]
        monkeypatch.setattr(sys, "stdout", stdout)
        asyncio.get_running_loop().call_soon(reader.loop_ran.set)
        await Output(json=True).lines(packages)
    assert json.loads(reader.took)["name"] == "left"


async def test_the_secret_of_a_repository_is_not_printed(
    github: EmbeddedGitHub, ghpkg: Command
) -> None:
    github.world.org("acme").package("npm", "left", repository="pad")

    async def hook(
        request: web.BaseRequest, respond: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        response = await respond()
        assert isinstance(response, web.Response)
        assert isinstance(response.body, bytes)
        packages = json.loads(gzip.decompress(response.body))
        for package in packages:
            package["repository"]["temp_clone_token"] = "ABC"
        return web.json_response(packages)

    github.hook = hook
    (package,) = (await ghpkg(*LIST, "--json")).items
    assert package["repository"]["full_name"] == "acme/pad"
    assert "temp_clone_token" not in package["repository"]


@pytest.mark.parametrize("sigint", [signal.default_int_handler, signal.SIG_IGN])
async def test_sigterm_is_handled_like_ctrl_c(
    ghpkg: Command, refuse: Callable[..., None], sigint: Any
) -> None:
    """A shell without job control ignores SIGINT in the commands that it starts with ``&``."""
    refuse(429, headers={"Retry-After": "600"})
    before = signal.signal(signal.SIGINT, sigint)
    try:
        process = await ghpkg.start(*LIST)
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stderr is not None
    async with asyncio.timeout(30):
        await process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (143, b"", b"ghpkg: Terminated\n")


async def test_verbose_shows_each_request_and_retry(ghpkg: Command, github: EmbeddedGitHub) -> None:
    refusals = iter([True])

    async def hook(
        request: web.BaseRequest, respond: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        return web.Response(status=502) if next(refusals, False) else await respond()

    github.hook = hook
    github.world.org("acme")
    ran = await ghpkg(*LIST, "--verbose")
    assert ran.status == 0
    assert "status 502; retrying in" in ran.err
    assert ran.err.count("GET /orgs/acme/packages") == 2
    assert "ghp_" not in ran.err


async def test_a_rate_limit_wait_is_announced(ghpkg: Command, refuse: Callable[..., None]) -> None:
    refuse(429, headers={"Retry-After": "600"})
    process = await ghpkg.start(*LIST)
    assert process.stderr is not None
    async with asyncio.timeout(30):
        line = (await process.stderr.readline()).decode()
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    told = r"secondary rate limit: every request waits [\d.]+ s, until [\d :-]+ UTC\n"
    assert re.fullmatch(told, line)
    assert (process.returncode, out, err) == (130, b"", b"")


@pytest.mark.parametrize("columns", [20, 44, 80])
async def test_headings_are_not_folded_on_a_narrow_terminal(
    ghpkg: Command, github: EmbeddedGitHub, columns: int
) -> None:
    github.world.org("acme").package("npm", "x" * 60, repository="r" * 30)
    ran = await ghpkg.on_terminal(*LIST, columns=columns)
    assert ["NAME", "VISIBILITY", "VERSIONS", "UPDATED", "REPOSITORY"] in ran.rows
