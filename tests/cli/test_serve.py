"""`ghpkg serve`: requests, signals and wrong usage."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from attrs import frozen

from ghpkg_async import GitHubPackages, Unauthorized
from tests.support.command import finish

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.command import Command, Finished


@frozen
class Serving:
    url: str
    process: Process

    async def end(self, number: signal.Signals = signal.SIGTERM) -> Finished:
        self.process.send_signal(number)
        return await finish(self.process)


@asynccontextmanager
async def serving(ghpkg: Command, *options: str) -> AsyncIterator[Serving]:
    process = await ghpkg.start("serve", *options)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            line = (await process.stdout.readline()).decode()
        found = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert found, line
        yield Serving(found[1], process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def names(url: str, token: str, owner: str, package_type: str) -> list[str]:
    async with GitHubPackages(token, base_url=url) as client:
        return [package.name for package in await client.org(owner).packages(package_type)]


async def test_the_demo_accepts_only_its_tokens(bare: Command) -> None:
    async with serving(bare, "--port", "0", "--demo") as served:
        for token in ("ghp_demo", "ghp_demo_read"):
            found = await names(served.url, token, "acme", "container")
            assert found == ["team/app", "team/worker", "gateway"]
        for token in ("ghp_other", ""):
            with pytest.raises(Unauthorized):
                await names(served.url, token, "acme", "container")


async def test_the_default_world_is_empty(bare: Command) -> None:
    async with serving(bare) as served, GitHubPackages("ghp_embedded", base_url=served.url) as gh:
        assert await gh.me().packages("npm") == []


async def test_a_world_is_read_from_a_file(bare: Command, tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    package = {"package_type": "npm", "name": "left"}
    world = {
        "owners": [{"login": "acme", "packages": [package]}],
        "tokens": [{"value": "ghp_x", "login": "octocat"}],
    }
    file.write_text(json.dumps(world), encoding="utf-8")
    async with serving(bare, "--data", str(file)) as served:
        assert await names(served.url, "ghp_x", "acme", "npm") == ["left"]
        ended = await served.end()
    assert ended.err == "Serving acme; accepting 1 token.\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_server_quietly(bare: Command, number: signal.Signals) -> None:
    async with (
        serving(bare, "--demo") as served,
        aiohttp.ClientSession() as session,  # An idle connection must not delay the exit.
        session.get(served.url) as response,
    ):
        assert response.status == 404
        ended = await served.end(number)
    assert (ended.status, ended.out) == (0, "")
    assert ended.err == ("Serving acme, octo-org, octocat; accepting ghp_demo or ghp_demo_read.\n")


async def test_a_port_in_use_is_an_error(bare: Command) -> None:
    async with serving(bare) as served:
        port = served.url.rpartition(":")[2]
        ran = await bare("serve", "--port", port)
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith(f"ghpkg: Cannot listen on port {port}: ")
    assert "in use" in ran.err


async def test_faults_and_the_hourly_limit_apply(bare: Command) -> None:
    options = ("--demo", "--fault", "server_error=1", "--limit=2")
    async with serving(bare, *options) as served, aiohttp.ClientSession() as session:
        url = f"{served.url}/user/packages?package_type=npm"
        statuses = []
        for _ in range(3):
            headers = {"Authorization": "Bearer ghp_demo"}
            async with session.get(url, headers=headers) as response:
                statuses.append(response.status)
        assert response.headers["X-RateLimit-Limit"] == "2"
    assert [status // 100 for status in statuses] == [5, 5, 4]


@pytest.mark.parametrize(
    ("behaves", "count"), [("recorded", None), ("documented", 140), ("linkless", None)]
)
async def test_another_github_is_imitated(bare: Command, behaves: str, count: int | None) -> None:
    async with (
        serving(bare, "--demo", "--behaves", behaves) as served,
        GitHubPackages("ghp_demo", base_url=served.url) as gh,
    ):
        app, *_ = await gh.org("acme").packages("container")
    assert (app.name, app.version_count) == ("team/app", count)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--fault", "explode=0.1"), "--fault: 'explode' is not a fault; choose from reset_before"),
        (("--fault", "stall"), "--fault: 'stall' has no rate from 0 to 1"),
        (("--fault", "stall=often"), "--fault: 'stall=often' has no rate from 0 to 1"),
        (("--fault", "stall=1.5"), "--fault: stall: 1.5 is not a rate from 0 to 1"),
        (("--fault=stall=0.6", "--fault=cut_body=0.6"), "--fault: the rates of the faults sum"),
        (("--limit", "0"), "--limit: 0 is not a number of requests"),
        (("--limit", "many"), "--limit"),
        (("--behaves", "guessed"), "--behaves"),
        (("--port", "65536"), "--port: 65536"),
        (("--port", "-1"), "--port"),
        (("--port", "http"), "--port"),
        (("--data", "nowhere.json"), "--data: nowhere.json: "),
        (("--data", "nowhere.json", "--demo"), "choose one"),
    ],
)
async def test_wrong_usage(bare: Command, options: tuple[str, ...], message: str) -> None:
    ran = await bare("serve", *options)
    assert (ran.status, ran.out) == (2, "")
    assert message in ran.err


async def test_an_invalid_world_file(bare: Command, tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    for text, message in (
        ("{", "Expecting"),
        ('{"owner": []}', "unknown owner"),
        ('{"owners": [{"login": 5}]}', "login: 5 is not the name of an owner"),
        ("[]", "object"),
    ):
        file.write_text(text, encoding="utf-8")
        ran = await bare("serve", "--data", str(file))
        assert (ran.status, ran.out) == (2, "")
        assert message in ran.err
