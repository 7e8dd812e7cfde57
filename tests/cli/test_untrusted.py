"""Text from a server cannot control the terminal, and no secret is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghpkg_async.testing import EmbeddedGitHub
    from tests.support.command import Command

EVIL = "\x1b[31mred\x1b]0;title\x07\r\n\u202egnp\u2028\x9b1m\u3164\u2800\ufe0f"
SHOWN = r"\x1b[31mred\x1b]0;title\x07\r\n\u202egnp\u2028\x9b1m\u3164\u2800\ufe0f"
LIST = ("list", "acme", "--type", "npm")


async def test_control_characters_in_a_name_are_escaped(
    github: EmbeddedGitHub, ghpkg: Command
) -> None:
    github.world.org("acme").package("npm", EVIL)
    table = await ghpkg(*LIST)
    assert table.rows[1][0] == SHOWN
    terminal = await ghpkg.on_terminal(*LIST, columns=200)
    assert SHOWN in terminal.out
    lines = await ghpkg(*LIST, "--json")
    assert [item["name"] for item in lines.items] == [EVIL]
    assert lines.out.isascii()
    assert "\x1b" not in lines.out


async def test_markup_in_a_name_is_printed_literally(
    github: EmbeddedGitHub, ghpkg: Command
) -> None:
    name = "[bold red]x[/] [link=http://x]:smile:"
    github.world.org("acme").package("npm", name)
    assert name in (await ghpkg.on_terminal(*LIST, columns=200)).out
    assert name in (await ghpkg(*LIST)).out


async def test_markup_in_a_note_is_printed_literally(
    github: EmbeddedGitHub, ghpkg: Command
) -> None:
    github.world.org("acme").package("npm", "[bold]:boom:")
    ran = await ghpkg("versions", "acme", "npm", "[bold]:boom:")
    assert ran.err == "[bold]:boom: has no active versions.\n"


async def test_a_question_is_one_line(github: EmbeddedGitHub, ghpkg: Command) -> None:
    package = github.world.org("acme").package("container", "app", versions=2)
    version = package.versions()[0]
    version.name = "1\x1b[2K\rDelete nothing"
    ran = await ghpkg.on_terminal(
        "delete", "acme", "container", "app", "--version", str(version.id), typed="n\n", columns=200
    )
    assert rf"({version.name}".encode("unicode_escape").decode() in ran.out
    assert ran.status == 130


async def test_a_question_shows_every_character_of_the_name(
    github: EmbeddedGitHub, ghpkg: Command
) -> None:
    github.world.org("acme").package("npm", "left\u3164\u034f\u200b")
    ran = await ghpkg.on_terminal(
        "delete", "acme", "npm", "left\u3164\u034f\u200b", typed="n\n", columns=200
    )
    assert r"Delete the npm package left\u3164\u034f\u200b of acme" in ran.out


async def test_a_message_is_one_line(ghpkg: Command, refuse: Callable[..., None]) -> None:
    refuse(422, f"No {EVIL} [bold]")
    ran = await ghpkg(*LIST)
    assert ran.status == 3
    assert f"422 No {SHOWN} [bold]" in ran.err
    assert ran.err.count("\n") == 1


async def test_no_token_is_shown(ghpkg: Command, refuse: Callable[..., None]) -> None:
    refuse(401, "Bad credentials: ghp_secret")
    for token in ("ghp_secret", "ghp_secret with spaces", "ghp_sécret"):
        ran = await ghpkg.having(GH_ENTERPRISE_TOKEN=token)(*LIST)
        assert ran.status in (2, 3)
        assert "secret" not in ran.out + ran.err
        assert "sécret" not in ran.out + ran.err
