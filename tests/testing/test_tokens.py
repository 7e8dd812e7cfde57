"""Permissions of tokens on the embedded server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ghpkg_async.testing import TokenKind, World
    from tests.testing.conftest import Caller

NPM = "/orgs/acme/packages?package_type=npm"


@pytest.mark.parametrize("header", ["Bearer {}", "token {}", "bearer {}", "TOKEN {}"])
async def test_a_token_is_accepted_in_either_scheme(
    call: Caller, world: World, header: str
) -> None:
    world.org("acme")
    sent = header.format(call.token)
    assert (await call.using(None).get(NPM, Authorization=sent)).status == 200


@pytest.mark.parametrize("header", ["Bearer ghp_unknown", "Basic Z2hw", "Bearer", "", "ghp_x"])
async def test_any_other_credentials_are_bad(call: Caller, world: World, header: str) -> None:
    world.org("acme")
    reply = await call.using(None).get(NPM, Authorization=header)
    assert (reply.status, reply.message) == (401, "Bad credentials")
    assert "X-OAuth-Scopes" not in reply.headers


@pytest.mark.parametrize(
    ("method", "path", "scopes", "message"),
    [
        ("GET", NPM, [], "You need at least read:packages scope to list packages."),
        (
            "GET",
            "/orgs/acme/packages/npm/left",
            ["repo"],
            "You need at least read:packages scope to get a package.",
        ),
        (
            "DELETE",
            "/orgs/acme/packages/npm/left",
            ["read:packages"],
            "You need at least delete:packages and read:packages scopes to delete a package.",
        ),
        (
            "DELETE",
            "/orgs/acme/packages/npm/left/versions/1",
            [],
            "You need at least delete:packages and read:packages scopes to delete a package "
            "version.",
        ),
        (
            "GET",
            "/orgs/acme/packages/npm/left/versions",
            ["repo"],
            "You need at least read:packages scope to get a package's versions.",
        ),
        (
            "POST",
            "/orgs/acme/packages/npm/left/restore",
            ["read:packages", "delete:packages"],
            "You need at least read:packages and write:packages scopes to restore a package.",
        ),
    ],
)
async def test_a_refusal_names_every_scope_of_the_operation(
    world: World, call: Caller, method: str, path: str, scopes: list[str], message: str
) -> None:
    world.org("acme").package("npm", "left", versions=1)
    world.token("ghp_few", login="octocat", scopes=scopes)
    reply = await call.using("ghp_few").send(method, path)
    assert (reply.status, reply.message) == (403, message)
    assert reply.headers["X-OAuth-Scopes"] == ", ".join(scopes)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("fine-grained", "Resource not accessible by personal access token"),
        ("app", "Resource not accessible by integration"),
    ],
)
async def test_packages_are_closed_to_tokens_of_newer_kinds(
    world: World, call: Caller, kind: TokenKind, message: str
) -> None:
    world.org("acme").package("npm", "left", visibility="public")
    world.token("token", login="octocat", kind=kind)
    other = call.using("token")
    for reply in (await other.get(NPM), await other.delete("/orgs/acme/packages/npm/left")):
        assert (reply.status, reply.message) == (403, message)
        assert "X-OAuth-Scopes" not in reply.headers


async def test_a_workflows_token_lists_every_type_but_containers(
    world: World, call: Caller
) -> None:
    acme = world.org("acme")
    for package_type in ("container", "npm", "docker"):
        acme.package(package_type, "app", versions=2)
    world.token("ghs_actions", login="octocat", kind="actions")
    workflow = call.using("ghs_actions")

    for owner in ("/orgs/acme", "/user", "/users/octocat"):
        reply = await workflow.get(f"{owner}/packages?package_type=container")
        assert (reply.status, reply.message) == (400, "Invalid argument.")
    assert await workflow.names(NPM) == ["app"]
    assert await workflow.names("/orgs/acme/packages?package_type=docker") == ["app"]
    reply = await workflow.get("/orgs/acme/packages/container/app/versions")
    assert (reply.status, len(reply.json)) == (200, 2)
    assert "X-OAuth-Scopes" not in reply.headers


def test_a_kind_that_does_not_exist_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match=r"'kind' must be in .*'secret'"):
        world.token("token", login="octocat", kind="secret")  # type: ignore[arg-type]


async def test_write_packages_includes_read_packages(world: World, call: Caller) -> None:
    world.org("acme")
    world.token("ghp_write", login="octocat", scopes=["write:packages"])
    assert (await call.using("ghp_write").get(NPM)).status == 200


async def test_a_token_without_access_finds_public_packages_only(
    world: World, call: Caller
) -> None:
    acme = world.org("acme")
    for visibility in ("public", "private", "internal"):
        acme.package("npm", visibility, visibility=visibility, versions=2)
        acme.docker_conflict(visibility, visibility=visibility)
    acme.package("npm", "gone", visibility="private").delete()
    world.token("ghp_outside", login="hubot", admin=False, sees=False)
    outside = call.using("ghp_outside")

    assert await outside.names(NPM) == ["public"]
    assert await outside.names(f"{NPM}&visibility=private") == []
    assert await outside.names("/orgs/acme/docker/conflicts") == ["public"]
    assert (await outside.get("/orgs/acme/packages/npm/public/versions")).status == 200
    for hidden in ("private", "internal"):
        path = f"/orgs/acme/packages/npm/{hidden}"
        version = acme.find("npm", hidden).versions()[0].id
        assert (await outside.get(path)).status == 404
        assert (await outside.get(f"{path}/versions")).status == 404
        assert (await outside.get(f"{path}/versions/{version}")).status == 404
        assert (await outside.delete(path)).status == 404
        assert (await outside.delete(f"{path}/versions/{version}")).status == 404
    assert (await outside.post("/orgs/acme/packages/npm/gone/restore")).status == 404


async def test_writes_need_admin_access(world: World, call: Caller) -> None:
    package = world.org("acme").package("npm", "left", visibility="private", versions=3)
    gone = package.versions()[0]
    gone.delete()
    world.org("acme").package("npm", "gone", visibility="private").delete()
    world.token("ghp_member", login="hubot", admin=False)
    member = call.using("ghp_member")
    path = "/orgs/acme/packages/npm"

    assert (await member.get(f"{path}/left")).status == 200
    for reply in [
        await member.delete(f"{path}/left"),
        await member.delete(f"{path}/left/versions/{package.versions()[0].id}"),
        await member.post(f"{path}/left/versions/{gone.id}/restore"),
        await member.post(f"{path}/gone/restore"),
    ]:
        assert (reply.status, reply.message) == (403, "Must have admin rights to Repository.")
    assert len(package.versions()) == 2


async def test_access_can_be_to_some_owners(world: World, call: Caller) -> None:
    for login in ("acme", "octo-org", "other"):
        world.org(login).package("npm", "left", versions=2)
    world.token("ghp_some", login="hubot", admin=["Acme"], sees=["octo-org"])
    some = call.using("ghp_some")
    statuses = {
        login: (
            (await some.get(f"/orgs/{login}/packages/npm/left")).status,
            (await some.delete(f"/orgs/{login}/packages/npm/left")).status,
        )
        for login in ("acme", "octo-org", "other")
    }
    assert statuses == {"acme": (200, 204), "octo-org": (200, 403), "other": (404, 404)}


@pytest.mark.parametrize("others", [False, ["acme"]])
async def test_ones_own_is_always_seen_and_administered(
    world: World, call: Caller, others: bool | list[str]
) -> None:
    world.user("Hubot").package("npm", "mine", visibility="private", versions=2)
    world.token("ghp_hubot", login="hubot", admin=others, sees=others)
    hubot = call.using("ghp_hubot")
    assert await hubot.names("/user/packages?package_type=npm") == ["mine"]
    assert (await hubot.get("/users/hubot/packages/npm/mine")).status == 200
    assert (await hubot.delete("/user/packages/npm/mine")).status == 204


async def test_the_authenticated_user_is_the_tokens(world: World, call: Caller) -> None:
    world.user("hubot").package("npm", "of-hubot")
    world.user("octocat").package("npm", "of-octocat")
    world.token("ghp_hubot", login="hubot")
    path = "/user/packages?package_type=npm"
    assert await call.using("ghp_hubot").names(path) == ["of-hubot"]
    assert await call.names(path) == ["of-octocat"]


async def test_single_sign_on_is_required(world: World, call: Caller) -> None:
    world.org("acme", sso=True).package("npm", "left", visibility="public")
    world.org("octo-org").package("npm", "left")
    world.token("ghp_plain", login="hubot")
    world.token("ghp_authorized", login="hubot", sso=["ACME"])
    for path in (NPM, "/orgs/acme/packages/npm/left"):
        reply = await call.using("ghp_plain").get(path)
        assert reply.status == 403
        required, _, url = reply.headers["X-GitHub-SSO"].partition("; url=")
        assert required == "required"
        assert url.startswith("https://github.com/orgs/acme/sso?authorization_request=")
        assert (await call.using("ghp_authorized").get(path)).status == 200
    assert (await call.using("ghp_plain").get("/orgs/octo-org/packages/npm/left")).status == 200


@pytest.mark.parametrize("path", ["/orgs/octocat", "/orgs/nobody", "/users/acme", "/users/nobody"])
async def test_an_unknown_owner_is_not_found(world: World, call: Caller, path: str) -> None:
    world.org("acme")
    assert (await call.get(f"{path}/packages?package_type=npm")).status == 404


async def test_logins_ignore_case(world: World, call: Caller) -> None:
    world.org("Acme").package("npm", "left")
    world.user("OctoCat").package("npm", "right")
    assert await call.names("/orgs/aCME/packages?package_type=npm") == ["left"]
    assert await call.names("/users/OCTOCAT/packages?package_type=npm") == ["right"]
