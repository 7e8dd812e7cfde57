"""The 27 operations respond as GitHub's reference documents if `behaves` is "documented"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jsonschema
import pytest
import pytest_asyncio

from ghpkg_async.testing import _routes as routes
from ghpkg_async.testing import demo_world

if TYPE_CHECKING:
    from ghpkg_async.testing import World
    from tests.testing.conftest import Caller, Row, Schemas, Serve

LOGINS = {"org": "acme", "username": "octocat"}


@pytest_asyncio.fixture
async def call(serve: Serve) -> Caller:
    return await serve(behaves="documented")


def path_of(world: World, row: Row) -> str:
    """Create a package for which the operation of the row succeeds; return the path."""
    owner = world.org("acme") if row.path.startswith("/orgs") else world.user("octocat")
    package = owner.package("container", "team/app", versions=3)
    version = package.versions()[1]
    if row.id.startswith("restore-package-version"):
        version.delete()
    elif row.id.startswith("restore-package"):
        package.delete()
    path = row.path.format(
        **LOGINS,
        package_type="container",
        package_name=quote(package.name, safe=""),
        package_version_id=version.id,
    )
    return path + "?package_type=container" * ("package_type*" in row.query)


def test_the_table_of_operations_is_the_contracts(row: Row) -> None:
    assert len(routes.OPERATIONS) == 27
    [operation] = [known for known in routes.OPERATIONS if known.id == row.id]
    assert (operation.method, operation.path) == (row.method, row.path)


async def test_each_operation_responds_as_documented(
    world: World, call: Caller, schemas: Schemas, row: Row
) -> None:
    reply = await call.send(row.method, path_of(world, row))
    assert reply.status == row.status
    if row.schema is None:
        assert reply.body == b""
        assert "Content-Type" not in reply.headers
    else:
        schemas.check(reply.json, row.schema)
    assert call.server.requests[0].operation == row.id


async def test_each_operation_needs_a_token(
    world: World, call: Caller, schemas: Schemas, row: Row
) -> None:
    reply = await call.using(None).send(row.method, path_of(world, row))
    assert reply.status == 401
    assert reply.message == "Requires authentication"
    schemas.check(reply.json, "basic-error")


async def test_each_operation_needs_its_scope(
    world: World, call: Caller, schemas: Schemas, row: Row
) -> None:
    needed = {"GET": "read", "DELETE": "delete", "POST": "write"}[row.method] + ":packages"
    others = {"read:packages", "delete:packages", "write:packages", "repo"} - {needed}
    if needed == "read:packages":
        others.discard("write:packages")
    world.token("ghp_lacking", login="octocat", scopes=sorted(others))
    reply = await call.using("ghp_lacking").send(row.method, path_of(world, row))
    assert reply.status == 403
    assert reply.message.startswith("You need at least ")
    assert f"{needed} " in reply.message
    assert reply.headers["X-OAuth-Scopes"] == ", ".join(sorted(others))
    assert needed in reply.headers["X-Accepted-OAuth-Scopes"].split(", ")
    schemas.check(reply.json, "basic-error")


async def test_each_operation_is_not_found_by_another_method(
    world: World, call: Caller, row: Row
) -> None:
    reply = await call.send("PATCH", path_of(world, row))
    assert (reply.status, reply.message) == (404, "Not Found")
    assert call.server.requests[0].operation is None


@pytest.mark.parametrize("version", ["2022-11-28", "2026-03-10"])
@pytest.mark.parametrize("owner", ["orgs/acme", "orgs/octo-org", "user", "users/octocat"])
async def test_everything_in_the_demo_is_valid(
    serve: Serve, schemas: Schemas, owner: str, version: str
) -> None:
    call = (await serve(demo_world(), behaves="documented")).using("ghp_demo")
    call.headers["X-GitHub-Api-Version"] = version

    conflicts = (await call.get(f"/{owner}/docker/conflicts")).json
    schemas.check(conflicts, "package[]")
    assert conflicts

    for kind in ("npm", "maven", "rubygems", "docker", "nuget", "container"):
        packages = (await call.get(f"/{owner}/packages?package_type={kind}&per_page=100")).json
        schemas.check(packages, "package[]")
        for package in packages[:10]:
            path = f"/{owner}/packages/{kind}/{quote(package['name'], safe='')}"
            schemas.check((await call.get(path)).json, "package")
            for state in ("active", "deleted"):
                listed = (await call.get(f"{path}/versions?state={state}")).json
                schemas.check(listed, "package-version[]")


async def test_only_the_newer_api_version_lacks_has_downloads(world: World, call: Caller) -> None:
    world.org("acme").package("npm", "left", repository="left")
    path = "/orgs/acme/packages/npm/left"
    older = (await call.get(path)).json["repository"]
    newer = (await call.get(path, X_GitHub_Api_Version="2026-03-10")).json["repository"]
    assert set(older) - set(newer) == {"has_downloads"}


async def test_a_package_has_its_repository_or_no_such_field(world: World, call: Caller) -> None:
    acme = world.org("acme")
    acme.package("npm", "left", repository="lib", visibility="public")
    acme.package("npm", "right")
    left, right = (await call.get("/orgs/acme/packages?package_type=npm")).json
    assert left["repository"]["full_name"] == "acme/lib"
    assert left["repository"]["private"] is False
    assert left["owner"]["login"] == "acme"
    assert left["owner"]["type"] == "Organization"
    assert "repository" not in right


@pytest.mark.parametrize(
    ("kind", "metadata"),
    [
        ("container", {"package_type": "container", "container": {"tags": ["a", "b"]}}),
        ("docker", {"package_type": "docker", "docker": {"tags": ["a", "b"]}}),
        ("npm", {"package_type": "npm"}),
    ],
)
async def test_tags_are_in_the_metadata_of_images_alone(
    world: World, call: Caller, kind: str, metadata: dict[str, Any]
) -> None:
    version = world.org("acme").package(kind, "app").version("1", tags=["a", "b"])
    reply = await call.get(f"/orgs/acme/packages/{kind}/app/versions/{version.id}")
    assert reply.json["metadata"] == metadata


async def test_optional_fields_of_a_version_are_present_if_they_have_a_value(
    world: World, call: Caller, schemas: Schemas
) -> None:
    package = world.org("acme").package("npm", "left")
    package.version("1.0.0")
    package.version("1.0.1", license="MIT", description="Pads")
    new, old = (await call.get("/orgs/acme/packages/npm/left/versions")).json
    schemas.check([new, old], "package-version[]")
    assert set(new) - set(old) == {"license", "description"}


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (["visibility"], "secret"),
        (["created_at"], "yesterday"),
        (["hint"], "?"),
        (["owner", "url"], "/users/acme"),
        (["owner", "id"], "1"),
        (["repository", "owner", "login"], None),
        (["repository", "topics"], [1]),
    ],
    ids=str,
)
async def test_the_schemas_notice_a_wrong_field(
    world: World, call: Caller, schemas: Schemas, where: list[str], value: object
) -> None:
    world.org("acme").package("npm", "left", repository="left")
    package = (await call.get("/orgs/acme/packages/npm/left")).json
    schemas.check(package, "package")
    part = package
    for key in where[:-1]:
        part = part[key]
    part[where[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        schemas.check(package, "package")


def test_the_schemas_notice_a_missing_field(schemas: Schemas) -> None:
    with pytest.raises(jsonschema.ValidationError, match="required"):
        schemas.check({}, "package")
    assert len(schemas.definitions["simple-user"]["required"]) == 18
