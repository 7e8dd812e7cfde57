"""`ghpkg list` and `ghpkg conflicts`: requests and output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ghpkg_async import Package, from_dict

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghpkg_async.testing import EmbeddedGitHub
    from tests.support.command import Command

LIST = ("list", "acme", "--type", "npm")


async def test_a_table_lists_the_packages(github: EmbeddedGitHub, ghpkg: Command) -> None:
    github.api.behaves = "documented"
    acme = github.world.org("acme")
    acme.package(
        "npm",
        "left",
        visibility="internal",
        repository="pad",
        versions=3,
        updated_at="2025-06-02T09:00:00Z",
    )
    acme.package("npm", "@acme/right", updated_at="2025-06-03T09:00:00Z")
    ran = await ghpkg(*LIST)
    assert ran.rows == [
        ["NAME", "VISIBILITY", "VERSIONS", "UPDATED", "REPOSITORY"],
        ["left", "internal", "3", "2025-06-02", "acme/pad"],
        ["@acme/right", "private", "0", "2025-06-03"],
    ]
    assert (ran.status, ran.err) == (0, "")


async def test_json_prints_one_package_per_line(github: EmbeddedGitHub, ghpkg: Command) -> None:
    github.world.org("acme").package("npm", "left", repository="pad", versions=250)
    ran = await ghpkg(*LIST, "--json")
    package = from_dict(Package, ran.items[0])
    assert (package.name, package.version_count) == ("left", None)
    assert package.repository is not None
    assert package.repository.full_name == "acme/pad"
    assert (ran.status, ran.err) == (0, "")


@pytest.mark.usefixtures("each_github")
async def test_all_pages_are_listed(github: EmbeddedGitHub, ghpkg: Command) -> None:
    names = [f"package-{number}" for number in range(250)]
    for name in names:
        github.world.org("acme").package("npm", name)
    ran = await ghpkg(*LIST, "--json")
    assert [item["name"] for item in ran.items] == names


async def test_visibility_filters(github: EmbeddedGitHub, ghpkg: Command) -> None:
    for visibility in ("public", "private", "internal"):
        github.world.org("acme").package("npm", visibility, visibility=visibility)
    ran = await ghpkg(*LIST, "--visibility", "internal", "--json")
    assert [item["name"] for item in ran.items] == ["internal"]


@pytest.mark.parametrize(
    ("owner", "path"),
    [
        ("acme", "/orgs/acme/packages"),
        ("org:me", "/orgs/me/packages"),
        ("user:octocat", "/users/octocat/packages"),
        ("me", "/user/packages"),
    ],
)
async def test_owners(github: EmbeddedGitHub, ghpkg: Command, owner: str, path: str) -> None:
    github.world.org("acme")
    github.world.org("me")
    ran = await ghpkg("list", owner, "--type", "npm")
    assert ran.status == 0
    assert {request.path for request in github.requests} == {path}


async def test_an_empty_listing_is_noted_on_standard_error(
    github: EmbeddedGitHub, ghpkg: Command
) -> None:
    github.world.org("acme")
    ran = await ghpkg(*LIST)
    assert (ran.status, ran.out) == (0, "")
    assert ran.err == "acme has no npm packages that this token may see.\n"
    ran = await ghpkg(*LIST, "--json")
    assert (ran.status, ran.out, ran.err) == (0, "", "")


@pytest.mark.usefixtures("each_github")
async def test_items_before_an_error_are_printed(
    github: EmbeddedGitHub, ghpkg: Command, refuse: Callable[..., None]
) -> None:
    for number in range(150):
        github.world.org("acme").package("npm", f"package-{number}")
    refuse(422, pages=True)
    table = await ghpkg(*LIST)
    lines = await ghpkg(*LIST, "--json")
    assert len(table.rows) == 1 + 100
    assert len(lines.items) == 100
    for ran in (table, lines):
        assert ran.status == 3
        assert ran.err.startswith(
            "Incomplete: 100 npm packages received before this error:\nghpkg: GET "
        )
        assert "422 No." in ran.err


async def test_a_name_outside_the_encoding_of_the_terminal(
    github: EmbeddedGitHub, ghpkg: Command
) -> None:
    github.world.org("acme").package("npm", "日本")
    ran = await ghpkg.having(PYTHONIOENCODING="ascii", PYTHONUTF8="0")(*LIST)
    assert (ran.status, ran.rows[1][0]) == (0, r"\u65e5\u672c")


async def test_a_table_fits_the_terminal(github: EmbeddedGitHub, ghpkg: Command) -> None:
    github.world.org("acme").package("npm", "x" * 100, repository="pad")
    ran = await ghpkg.on_terminal(*LIST)
    assert ran.status == 0
    assert all(len(line) <= 80 for line in ran.out.splitlines())
    assert ran.out.count("x") == 100


async def test_connection_options_reach_the_server(github: EmbeddedGitHub, ghpkg: Command) -> None:
    github.world.org("acme")
    for option, value, accept in (
        (("--api-version", "2026-03-10"), "2026-03-10", "application/vnd.github+json"),
        (("--api-version", "none"), None, "application/vnd.github.v3+json"),
        (("--api-version="), None, "application/vnd.github.v3+json"),
    ):
        github.requests.clear()
        ran = await ghpkg(*LIST, *((option,) if isinstance(option, str) else option))
        assert ran.status == 0
        headers = github.requests[0].headers
        assert headers.get("X-GitHub-Api-Version") == value
        assert headers["Accept"] == accept


async def test_concurrency_is_bounded(github: EmbeddedGitHub, ghpkg: Command) -> None:
    for number in range(30):
        github.world.org("acme").package("npm", f"package-{number}")
    github.latency = 0.01
    await ghpkg(*LIST, "--concurrency", "1")
    assert github.max_in_flight == 1


async def test_conflicts_are_listed(github: EmbeddedGitHub, ghpkg: Command) -> None:
    github.world.org("acme").docker_conflict("old-image", versions=2)
    github.world.org("acme").package("docker", "no-conflict")
    table = await ghpkg("conflicts", "acme")
    assert [row[:3] for row in table.rows[1:]] == [["old-image", "private", "-"]]
    lines = await ghpkg("conflicts", "acme", "--json")
    assert [item["name"] for item in lines.items] == ["old-image"]
    none = await ghpkg("conflicts", "me")
    assert (none.status, none.out) == (0, "")
    assert none.err == "me has no Docker migration conflicts.\n"
