"""All cells of the shipped notebook run in an IPython kernel."""

from __future__ import annotations

import json
import os
import re
import sys
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from ghpkg_async.testing import EmbeddedGitHub, World

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SECONDS = 60
SHIPPED = files("ghpkg_async").joinpath("notebooks", "packages.ipynb")
TOKEN = "ghp_never_to_be_seen"
OF_JUPYTER = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")


def shipped() -> Any:
    text = SHIPPED.read_text(encoding="utf-8")
    return nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call,unused-ignore]


@attrs.frozen
class Executed:
    """Executed notebook with the outputs of its cells."""

    notebook: Any

    def shown(self, cell: str, mime: str) -> str:
        """Return the outputs of a cell in one MIME type."""
        (outputs,) = (each["outputs"] for each in self.notebook.cells if each["id"] == cell)
        return "".join(output.get("data", {}).get(mime, "") for output in outputs)

    @property
    def text(self) -> str:
        return json.dumps(self.notebook)

    @property
    def complaints(self) -> list[Any]:
        """Outputs of all cells on standard error."""
        outputs = [each for cell in self.notebook.cells for each in cell.get("outputs", ())]
        return [each for each in outputs if each.get("name") == "stderr"]


class Execute(Protocol):
    async def __call__(self, **environment: str) -> Executed: ...


@pytest.fixture
def execute(tmp_path: Path) -> Execute:
    """Execute the notebook in a kernel of this interpreter, without settings of the machine."""
    kernel = tmp_path / "kernels" / "here"
    kernel.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "here", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    inherited = {
        name: value
        for name, value in os.environ.items()
        if "TOKEN" not in name and name not in ("GHPKG_BASE_URL", "MPLBACKEND")
    } | {name: str(tmp_path / name.lower()) for name in OF_JUPYTER}

    async def execute(**environment: str) -> Executed:
        notebook = shipped()
        manager = AsyncKernelManager(
            kernel_name="here",
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(kernel.parent)]),
            connection_file=str(tmp_path / "connection.json"),
        )
        client = NotebookClient(
            notebook, km=manager, timeout=SECONDS, resources={"metadata": {"path": str(tmp_path)}}
        )
        # Raises the error of a cell. The kernel is shut down in any case.
        await client.async_execute(cleanup_kc=True, env={**inherited, **environment})
        assert not await manager.is_alive()
        return Executed(notebook)

    return execute


def test_the_notebook_ships_without_outputs() -> None:
    notebook = shipped()
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


async def test_without_a_token_it_brings_its_own_github(execute: Execute) -> None:
    ran = await execute()
    assert ran.complaints == []
    assert ">team/app</a>" in ran.shown("list-code", "text/html")
    assert "140 versions; the first 10:" in ran.shown("versions-code", "text/html")
    assert "version_count" in ran.shown("frame-code", "text/html")
    audited = ran.shown("audit-code", "text/html")
    assert re.search(r"max='(\d+)' value='\1'", audited)
    assert "3 owners, 208 packages" in audited
    assert "'public': 69" in ran.shown("findings-code", "text/plain")
    for cell in ("visibility-code", "age-code"):
        assert ran.shown(cell, "image/png")


async def test_the_notebook_uses_the_server_of_the_environment(execute: Execute) -> None:
    world = World()
    world.token(TOKEN, login="octocat")
    mine = world.user("octocat")
    mine.package("container", "<b>app</b>", versions=12)
    mine.package("npm", "left", visibility="public", versions=3)
    async with EmbeddedGitHub(world) as server:
        ran = await execute(GHPKG_BASE_URL=server.url, GH_ENTERPRISE_TOKEN=TOKEN)
        asked = {request.path for request in server.requests}
    assert ran.complaints == []
    assert asked == {
        "/user/packages",
        "/user/packages/container/%3Cb%3Eapp%3C%2Fb%3E/versions",
        "/user/docker/conflicts",
    }
    assert "&lt;b&gt;app&lt;/b&gt;" in ran.shown("list-code", "text/html")
    assert "1 owner, 2 packages" in ran.shown("audit-code", "text/html")
    assert TOKEN not in ran.text


async def test_an_account_without_packages_is_no_error(execute: Execute) -> None:
    async with EmbeddedGitHub() as server:
        ran = await execute(GHPKG_BASE_URL=server.url, GH_ENTERPRISE_TOKEN=server.token)
    assert ran.complaints == []
    assert ran.shown("list-code", "text/html") == "<p>0 packages</p>"
    assert "1 owner, 0 packages" in ran.shown("audit-code", "text/html")
