"""Runs `ghpkg` as its users do: as a process of its own, against a GitHub of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from aiohttp import web
from attrs import field, frozen

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable, Mapping

    from ghpkg_async.testing import Behaves, EmbeddedGitHub

SECONDS = 30
OF_DEBUGGING: Final = ("PYTHONASYNCIODEBUG", "PYTHONDEVMODE")
"""What makes a program say more than its own words."""
OF_THE_TERMINAL = ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
COMMAND = (sys.executable, "-m", "ghpkg_async._cli")
_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@frozen
class Finished:
    """How a run of `ghpkg` ended."""

    status: int
    out: str
    err: str

    @property
    def items(self) -> list[dict[str, Any]]:
        """Standard output as JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def rows(self) -> list[list[str]]:
        """Standard output as a table, headings first, cut where two spaces are."""
        return [re.split(r" {2,}", line.strip()) for line in self.out.splitlines()]


@frozen
class Command:
    """`ghpkg`, with options to add to each run and an environment of its own."""

    environment: Mapping[str, str] = field(repr=False)
    options: tuple[str, ...] = ()

    def having(self, **environment: str) -> Command:
        """The same with more in its environment."""
        return Command({**self.environment, **environment}, self.options)

    async def __call__(self, *arguments: str) -> Finished:
        process = await self.start(*arguments)
        return await finish(process)

    async def start(self, *arguments: str, stdout: int = asyncio.subprocess.PIPE) -> Process:
        """Starts it without a terminal."""
        return await asyncio.create_subprocess_exec(
            *COMMAND,
            *arguments,
            *self.options,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE,
        )

    async def on_terminal(
        self,
        *arguments: str,
        typed: str = "",
        interrupted_at: str | None = None,
        columns: int = 80,
    ) -> Finished:
        """Runs it on a terminal, where all it says is in one stream."""
        terminal, its_end = os.openpty()
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *arguments,
            *self.options,
            env={**self.environment, "COLUMNS": str(columns), "TERM": "xterm"},
            stdin=its_end,
            stdout=its_end,
            stderr=its_end,
        )
        os.close(its_end)
        os.write(terminal, typed.encode())
        shown = b""
        try:
            async with asyncio.timeout(SECONDS):
                while chunk := await asyncio.to_thread(_read, terminal):
                    shown += chunk
                    if interrupted_at is not None and interrupted_at.encode() in shown:
                        process.send_signal(signal.SIGINT)
                        interrupted_at = None
                status = await process.wait()
        finally:
            os.close(terminal)
        return Finished(status, _STEERING.sub("", shown.decode()).replace("\r\n", "\n"), "")


async def finish(process: Process) -> Finished:
    """Waits for its end."""
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # So Linux says that nobody has the other end any more.
        return b""


@pytest.fixture
def bare() -> Command:
    """`ghpkg` that knows of no server and no token."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if "TOKEN" not in name
        and not name.startswith(("GITHUB_", "GHPKG_"))
        and name not in (*OF_THE_TERMINAL, *OF_DEBUGGING)
    }
    mine = {"PYTHONUNBUFFERED": "", "PYTHONWARNINGS": "error", "TZ": "UTC"}
    return Command({**environment, **mine})


@pytest.fixture
def ghpkg(bare: Command, github: EmbeddedGitHub) -> Command:
    """`ghpkg` that asks `github`, with a token that may do everything."""
    return Command(
        {**bare.environment, "GH_ENTERPRISE_TOKEN": github.token}, ("--base-url", github.url)
    )


@pytest.fixture
def each_github(github: EmbeddedGitHub, behaves: Behaves) -> None:
    """`github` behaves as each GitHub in turn."""
    github.api.behaves = behaves


@pytest.fixture
def refuse(github: EmbeddedGitHub) -> Callable[..., None]:
    """Makes `github` refuse the requests for pages after the first, or all of them."""

    def refuse(
        status: int,
        message: str = "No.",
        *,
        pages: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        async def hook(
            request: web.BaseRequest, answer: Callable[[], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            if pages and request.query.get("page") == "1":
                return await answer()
            return web.json_response({"message": message}, status=status, headers=headers)

        github.hook = hook

    return refuse
