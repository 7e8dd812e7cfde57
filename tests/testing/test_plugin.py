"""The pytest plugin, tested in separate pytest processes."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ghpkg_async import GitHubPackages
    from ghpkg_async.testing import EmbeddedGitHub

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

TEST = """
import aiohttp
import pytest

{mark}
async def test_listing(github):
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
    (tmp_path / "test_it.py").write_text("def test_listing(): pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (tmp_path / "pytest_asyncio.py").write_text("raise ImportError\n")
    assert "1 passed" in run(tmp_path, "import pytest; pytest.main(['-p', 'no:asyncio'])")


def test_a_run_without_the_fixtures_imports_nothing_of_the_library(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    plugin = project["entry-points"]["pytest11"]["ghpkg_async"]
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_listing(pytestconfig):\n"
        f"    assert pytestconfig.pluginmanager.has_plugin({plugin!r})\n"
        "    assert not [name for name in sys.modules if name.startswith('ghpkg_async')]\n"
        "    assert 'aiohttp' not in sys.modules\n"
    )
    options = ["-p", "no:ghpkg_async", "-p", plugin]
    assert "1 passed" in run(tmp_path, f"import pytest; pytest.main({options})")


SYNCHRONOUS = """
import unittest
from urllib.request import Request, urlopen

import pytest

def get(github, path):
    headers = {"Authorization": f"Bearer {github.token}"}
    with urlopen(Request(github.url + path, headers=headers), timeout=2) as response:
        return response.status

def test_function(github):
    github.world.org("acme").package("npm", "left")
    assert get(github, "/orgs/acme/packages/npm/left") == 200
    assert [request.status for request in github.requests] == [200]

class TestOfUnittest(unittest.IsolatedAsyncioTestCase):
    @pytest.fixture(autouse=True)
    def _use(self, github):
        self.github = github

    async def test_method(self):
        assert get(self.github, "/user/packages?package_type=npm") == 200

    def test_synchronous_method(self):
        assert get(self.github, "/user/packages?package_type=npm") == 200
"""


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_a_synchronous_test_has_a_server_in_a_thread(tmp_path: Path, mode: str) -> None:
    (tmp_path / "test_it.py").write_text(SYNCHRONOUS)
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\nasyncio_mode = {mode}\nasyncio_default_fixture_loop_scope = function\n"
        "filterwarnings = error\n"
    )
    assert "3 passed" in run(tmp_path, "import pytest; pytest.main()")


def test_the_documented_module_may_be_named_where_pytest_loads_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "test_it.py").write_text(TEST.format(mark="@pytest.mark.asyncio"))
    options = ["-p", "pytest_asyncio.plugin", "-p", "ghpkg_async.testing.plugin"]
    assert "2 passed" in run(tmp_path, f"import pytest; pytest.main({options})")


async def test_github_client_paces_nothing(
    github: EmbeddedGitHub, github_client: GitHubPackages
) -> None:
    package = github.world.org("acme").package("npm", "left", versions=40)
    ref = github_client.org("acme").package("npm", "left")
    for version in package.versions()[1:]:
        await ref.version(version.id).delete()
    assert github_client.stats.seconds_waited < 1


async def test_github_client_is_a_client_for_github(
    github: EmbeddedGitHub, github_client: GitHubPackages
) -> None:
    github.world.org("acme").package("npm", "left")
    packages = await github_client.org("acme").packages("npm")
    assert [package.name for package in packages] == ["left"]


def test_every_public_name_is_importable() -> None:
    import ghpkg_async.testing as testing

    for name in testing.__all__:
        assert getattr(testing, name) is not None
        assert name in dir(testing)
    with pytest.raises(AttributeError, match="nothing"):
        _ = testing.nothing
