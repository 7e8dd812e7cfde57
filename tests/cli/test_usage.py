"""Help, wrong usage and a missing extra."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ghpkg_async import PACKAGE_TYPES
from ghpkg_async._cli.app import run

if TYPE_CHECKING:
    from pathlib import Path

    from ghpkg_async.testing import EmbeddedGitHub
    from tests.support.command import Command

NETWORKED = ("list", "versions", "conflicts", "delete", "restore")
BLOCKED = """
import sys
sys.modules[{module!r}] = None
from ghpkg_async._cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("typed", [("--help",), ()])
async def test_help_names_the_commands(bare: Command, typed: tuple[str, ...]) -> None:
    ran = await bare(*typed)
    assert (ran.status, ran.err) == (0, "")
    for command in (*NETWORKED, "serve", "demo", "GH_TOKEN", "GH_ENTERPRISE_TOKEN"):
        assert command in ran.out


@pytest.mark.parametrize("command", [*NETWORKED, "serve", "demo"])
def test_each_command_has_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert run([command, "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert f"Example: ghpkg {command}" in out
    if command in NETWORKED:
        for option in ("--base-url", "--api-version", "--concurrency", "--json"):
            assert option in out
    if command == "list":
        assert all(package_type in out for package_type in PACKAGE_TYPES)
    assert "--token" not in out


async def test_version(bare: Command) -> None:
    ran = await bare("--version")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("ghpkg 0.")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("nope", "nope"),
        ("list", "OWNER"),
        ("list acme", "--type"),
        ("list acme --type npm --visibility secret", "--visibility"),
        ("list acme --type npm --colour", "--colour"),
        ("list acme --type npm more", "Unexpected argument: 'more'."),
        ("list acme --type npm --concurrency many", "--concurrency"),
        ("list acme --type npm --concurrency 0", "--concurrency: 0"),
        ("list acme --type npm --base-url nowhere", "--base-url: 'nowhere'"),
        ("list acme --type npm --api-version é", "--api-version: 'é'"),
        ("list team:acme --type npm", "OWNER: 'team:acme'"),
        ("list .. --type npm", "OWNER: '..'"),
        ("list user: --type npm", "OWNER: 'user:' is not"),
        ("versions acme npm", "NAME"),
        ("versions acme npm ..", "NAME: '..'"),
        ("versions acme .. left", "TYPE: '..'"),
        ("versions acme npm left --state gone", "--state"),
        ("delete acme npm --yes", "NAME"),
        ("delete acme npm left --yes --version", "--version"),
        ("restore acme npm left --version 1.0", "--version"),
        ("demo --base-url http://127.0.0.1", "--base-url"),
    ],
)
def test_wrong_usage_names_the_argument(
    capsys: pytest.CaptureFixture[str], typed: str, message: str
) -> None:
    assert run(typed.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ghpkg: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    ("typed", "help_of"),
    [("nope", "ghpkg"), ("list acme", "ghpkg list"), ("audit --fail-on", "ghpkg audit")],
)
def test_wrong_usage_names_the_help_of_the_command(
    capsys: pytest.CaptureFixture[str], typed: str, help_of: str
) -> None:
    assert run(typed.split()) == 2
    assert f" See {help_of} --help\n" in capsys.readouterr().err


@pytest.mark.parametrize("typed", ["list acme -- --type npm", "delete acme npm left -- --yes"])
def test_options_after_two_hyphens_are_explained(
    capsys: pytest.CaptureFixture[str], typed: str
) -> None:
    assert run(typed.split()) == 2
    err = capsys.readouterr().err
    assert "options go before it" in err
    assert "Did you mean" not in err


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("--json list acme", "--json: options follow the command, as in ghpkg COMMAND --json. See"),
        ("--versio", "--versio: options follow the command, as in ghpkg COMMAND --versio. See"),
        ("cleanup --yes apply", "--yes: options follow the command, as in ghpkg cleanup COMMAND"),
    ],
)
def test_an_option_before_the_command_is_not_taken_for_a_command(
    capsys: pytest.CaptureFixture[str], typed: str, message: str
) -> None:
    assert run(typed.split()) == 2
    assert capsys.readouterr().err.startswith(f"ghpkg: {message}")


@pytest.mark.parametrize("name", ["GHPKG_BASE_URL", "GITHUB_API_URL"])
async def test_base_url_from_the_environment(
    bare: Command, github: EmbeddedGitHub, name: str
) -> None:
    asking = bare.having(
        GITHUB_API_URL="http://127.0.0.1:9", GH_ENTERPRISE_TOKEN=github.token
    ).having(**{name: github.url})
    github.world.org("acme")
    assert (await asking("list", "acme", "--type", "npm")).status == 0
    assert len(github.requests) == 1
    ran = await asking("list", "acme", "--type", "npm", "--base-url", "")
    assert (ran.status, "--base-url: ''" in ran.err) == (2, True)


def texts_in(folder: Path) -> list[str]:
    return [path.read_text() for path in folder.rglob("*") if path.is_file()]


async def test_completion_is_installed_for_the_shell(bare: Command, tmp_path: Path) -> None:
    ran = await bare.having(HOME=str(tmp_path), SHELL="/bin/bash")("--install-completion")
    assert ran.status == 0, ran.err
    assert any("--fail-on" in text for text in texts_in(tmp_path))


async def test_wrong_usage_is_the_exit_status_of_the_process(bare: Command) -> None:
    ran = await bare("list", "acme")
    assert (ran.status, ran.out) == (2, "")


@pytest.mark.parametrize("module", ["cyclopts", "rich"])
async def test_a_missing_extra_is_named(bare: Command, module: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", BLOCKED.format(module=module)),
        env=bare.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert err == b'ghpkg needs its extra: pip install "ghpkg-async[cli]"\n'


@pytest.mark.slow
def test_only_the_command_that_runs_is_imported() -> None:
    code = (
        "import sys; from ghpkg_async._cli.app import run; run(['list', '--help'])\n"
        "print([each for each in sys.modules if each.startswith('ghpkg_async')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=30)  # noqa: S603
    loaded = ran.stdout.decode().splitlines()[-1]
    assert "'ghpkg_async._cli.list_'" in loaded
    assert "_cli.audit" not in loaded
    assert "cleanup" not in loaded
