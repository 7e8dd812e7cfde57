"""A request in, GitHub's answer out: the whole API without a network.

https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from attrs import define, field
from attrs.validators import in_

from . import _routes as routes
from ._actions import ACTIONS, Answer, Call
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

DEFAULT_API_VERSION = "2022-11-28"
API_VERSIONS = (DEFAULT_API_VERSION, "2026-03-10")
#: From this version on, repositories have no `has_downloads`.
WITHOUT_DOWNLOADS = "2026-03-10"

ANONYMOUS_LIMIT = 60


class Challenge(Refusal):
    """No token, or none that is known."""

    status = 401


class Closed(Refusal):
    """Refused, with headers that say what would open."""

    status = 403

    def __init__(self, message: str, headers: dict[str, str]) -> None:
        super().__init__(message)
        self.headers = headers


@define
class Api:
    """Answers requests out of a world. The arguments are those of `EmbeddedGitHub`."""

    world: World = field(repr=False)
    base_path: str = ""
    behaves: Behaves = field(default="recorded", validator=in_(tuple(BEHAVIORS)))
    link: bool = True
    paged_conflicts: bool = False
    rate_limits: bool = True
    api_versions: tuple[str, ...] = API_VERSIONS
    _renderers: dict[tuple[str, bool, Behavior], Renderer] = field(
        factory=dict, init=False, repr=False
    )
    _quotas: dict[str, Quota] = field(factory=dict, init=False, repr=False)
    _answered: int = field(default=0, init=False, repr=False)

    def operation(self, method: str, target: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation a request line names and its path's arguments; `None`: there is none.

        Args:
            method: `HEAD` is `GET`.
            target: Path and query as they were on the wire.
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

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], *, origin: str, now: int
    ) -> Answer:
        """Carry a request out.

        Args:
            method: The request's.
            target: Path and query as they were on the wire.
            headers: The request's, by names that ignore case.
            origin: Scheme, host and port the request came in by; the answer's URLs lead there.
            now: The time as real clients know it, in seconds since 1970.
        """
        found = self.operation(method, target)
        token = self._token(headers)
        try:
            answer = self._carry_out(found, token, target, headers, origin)
        except Refusal as refusal:
            url = found[0].documentation_url if found else routes.REFERENCE
            body = error(str(refusal), url, refusal.status)
            extra = refusal.headers if isinstance(refusal, Closed) else {}
            answer = Answer(refusal.status, body, extra)
        if answer.status == 200:
            answer = _conditional(answer, token, headers.get("If-None-Match"))
        counts = answer.status != 304
        answer.headers.update(self._common_headers(found, token, headers, now, counts=counts))
        return answer

    def refusal(
        self, reached: LimitReached, method: str, target: str, headers: Mapping[str, str], now: int
    ) -> Answer:
        """What a request gets that a limit keeps out.

        Args:
            reached: What the limit says.
            method: The request's.
            target: Path and query as they were on the wire.
            headers: The request's, by names that ignore case.
            now: The time as real clients know it, in seconds since 1970.
        """
        found, token = self.operation(method, target), self._token(headers)
        common = self._common_headers(found, token, headers, now, counts=False)
        # Bodies of the secondary limit have been recorded without `status`.
        status = None if reached.limit == "secondary_limit" else reached.status
        body = error(reached.message, reached.documentation_url, status)
        return Answer(reached.status, body, {**common, **reached.headers})

    def _carry_out(
        self,
        found: tuple[Operation, dict[str, str]] | None,
        token: Token | None,
        target: str,
        headers: Mapping[str, str],
        origin: str,
    ) -> Answer:
        if found is None:
            raise NotThere("Not Found")
        operation, arguments = found
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
        """The API version the request selects, or `None`: one that is not supported."""
        if not self.api_versions:
            return DEFAULT_API_VERSION
        version = headers.get("X-GitHub-Api-Version", DEFAULT_API_VERSION)
        return version if version in self.api_versions else None

    def _owner(self, arguments: Mapping[str, str], token: Token) -> Namespace:
        if "org" in arguments:
            return self.world.find_owner("Organization", arguments["org"])
        return self.world.find_owner("User", arguments.get("username", token.login))

    def _login(self, organization_id: str) -> str:
        """The login of the organization with that id; no login at all when there is none."""
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
        """Return the path for `Link`, built anew: the request's own is not repeated."""
        quoted = {name: quote(value, safe="") for name, value in arguments.items()}
        path = operation.path
        if self._behavior.rewritten_links and owner.type == "Organization":
            path = path.replace("/orgs/{org}", f"/organizations/{owner.id}", 1)
        return self.base_path + path.format(**quoted)

    def _renderer(self, origin: str, *, has_downloads: bool) -> Renderer:
        key = origin, has_downloads, self._behavior
        if key not in self._renderers:
            # Under a base path it is an Enterprise Server, whose site is on the API's own host.
            html = origin if self.base_path else "https://github.com"
            self._renderers[key] = Renderer(
                origin + self.base_path, html, has_downloads, self._behavior
            )
        return self._renderers[key]

    def _common_headers(
        self,
        found: tuple[Operation, dict[str, str]] | None,
        token: Token | None,
        headers: Mapping[str, str],
        now: int,
        *,
        counts: bool,
    ) -> dict[str, str]:
        """What every answer carries, whatever it says."""
        self._answered += 1
        common = {
            "X-GitHub-Request-Id": f"E3B0:{self._answered:06X}",
            "X-GitHub-Media-Type": "github.v3; format=json",
            "Vary": "Accept, Authorization, Cookie, Accept-Encoding, X-Requested-With",
        }
        if self.api_versions:
            common["X-GitHub-Api-Version-Selected"] = self._version(headers) or DEFAULT_API_VERSION
        if token is not None and token.kind == "classic":
            named = found and self._behavior.accepted_scopes
            accepted = routes.SCOPES[found[0].action][0] if found and named else ()
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


def _conditional(answer: Answer, token: Token | None, condition: str | None) -> Answer:
    """The answer with its ETag, or 304 when that is what the client has.

    The tag is of the body alone, so that a page may stay the same while `Link` would change, and
    it is of the token too: another one's never matches.
    """
    secret = b"" if token is None else token.value.encode()
    digest = hashlib.sha256(hashlib.sha256(secret).digest() + answer.body).hexdigest()
    common = {"ETag": f'W/"{digest}"', "Cache-Control": "private, max-age=60, s-maxage=60"}
    known = {tag.strip().removeprefix("W/") for tag in (condition or "").split(",")}
    if f'"{digest}"' in known or "*" in known:
        return Answer(304, headers=common)
    return Answer(answer.status, answer.body, answer.headers | common)
