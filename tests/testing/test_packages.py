"""Deleting and restoring packages: preconditions and the resulting state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ghpkg_async.testing import Refusal

if TYPE_CHECKING:
    from ghpkg_async.testing import Package, World
    from tests.testing.conftest import Caller, Clock

APP = "/orgs/acme/packages/container/app"

LAST = "You cannot delete the last version of a package. You must delete the package instead."
LAST_TAGGED = (
    "You cannot delete the last tagged version of a package. You must delete the package instead."
)
VERSION_DOWNLOADED = (
    "Publicly visible package versions with more than 5000 downloads cannot be deleted. "
    "Contact GitHub support for further assistance."
)
PACKAGE_DOWNLOADED = (
    "Publicly visible packages with a version with more than 5000 downloads cannot be deleted. "
    "Contact GitHub support for further assistance."
)


@pytest.fixture
def app(world: World) -> Package:
    return world.org("acme").package("container", "app", versions=3)


async def test_a_deleted_package_and_its_versions_are_not_found(call: Caller, app: Package) -> None:
    version = app.versions()[0]
    assert (await call.delete(APP)).status == 204
    assert (await call.get(APP)).status == 404
    assert (await call.get(f"{APP}/versions")).status == 404
    assert (await call.get(f"{APP}/versions?state=deleted")).status == 404
    assert (await call.get(f"{APP}/versions/{version.id}")).status == 404
    assert (await call.delete(f"{APP}/versions/{version.id}")).status == 404
    assert await call.names("/orgs/acme/packages?package_type=container") == []
    assert (await call.delete(APP)).status == 404


async def test_a_restored_package_is_as_it_was(call: Caller, app: Package, clock: Clock) -> None:
    before = (await call.get(APP)).json
    await call.delete(APP)
    clock.advance(days=30)
    assert (await call.post(f"{APP}/restore?token=abc")).status == 204
    after = (await call.get(APP)).json
    assert after.pop("updated_at") == "2026-02-14T12:00:00Z"
    before.pop("updated_at")
    assert after == before
    assert len(await call.names(f"{APP}/versions")) == 3


async def test_nothing_is_deleted_twice(call: Caller, app: Package) -> None:
    version = app.versions()[0]
    assert (await call.delete(f"{APP}/versions/{version.id}")).status == 204
    assert (await call.delete(f"{APP}/versions/{version.id}")).status == 404
    app.delete()
    with pytest.raises(Refusal, match="not found"):
        app.delete()


async def test_nothing_is_restored_that_is_not_deleted(call: Caller, app: Package) -> None:
    assert (await call.post(f"{APP}/restore")).status == 404
    assert (await call.post(f"{APP}/versions/{app.versions()[0].id}/restore")).status == 404
    with pytest.raises(Refusal, match="not found"):
        app.restore()


async def test_nothing_is_restored_twice(call: Caller, app: Package) -> None:
    version = f"{APP}/versions/{app.versions()[0].id}"
    await call.delete(version)
    assert (await call.post(f"{version}/restore")).status == 204
    assert (await call.post(f"{version}/restore")).status == 404
    await call.delete(APP)
    assert (await call.post(f"{APP}/restore")).status == 204
    assert (await call.post(f"{APP}/restore")).status == 404


async def test_after_30_days_nothing_is_restored(call: Caller, app: Package, clock: Clock) -> None:
    version = f"{APP}/versions/{app.versions()[0].id}"
    await call.delete(version)
    clock.advance(days=30, seconds=1)
    assert (await call.post(f"{version}/restore")).status == 404
    assert await call.names(f"{APP}/versions?state=deleted") == []
    await call.delete(APP)
    clock.advance(days=30, seconds=1)
    reply = await call.post(f"{APP}/restore")
    assert reply.status == 404
    assert "30 days" in reply.message


async def test_a_package_is_not_restored_over_a_new_one_of_its_name(
    call: Caller, app: Package
) -> None:
    old = app.id
    await call.delete(APP)
    new = app.owner.package("container", "app", versions=1).id
    reply = await call.post(f"{APP}/restore")
    assert reply.status == 404
    assert "namespace has been reused" in reply.message
    assert (await call.get(APP)).json["id"] == new != old


async def test_a_version_is_not_restored_over_a_new_one_of_its_name(
    call: Caller, app: Package
) -> None:
    version = app.versions()[0]
    await call.delete(f"{APP}/versions/{version.id}")
    app.version(version.name)
    reply = await call.post(f"{APP}/versions/{version.id}/restore")
    assert reply.status == 404
    assert "reused" in reply.message


@pytest.mark.parametrize("owner", ["/orgs/acme", "/user"])
async def test_a_deleted_version_moves_to_the_deleted_ones_and_back(
    world: World, call: Caller, clock: Clock, owner: str
) -> None:
    namespace = world.org("acme") if owner == "/orgs/acme" else world.user("octocat")
    package = namespace.package("npm", "left", versions=3)
    path = f"{owner}/packages/npm/left/versions"
    middle = package.versions()[1].id

    clock.advance(hours=1)
    assert (await call.delete(f"{path}/{middle}")).status == 204
    assert await call.names(path) == ["1.0.2", "1.0.0"]
    assert (await call.get(f"{path}/{middle}")).status == 404
    [deleted] = (await call.get(f"{path}?state=deleted")).json
    assert (deleted["id"], deleted["deleted_at"]) == (middle, "2026-01-15T13:00:00Z")
    summary = (await call.get(path.removesuffix("/versions"))).json
    assert (summary["version_count"], summary["updated_at"]) == (2, "2026-01-15T13:00:00Z")

    clock.advance(hours=1)
    assert (await call.post(f"{path}/{middle}/restore")).status == 204
    assert await call.names(path) == ["1.0.2", "1.0.1", "1.0.0"]
    assert await call.names(f"{path}?state=deleted") == []
    assert "deleted_at" not in (await call.get(f"{path}/{middle}")).json
    summary = (await call.get(path.removesuffix("/versions"))).json
    assert (summary["version_count"], summary["updated_at"]) == (3, "2026-01-15T14:00:00Z")


async def test_users_by_name_have_no_deleted_state(world: World, call: Caller) -> None:
    package = world.user("octocat").package("npm", "left", versions=2)
    package.versions()[0].delete()
    path = "/users/octocat/packages/npm/left/versions"
    assert await call.names(f"{path}?state=deleted") == await call.names(path) == ["1.0.0"]


async def test_the_last_version_stays(world: World, call: Caller) -> None:
    package = world.org("acme").package("npm", "left", versions=2)
    one, other = package.versions()
    path = "/orgs/acme/packages/npm/left/versions"
    assert (await call.delete(f"{path}/{one.id}")).status == 204
    reply = await call.delete(f"{path}/{other.id}")
    assert (reply.status, reply.message) == (400, LAST)
    assert await call.names(path) == ["1.0.0"]


async def test_the_last_tagged_version_of_an_image_stays(world: World, call: Caller) -> None:
    app = world.org("acme").package("container", "app")
    tagged = app.version("sha256:1", tags=["latest"])
    untagged = app.version("sha256:2")
    reply = await call.delete(f"{APP}/versions/{tagged.id}")
    assert (reply.status, reply.message) == (400, LAST_TAGGED)
    app.version("sha256:3", tags=["next"])
    assert (await call.delete(f"{APP}/versions/{tagged.id}")).status == 204
    assert (await call.delete(f"{APP}/versions/{untagged.id}")).status == 204


def test_tags_are_no_single_string(world: World) -> None:
    with pytest.raises(ValueError, match="'latest' is one string; give a list of them"):
        world.org("acme").package("container", "app").version("sha256:1", tags="latest")


async def test_tags_protect_containers_only(world: World, call: Caller) -> None:
    image = world.org("acme").package("docker", "app")
    tagged = image.version("1", tags=["latest"])
    image.version("2")
    path = f"/orgs/acme/packages/docker/app/versions/{tagged.id}"
    assert (await call.delete(path)).status == 204


@pytest.mark.parametrize(
    ("visibility", "downloads", "status"),
    [("public", 5001, 400), ("public", 5000, 204), ("private", 5001, 204), ("internal", 5001, 204)],
)
async def test_a_public_version_with_many_downloads_cannot_be_deleted(
    world: World, call: Caller, visibility: str, downloads: int, status: int
) -> None:
    package = world.org("acme").package("npm", "left", visibility=visibility, versions=2)
    popular = package.version("2.0.0", downloads=downloads)
    path = "/orgs/acme/packages/npm/left"
    for target, message in (
        (f"{path}/versions/{popular.id}", VERSION_DOWNLOADED),
        (path, PACKAGE_DOWNLOADED),
    ):
        reply = await call.delete(target)
        assert reply.status == status
        if status == 400:
            assert reply.message == message
        else:
            popular.deleted_at = None


async def test_a_package_without_its_popular_version_can_go(world: World, call: Caller) -> None:
    package = world.org("acme").package("npm", "left", visibility="public", versions=1)
    package.version("2.0.0", downloads=9000, deleted_at=world.now())
    assert (await call.delete("/orgs/acme/packages/npm/left")).status == 204


@pytest.mark.parametrize("id_", ["999999", "0", "x", "-1", "1.0", "%D9%A3", "9" * 5000])
async def test_an_id_that_is_no_versions_is_not_found(call: Caller, app: Package, id_: str) -> None:
    for method in ("GET", "DELETE"):
        assert (await call.send(method, f"{APP}/versions/{id_}")).status == 404
    assert (await call.post(f"{APP}/versions/{id_}/restore")).status == 404


async def test_a_conflict_is_a_docker_package_until_it_is_deleted(
    world: World, call: Caller
) -> None:
    acme = world.org("acme")
    acme.docker_conflict("old-image", versions=1)
    acme.package("docker", "fine", versions=1)
    assert await call.names("/orgs/acme/docker/conflicts") == ["old-image"]
    assert await call.names("/orgs/acme/packages?package_type=docker") == ["old-image", "fine"]
    await call.delete("/orgs/acme/packages/docker/old-image")
    assert await call.names("/orgs/acme/docker/conflicts") == []


async def test_packages_of_one_name_differ_by_type_and_owner(world: World, call: Caller) -> None:
    ids = {
        path: owner.package(kind, "left").id
        for owner, kind, path in [
            (world.org("acme"), "npm", "/orgs/acme/packages/npm/left"),
            (world.org("acme"), "nuget", "/orgs/acme/packages/nuget/left"),
            (world.user("octocat"), "npm", "/user/packages/npm/left"),
        ]
    }
    assert {path: (await call.get(path)).json["id"] for path in ids} == ids
    assert len(set(ids.values())) == 3
