"""The API without a network: map a request to GitHub's response.

https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote

import attrs
from attrs.validators import in_

from . import _routes as routes
from ._actions import ACTIONS, Call, Response
from ._behavior import BEHAVIORS, Behaves, Behavior
from ._limits import Quota
from ._refusals import BadRequest, NotAllowed, NotThere, Refusal, Unprocessable
from ._render import Renderer, error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._limits import LimitReached
    from ._packages import Namespace
    from ._routes import Operation
    from ._tokens import Token
    from ._world import World

DEFAULT_API_VERSION: Final = "2022-11-28"
API_VERSIONS: Final = (DEFAULT_API_VERSION, "2026-03-10")
WITHOUT_DOWNLOADS: Final = "2026-03-10"
"""First API version whose repositories have no ``has_downloads``."""

ANONYMOUS_LIMIT: Final = 60


class Challenge(Refusal):
    """401: the request has no token, or an unknown one."""

    status = 401


class Closed(Refusal):
    """403 with headers that state the missing authorization."""

    status = 403

    def __init__(self, message: str, headers: dict[str, str]) -> None:
        super().__init__(message)
        self.headers = headers


@attrs.define
class Api:
    """Responds to requests from the state of a world; ``EmbeddedGitHub`` has the same arguments."""

    world: World = attrs.field(repr=False)
    base_path: str = ""
    behaves: Behaves = attrs.field(default="recorded", validator=in_(tuple(BEHAVIORS)))
    link: bool = True
    paged_conflicts: bool = False
    rate_limits: bool = True
    api_versions: tuple[str, ...] = API_VERSIONS
    _renderers: dict[tuple[str, bool, Behavior], Renderer] = attrs.field(
        factory=dict, init=False, repr=False
    )
    _quotas: dict[str, Quota] = attrs.field(factory=dict, init=False, repr=False)
    _responses: int = attrs.field(default=0, init=False, repr=False)

    def operation(self, method: str, target: str) -> tuple[Operation, dict[str, str]] | None:
        """Return the operation of a request and the path's arguments, or ``None`` without a route.

        Args:
            method: The request's method; ``HEAD`` is routed as ``GET``.
            target: Path and query, percent-encoded as received.
        """
        path = target.partition("?")[0]
        if not path.startswith(f"{self.base_path}/"):
            return None
        segments = routes.split(path[len(self.base_path) :])
        if segments is None:
            return None
        if segments[0] == "organizations" and len(segments) > 1:
            segments[:2] = ["orgs", self._login(segments[1])]
        return routes.find("GET" if method == "HEAD" else method, segments)

    def respond(
        self, method: str, target: str, headers: Mapping[str, str], *, origin: str, now: int
    ) -> Response:
        """Carry out a request and return the response.

        Args:
            method: The request's method.
            target: Path and query, percent-encoded as received.
            headers: The request's headers, with case-insensitive names.
            origin: Scheme, host and port of the URLs in the response.
            now: Current Unix time in seconds.
        """
        match = self.operation(method, target)
        token = self._token(headers)
        try:
            response = self._carry_out(match, token, target, headers, origin)
        except Refusal as refusal:
            url = match[0].documentation_url if match else routes.REFERENCE
            body = error(str(refusal), url, refusal.status)
            extra = refusal.headers if isinstance(refusal, Closed) else {}
            response = Response(refusal.status, body, extra)
        if response.status == 200:
            response = _conditional(response, token, headers.get("If-None-Match"))
        counts = response.status != 304
        response.headers.update(self._common_headers(match, token, headers, now, counts=counts))
        return response

    def refusal(
        self, reached: LimitReached, method: str, target: str, headers: Mapping[str, str], now: int
    ) -> Response:
        """Return the response to a request that exceeds a rate limit.

        Args:
            reached: The exceeded limit.
            method: The request's method.
            target: Path and query, percent-encoded as received.
            headers: The request's headers, with case-insensitive names.
            now: Current Unix time in seconds.
        """
        match, token = self.operation(method, target), self._token(headers)
        common = self._common_headers(match, token, headers, now, counts=False)
        # Recorded bodies of the secondary limit have no `status`.
        status = None if reached.limit == "secondary_limit" else reached.status
        body = error(reached.message, reached.documentation_url, status)
        return Response(reached.status, body, {**common, **reached.headers})

    def _carry_out(
        self,
        match: tuple[Operation, dict[str, str]] | None,
        token: Token | None,
        target: str,
        headers: Mapping[str, str],
        origin: str,
    ) -> Response:
        if match is None:
            raise NotThere("Not Found")
        operation, arguments = match
        version = self._version(headers)
        if version is None:
            raise BadRequest("The value of X-GitHub-Api-Version is not a supported API version.")
        if token is None:
            sent = "Authorization" in headers
            raise Challenge("Bad credentials" if sent else "Requires authentication")
        _check_body(operation, headers)
        _check_kind(token)
        _check_scopes(operation, token)
        owner = self._owner(arguments, token)
        _check_sso(owner, token)
        query = target.partition("?")[2]
        call = Call(
            arguments=arguments,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            url=origin + self._link_path(operation, arguments, owner),
            token=token,
            owner=owner,
            render=self._renderer(origin, has_downloads=version < WITHOUT_DOWNLOADS),
            behavior=self._behavior,
            link=self.link,
            paged_conflicts=self.paged_conflicts,
        )
        return ACTIONS[operation.action](call)

    def _token(self, headers: Mapping[str, str]) -> Token | None:
        scheme, _, value = headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "token"):
            return None
        return self.world.find_token(value.strip())

    def _version(self, headers: Mapping[str, str]) -> str | None:
        """Return the API version of the request, or ``None`` if it is not supported."""
        if not self.api_versions:
            return DEFAULT_API_VERSION
        version = headers.get("X-GitHub-Api-Version", DEFAULT_API_VERSION)
        return version if version in self.api_versions else None

    def _owner(self, arguments: Mapping[str, str], token: Token) -> Namespace:
        if "org" in arguments:
            return self.world.find_owner("Organization", arguments["org"])
        return self.world.find_owner("User", arguments.get("username", token.login))

    def _login(self, organization_id: str) -> str:
        """Return the login of the organization with that id, or an empty string."""
        for owner in self.world.owners:
            if owner.type == "Organization" and str(owner.id) == organization_id:
                return owner.login
        return ""

    @property
    def _behavior(self) -> Behavior:
        return BEHAVIORS[self.behaves]

    def _link_path(
        self, operation: Operation, arguments: Mapping[str, str], owner: Namespace
    ) -> str:
        """Return the path for ``Link``, built from the operation, not copied from the request."""
        quoted = {name: quote(value, safe="") for name, value in arguments.items()}
        path = operation.path
        if self._behavior.rewritten_links and owner.type == "Organization":
            path = path.replace("/orgs/{org}", f"/organizations/{owner.id}", 1)
        return self.base_path + path.format(**quoted)

    def _renderer(self, origin: str, *, has_downloads: bool) -> Renderer:
        key = origin, has_downloads, self._behavior
        if key not in self._renderers:
            # With a base path, this is an Enterprise Server: site and API have the same host.
            html = origin if self.base_path else "https://github.com"
            self._renderers[key] = Renderer(
                origin + self.base_path, html, has_downloads, self._behavior
            )
        return self._renderers[key]

    def _common_headers(
        self,
        match: tuple[Operation, dict[str, str]] | None,
        token: Token | None,
        headers: Mapping[str, str],
        now: int,
        *,
        counts: bool,
    ) -> dict[str, str]:
        """Return the headers that all responses have."""
        self._responses += 1
        common = {
            "X-GitHub-Request-Id": f"E3B0:{self._responses:06X}",
            "X-GitHub-Media-Type": "github.v3; format=json",
            "Vary": "Accept, Authorization, Cookie, Accept-Encoding, X-Requested-With",
        }
        if self.api_versions:
            common["X-GitHub-Api-Version-Selected"] = self._version(headers) or DEFAULT_API_VERSION
        if token is not None and token.kind == "classic":
            named = match and self._behavior.accepted_scopes
            accepted = routes.SCOPES[match[0].action][0] if match and named else ()
            common["X-OAuth-Scopes"] = ", ".join(token.scopes)
            common["X-Accepted-OAuth-Scopes"] = ", ".join(accepted)
        if self.rate_limits:
            key, limit = (token.value, token.limit) if token else ("", ANONYMOUS_LIMIT)
            quota = self._quotas.setdefault(key, Quota(limit))
            common |= quota.headers(now, counts=counts)
        return common


def _check_body(operation: Operation, headers: Mapping[str, str]) -> None:
    has_body = headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in headers
    if operation.method == "DELETE" and has_body:
        raise Unprocessable("Invalid request.\n\nFor 'links/0/schema', {} is not a null.")


def _check_kind(token: Token) -> None:
    owners = {"fine-grained": "personal access token", "app": "integration"}
    if token.kind in owners:
        raise NotAllowed(f"Resource not accessible by {owners[token.kind]}")


def _check_scopes(operation: Operation, token: Token) -> None:
    required, doing = routes.SCOPES[operation.action]
    if token.lacks(required):
        scopes = f"{' and '.join(required)} scope{'s' * (len(required) > 1)}"
        raise NotAllowed(f"You need at least {scopes} to {doing}.")


def _check_sso(owner: Namespace, token: Token) -> None:
    if not token.passes_sso(owner):
        url = f"https://github.com/orgs/{owner.login}/sso?authorization_request=embedded"
        raise Closed(
            "Resource protected by organization SAML enforcement. You must grant your Personal "
            "Access token access to this organization.",
            {"X-GitHub-SSO": f"required; url={url}"},
        )


def _conditional(response: Response, token: Token | None, condition: str | None) -> Response:
    """Return the response with its ETag, or 304 if the condition has that ETag.

    The ETag depends on the body and the token, but not on ``Link``: a page may be unmodified
    although its ``Link`` would differ.
    """
    secret = b"" if token is None else token.value.encode()
    digest = hashlib.sha256(hashlib.sha256(secret).digest() + response.body).hexdigest()
    common = {"ETag": f'W/"{digest}"', "Cache-Control": "private, max-age=60, s-maxage=60"}
    known = {tag.strip().removeprefix("W/") for tag in (condition or "").split(",")}
    if f'"{digest}"' in known or "*" in known:
        return Response(304, headers=common)
    return Response(response.status, response.body, response.headers | common)
