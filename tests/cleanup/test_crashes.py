"""Processes killed at every step: the journal suffices to resume and to undo."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from attrs import define

from .crashing import STEPS
from .sites import TOKEN, Site

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.slow

KEPT = {f"{name}{part}" for name in ("new", "older") for part in ("", "-amd64", "-arm64")}


@define
class Driver:
    """Controller of the process that forks a child for each command."""

    process: Process
    site: Site
    folder: Path

    @property
    def journal(self) -> Path:
        return self.folder / "plan.journal.jsonl"

    async def __call__(self, command: str, step: str, at: int) -> bool:
        """Run a command, kill it at the nth time of a step, and return true if it was killed."""
        task = {
            "command": command,
            "step": step,
            "at": at,
            "plan": str(self.folder / "plan.jsonl"),
            "journal": str(self.journal),
            "token": TOKEN,
            "base_url": self.site.github.url,
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(task).encode() + b"\n")
        status = int(await self.process.stdout.readline())
        assert status in (0, -signal.SIGKILL)
        return status != 0


@pytest_asyncio.fixture
async def driver(site: Site, tmp_path: Path) -> AsyncIterator[Driver]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.cleanup.crashing",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    yield Driver(process, site, tmp_path)
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()


def carried_out(site: Site, method: str) -> list[str]:
    """Return paths of the requests with status 204, which changed the package."""
    return [
        each.path for each in site.github.requests if each.method == method and each.status == 204
    ]


def intended(path: Path) -> set[int]:
    ids = set()
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            record: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        if record["record"].endswith("intent"):
            ids.add(record["id"])
    return ids


@pytest.mark.parametrize("step", STEPS)
async def test_apply_killed_at_every_step(driver: Driver, step: str) -> None:
    site = driver.site
    before = site.state()
    site.plan("old").save(driver.folder / "plan.jsonl")
    kills = 0
    while await driver("apply", step, kills + 1):
        kills += 1
        deleted = {each.id for each in site.versions.values() if each.deleted_at is not None}
        assert deleted <= intended(driver.journal), "a deletion that the journal does not name"

        assert not await driver("apply", "never", 1)
        assert site.active == KEPT
        assert len(carried_out(site, "DELETE")) == len(set(carried_out(site, "DELETE"))) == 3

        assert (await site.undo(driver.journal)).complete
        assert site.state() == before
        for file in driver.folder.glob("*.*.jsonl"):
            file.unlink()
        site.github.requests.clear()
    assert kills >= 2


@pytest.mark.parametrize("step", STEPS)
async def test_undo_killed_at_every_step(driver: Driver, step: str) -> None:
    site = driver.site
    before = site.state()
    plan = site.plan("old")
    plan.save(driver.folder / "plan.jsonl")
    await site.apply(plan, driver.journal)
    kills = 0
    while await driver("undo", step, kills + 1):
        kills += 1
        restored = {int(path.split("/")[-2]) for path in carried_out(site, "POST")}
        assert restored <= intended(driver.folder / "plan.undo.jsonl")

        assert not await driver("undo", "never", 1)
        assert site.state() == before
        assert len(carried_out(site, "POST")) == len(set(carried_out(site, "POST"))) == 3

        for file in driver.folder.glob("*.*.jsonl"):
            file.unlink()
        await site.apply(plan, driver.journal)
        site.github.requests.clear()
    assert kills >= 2


async def test_apply_killed_again_and_again(driver: Driver) -> None:
    site = driver.site
    before = site.state()
    site.plan("old").save(driver.folder / "plan.jsonl")
    runs = 0
    while await driver("apply", STEPS[runs % len(STEPS)], 3):
        runs += 1
        assert runs < 100
    assert site.active == KEPT
    assert len(carried_out(site, "DELETE")) == len(set(carried_out(site, "DELETE"))) == 3
    assert (await site.undo(driver.journal)).complete
    assert site.state() == before
