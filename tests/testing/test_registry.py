"""The embedded container registry: tokens, manifests, downloads and pushed images."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from ghpkg_async import GitHubPackages
from ghpkg_async.cleanup._manifests import Manifest
from ghpkg_async.cleanup._registry import Registry
from ghpkg_async.testing import (
    EmbeddedGitHub,
    Faults,
    PrimaryLimit,
    World,
    demo_world,
    push_build_cache,
    push_image,
    push_signature,
)

if TYPE_CHECKING:
    from ghpkg_async.testing import Package
    from tests.testing.conftest import Caller, Clock, Reply, Serve

INDEX = "application/vnd.oci.image.index.v1+json"
IMAGE = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def app(world: World) -> Package:
    return world.org("Acme").package("container", "Team/App", visibility="private")


def basic(token: str) -> str:
    return f"Basic {b64encode(f'anybody:{token}'.encode()).decode()}"


async def pull_token(call: Caller, repository: str, api_token: str | None) -> str:
    """Exchange an API token for a pull token of the repository; return the pull token."""
    headers = {} if api_token is None else {"Authorization": basic(api_token)}
    scope = f"service=ghcr.io&scope=repository:{repository}:pull"
    reply = await call.using(None).send("GET", f"/token?{scope}", **headers)
    assert reply.status == 200
    assert set(reply.json) == {"token"}
    return str(reply.json["token"])


async def pull(
    call: Caller, repository: str, reference: str, *, method: str = "GET", api_token: str = ""
) -> Reply:
    token = await pull_token(call, repository, api_token or call.token)
    path = f"/v2/{repository}/manifests/{reference}"
    return await call.using(None).send(method, path, Authorization=f"Bearer {token}")


def code(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["errors"][0]["code"]


async def test_a_manifest_is_sent_by_digest_and_tag(call: Caller, app: Package) -> None:
    index = push_image(app, tags=["latest"])
    for reference in (index.name, "latest"):
        reply = await pull(call, "acme/team/app", reference)
        assert (reply.status, reply.headers["Content-Type"]) == (200, INDEX)
        assert reply.headers["Docker-Content-Digest"] == index.name
        assert f"sha256:{hashlib.sha256(reply.body).hexdigest()}" == index.name
    head = await pull(call, "acme/team/app", "latest", method="HEAD")
    assert (head.status, head.body) == (200, b"")


async def test_a_request_without_token_is_challenged(call: Caller, app: Package) -> None:
    index = push_image(app)
    reply = await call.using(None).get(f"/v2/acme/team/app/manifests/{index.name}")
    assert code(reply) == (401, "UNAUTHORIZED")
    assert reply.headers["WWW-Authenticate"] == (
        f'Bearer realm="{call.server.url}/token",service="ghcr.io",'
        'scope="repository:acme/team/app:pull"'
    )
    assert index.downloads == 0


async def test_a_token_is_for_one_repository(call: Caller, app: Package) -> None:
    push_image(app, tags=["latest"])
    push_image(app.owner.package("container", "other"), tags=["latest"])
    token = await pull_token(call, "acme/team/app", call.token)
    reply = await call.using(token).get("/v2/acme/other/manifests/latest")
    assert code(reply) == (401, "UNAUTHORIZED")


async def test_an_api_token_in_base64_pulls_too(call: Caller, app: Package) -> None:
    push_image(app, tags=["latest"])
    token = b64encode(str(call.token).encode()).decode()
    assert (await call.using(token).get("/v2/acme/team/app/manifests/latest")).status == 200


@pytest.mark.parametrize("header", [basic("ghp_unknown"), "Bearer ghp_everything", "Basic ?"])
async def test_other_credentials_get_no_token(call: Caller, header: str) -> None:
    reply = await call.using(None).get("/token?scope=repository:a/b:pull", Authorization=header)
    assert code(reply) == (403, "DENIED")


async def test_the_visible_is_pulled_with_read_packages(
    world: World, call: Caller, app: Package
) -> None:
    public = app.owner.package("container", "public", visibility="public")
    for package in (app, public):
        push_image(package, tags=["latest"])
    world.token("ghp_read", login="hubot", scopes=["read:packages"])
    world.token("ghp_repo", login="hubot", scopes=["repo"])
    world.token("ghp_blind", login="hubot", sees=False, admin=False)
    world.token("github_pat", login="hubot", kind="fine-grained")
    statuses = {}
    for token in ("ghp_read", "ghp_repo", "ghp_blind", "github_pat"):
        reply = await pull(call, "acme/team/app", "latest", api_token=token)
        statuses[token] = reply.status
    assert statuses == {"ghp_read": 200, "ghp_repo": 403, "ghp_blind": 403, "github_pat": 403}
    for repository, status in (("acme/public", 200), ("acme/team/app", 403)):
        token = await pull_token(call, repository, None)
        reply = await call.using(token).get(f"/v2/{repository}/manifests/latest")
        assert reply.status == status


@pytest.mark.parametrize(
    ("method", "path", "error"),
    [
        ("GET", "acme/team/app/manifests/absent", (404, "MANIFEST_UNKNOWN")),
        ("GET", "acme/team/app/manifests/sha256:0", (404, "MANIFEST_UNKNOWN")),
        ("GET", "acme/team/app/manifests/plain", (404, "MANIFEST_UNKNOWN")),
        ("GET", "acme/team/app/referrers/latest", (404, "MANIFEST_UNKNOWN")),
        ("GET", "acme/other/manifests/latest", (404, "NAME_UNKNOWN")),
        ("GET", "nobody/app/manifests/latest", (404, "NAME_UNKNOWN")),
        ("GET", "Acme/Team/App/manifests/latest", (404, "NAME_UNKNOWN")),
        ("DELETE", "acme/team/app/manifests/latest", (405, "UNSUPPORTED")),
        ("PUT", "acme/team/app/manifests/latest", (405, "UNSUPPORTED")),
    ],
)
async def test_any_other_request_is_refused(
    call: Caller, app: Package, method: str, path: str, error: tuple[int, str]
) -> None:
    push_image(app, tags=["latest"])
    app.version("sha256:1", tags=["plain"])
    token = await pull_token(call, path.rsplit("/", 2)[0], call.token)
    assert code(await call.using(token).send(method, f"/v2/{path}")) == error


async def test_a_get_counts_as_a_download(call: Caller, app: Package) -> None:
    index = push_image(app, tags=["latest"])
    await pull(call, "acme/team/app", "latest", method="HEAD")
    assert index.downloads == 0
    for _ in range(2):
        await pull(call, "acme/team/app", index.name)
    assert index.downloads == 2


async def test_a_deleted_version_has_no_manifest_until_it_is_restored(
    call: Caller, app: Package
) -> None:
    image = push_image(app, tags=["old"])
    push_image(app, tags=["latest"])
    image.delete()
    for reference in (image.name, "old"):
        assert code(await pull(call, "acme/team/app", reference)) == (404, "MANIFEST_UNKNOWN")
    image.restore()
    assert (await pull(call, "acme/team/app", "old")).status == 200


async def test_the_registry_is_at_the_origin_of_an_enterprise_server(
    serve: Serve, app: Package
) -> None:
    call = await serve(base_path="/api/v3")
    push_image(app, tags=["latest"])
    origin = call.server.url.removesuffix("/api/v3")
    assert (await call.using(None).get(f"{origin}/v2/")).status == 401
    assert (await call.using(None).get(f"{origin}/token")).status == 200
    assert (await call.get("/v2/")).status == 404


async def test_the_registry_of_a_replaced_world_is_replaced_too(call: Caller, app: Package) -> None:
    push_image(app, tags=["latest"])
    call.server.api.world = replacement = World.from_json(call.server.world.to_json())
    other = replacement.org("acme").packages("container")[0]
    reference = push_image(other, tags=["new"]).name
    assert (await pull(call, "acme/team/app", reference)).status == 200


async def test_the_registry_has_faults_and_no_hourly_limit(serve: Serve, app: Package) -> None:
    push_image(app, tags=["latest"])
    call = await serve(faults=Faults(primary_limit=PrimaryLimit(1)))
    token = await pull_token(call, "acme/team/app", call.token)
    path = "/v2/acme/team/app/manifests/latest"
    call.server.faults.next("server_error", target="/v2/", status=503)
    statuses = [(await call.using(token).get(path)).status for _ in range(4)]
    assert statuses == [503, 200, 200, 200]


def parsed(content: bytes | None) -> dict[str, Any]:
    assert content is not None
    manifest: dict[str, Any] = json.loads(content)
    return manifest


def test_an_image_is_an_index_after_its_children(app: Package) -> None:
    index = push_image(app, tags=["1.0", "1"])
    manifest = parsed(index.manifest)
    entries = manifest["manifests"]
    versions = {version.name: version for version in app.versions()}
    assert {entry["digest"] for entry in entries} == versions.keys() - {index.name}
    assert [entry["platform"]["os"] for entry in entries] == ["linux", "unknown"] * 2
    for child, attestation in zip(entries[::2], entries[1::2], strict=True):
        assert attestation["annotations"]["vnd.docker.reference.digest"] == child["digest"]
        assert child["size"] == len(versions[child["digest"]].manifest or b"")
    assert app.versions()[0] is index
    assert index.tags == ("1.0", "1")
    assert not any(version.tags for version in app.versions()[1:])


def test_images_may_share_a_child(app: Package) -> None:
    first = push_image(app, tags=["1"], platforms=["linux/amd64"], attestations=False)
    [child] = [version for version in app.versions() if version is not first]
    second = push_image(app, tags=["2"], platforms=["linux/arm64"], shared=[child])
    assert child.name in {entry["digest"] for entry in parsed(second.manifest)["manifests"]}


def test_a_signature_is_tagged_with_the_digest(app: Package) -> None:
    image = push_image(app, tags=["1"])
    assert push_signature(image).tags == (f"sha256-{image.name[7:]}.sig",)


def test_the_entries_of_a_build_cache_are_no_versions(app: Package) -> None:
    cache = push_build_cache(app, tags=["buildcache"])
    assert app.versions() == [cache]
    assert all("layer" in e["mediaType"] for e in parsed(cache.manifest)["manifests"][:-1])


def test_a_tag_moves_and_a_digest_keeps_its_times(app: Package, clock: Clock) -> None:
    old = app.push({"mediaType": IMAGE, "a": 1}, tags=["latest", "1"])
    clock.advance(days=1)
    new = app.push({"mediaType": IMAGE, "a": 2}, tags=["latest"])
    assert (old.tags, new.tags) == (("1",), ("latest",))
    clock.advance(days=1)
    assert app.push({"mediaType": IMAGE, "a": 1}, tags=["latest"]) is old
    assert (old.tags, new.tags) == (("1", "latest"), ())
    assert old.updated_at == old.created_at < new.created_at


def test_only_containers_have_manifests(world: World) -> None:
    with pytest.raises(ValueError, match="left is a npm package, not a container"):
        world.org("acme").package("npm", "left").push({})
    app = world.org("acme").package("container", "app")
    with pytest.raises(ValueError, match="sha256:1 is not the digest of its manifest"):
        app.version("sha256:1", manifest=b"{}")
    with pytest.raises(ValueError, match="sha256:2 has no manifest"):
        push_image(app, shared=[app.version("sha256:2")])


@pytest.mark.parametrize(
    ("restores_tags", "tags"), [(True, ("1", "1.0")), (False, ())], ids=["tags", "no tags"]
)
def test_tags_are_restored_or_not(
    world: World, app: Package, restores_tags: bool, tags: tuple[str, ...]
) -> None:
    world.restores_tags = restores_tags
    image = push_image(app, tags=["1", "1.0"])
    push_image(app, tags=["2"])
    image.delete()
    image.restore()
    assert image.tags == tags


def test_a_tag_that_has_moved_is_not_restored(app: Package) -> None:
    image = push_image(app, tags=["1", "latest"])
    push_image(app, tags=["2"])
    image.delete()
    newer = push_image(app, tags=["latest"], seed="newer")
    image.restore()
    assert (image.tags, newer.tags) == (("1",), ("latest",))


def test_manifests_are_kept_in_a_file(world: World, app: Package) -> None:
    index = push_image(app, tags=["latest"])
    world.restores_tags = False
    again = World.from_json(json.loads(json.dumps(world.to_json())))
    copy = again.org("acme").find("container", "Team/App").named(index.name)
    assert copy is not None
    assert copy.manifest == index.manifest
    assert again.restores_tags is False


async def test_every_active_image_of_the_demo_is_read_by_digest() -> None:
    world = demo_world()
    async with (
        EmbeddedGitHub(world) as server,
        GitHubPackages("ghp_demo", base_url=server.url, points_per_minute=None) as gh,
        Registry(gh) as registry,
    ):
        for name in ("gateway", "team/worker"):
            versions = await gh.org("acme").package("container", name).versions()
            found = await registry.read("acme", name, [version.name for version in versions])
            assert all(isinstance(manifest, Manifest) for manifest in found.values())
    gateway = world.org("acme").find("container", "gateway").versions()
    named = [
        entry["digest"]
        for version in gateway
        for entry in parsed(version.manifest).get("manifests", ())
    ]
    assert any(named.count(digest) > 1 for digest in named)
    assert any("sig" in tag for version in gateway for tag in version.tags)
