"""Building a `World`, saving it to a file, and the world of the demo."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async.testing import World, demo_world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testing.conftest import Clock


def test_versions_fill_a_package_a_minute_apart(world: World, clock: Clock) -> None:
    package = world.org("acme").package("npm", "left", versions=250)
    versions = package.versions()
    assert len(versions) == len({version.id for version in versions}) == 250
    assert versions[0].created_at == package.updated_at == clock()
    assert (versions[0].name, versions[-1].name) == ("1.0.249", "1.0.0")


def test_images_are_filled_with_digests_and_tags(world: World) -> None:
    newest, oldest = world.org("acme").package("container", "app", versions=2).versions()
    assert newest.name.startswith("sha256:")
    assert len(newest.name) == len("sha256:") + 64
    assert (newest.tags, oldest.tags) == (("1.0.1", "latest"), ("1.0.0",))


def test_ids_are_given_or_the_next() -> None:
    world = World()
    acme = world.org("acme", id=9919)
    package = acme.package("npm", "left", id=197)
    assert (acme.id, package.id) == (9919, 197)
    assert package.version("1", id=836).id == 836
    assert package.version("2").id > 9919


def test_an_owner_is_made_once(world: World) -> None:
    assert world.org("acme") is world.org("ACME")
    with pytest.raises(ValueError, match="acme is Organization, not User"):
        world.user("acme")


def test_publishing_a_version_updates_the_package(world: World, clock: Clock) -> None:
    package = world.org("acme").package("npm", "left", versions=1)
    clock.advance(hours=2)
    package.version("2.0.0")
    assert package.updated_at == clock()


def test_a_version_may_be_redated(world: World) -> None:
    package = world.org("acme").package("npm", "left", versions=2)
    newest, oldest = package.versions()
    newest.created_at = datetime(2020, 1, 1, tzinfo=UTC)
    assert package.versions() == [oldest, newest]
    newest.deleted_at = world.now()
    assert (package.versions(), package.versions("deleted")) == ([oldest], [newest])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cargo", "left"), "package_type"),
        (("npm", ""), "name"),
        (("npm", "left"), "already"),
    ],
)
def test_a_package_that_cannot_be_is_refused(
    world: World, arguments: tuple[str, str], message: str
) -> None:
    world.org("acme").package("npm", "left")
    with pytest.raises(ValueError, match=message):
        world.org("acme").package(*arguments)


def test_an_invalid_visibility_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="visibility"):
        world.org("acme").package("npm", "left", visibility="secret")


def test_a_version_id_is_its_own(world: World) -> None:
    package = world.org("acme").package("npm", "left")
    package.version("1", id=5)
    with pytest.raises(ValueError, match="id 5"):
        package.version("2", id=5)


def test_a_time_needs_a_zone(world: World) -> None:
    package = world.org("acme").package("npm", "left")
    with pytest.raises(ValueError, match="time zone"):
        package.version("1", created_at="2025-01-01T00:00:00")


def test_the_computers_clock_is_the_default() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    assert before <= World().now() <= datetime.now(UTC)


@pytest.fixture
def eventful(world: World, clock: Clock) -> World:
    acme = world.org("acme", sso=True)
    app = acme.package("container", "team/app", repository="app", visibility="internal", versions=3)
    app.versions()[1].delete()
    acme.package("npm", "left", versions=1).delete()
    clock.advance(hours=1)
    acme.package("npm", "left", created_at="2025-01-01T00:00:00Z", updated_at=clock())
    acme.docker_conflict("old-image").version(
        "1", tags=["x"], downloads=7, license="MIT", description="old"
    )
    world.user("hubot")
    world.token("ghp_some", login="hubot", scopes=["repo"], admin=["acme"], sees=False, limit=9)
    return world


def test_json_holds_all_of_a_world(eventful: World, clock: Clock, tmp_path: Path) -> None:
    data = eventful.to_json()
    assert World.from_json(data, clock=clock).to_json() == data
    path = tmp_path / "world.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    for source in (path, str(path)):
        read = World.from_json(source, clock=clock)
        assert read.to_json() == data
        assert read.tokens == eventful.tokens
        read.org("acme").package("npm", "new")
    with pytest.raises(FileNotFoundError):
        World.from_json(tmp_path / "none.json")


def test_a_world_from_json_behaves_like_its_source(eventful: World, clock: Clock) -> None:
    acme = World.from_json(eventful.to_json(), clock=clock).org("acme")
    app = acme.find("container", "team/app")
    [deleted] = app.versions("deleted")
    deleted.restore()
    assert len(app.versions()) == 3
    assert app.repository is acme.repositories["app"]
    assert acme.find_deleted("npm", "left").id < acme.find("npm", "left").id
    ids = [package.id for package in acme.all_packages()]
    assert acme.package("npm", "new").id > max(ids)


def test_a_file_may_say_little() -> None:
    world = World.from_json(
        {
            "owners": [
                {
                    "login": "acme",
                    "packages": [{"package_type": "npm", "name": "left", "versions": 40}],
                },
                {"login": "octocat", "type": "User"},
            ],
            "tokens": [{"value": "ghp_x", "login": "octocat"}],
        }
    )
    assert len(world.org("acme").find("npm", "left").versions()) == 40
    assert [token.value for token in world.tokens] == ["ghp_x"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "the file: must be an object"),
        ({"orgs": []}, "unknown orgs; known are owners, tokens"),
        ({"owners": {}}, "owners must be a list"),
        ({"owners": [3]}, r"owners\[0\]"),
        ({"owners": [{}]}, r"owners\[0\]: .*login"),
        ({"owners": [{"login": "a", "kind": "User"}]}, r"owners\[0\]: unknown kind"),
        ({"owners": [{"login": "a", "type": "Bot"}]}, r"owners\[0\]: type is 'Bot'"),
        (
            {"owners": [{"login": "a", "packages": [{"package_type": "npm", "nam": "x"}]}]},
            r"owners\[0\]\.packages\[0\]: .*'nam'",
        ),
        (
            {"owners": [{"login": "a", "packages": [{"package_type": "x", "name": "x"}]}]},
            r"owners\[0\]\.packages\[0\]: .*package_type",
        ),
        ({"tokens": [{"value": "t"}]}, r"tokens\[0\]: .*login"),
    ],
)
def test_a_file_that_makes_no_world_says_where(data: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        World.from_json(path)


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="the file"):
        World.from_json(path)


@given(
    name=st.text(min_size=1),
    kind=st.sampled_from(["npm", "container"]),
    visibility=st.sampled_from(["public", "private", "internal"]),
    at=st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9998, 1, 1)),
    tags=st.lists(st.text()),
)
def test_any_package_survives_json(
    name: str, kind: str, visibility: str, at: datetime, tags: list[str]
) -> None:
    world = World()
    package = world.org("acme").package(kind, name, visibility=visibility)
    package.version("1", tags=tags, created_at=at.replace(tzinfo=UTC))
    data = json.loads(json.dumps(world.to_json()))
    assert World.from_json(data).to_json() == data


def test_the_demo_is_the_same_each_time() -> None:
    assert demo_world().to_json() == demo_world().to_json()


def test_the_demo_has_something_of_everything() -> None:
    world = demo_world()
    acme, octo, octocat = world.org("acme"), world.org("octo-org"), world.user("octocat")
    assert len(world.owners) == 3
    assert len(acme.packages("npm")) > 100
    for org in (acme, octo):
        assert len(org.packages()) >= 60
        assert {package.package_type for package in org.packages()} == {
            "npm",
            "maven",
            "rubygems",
            "docker",
            "nuget",
            "container",
        }
        assert {package.visibility for package in org.packages()} == {
            "public",
            "private",
            "internal",
        }
    for owner in (acme, octo, octocat):
        assert [package for package in owner.packages("docker") if package.docker_conflict]
    app = acme.find("container", "team/app")
    assert len(app.versions()) > 100
    assert app.versions("deleted")
    assert any(not version.tags for version in app.versions())
    left = acme.find("npm", "left")
    assert left.visibility == "public"
    assert any(version.downloads > 5000 for version in left.versions())
    read, everything = sorted(world.tokens, key=lambda token: len(token.scopes))
    assert (read.value, read.scopes) == ("ghp_demo_read", ("read:packages",))
    assert (everything.value, everything.lacks(["delete:packages", "repo"])) == ("ghp_demo", [])
    assert read.login == everything.login == "octocat"


def test_the_demo_can_live_by_another_clock(clock: Clock) -> None:
    assert demo_world(clock=clock).now() == clock()
    assert demo_world(clock=clock).to_json() == demo_world().to_json()
