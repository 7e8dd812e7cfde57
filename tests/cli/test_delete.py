"""`ghpkg delete` and `ghpkg restore`: confirmation, requests and output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ghpkg_async.testing import EmbeddedGitHub, Package
    from tests.support.command import Command

APP = ("acme", "container", "team/app")


@pytest.fixture
def app(github: EmbeddedGitHub) -> Package:
    return github.world.org("acme").package("container", "team/app", versions=3)


def changes(github: EmbeddedGitHub) -> list[str]:
    return [f"{sent.method} {sent.path}" for sent in github.requests if sent.method != "GET"]


async def test_without_a_terminal_yes_is_required(
    github: EmbeddedGitHub, app: Package, ghpkg: Command
) -> None:
    ran = await ghpkg("delete", *APP)
    assert (ran.status, ran.out) == (2, "")
    assert "--yes" in ran.err
    assert github.requests == []
    assert app.deleted_at is None


async def test_yes_deletes_the_package(
    github: EmbeddedGitHub, app: Package, ghpkg: Command
) -> None:
    ran = await ghpkg("delete", *APP, "--yes")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == ("Deleted the container package team/app of acme (private, 3 versions).\n")
    assert app.deleted_at is not None
    assert changes(github) == ["DELETE /orgs/acme/packages/container/team%2Fapp"]


async def test_version_deletes_only_that_version(
    github: EmbeddedGitHub, app: Package, ghpkg: Command
) -> None:
    newest, middle, oldest = app.versions()
    ran = await ghpkg("delete", *APP, "--version", str(middle.id), "--yes")
    assert ran.status == 0
    assert ran.out == (
        f"Deleted version {middle.id} ({middle.name}, tagged 1.0.1) "
        "of the container package team/app of acme.\n"
    )
    assert app.versions() == [newest, oldest]
    assert len(changes(github)) == 1


@pytest.mark.parametrize("answer", ["y", "YES"])
async def test_deletion_on_a_terminal_needs_confirmation(
    app: Package, ghpkg: Command, answer: str
) -> None:
    ran = await ghpkg.on_terminal("delete", *APP, typed=f"{answer}\n")
    assert "Delete the container package team/app of acme (private, 3 versions)? [y/N]" in ran.out
    assert ran.status == 0
    assert app.deleted_at is not None


@pytest.mark.parametrize("answer", ["\n", "n\n", "yesterday\n", "\x04"])
async def test_any_other_reply_deletes_nothing(
    github: EmbeddedGitHub, app: Package, ghpkg: Command, answer: str
) -> None:
    ran = await ghpkg.on_terminal("delete", *APP, typed=answer)
    assert ran.status == 130
    assert app.deleted_at is None
    assert changes(github) == []


async def test_ctrl_c_at_the_question_deletes_nothing(
    github: EmbeddedGitHub, app: Package, ghpkg: Command
) -> None:
    ran = await ghpkg.on_terminal("delete", *APP, interrupted_at="[y/N]")
    assert ran.status == 130
    assert "Traceback" not in ran.out
    assert app.deleted_at is None
    assert changes(github) == []


@pytest.mark.parametrize("version", ["", "1.0", "0", "-1", "0x10", "²", "9" * 5000, "latest"])
async def test_only_ids_are_accepted_as_version(
    github: EmbeddedGitHub, app: Package, ghpkg: Command, version: str
) -> None:
    ran = await ghpkg("delete", *APP, f"--version={version}", "--yes")
    assert (ran.status, ran.out) == (2, "")
    assert "--version" in ran.err
    assert github.requests == []
    assert app.deleted_at is None


async def test_json_prints_the_deleted_package(app: Package, ghpkg: Command) -> None:
    ran = await ghpkg("delete", *APP, "--yes", "--json")
    assert [(item["id"], item["name"]) for item in ran.items] == [(app.id, "team/app")]
    assert (ran.status, ran.err) == (0, "")
    assert app.deleted_at is not None


async def test_a_refused_deletion_is_explained(app: Package, ghpkg: Command) -> None:
    for version in app.versions()[1:]:
        version.delete()
    (last,) = app.versions()
    ran = await ghpkg("delete", *APP, "--version", str(last.id), "--yes")
    assert (ran.status, ran.out) == (3, "")
    assert "Leave out --version to delete the whole package." in ran.err


async def test_a_package_is_restored(github: EmbeddedGitHub, app: Package, ghpkg: Command) -> None:
    app.delete()
    ran = await ghpkg("restore", *APP)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == "Restored the container package team/app of acme.\n"
    assert app.deleted_at is None
    assert [sent.method for sent in github.requests] == ["POST"]


async def test_a_version_is_restored(app: Package, ghpkg: Command) -> None:
    version = app.versions()[1]
    version.delete()
    ran = await ghpkg("restore", *APP, "--version", str(version.id), "--json")
    assert (ran.status, ran.err) == (0, "")
    assert [item["id"] for item in ran.items] == [version.id]
    assert version.deleted_at is None


async def test_restoring_a_package_that_is_not_deleted_fails(app: Package, ghpkg: Command) -> None:
    ran = await ghpkg("restore", *APP)
    assert (ran.status, ran.out) == (3, "")
    assert "404 Package not found." in ran.err
