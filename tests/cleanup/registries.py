"""Container registries for tests: a scripted registry, and Debian's docker-registry."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import shutil
from base64 import b64decode
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self

import aiohttp
from aiohttp import web
from attrs import define, field

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

INDEX: Final = "application/vnd.oci.image.index.v1+json"
IMAGE: Final = "application/vnd.oci.image.manifest.v1+json"
TOKEN: Final = "ghp_Qf7ZkW2mXr9LbT4vNc8HsJ1yPd6GaE3uRo5K"
PULL_TOKEN: Final = "djE6cHVsbC10b2tlbi1vZi10aGUtcmVnaXN0cnk6MQ"


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def image(name: str, subject: str | None = None, **fields: Any) -> bytes:
    """Return an image manifest whose digest depends on the name."""
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": EMPTY, "size": 2}
    about = (
        {} if subject is None else {"subject": {"mediaType": IMAGE, "digest": subject, "size": 2}}
    )
    return json.dumps(
        {"schemaVersion": 2, "mediaType": IMAGE, "config": empty, "layers": [empty]}
        | {"annotations": {"name": name}}
        | about
        | fields
    ).encode()


def index(*children: bytes) -> bytes:
    """Return an index with the media type of each child in its entry."""
    entries = [
        {
            "mediaType": json.loads(child)["mediaType"],
            "digest": digest_of(child),
            "size": len(child),
        }
        for child in children
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()


EMPTY: Final = digest_of(b"{}")


@define
class ScriptedRegistry:
    """Registry that issues tokens like ghcr.io; a test can override responses with `respond`.

    Attributes:
        manifests: bodies by repository and digest.
        realm: URL of the token endpoint in 401 responses; ``""`` for the registry's own.
        anonymous: true if manifests are sent to requests without a token.
        respond: function that returns a response, or ``None`` for the registry's own.
        requests: method, path with query, and scheme of authorization of each request.
    """

    manifests: dict[tuple[str, str], bytes] = field(factory=dict)
    realm: str = ""
    anonymous: bool = False
    respond: Callable[[web.BaseRequest], web.Response | None] = lambda request: None
    requests: list[tuple[str, str, str]] = field(factory=list)
    token_body: dict[str, Any] = field(factory=lambda: {"token": PULL_TOKEN})
    url: str = ""
    in_flight: int = 0
    max_in_flight: int = 0
    _runner: web.ServerRunner | None = None

    def push(self, repository: str, body: bytes) -> str:
        digest = digest_of(body)
        self.manifests[repository, digest] = body
        return digest

    @property
    def reads(self) -> list[str]:
        """Paths of the manifest requests with an ``Authorization`` header."""
        return [path for _, path, scheme in self.requests if "/manifests/" in path and scheme]

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._handle))
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        self.requests.append((request.method, request.path_qs, scheme))
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            await asyncio.sleep(0)
            return self.respond(request) or self._response(request, scheme, credentials)
        finally:
            self.in_flight -= 1

    def _response(self, request: web.BaseRequest, scheme: str, credentials: str) -> web.Response:
        if request.path == "/token":
            if scheme and b64decode(credentials).decode().partition(":")[2] != TOKEN:
                return web.json_response({"errors": [{"code": "DENIED"}]}, status=403)
            return web.json_response(self.token_body)
        if not self.anonymous and credentials != PULL_TOKEN:
            realm = self.realm or f"{self.url}/token"
            challenge = f'Bearer realm="{realm}",service="ghcr.io",scope="repository:a/b:pull"'
            return web.json_response(
                {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]},
                status=401,
                headers={"WWW-Authenticate": challenge},
            )
        repository, _, digest = request.path.removeprefix("/v2/").partition("/manifests/")
        body = self.manifests.get((repository, digest))
        if body is None:
            errors = [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]
            return web.json_response({"errors": errors}, status=404)
        return web.Response(body=body, content_type=json.loads(body)["mediaType"])


@define
class DockerRegistry:
    """Debian's docker-registry on a free port."""

    url: str

    async def push(self, repository: str, body: bytes, tag: str = "") -> str:
        """Push a manifest that refers only to the empty blob; return its digest."""
        async with aiohttp.ClientSession() as http:
            uploads = f"{self.url}/v2/{repository}/blobs/uploads/"
            async with http.post(uploads) as response:
                location = response.headers["Location"]
            async with http.put(location, params={"digest": EMPTY}, data=b"{}") as response:
                assert response.status == 201, await response.text()
            digest = digest_of(body)
            manifest = f"{self.url}/v2/{repository}/manifests/{tag or digest}"
            headers = {"Content-Type": json.loads(body)["mediaType"]}
            async with http.put(manifest, data=body, headers=headers) as response:
                assert response.status == 201, await response.text()
                assert response.headers["Docker-Content-Digest"] == digest
        return digest


def is_docker_registry_installed() -> bool:
    return shutil.which("docker-registry") is not None


@asynccontextmanager
async def docker_registry(folder: Path, auth: str = "") -> AsyncIterator[DockerRegistry]:
    """Run Debian's docker-registry with its files in a folder."""
    config = folder / "config.yml"
    config.write_text(
        f"""version: 0.1
log: {{level: info, formatter: json, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder / "storage"}}}}}
http: {{addr: "127.0.0.1:0"}}
{auth}"""
    )
    process = await asyncio.create_subprocess_exec(
        "docker-registry",
        "serve",
        str(config),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield DockerRegistry(f"http://{await _address(process)}")
    finally:
        process.terminate()
        await process.communicate()


async def _address(process: Process) -> str:
    assert process.stderr is not None
    said = b""
    async with asyncio.timeout(30):
        while line := await process.stderr.readline():
            said += line
            if found := re.search(rb"listening on (127\.0\.0\.1:\d+)", line):
                return found[1].decode()
    raise AssertionError(f"docker-registry ended: {said.decode()}")
