"""The pytest plugin, in pytest runs of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from ghpkg_async import GitHubPackages
    from ghpkg_async.testing import EmbeddedGitHub

TEST = """
import aiohttp
import pytest

{mark}
async def test_it(github):
    github.world.org("acme").package("npm", "left")
    headers = {{"Authorization": f"Bearer {{github.token}}"}}
    async with aiohttp.ClientSession() as session:
        url = f"{{github.url}}/orgs/acme/packages/npm/left"
        async with session.get(url, headers=headers) as response:
            assert response.status == 200

{mark}
async def test_each_test_has_its_own(github):
    assert github.world.owners == [github.world.user("octocat")]
"""


def run(folder: Path, script: str) -> str:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(("mode", "mark"), [("auto", ""), ("strict", "@pytest.mark.asyncio")])
def test_github_is_there_in_either_mode(tmp_path: Path, mode: str, mark: str) -> None:
    (tmp_path / "test_it.py").write_text(TEST.format(mark=mark))
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\nasyncio_mode = {mode}\nasyncio_default_fixture_loop_scope = function\n"
        "filterwarnings = error\n"
    )
    assert "2 passed" in run(tmp_path, "import pytest; pytest.main()")


def test_projects_without_pytest_asyncio_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(): pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (tmp_path / "pytest_asyncio.py").write_text("raise ImportError\n")
    assert "1 passed" in run(tmp_path, "import pytest; pytest.main(['-p', 'no:asyncio'])")


def test_loading_the_plugin_brings_neither_server_nor_aiohttp(tmp_path: Path) -> None:
    script = (
        "import sys, ghpkg_async, pytest, pytest_asyncio\n"
        "before = set(sys.modules)\n"
        "import ghpkg_async.testing.plugin\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    assert run(tmp_path, script).split() == ["ghpkg_async.testing", "ghpkg_async.testing.plugin"]


async def test_github_client_is_a_client_for_github(
    github: EmbeddedGitHub, github_client: GitHubPackages
) -> None:
    github.world.org("acme").package("npm", "left")
    packages = await github_client.org("acme").packages("npm")
    assert [package.name for package in packages] == ["left"]


def test_every_public_name_is_there_when_asked_for() -> None:
    import ghpkg_async.testing as testing

    for name in testing.__all__:
        assert getattr(testing, name) is not None
        assert name in dir(testing)
    with pytest.raises(AttributeError, match="nothing"):
        _ = testing.nothing
