"""Scale: 200 organizations, 30,000 packages, with failures, limits and latency."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from attrs import evolve

from tests.support.command import finish

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from ghpkg_async.testing import EmbeddedGitHub, World
    from tests.support.command import Command

pytestmark = pytest.mark.slow

OWNERS = [f"org-{number}" for number in range(200)]
CLOSED = {f"org-{number}" for number in range(0, 200, 20)}
EACH = 150
FLAKY = 0.02
LIMITED = 400
"""Number of the request whose response is a secondary rate limit."""
MEBIBYTE = 2**20
MEASURE = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


@pytest.fixture
def filled(world: World) -> World:
    for owner in OWNERS:
        org = world.org(owner)
        for number in range(EACH):
            org.package("npm", f"p{number}", repository="r")
    return world


def trouble(dice: random.Random) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Return a hook with 403s of some owners, random 502s and delays, and one rate limit."""
    count = 0

    async def hook(
        request: web.BaseRequest, respond: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        nonlocal count
        count += 1
        if request.path.split("/")[2] in CLOSED:
            return web.json_response({"message": "No."}, status=403)
        if count == LIMITED:
            return web.json_response(
                {"message": "You have exceeded a secondary rate limit."},
                status=403,
                headers={"Retry-After": "1"},
            )
        fate = dice.random()
        if fate < FLAKY:
            return web.json_response({}, status=502)
        if fate < 2 * FLAKY:
            await asyncio.sleep(0.2)
        return await respond()

    return hook


@pytest.mark.usefixtures("filled")
async def test_a_large_audit_has_each_record_once_in_constant_memory(
    ghpkg: Command, server: EmbeddedGitHub, tmp_path: Path
) -> None:
    server.hook = trouble(random.Random(7))  # noqa: S311  (not for cryptography)
    path = tmp_path / "audit.jsonl"
    command = (*OWNERS, "--type=npm", "--output=audit.jsonl", "--quiet")
    process = await ghpkg.start(*command)
    # Kill the process half-way; the same command then resumes.
    while not path.exists() or path.stat().st_size < 3 * MEBIBYTE:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    process.kill()
    await finish(process)
    run = await ghpkg(*command)
    assert run.status == 3, run.err
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    records = Counter(
        (each["record"], each["owner"], each.get("name"))
        for each in lines
        if each["record"] != "audit"
    )
    assert set(records.values()) == {1}
    kinds = Counter(each["record"] for each in lines)
    reached = len(OWNERS) - len(CLOSED)
    assert kinds == {
        "audit": 1,
        "package": reached * EACH,
        "done": reached,
        "failure": len(CLOSED),
    }


@pytest.mark.usefixtures("filled")
async def test_ten_times_the_packages_take_hardly_more_memory(ghpkg: Command) -> None:
    measured = evolve(ghpkg, wrapper=(sys.executable, "-c", MEASURE))

    async def peak(*owners: str) -> int:
        outputs = [f"--output={len(owners)}{suffix}" for suffix in (".jsonl", ".csv")]
        run = await measured(*owners, "--type=npm", "--quiet", "--fail-on=stale:9999", *outputs)
        assert run.status == 0, run.err
        return int(run.err.splitlines()[-1]) * 1024

    few, all_ = await peak(*OWNERS[:20]), await peak(*OWNERS)
    assert all_ - few < 8 * MEBIBYTE
