"""Every snippet of the README runs against the embedded GitHub and has the stated result."""

from __future__ import annotations

import ast
import asyncio
import functools
import inspect
import re
import shlex
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final

import pytest

import ghpkg_async
from ghpkg_async import GitHubPackages
from ghpkg_async.testing import EmbeddedGitHub, demo_world, push_image

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.slow

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text()
BLOCKS: Final = re.findall(
    r"(?:<!-- setting: (\w+) -->\n)?```(\w+)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE
)
PYTHON: Final = {setting: code for setting, language, code in BLOCKS if language == "python"}
SHELL: Final = [code for _, language, code in BLOCKS if language == "sh"]
COMMANDS: Final = [
    line.partition("#")[0].removeprefix("$ ").strip()
    for _, language, code in BLOCKS
    if language == "console"
    for line in code.splitlines()
]


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmbeddedGitHub]:
    async with EmbeddedGitHub(demo_world()) as server:
        there = functools.partial(GitHubPackages, "ghp_demo", base_url=server.url)
        monkeypatch.setattr(ghpkg_async, "GitHubPackages", there)
        yield server


def compiled(code: str) -> CodeType:
    code_object = compile(code, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert isinstance(code_object, CodeType)
    return code_object


async def execute(setting: str, **names: Any) -> dict[str, Any]:
    names["GitHubPackages"] = ghpkg_async.GitHubPackages
    result = FunctionType(compiled(PYTHON[setting]), names)()
    if inspect.isawaitable(result):
        await result
    return names


def test_every_snippet_has_its_test() -> None:
    assert set(PYTHON) == {
        "", "dotcom", "errors", "service", "audit", "cluster", "notebook", "enterprise", "fixture",
        "consistent", "delete",
    }  # fmt: skip
    assert len(SHELL) == 2
    assert len(COMMANDS) >= 6


async def test_the_first_snippet(
    server: EmbeddedGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    await execute("")
    assert "team/app private" in capsys.readouterr().out


async def test_first_steps(server: EmbeddedGitHub, capsys: pytest.CaptureFixture[str]) -> None:
    app = server.world.org("acme").find("container", "team/app")
    app.version("sha256:old").delete()
    await asyncio.to_thread(asyncio.run, _whole("dotcom"))
    output = capsys.readouterr().out
    assert all(version.name in output for version in app.versions())
    assert "page 1 of the versions that can be restored: 3" in output


async def test_deleting_in_the_loop(server: EmbeddedGitHub) -> None:
    app = server.world.org("acme").find("container", "team/app")
    app.version("sha256:pr", tags=["pr-1"])
    names = {version.name for version in app.versions()}
    async with ghpkg_async.GitHubPackages() as gh:
        await execute("delete", gh=gh)
    assert names - {version.name for version in app.versions()} == {"sha256:pr"}


async def _whole(setting: str) -> None:
    names: dict[str, Any] = {"__name__": "README"}
    code = PYTHON[setting].replace("asyncio.run(main())", "")
    FunctionType(compiled(code), names)()
    await names["main"]()


async def test_errors(server: EmbeddedGitHub, capsys: pytest.CaptureFixture[str]) -> None:
    async with ghpkg_async.GitHubPackages() as gh:
        names = await execute("errors", gh=gh)
        assert names["package"].name == "team/app"
    async with GitHubPackages("ghp_wrong", base_url=server.url) as gh:
        await execute("errors", gh=gh)
    assert re.search(r"failed: GET .* 401 .*\(request \S+\)", capsys.readouterr().out)


async def test_complete_or_raises(
    server: EmbeddedGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    async with ghpkg_async.GitHubPackages() as gh:
        names = await execute("consistent", gh=gh)
    total = len(server.world.org("acme").find("container", "team/app").versions())
    assert len(names["everything"]) == total > 0
    assert f"{total} versions" in capsys.readouterr().out


async def test_in_a_service(
    server: EmbeddedGitHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = functools.partial(GitHubPackages, base_url=server.url)
    monkeypatch.setattr(ghpkg_async, "GitHubPackages", there)

    async def read_from_vault(_path: str) -> str:
        return "ghp_demo"

    names = await execute("service", read_from_vault=read_from_vault)
    await names["serve"]()
    assert "RateLimit(limit=" in capsys.readouterr().out


async def test_over_many_organizations(
    server: EmbeddedGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    await execute("audit")
    output = capsys.readouterr().out
    assert "user:octocat" in output
    assert "['not_found']" in output
    assert "acme team/app" in output


async def test_beyond_one_machine(
    server: EmbeddedGitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run the cluster snippet unchanged, on a cluster of one worker in this process."""
    from distributed import LocalCluster  # Imported here, as the import takes 0.5 s.

    code = PYTHON["cluster"].replace("/shared/audit", str(tmp_path / "audit"))
    code = code.replace('audit")', f'audit", tokens=["ghp_demo"], base_url="{server.url}")')

    def in_a_thread() -> None:
        with LocalCluster(
            n_workers=1, processes=False, dashboard_address="127.0.0.1:0"
        ) as scheduler:
            names = {"scheduler": scheduler, "owners": ["acme", "nobody"]}
            FunctionType(compiled(code), names)()

    await asyncio.to_thread(in_a_thread)
    assert "120 packages, 1 failures" in capsys.readouterr().out


async def test_in_a_notebook(server: EmbeddedGitHub, capsys: pytest.CaptureFixture[str]) -> None:
    names = await execute("notebook")
    assert len(names["newest"]) == len(names["packages"]) == 3
    assert "internal" in capsys.readouterr().out


async def test_against_enterprise_server() -> None:
    names = await execute("enterprise", token="ghp_enterprise")
    assert repr(names["gh"]) == "<GitHubPackages of https://github.example.com/api/v3>"


async def test_your_own_tests(github: EmbeddedGitHub, github_client: GitHubPackages) -> None:
    async def clean_up(namespace: Any) -> None:
        app = namespace.package("container", "team/app")
        async for version in app.versions():
            if not version.tags:
                await app.version(version.id).delete()

    names = await execute("fixture", clean_up=clean_up)
    await names["test_cleanup_keeps_the_tagged"](github, github_client)


def test_the_first_two_commands_are_one_line_each_and_install_all_they_need() -> None:
    demo, tests = (command.strip() for command in SHELL)
    assert "\n" not in demo
    assert "\n" not in tests
    assert demo.endswith("ghpkg demo")
    assert "pytest" in tests
    assert all(command.startswith("python3 -m venv") for command in (demo, tests))


def test_the_server_is_one_of_the_commands() -> None:
    assert "ghpkg serve --port 8080 --demo" in COMMANDS  # Run by tests/cli/test_serve.py.


async def test_the_cleanup(
    server: EmbeddedGitHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GH_ENTERPRISE_TOKEN", "ghp_demo")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (policy,) = (code for _, language, code in BLOCKS if language == "toml")
    (tmp_path / "retention.toml").write_text(policy)
    acme = server.world.org("acme")
    for package in acme.packages("container"):
        package.delete()
    app = acme.package("container", "app")
    for number in range(12):
        old = datetime.now(UTC) - timedelta(days=80 - number)
        tag = f"pr-{number}" if number < 4 else f"1.{number}"
        push_image(app, tags=[tag], attestations=False, created_at=old)
    before = {(version.name, version.tags) for version in app.versions()}
    commands = [each for each in COMMANDS if each.startswith("ghpkg cleanup")]
    assert [each.split()[2] for each in commands] == ["plan", "review", "apply", "undo"]
    for command in commands:
        subcommand = command.split()[2]
        yes = ["--yes"] if subcommand in ("apply", "undo") else []
        address = [] if subcommand == "review" else ["--base-url", server.url]
        await run(tmp_path, *shlex.split(command)[1:], *yes, *address)
        tags = {tag for version in app.versions() for tag in version.tags}
        assert ("pr-0" in tags) == (subcommand != "apply")
    assert (tmp_path / "plan.html").exists()
    assert {(version.name, version.tags) for version in app.versions()} == before


@pytest.mark.parametrize(
    "command", [each for each in COMMANDS if "serve" not in each and "cleanup" not in each]
)
async def test_a_command(
    server: EmbeddedGitHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    monkeypatch.setenv("GH_ENTERPRISE_TOKEN", "ghp_demo")
    name, subcommand, *arguments = shlex.split(command)
    assert name == "ghpkg"
    if subcommand == "restore":
        app = server.world.org("acme").find("container", "team/app")
        app.find_version(int(arguments[-1])).delete()
    if "--compare" in arguments or "--from" in arguments:
        [before] = [each for each in COMMANDS if each.endswith("--output audit.jsonl")]
        await run(tmp_path, *shlex.split(before)[1:], "--base-url", server.url)
    yes = ["--yes"] if subcommand == "delete" else []
    output = await run(tmp_path, subcommand, *arguments, *yes, "--base-url", server.url)
    if subcommand not in ("delete", "restore"):
        assert output


async def run(folder: Path, *arguments: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ghpkg_async._cli", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=folder,
    )  # fmt: skip
    output, errors = await process.communicate()
    assert process.returncode == 0, (output + errors).decode()
    return output + errors
