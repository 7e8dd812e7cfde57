"""Apply plans in processes that kill themselves at a given step.

For each JSON object on a line of standard input, forks and prints the exit status of the child.
The parent runs no event loop, so a fork takes milliseconds instead of an interpreter start.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from functools import partial
from typing import Any, Final
from unittest.mock import patch

from ghpkg_async import GitHubPackages, VersionRef
from ghpkg_async._paging.mutations import MutationTracker
from ghpkg_async.cleanup import apply, undo
from ghpkg_async.cleanup._journal import Journal
from ghpkg_async.cleanup._plan_file import Plan

STEPS: Final = (
    "before intents are written",
    "within a line",
    "after intents are written",
    "before a request",
    "after a response",
    "before an outcome is written",
    "after an outcome is written",
)


class Killer:
    """Kills the process when a step is reached for the nth time."""

    def __init__(self, step: str, at: int) -> None:
        self._step = step
        self._left = at

    def reached(self, step: str) -> bool:
        if step != self._step:
            return False
        self._left -= 1
        return self._left == 0

    def at(self, step: str) -> None:
        if self.reached(step):
            os.kill(os.getpid(), signal.SIGKILL)


def install(killer: Killer) -> None:
    append, append_durably, write = Journal.append, Journal.append_durably, os.write

    def killing_append(journal: Journal[Any], *records: Any) -> None:
        killer.at("before an outcome is written")
        append(journal, *records)
        killer.at("after an outcome is written")

    async def killing_append_durably(journal: Journal[Any], *records: Any) -> None:
        killer.at("before intents are written")
        await append_durably(journal, *records)
        killer.at("after intents are written")

    def killing_write(file: int, data: bytes) -> int:
        if killer.reached("within a line"):
            write(file, bytes(data)[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return write(file, data)

    def wrap(method: Any) -> Any:
        async def killing(self: VersionRef) -> None:
            killer.at("before a request")
            await method(self)
            killer.at("after a response")

        return killing

    Journal.append = killing_append  # type: ignore[assignment,method-assign]
    Journal.append_durably = killing_append_durably  # type: ignore[assignment,method-assign]
    os.write = killing_write  # type: ignore[assignment]
    VersionRef.delete = wrap(VersionRef.delete)  # type: ignore[method-assign]
    VersionRef.restore = wrap(VersionRef.restore)  # type: ignore[method-assign]


async def run(task: dict[str, Any]) -> None:
    tracker = partial(MutationTracker, replica_lag=0.0)
    with (
        patch("ghpkg_async._session.limits.WRITE_SPACING", 0.0),
        patch("ghpkg_async._context.MutationTracker", tracker),
    ):
        async with GitHubPackages(
            task["token"], base_url=task["base_url"], points_per_minute=None
        ) as client:
            if task["command"] == "undo":
                await undo(client, task["journal"])
            else:
                plan = Plan.load(task["plan"])
                await apply(
                    client, plan, journal=task["journal"], registry_url=plan.header.registry_url
                )


def main() -> None:
    for line in sys.stdin:
        task = json.loads(line)
        child = os.fork()
        if not child:
            status = 1
            try:
                install(Killer(task["step"], task["at"]))
                asyncio.run(run(task))
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
