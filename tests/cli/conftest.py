"""Fixtures that run `ghpkg` as a process against an embedded server."""

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

    from ghpkg_async.testing import EmbeddedGitHub

SECONDS = 30
OF_DEBUGGING: Final = ("PYTHONASYNCIODEBUG", "PYTHONDEVMODE")
"""Variables with which Python writes more to standard error."""
OF_THE_TERMINAL = ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
COMMAND = (sys.executable, "-m", "ghpkg_async._cli")
_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@frozen
class Finished:
    """Exit status and output of a run of `ghpkg`."""

    status: int
    out: str
    err: str

    @property
    def items(self) -> list[dict[str, Any]]:
        """Standard output as JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def rows(self) -> list[list[str]]:
        """Standard output as the rows of a table, headings first; two spaces separate cells."""
        return [re.split(r" {2,}", line.strip()) for line in self.out.splitlines()]


@frozen
class Command:
    """`ghpkg` with an environment and with options that are added to each run."""

    environment: Mapping[str, str] = field(repr=False)
    options: tuple[str, ...] = ()

    def having(self, **environment: str) -> Command:
        """Return the command with further environment variables."""
        return Command({**self.environment, **environment}, self.options)

    async def __call__(self, *arguments: str) -> Finished:
        process = await self.start(*arguments)
        return await finish(process)

    async def start(self, *arguments: str, stdout: int = asyncio.subprocess.PIPE) -> Process:
        """Start the command without a terminal."""
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
        """Run the command on a terminal; standard output and error are one stream."""
        terminal, other_end = os.openpty()
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *arguments,
            *self.options,
            env={**self.environment, "COLUMNS": str(columns), "TERM": "xterm"},
            stdin=other_end,
            stdout=other_end,
            stderr=other_end,
        )
        os.close(other_end)
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
    """Wait for the process to exit."""
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux: the other end of the terminal is closed.
        return b""


@pytest.fixture
def bare() -> Command:
    """`ghpkg` without a server or token in its environment."""
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
    """`ghpkg` for the server `github`, with a token that has every scope."""
    return Command(
        {**bare.environment, "GH_ENTERPRISE_TOKEN": github.token}, ("--base-url", github.url)
    )


@pytest.fixture
def refuse(github: EmbeddedGitHub) -> Callable[..., None]:
    """Make `github` refuse all requests, or those for pages after the first."""

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
