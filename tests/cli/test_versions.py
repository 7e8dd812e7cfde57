"""`ghpkg versions`: requests and output."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ghpkg_async import PackageVersion, from_dict

if TYPE_CHECKING:
    from ghpkg_async.testing import EmbeddedGitHub, Package
    from tests.support.command import Command

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
VERSIONS = ("versions", "acme", "container", "team/app")


@pytest.fixture
def app(github: EmbeddedGitHub) -> Package:
    github.world.clock = lambda: datetime(2025, 6, 3, tzinfo=UTC)
    app = github.world.org("acme").package("container", "team/app")
    app.version(DIGEST, tags=["1.0", "latest"], created_at="2025-06-01T09:00:00Z")
    app.version("sha256:gone", created_at="2025-05-01T09:00:00Z", deleted_at="2025-06-02T09:00:00Z")
    return app


async def test_a_table_lists_the_versions(app: Package, ghpkg: Command) -> None:
    ran = await ghpkg(*VERSIONS)
    (version,) = app.versions()
    assert ran.rows == [
        ["ID", "NAME", "CREATED", "TAGS"],
        [str(version.id), DIGEST, "2025-06-01", "1.0, latest"],
    ]
    assert (ran.status, ran.err) == (0, "")


async def test_deleted_versions_are_listed(app: Package, ghpkg: Command) -> None:
    ran = await ghpkg(*VERSIONS, "--state", "deleted")
    (version,) = app.versions("deleted")
    assert ran.rows == [
        ["ID", "NAME", "CREATED", "DELETED", "TAGS"],
        [str(version.id), "sha256:gone", "2025-05-01", "2025-06-02"],
    ]


async def test_json_prints_one_version_per_line(app: Package, ghpkg: Command) -> None:
    ran = await ghpkg(*VERSIONS, "--json")
    (version,) = [from_dict(PackageVersion, item) for item in ran.items]
    assert (version.name, version.tags) == (DIGEST, ("1.0", "latest"))


@pytest.mark.usefixtures("app")
async def test_digests_are_short_on_a_terminal(ghpkg: Command) -> None:
    ran = await ghpkg.on_terminal(*VERSIONS)
    assert " sha256:0123456789ab " in ran.out
    assert DIGEST not in ran.out


async def test_an_empty_listing_is_noted(github: EmbeddedGitHub, ghpkg: Command) -> None:
    github.world.org("acme").package("container", "team/app")
    ran = await ghpkg(*VERSIONS)
    assert (ran.status, ran.out, ran.err) == (0, "", "team/app has no active versions.\n")
