"""Read manifests from the container registry that belongs to a GitHub Packages API.

Manifests are requested by digest and verified against it, so neither the registry nor a proxy nor
the cache file can replace one. A read counts as a download of a public version, and GitHub deletes
no public version with more than 5,000 downloads: a cached manifest is not read again.

The referrers API is not used: ghcr.io does not implement it.

https://distribution.github.io/distribution/spec/auth/token/
https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
"""

from __future__ import annotations

import asyncio
import re
import zlib
from base64 import b64encode
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import attrs
import msgspec
from multidict import CIMultiDict
from yarl import URL

from .._client import session_of
from .._clock import loop_time
from .._context import segment
from .._session.auth import check_token, is_loopback, parse_base_url
from .._session.cache import Cache
from .._session.cache_entry import Key
from .._session.messages import Request
from .._session.redaction import Secret
from .._session.urls import parse_server_url, same_origin
from ..errors import (
    ConfigurationError,
    Forbidden,
    GitHubPackagesError,
    InvalidResponse,
    NotFound,
    Unauthorized,
)
from ._manifests import ACCEPT, MAX_MANIFEST_BYTES, Unreadable, is_digest, parse_manifest

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from .._client import GitHubPackages
    from .._codec import Buffer
    from .._session.messages import Response
    from ._manifests import Manifest, UnreadableReason

__all__ = ["Registry", "registry_url_of"]

CONCURRENCY: Final = 10
"""Requests in flight to the registry at once."""
TOKEN_SECONDS: Final = 60.0
"""Lifetime of a registry token whose response has no ``expires_in``."""
EXPIRY_MARGIN: Final = 10.0
"""Seconds before its expiry from which a registry token is replaced."""

_CHALLENGE: Final = re.compile(r'([A-Za-z]+)="([^"]*)"')
_LONGEST_CONTENT_TYPE: Final = 200


def registry_url_of(base_url: URL) -> URL:
    """Return the registry that belongs to an API.

    Args:
        base_url: the API's root.

    Returns:
        ``https://ghcr.io`` for api.github.com, ``https://containers.NAME.ghe.com`` for
        ``https://api.NAME.ghe.com``, the API's own origin on loopback, and
        ``https://containers.HOST`` for any other ``HOST``.
    """
    host = (base_url.host or "").lower().rstrip(".")
    if is_loopback(base_url):
        return base_url.origin()
    if host == "api.github.com":
        return URL("https://ghcr.io")
    if host.endswith(".ghe.com"):
        host = host.removeprefix("api.")
    return base_url.origin().with_host(f"containers.{host}")


