"""`ghpkg demo`: output, without a token or the internet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ghpkg_async.testing import demo_world

if TYPE_CHECKING:
    from tests.support.command import Command


def ids() -> list[int]:
    return [package.id for owner in demo_world().owners for package in owner.packages()]


async def test_every_owner_and_type_is_in_the_summary(bare: Command) -> None:
    ran = await bare("demo")
    assert (ran.status, ran.err) == (0, "")
    assert ["acme", "npm", "111", "38", "37", "36"] in ran.rows
    assert ["user:octocat", "container", "1", "1", "-", "-"] in ran.rows
    assert "  acme: old-image, app/legacy\n" in ran.out
    assert f"{len(ids())} packages; ghpkg audit --versions counts their versions" in ran.out
    assert ran.out.endswith("\n  GH_TOKEN=ghp_... ghpkg list ORG --type container\n")
    assert all(len(line) <= 80 for line in ran.out.splitlines())


async def test_the_suggested_command_works(bare: Command, ghpkg: Command) -> None:
    """Run the printed command against the embedded server."""
    shown = (await bare("demo")).out.splitlines()[-1]
    token, command, *arguments = shown.split()
    assert (token, command) == ("GH_TOKEN=ghp_...", "ghpkg")
    ran = await ghpkg(*("me" if argument == "ORG" else argument for argument in arguments))
    assert ran.status == 0


async def test_the_environment_is_ignored(bare: Command) -> None:
    odd = {"GH_TOKEN": "not a token", "GH_ENTERPRISE_TOKEN": "x", "HTTP_PROXY": "x"}
    ran = await bare.having(**odd, FORCE_COLOR="1")("demo")
    assert (ran.status, ran.err) == (0, "")


async def test_json_prints_every_package_once(bare: Command) -> None:
    ran = await bare("demo", "--json")
    assert (ran.status, ran.err) == (0, "")
    assert sorted(item["id"] for item in ran.items) == sorted(ids())


async def test_a_terminal_shows_progress(bare: Command) -> None:
    ran = await bare.on_terminal("demo")
    assert ran.status == 0
    assert re.search(r"octo-org +\S+ 7/7 listings, 81 packages", ran.out)
