"""Reading manifests by digest: tokens, verification, cache, and hosts that get no token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
import pytest_asyncio
from aiohttp import web
from yarl import URL

from ghpkg_async import ConfigurationError, GitHubPackages
from ghpkg_async.cleanup._manifests import MAX_MANIFEST_BYTES, Manifest, Unreadable
from ghpkg_async.cleanup._registry import (
    CONCURRENCY,
    EXPIRY_MARGIN,
    Registry,
    _read_token,
    registry_url_of,
)

from .registries import (
    INDEX,
    PULL_TOKEN,
    TOKEN,
    DockerRegistry,
    ScriptedRegistry,
    digest_of,
    docker_registry,
    image,
    index,
    is_docker_registry_installed,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ABSENT: Final = "sha256:" + "0" * 64
CERTIFICATE: Final = """-----BEGIN CERTIFICATE-----
MIIBezCCASGgAwIBAgIUVvbpz9aaZeuHzn1JQnGyfsbxWMowCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIcmVnaXN0cnkwHhcNMjYxMTIxMTUxNDQ2WhcNMzYxMTE4MTUx
NDQ2WjATMREwDwYDVQQDDAhyZWdpc3RyeTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABCiuSSDhZ+tOLZD3xqMajlteJLKQQSaJ3tGJge+DEu7RE45ECSQJqnXUDMY2
jrJCa/pDIwioXu//Yol1K8FK2gGjUzBRMB0GA1UdDgQWBBQ15/iiau9bnRyOjw5s
OvfswgUKfDAfBgNVHSMEGDAWgBQ15/iiau9bnRyOjw5sOvfswgUKfDAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIFMSqFixx10CYGSr9TAQAso3MEKR
RcDjqRoUrbVIptDyAiEA7xWfjmiNmhuj/XwS2gSRmjLtiNv75MKvLS32rKnRAUo=
-----END CERTIFICATE-----
"""


pytestmark = pytest.mark.usefixtures("short_retry_waits")


@pytest_asyncio.fixture
async def server() -> AsyncIterator[ScriptedRegistry]:
    async with ScriptedRegistry() as server:
        yield server


@pytest_asyncio.fixture
async def gh(server: ScriptedRegistry) -> AsyncIterator[GitHubPackages]:
    async with GitHubPackages(TOKEN, base_url=server.url, max_retries=1) as client:
        yield client


async def read_one(registry: Registry, digest: str) -> Manifest | Unreadable:
    return (await registry.read("acme", "app", [digest]))[digest]


async def unreadable(gh: GitHubPackages, digest: str) -> Unreadable:
    async with Registry(gh) as registry:
        outcome = await read_one(registry, digest)
    assert isinstance(outcome, Unreadable)
    return outcome


@pytest.mark.parametrize(
    ("base_url", "registry_url"),
    [
        ("https://api.github.com", "https://ghcr.io"),
        ("https://api.octocorp.ghe.com", "https://containers.octocorp.ghe.com"),
        ("https://github.example.com/api/v3", "https://containers.github.example.com"),
        ("https://github.example.com:8443/api/v3", "https://containers.github.example.com:8443"),
        ("http://127.0.0.1:8080/api/v3", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
    ],
)
def test_the_registry_follows_from_the_base_url(base_url: str, registry_url: str) -> None:
    assert str(registry_url_of(URL(base_url))) == registry_url


@pytest.mark.parametrize(
    "url", ["ghcr.io", "http://ghcr.io", "https://ghcr.io/v2", "https://me:secret@ghcr.io", ""]
)
def test_a_registry_url_that_is_no_root_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^registry_url: ") as refused:
        Registry(GitHubPackages(TOKEN), url=url)
    assert "secret" not in str(refused.value)


async def test_manifests_are_read_with_a_token_of_the_repository(
    gh: GitHubPackages, server: ScriptedRegistry
) -> None:
    child = image("amd64")
    digest = server.push("acme/team/app", index(child))
    async with Registry(gh) as registry:
        found = await registry.read("Acme", "Team/App", [digest])

    manifest = found[digest]
    assert isinstance(manifest, Manifest)
    assert manifest.media_type == INDEX
    assert [child.digest for child in manifest.children] == [digest_of(child)]
    path = f"/v2/acme/team/app/manifests/{digest}"
    scope = "service=ghcr.io&scope=repository:acme/team/app:pull"
    assert server.requests == [
        ("GET", path, ""),
        ("GET", f"/token?{scope}", "Basic"),
        ("GET", path, "Bearer"),
    ]


async def test_a_second_repository_needs_no_second_challenge(
    gh: GitHubPackages, server: ScriptedRegistry
) -> None:
    first, second = (server.push(f"acme/{name}", image(name)) for name in ("app", "tool"))
    async with Registry(gh) as registry:
        await registry.read("acme", "app", [first])
        server.requests.clear()
        await registry.read("acme", "tool", [second])
    assert [scheme for _, _, scheme in server.requests] == ["Basic", "Bearer"]


async def test_a_token_is_used_for_many_manifests(
    gh: GitHubPackages, server: ScriptedRegistry
) -> None:
    digests = [server.push("acme/app", image(str(number))) for number in range(40)]
    async with Registry(gh) as registry:
        for digest in digests:
            await read_one(registry, digest)
    assert sum(scheme == "Basic" for _, _, scheme in server.requests) == 1


async def test_a_token_that_expires_within_seconds_is_used_once(
    gh: GitHubPackages, server: ScriptedRegistry
) -> None:
    digests = [server.push("acme/app", image(str(number))) for number in range(2)]
    server.token_body = {"access_token": PULL_TOKEN, "expires_in": 5}
    async with Registry(gh) as registry:
        for digest in digests:
            await read_one(registry, digest)
    assert sum(scheme == "Basic" for _, _, scheme in server.requests) == 2


@pytest.mark.parametrize(("body", "seconds"), [(b"", 60), (b', "expires_in": 300', 300)])
def test_a_token_without_expiry_expires_after_a_minute(body: bytes, seconds: float) -> None:
    token = _read_token(b'{"token": "t"' + body + b"}", requested_at=1000.0)
    assert token.expires_at == 1000.0 + seconds - EXPIRY_MARGIN


async def test_a_refused_token_is_replaced(gh: GitHubPackages, server: ScriptedRegistry) -> None:
    digest = server.push("acme/app", image("a"))
    async with Registry(gh) as registry:
        server.token_body = {"token": "expired-before-its-time"}
        await read_one(registry, ABSENT)
        server.token_body = {"token": PULL_TOKEN}
        assert isinstance(await read_one(registry, digest), Manifest)


async def test_without_an_api_token_the_pull_token_is_anonymous(server: ScriptedRegistry) -> None:
    digest = server.push("acme/app", image("a"))
    async with GitHubPackages("", base_url=server.url) as gh, Registry(gh) as registry:
        assert isinstance(await read_one(registry, digest), Manifest)
    assert [scheme for _, _, scheme in server.requests] == ["", "", "Bearer"]


async def test_a_registry_that_requests_no_token_gets_none(
    gh: GitHubPackages, server: ScriptedRegistry
) -> None:
    server.anonymous = True
    digest = server.push("acme/app", image("a"))
    async with Registry(gh) as registry:
        assert isinstance(await read_one(registry, digest), Manifest)
    assert {scheme for _, _, scheme in server.requests} == {""}


async def test_a_token_that_the_registry_repeats_in_a_challenge_is_redacted(
    gh: GitHubPackages, server: ScriptedRegistry
) -> None:
    server.realm = f"https://evil.example/{TOKEN}"
    outcome = await unreadable(gh, ABSENT)
    assert "evil.example" in outcome.message
    assert TOKEN not in outcome.message


@pytest.mark.parametrize("realm", ["https://evil.example/token", "//evil.example/token", "token"])
async def test_a_token_endpoint_on_another_origin_gets_no_token(
    gh: GitHubPackages, server: ScriptedRegistry, realm: str
) -> None:
    server.realm = realm
    outcome = await unreadable(gh, ABSENT)
    assert outcome.reason == "invalid"
    assert f"the API token is sent to {server.url} only" in outcome.message
    assert {scheme for _, _, scheme in server.requests} == {""}


async def test_a_token_endpoint_on_another_port_gets_no_token(
    gh: GitHubPackages, server: ScriptedRegistry
) -> None:
    async with ScriptedRegistry() as elsewhere:
        server.realm = f"{elsewhere.url}/token"
        assert (await unreadable(gh, ABSENT)).reason == "invalid"
        assert elsewhere.requests == []


@pytest.mark.parametrize("path", ["/v2/", "/token"])
async def test_a_redirect_to_another_origin_is_not_followed(
    gh: GitHubPackages, server: ScriptedRegistry, path: str
) -> None:
    async with ScriptedRegistry() as elsewhere:

        def redirect(request: web.BaseRequest) -> web.Response | None:
            if not request.path.startswith(path) or not request.headers.get("Authorization"):
                return None
            return web.Response(status=307, headers={"Location": f"{elsewhere.url}/x"})

        server.respond = redirect
        assert (await unreadable(gh, ABSENT)).reason == "invalid"
        assert elsewhere.requests == []


async def test_no_token_shows_in_an_error(gh: GitHubPackages, server: ScriptedRegistry) -> None:
    def echo(request: web.BaseRequest) -> web.Response | None:
        if sent := request.headers.get("Authorization"):
            errors = [{"code": "DENIED", "message": f"{sent} {TOKEN}"}]
            return web.json_response({"errors": errors}, status=403)
        return None

    server.respond = echo
    outcome = await unreadable(gh, ABSENT)
    assert outcome.reason == "refused"
    assert "DENIED: Basic ***" in outcome.message
    assert TOKEN not in outcome.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (image("another"), "the body has the digest"),
        (image("a")[:-1], "the body has the digest"),
        (b" " * (MAX_MANIFEST_BYTES + 1), "larger than 4 MiB"),
    ],
)
async def test_a_body_that_is_not_the_manifest_is_refused(
    gh: GitHubPackages, server: ScriptedRegistry, body: bytes, message: str
) -> None:
    digest = digest_of(image("a"))
    server.anonymous = True
    server.respond = lambda request: web.Response(body=body, content_type=INDEX)
    outcome = await unreadable(gh, digest)
    assert outcome.reason == "invalid"
    assert message in outcome.message


async def test_a_manifest_the_registry_does_not_have_is_missing_and_the_others_are_read(
    gh: GitHubPackages, server: ScriptedRegistry
) -> None:
    digests = [ABSENT, *(server.push("acme/app", image(str(number))) for number in range(20))]
    async with Registry(gh) as registry:
        found = await registry.read("acme", "app", digests)
    missing = found.pop(ABSENT)
    assert isinstance(missing, Unreadable)
    assert missing.reason == "missing"
    assert "MANIFEST_UNKNOWN: manifest unknown" in missing.message
    assert list(map(type, found.values())) == [Manifest] * 20


@pytest.mark.parametrize(("status", "reason"), [(500, "failed"), (403, "refused")])
async def test_after_a_failure_nothing_more_is_requested(
    gh: GitHubPackages, server: ScriptedRegistry, status: int, reason: str
) -> None:
    digests = [digest_of(image(str(number))) for number in range(200)]
    server.anonymous = True
    server.respond = lambda request: web.Response(status=status)
    async with Registry(gh) as registry:
        found = await registry.read("acme", "app", digests)
    assert list(found) != []
    assert found.keys() == set(digests)
    assert {outcome.reason for outcome in found.values() if isinstance(outcome, Unreadable)} == {
        reason
    }
    assert len(server.requests) <= 2 * CONCURRENCY


async def test_a_transient_failure_is_retried(gh: GitHubPackages, server: ScriptedRegistry) -> None:
    digest = server.push("acme/app", image("a"))
    left = [web.Response(status=502)]
    server.anonymous = True
    server.respond = lambda request: left.pop() if left else None
    async with Registry(gh) as registry:
        assert isinstance(await read_one(registry, digest), Manifest)


async def test_a_rate_limit_is_waited_for_as_its_message_says(
    server: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ghpkg_async._session.limits.SHORTEST_PAUSE", 0.01)
    digest = server.push("acme/app", image("a"))
    message = "retry-after: 1.16ms, allowed: 44000/minute"
    errors = {"errors": [{"code": "TOOMANYREQUESTS", "message": message}]}
    left = [web.json_response(errors, status=429)]
    server.anonymous = True
    server.respond = lambda request: left.pop() if left else None
    # The default of a minute, if the message had no delay, would exceed `max_rate_limit_wait`.
    async with (
        GitHubPackages(TOKEN, base_url=server.url, max_rate_limit_wait=5) as gh,
        Registry(gh) as registry,
    ):
        assert isinstance(await read_one(registry, digest), Manifest)


async def test_at_most_ten_requests_are_in_flight(
    gh: GitHubPackages, server: ScriptedRegistry
) -> None:
    digests = [server.push("acme/app", image(str(number))) for number in range(100)]
    async with Registry(gh) as registry:
        await registry.read("acme", "app", digests)
    assert 1 < server.max_in_flight <= CONCURRENCY


async def test_cached_manifests_are_not_requested_again(
    gh: GitHubPackages, server: ScriptedRegistry, tmp_path: Path
) -> None:
    digests = [server.push("acme/app", image(str(number))) for number in range(5)]
    cache = tmp_path / "manifests"
    async with Registry(gh, cache=cache) as registry:
        first = await registry.read("acme", "app", digests)
        assert registry.reads == 5
    server.requests.clear()
    async with Registry(gh, cache=cache) as registry:
        assert await registry.read("acme", "app", digests) == first
        assert registry.reads == 0
    assert server.requests == []


async def test_a_replaced_cache_entry_is_requested_again(
    gh: GitHubPackages, server: ScriptedRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = server.push("acme/app", image("a"))
    cache = tmp_path / "manifests"
    with monkeypatch.context() as patched:
        patched.setattr(
            "ghpkg_async.cleanup._registry._pack", lambda *_: b"x\x9c forged, not compressed"
        )
        async with Registry(gh, cache=cache) as registry:
            await read_one(registry, digest)
    async with Registry(gh, cache=cache) as registry:
        assert isinstance(await read_one(registry, digest), Manifest)
        assert registry.reads == 1


@pytest.mark.parametrize("digest", ["latest", "sha256:ABC", "sha512:" + "0" * 128, "../x"])
async def test_only_digests_are_read(gh: GitHubPackages, digest: str) -> None:
    with pytest.raises(ConfigurationError, match="digests: "):
        await Registry(gh).read("acme", "app", [digest])


async def test_the_referrers_api_is_never_requested(
    gh: GitHubPackages, server: ScriptedRegistry
) -> None:
    signed = server.push("acme/app", image("a"))
    signature = server.push("acme/app", image("signature", subject=signed))
    async with Registry(gh) as registry:
        found = await registry.read("acme", "app", [signature, signed])
    manifest = found[signature]
    assert isinstance(manifest, Manifest)
    assert manifest.subject == signed
    assert not any("referrers" in path for _, path, _ in server.requests)


@pytest_asyncio.fixture
async def docker(tmp_path: Path) -> AsyncIterator[DockerRegistry]:
    if not is_docker_registry_installed():
        pytest.skip("NO REAL REGISTRY WAS TESTED: apt-get install docker-registry")
    async with docker_registry(tmp_path) as registry:
        yield registry


async def test_manifests_of_docker_registry(docker: DockerRegistry) -> None:
    arm, amd = image("arm64"), image("amd64")
    for child in (arm, amd):
        await docker.push("acme/team/app", child)
    both = await docker.push("acme/team/app", index(arm, amd), tag="latest")
    signature = await docker.push("acme/team/app", image("signature", subject=both))
    async with (
        GitHubPackages(TOKEN, base_url="https://github.example/api/v3") as gh,
        Registry(gh, url=docker.url) as registry,
    ):
        found = await registry.read("acme", "team/app", [both, signature, digest_of(arm), ABSENT])
    manifest, referrer, missing = found[both], found[signature], found[ABSENT]
    assert isinstance(manifest, Manifest)
    assert [child.digest for child in manifest.children] == [digest_of(arm), digest_of(amd)]
    assert isinstance(referrer, Manifest)
    assert referrer.subject == both
    assert isinstance(found[digest_of(arm)], Manifest)
    assert isinstance(missing, Unreadable)
    assert missing.reason == "missing"
    assert "MANIFEST_UNKNOWN: manifest unknown" in missing.message


@pytest.mark.slow
async def test_the_challenge_of_docker_registry(tmp_path: Path) -> None:
    if not is_docker_registry_installed():
        pytest.skip("NO REAL REGISTRY WAS TESTED: apt-get install docker-registry")
    (tmp_path / "certificate.pem").write_text(CERTIFICATE)
    async with ScriptedRegistry() as elsewhere:
        auth = (
            f'auth: {{token: {{realm: "{elsewhere.url}/token", service: registry, issuer: tests, '
            f"rootcertbundle: {tmp_path / 'certificate.pem'}}}}}"
        )
        async with (
            docker_registry(tmp_path, auth) as docker,
            GitHubPackages(TOKEN, base_url=elsewhere.url) as gh,
            Registry(gh, url=docker.url) as registry,
        ):
            outcome = await read_one(registry, ABSENT)
        assert elsewhere.requests == []
    assert isinstance(outcome, Unreadable)
    assert f'Bearer realm="{elsewhere.url}/token",service="registry"' in outcome.message


async def test_a_closed_client_reads_nothing(server: ScriptedRegistry) -> None:
    gh = GitHubPackages(TOKEN, base_url=server.url)
    registry = Registry(gh)
    await registry.close()
    outcome = await read_one(registry, ABSENT)
    assert isinstance(outcome, Unreadable)
    assert server.requests == []
    await gh.close()