class Registry:
    """Manifests by digest.

    The client's API token is sent only to the registry's token endpoint, when a repository has no
    valid registry token, and only if that endpoint is on the registry's own origin.

    Args:
        client: supplies the API token, connection settings, retries and redaction.
        url: the registry's root; ``None`` derives it from the client's base URL.
        cache: a file for manifests, created with mode 0600; ``None`` for no cache.

    Attributes:
        url: the registry's root.
        reads: number of manifests that the registry sent, not those from the cache.

    Raises:
        ConfigurationError: ``url`` is not a root such as ``https://ghcr.io``, or ``cache`` cannot
            be a file.
    """

    def __init__(
        self,
        client: GitHubPackages,
        *,
        url: str | None = None,
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        self._api = session_of(client)
        self.url = registry_url_of(self._api.base_url) if url is None else _parse_url(url)
        self.reads = 0
        self._session = self._api.on_origin(
            self.url, headers={"Accept": ", ".join(ACCEPT)}, concurrency=CONCURRENCY
        )
        self._cache = None if cache is None else Cache(cache)
        self._sent: set[str] = set()
        self._endpoint: _TokenEndpoint | None = None
        self._tokens: dict[str, _Token] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def __aenter__(self) -> Self:
        self._session.open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections and the cache."""
        await self._session.close()
        if self._cache is not None:
            await self._cache.close()

    async def read(
        self, owner: str, package: str, digests: Sequence[str]
    ) -> dict[str, Manifest | Unreadable]:
        """Read manifests of one package, from the cache or else from the registry.

        A manifest that the registry does not have is ``missing``. After any other failure the
        package cannot be cleaned up, so nothing more is requested.

        Args:
            owner: login of the account that owns the package; case-insensitive.
            package: name of the container package, slashes included; case-insensitive.
            digests: like ``sha256:`` and 64 hexadecimal digits; the first are requested first.

        Returns:
            One entry for each digest. A single failure is an `Unreadable`.

        Raises:
            ConfigurationError: an argument cannot be part of a registry path.
        """
        if wrong := [digest for digest in digests if not is_digest(digest)]:
            raise ConfigurationError(
                f"digests: {wrong[0]!r} is not sha256: and 64 lower-case hexadecimal digits"
            )
        repository, path = _repository(owner, package)
        outcomes: dict[str, Manifest | Unreadable] = {}
        waiting = iter(dict.fromkeys(digests))
        failure: Unreadable | None = None

        async def read_some() -> None:
            nonlocal failure
            for digest in waiting:
                if failure is not None:
                    message = f"not requested, because of {failure.digest}: {failure.message}"
                    outcomes[digest] = Unreadable(digest, failure.reason, message)
                    continue
                outcome = outcomes[digest] = await self._read_one(repository, path, digest)
                if isinstance(outcome, Unreadable) and outcome.reason != "missing":
                    failure = outcome

        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(CONCURRENCY, len(digests))):
                tasks.create_task(read_some())
        return outcomes

    async def has_any(self, owner: str, package: str, digest: str | None) -> bool:
        """Return whether the registry itself, rather than the cache, has manifests of a package.

        Args:
            owner: login of the account that owns the package, in any case.
            package: name of the container package, in any case.
            digest: a manifest that the package should have. It is requested only if the registry
                has sent no manifest of the package yet; ``None``: there is none.

        Raises:
            InvalidResponse: the manifest could not be read for a reason other than a 404.
        """
        repository, path = _repository(owner, package)
        if repository not in self._sent and digest is not None:
            outcome = await self._request(repository, path, digest)
            if isinstance(outcome, Unreadable) and outcome.reason != "missing":
                raise InvalidResponse(f"manifest {digest}: {outcome.message}")
        return repository in self._sent

    async def _read_one(self, repository: str, path: str, digest: str) -> Manifest | Unreadable:
        if (stored := await self._cached(digest)) is not None:
            return stored
        return await self._request(repository, path, digest)

    async def _request(self, repository: str, path: str, digest: str) -> Manifest | Unreadable:
        url = self._session.url(f"/v2/{path}/manifests/{digest}")
        try:
            with self._session.call():
                response = await self._send(repository, Request("GET", url))
                body = response.read(_bounded)
                content_type = _content_type(response)
                manifest = parse_manifest(body, digest, content_type)
        except GitHubPackagesError as error:
            return Unreadable(digest, _reason_of(error), str(error))
        self.reads += 1
        self._sent.add(repository)
        if self._cache is not None:
            # Registries send the digest as ETag, and the cache stores nothing without one.
            headers = CIMultiDict(ETag=f'"{digest}"')
            await self._cache.put(_cache_key(digest), headers, _pack(content_type, body))
        return manifest

    async def _cached(self, digest: str) -> Manifest | None:
        """Return a manifest of the cache, verified like one of the registry."""
        entry = None if self._cache is None else await self._cache.get(_cache_key(digest))
        if entry is None:
            return None
        try:
            content_type, body = _unpack(entry.body)
            return parse_manifest(body, digest, content_type)
        except (InvalidResponse, zlib.error):
            return None

    async def _send(self, repository: str, request: Request) -> Response:
        """Send a request with the repository's token; a 401 makes it request another one."""
        token = await self._token(repository, instead_of=None)
        response = await self._session.send(attrs.evolve(request, token=token), accept=(200, 401))
        if response.status == 200:
            return response
        self._endpoint = _TokenEndpoint.of(response, self.url)
        token = await self._token(repository, instead_of=token)
        return await self._session.send(attrs.evolve(request, token=token))

    async def _token(self, repository: str, *, instead_of: Secret | None) -> Secret:
        """Return the repository's token, empty while the registry has requested none.

        Args:
            repository: repository that the token may pull from.
            instead_of: a token that the registry refused.
        """
        if self._endpoint is None:
            return Secret("")
        async with self._locks[repository]:
            token = self._tokens.get(repository)
            now = loop_time()
            if token is None or token.expires_at <= now or token.value == instead_of:
                token = await self._exchange(self._endpoint, repository)
                self._tokens[repository] = token
            return token.value

    async def _exchange(self, endpoint: _TokenEndpoint, repository: str) -> _Token:
        """Exchange the API token for one that may pull from the repository."""
        api_token = (await self._api.token()).reveal()
        basic = Secret(b64encode(f"token:{api_token}".encode()).decode() if api_token else "")
        del api_token  # An error below may be reported with the locals of this frame.
        requested_at = loop_time()
        response = await self._session.send(
            Request("GET", endpoint.url_for(repository), token=basic, scheme="Basic")
        )
        return response.read(lambda body: _read_token(body, requested_at))


@attrs.frozen
class _TokenEndpoint:
    """Token endpoint of a registry.

    Attributes:
        realm: URL of the endpoint, on the registry's origin.
        service: name of the registry, as the endpoint knows it.
    """

    realm: URL
    service: str

    @classmethod
    def of(cls, response: Response, registry: URL) -> _TokenEndpoint:
        """Parse the challenge of a 401.

        Raises:
            InvalidResponse: it has no challenge, or one with an endpoint on another origin.
        """
        challenge = response.headers.get("WWW-Authenticate", "")
        scheme, _, parameters = challenge.partition(" ")
        values = dict(_CHALLENGE.findall(parameters[:2000]))
        realm = URL()
        with suppress(ValueError):
            realm = parse_server_url(values.get("realm", ""))
        if scheme.lower() != "bearer" or not same_origin(registry.origin(), realm):
            raise InvalidResponse(
                f"{response.request}: 401 with the challenge {challenge[:200]!r}: the API token is "
                f"sent to {registry.origin()} only. If the registry is another one, pass its URL"
            )
        return cls(realm.with_query(None).with_fragment(None), values.get("service", ""))

    def url_for(self, repository: str) -> URL:
        scope = f"repository:{repository}:pull"
        query = {"service": self.service, "scope": scope} if self.service else {"scope": scope}
        return self.realm.with_query(query)


@attrs.frozen
class _Token:
    value: Secret
    expires_at: float


class _TokenBody(msgspec.Struct):
    token: str = ""
    access_token: str = ""
    expires_in: float = TOKEN_SECONDS


def _read_token(body: Buffer, requested_at: float) -> _Token:
    try:
        decoded = msgspec.json.decode(body, type=_TokenBody)
        value = Secret(check_token(decoded.token or decoded.access_token))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ConfigurationError):
        value = None
    if value is None:
        raise InvalidResponse("the registry's token endpoint sent no token")
    return _Token(value, requested_at + decoded.expires_in - EXPIRY_MARGIN)


