"""Container registry that sends the manifests of the world's container versions. Pure.

It imitates one part of ghcr.io: pulling a manifest by digest or tag, with a token for its
repository. Pushing, deleting, blobs and the referrers API are missing.

https://distribution.github.io/distribution/spec/auth/token/
https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, quote

import attrs

from . import _routes as routes
from ._actions import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._packages import Package, Version
    from ._tokens import Token
    from ._world import World

SERVICE: Final = "ghcr.io"


def is_registry(target: str) -> bool:
    """Return whether a request's path belongs to the registry, not to the API."""
    path = target.partition("?")[0]
    return path.startswith("/v2/") or path in ("/v2", "/token")


class _RegistryError(Exception):
    """Error response of the registry."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class _UnknownManifest(_RegistryError):
    def __init__(self) -> None:
        super().__init__(404, "MANIFEST_UNKNOWN", "manifest unknown")


@attrs.frozen
class _Target:
    """Parts of a path such as ``/v2/acme/app/manifests/latest``; empty for other paths."""

    repository: str = ""
    kind: str = ""
    reference: str = ""

    @classmethod
    def of(cls, path: str) -> _Target:
        match routes.split(path):
            case ["v2", *names, kind, reference] if not any("/" in name for name in names):
                return cls("/".join(names), kind, reference)
        return cls()


@attrs.frozen
class RegistryApi:
    """Responds to requests for the registry.

    Args:
        world: World whose container packages are the repositories.
    """

    world: World = attrs.field(repr=False)

    def respond(
        self, method: str, target: str, headers: Mapping[str, str], *, origin: str
    ) -> Response:
        """Carry out a request and return the response.

        Args:
            method: The request's method.
            target: Path and query, percent-encoded as received; ``is_registry`` is true of it.
            headers: The request's headers, with case-insensitive names.
            origin: Origin of the server, for the URL of the token endpoint.
        """
        path, _, query = target.partition("?")
        authorization = headers.get("Authorization", "")
        requested = _Target.of(path)
        try:
            if path == "/token":
                return self._exchange(query, authorization)
            return self._pull(method, requested, authorization)
        except _RegistryError as error:
            response = _json(
                error.status, {"errors": [{"code": error.code, "message": str(error)}]}
            )
            if error.status == 401:
                scope = f"repository:{quote(requested.repository)}:pull"
                response.headers["WWW-Authenticate"] = (
                    f'Bearer realm="{origin}/token",service="{SERVICE}",scope="{scope}"'
                )
            return response

    def _exchange(self, query: str, authorization: str) -> Response:
        """Exchange an API token, sent as the password of any user, for a pull token."""
        scheme, _, value = authorization.partition(" ")
        token: Token | None = None
        if scheme:
            password = _decoded(value).partition(":")[2] if scheme.lower() == "basic" else ""
            token = self.world.find_token(password)
            if token is None:
                raise _RegistryError(403, "DENIED", "denied")
        scope = parse_qs(query).get("scope", [""])[0]
        repository = scope.removeprefix("repository:").rpartition(":")[0]
        return _json(200, {"token": _pull_token(token, repository)})

    def _pull(self, method: str, requested: _Target, authorization: str) -> Response:
        token = self._caller(authorization, requested.repository)
        if not requested.repository:  # `/v2/`, which clients request for the challenge.
            return _json(200, {})
        if method not in ("GET", "HEAD"):
            raise _RegistryError(405, "UNSUPPORTED", "The operation is unsupported.")
        package = self._package(requested.repository, token)
        if requested.kind != "manifests":
            raise _UnknownManifest
        version = _find(package, requested.reference)
        if version.manifest is None:
            raise _UnknownManifest
        if method == "GET":
            version.downloads += 1
        return Response(
            200,
            version.manifest,
            {
                "Content-Type": json.loads(version.manifest)["mediaType"],
                "Docker-Content-Digest": version.name,
                "Docker-Distribution-Api-Version": "registry/2.0",
                "ETag": f'"{version.name}"',
            },
        )

    def _caller(self, authorization: str, repository: str) -> Token | None:
        """Return the token that the pull token was derived from, or ``None`` if it is anonymous."""
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() == "bearer":
            # GitHub also accepts the API token itself, in base64.
            if (token := self.world.find_token(_decoded(value))) is not None:
                return token
            for candidate in (None, *self.world.tokens):
                if value == _pull_token(candidate, repository):
                    return candidate
        raise _RegistryError(401, "UNAUTHORIZED", "authentication required")

    def _package(self, repository: str, token: Token | None) -> Package:
        login, _, name = repository.partition("/")
        for owner in self.world.owners:
            if owner.login.lower() == login:
                for package in owner.packages("container"):
                    if package.name.lower() == name:
                        if not _may_pull(package, token):
                            message = "requested access to the resource is denied"
                            raise _RegistryError(403, "DENIED", message)
                        return package
        raise _RegistryError(404, "NAME_UNKNOWN", "repository name not known to registry")


def _may_pull(package: Package, token: Token | None) -> bool:
    if token is None:
        return package.visibility == "public"
    reads = token.kind in ("classic", "actions") and not token.lacks(["read:packages"])
    return reads and token.may_see(package) and token.passes_sso(package.owner)


def _find(package: Package, reference: str) -> Version:
    if (version := package.named(reference)) is not None:
        return version
    for version in package.versions():
        if reference in version.tags:
            return version
    raise _UnknownManifest


def _pull_token(token: Token | None, repository: str) -> str:
    """Return the pull token of an API token for a repository, derived, so not stored."""
    secret = "" if token is None else token.value
    return b64encode(sha256(f"{secret}\n{repository}".encode()).digest()).decode()


def _decoded(text: str) -> str:
    try:
        return b64decode(text, validate=True).decode()
    except (Base64Error, UnicodeDecodeError):
        return ""


def _json(status: int, value: object) -> Response:
    return Response(status, json.dumps(value).encode(), {"Content-Type": "application/json"})
