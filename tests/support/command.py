"""`ghpkg` as a process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, field, frozen

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping
    from pathlib import Path

SECONDS: Final = 40
"""Time after which a run fails."""
COMMAND: Final = (sys.executable, "-m", "ghpkg_async._cli")
_UNSET: Final = (
    *("PYTHONASYNCIODEBUG", "PYTHONDEVMODE"),  # These make Python write more to standard error.
    "PYTHONDONTWRITEBYTECODE",  # This makes each process compile the package again.
    *("COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"),
)
_CONTROL_SEQUENCE: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def bare_environment() -> dict[str, str]:
    """Return the environment without variables of tokens, servers and terminals."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if "TOKEN" not in name and not name.startswith(("GITHUB_", "GHPKG_")) and name not in _UNSET
    }
    return {**environment, "PYTHONUNBUFFERED": "", "PYTHONWARNINGS": "error", "TZ": "UTC"}


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
    """`ghpkg` with an environment, a folder and options.

    Attributes:
        environment: all environment variables of each process.
        options: arguments appended to those of each run.
        subcommand: arguments before those of each run.
        folder: working directory of each process; `None` for that of the tests.
        wrapper: command that runs the process.
    """

    environment: Mapping[str, str] = field(repr=False)
    options: tuple[str, ...] = ()
    subcommand: tuple[str, ...] = ()
    folder: Path | None = None
    wrapper: tuple[str, ...] = ()

    def having(self, **environment: str) -> Command:
        """Return the command with further environment variables."""
        return evolve(self, environment={**self.environment, **environment})

    async def __call__(self, *arguments: str, typed: str = "") -> Finished:
        """Run the command without a terminal, with `typed` as its standard input."""
        process = await self.start(*arguments, stdin=asyncio.subprocess.PIPE)
        return await finish(process, typed)

    async def start(
        self,
        *arguments: str,
        stdin: int = asyncio.subprocess.DEVNULL,
        stdout: int = asyncio.subprocess.PIPE,
        stderr: int = asyncio.subprocess.PIPE,
    ) -> Process:
        """Start the command without a terminal."""
        return await asyncio.create_subprocess_exec(
            *(*self.wrapper, *COMMAND, *self.subcommand, *arguments, *self.options),
            env=self.environment,
            cwd=self.folder,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )

    async def on_terminal(
        self,
        *arguments: str,
        typed: str = "",
        interrupted_at: str | None = None,
        columns: int = 80,
    ) -> Finished:
        """Run the command on a terminal, with standard output and error as one stream."""
        terminal, other_end = os.openpty()
        command = self.having(COLUMNS=str(columns), TERM="xterm")
        process = await command.start(
            *arguments, stdin=other_end, stdout=other_end, stderr=other_end
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
        return Finished(status, _CONTROL_SEQUENCE.sub("", shown.decode()).replace("\r\n", "\n"), "")

    async def with_errors_on_terminal(self, *arguments: str) -> Finished:
        """Run the command with a terminal for its standard error only."""
        terminal, other_end = os.openpty()
        try:
            process = await self.start(*arguments, stderr=other_end)
        finally:
            os.close(other_end)
        reading = asyncio.create_task(asyncio.to_thread(_read_all, terminal))
        finished = await finish(process)
        return evolve(finished, err=await reading)


async def finish(process: Process, typed: str = "") -> Finished:
    """Wait for the process to exit."""
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate(typed.encode() if process.stdin else None)
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), (err or b"").decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: the other end of the terminal is closed.
        return b""


def _read_all(terminal: int) -> str:
    shown = b""
    while chunk := _read(terminal):
        shown += chunk
    os.close(terminal)
    return shown.decode()