def _repository(owner: str, package: str) -> tuple[str, str]:
    """Return a repository's name and its part of URLs, both in lower case."""
    name = f"{owner}/{package}".lower()
    return name, "/".join(segment(part, "name") for part in name.split("/"))


def _parse_url(url: str) -> URL:
    try:
        parsed = parse_base_url(url)
    except ConfigurationError as error:
        reason = str(error).partition(": ")[2]
    else:
        if parsed.raw_path in ("", "/") and (parsed.scheme == "https" or is_loopback(parsed)):
            return parsed
        reason = f"{url!r} must be https:// and a host, like 'https://ghcr.io', without a path"
    raise ConfigurationError(f"registry_url: {reason}")


def _reason_of(error: GitHubPackagesError) -> UnreadableReason:
    match error:
        case NotFound():
            return "missing"
        case Unauthorized() | Forbidden():
            return "refused"
        case InvalidResponse():
            return "invalid"
    return "failed"


def _bounded(body: Buffer) -> bytes:
    if len(body) > MAX_MANIFEST_BYTES:
        raise InvalidResponse(f"the manifest is larger than {MAX_MANIFEST_BYTES // 2**20} MiB")
    return bytes(body)


def _content_type(response: Response) -> str:
    """Return the media type of the response, ``""`` if it has none."""
    content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return content_type[:_LONGEST_CONTENT_TYPE]


def _cache_key(digest: str) -> Key:
    # Without token and host: a digest has the same body everywhere, and the body is verified.
    return Key.of("", "manifest", digest)


def _pack(content_type: str, body: bytes) -> bytes:
    return zlib.compress(f"{content_type}\n".encode() + body)


def _unpack(packed: bytes) -> tuple[str, bytes]:
    """Return content type and body; `zlib.error` if they were not packed so."""
    unpacker = zlib.decompressobj()
    content_type, _, body = unpacker.decompress(packed, MAX_MANIFEST_BYTES + 2**10).partition(b"\n")
    return content_type.decode(errors="replace"), body
