"""The exceptions of this library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "APIError",
    "BadRequest",
    "ClientClosed",
    "ConfigurationError",
    "ConnectionFailed",
    "DeletionRefused",
    "Forbidden",
    "GitHubPackagesError",
    "InsufficientScope",
    "InvalidResponse",
    "ListingUnstable",
    "NotFound",
    "PaginationCapReached",
    "RateLimited",
    "RequestTimeout",
    "SSORequired",
    "ServerError",
    "Unauthorized",
    "UnprocessableEntity",
    "advice_on",
]

DeletionRefusal: TypeAlias = Literal["last_version", "last_tagged_version", "download_limit"]
LimitKind: TypeAlias = Literal["primary", "secondary"]


class GitHubPackagesError(Exception):
    """Base class of the exceptions of this library.

    Attributes:
        maybe_applied: whether a failed DELETE or POST may have been applied, or may still be: one
            of its attempts got no response, or a status that does not rule it out (408, 5xx, a
            redirect 303 or an undocumented one).
    """

    maybe_applied: bool = False


class ConfigurationError(GitHubPackagesError, ValueError):
    """An argument is invalid; no request was sent."""


class ClientClosed(GitHubPackagesError):
    """The client was closed, before the call or while it was in flight."""


class ConnectionFailed(GitHubPackagesError):
    """A request got no response; ``__cause__`` is aiohttp's error."""


class RequestTimeout(ConnectionFailed, TimeoutError):
    """A request got no response within ``timeout``."""


class InvalidResponse(GitHubPackagesError):
    """A response is unusable: undocumented form or status, over 8 MiB, or a bad redirect."""


class PaginationCapReached(GitHubPackagesError):
    """More packages exist than ``page * per_page <= 10000`` can reach.

    The packages that can be reached were yielded before. Version listings have no cap.
    """


class ListingUnstable(GitHubPackagesError):
    """The collection changed faster than it could be listed.

    Raised after a bounded number of passes that each had new items or too many changes; the items
    found so far were yielded before.
    """


class APIError(GitHubPackagesError):
    """The response has a status of 400 or above.

    Attributes:
        status: the HTTP status.
        message: GitHub's message, or the HTTP status if the body has none. `str` of the error may
            add the way out.
        documentation_url: GitHub's page about the error, if the body names one.
        request_id: ``X-GitHub-Request-Id`` of the response, for GitHub's support.
        method: the request's method.
        url: the request's URL.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        method: str,
        url: str,
        documentation_url: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.method = method
        self.url = url
        self.documentation_url = documentation_url
        self.request_id = request_id

    def __str__(self) -> str:
        origin = f" (request {self.request_id})" if self.request_id else ""
        response = f"{self.method} {self.url}: {self.status} {self.message}{origin}"
        advice = advice_on(self)
        return f"{response.rstrip('.')}. {advice}" if advice else response

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self.message), self.__dict__


def _revive(error_type: type[APIError], message: str) -> APIError:
    return error_type.__new__(error_type, message)


class BadRequest(APIError):
    """400: the request is malformed or refused."""


class DeletionRefused(BadRequest):
    """400: GitHub does not delete this package or version.

    Attributes:
        reason: ``"last_version"`` or ``"last_tagged_version"`` (delete the package instead), or
            ``"download_limit"`` (public and downloaded more than 5,000 times: ask GitHub support).
    """

    def __init__(self, message: str, *, reason: DeletionRefusal, **details: Any) -> None:
        super().__init__(message, **details)
        self.reason: DeletionRefusal = reason


class Unauthorized(APIError):
    """401: the token is missing or not accepted."""


class Forbidden(APIError):
    """403: the token may not do this."""


class InsufficientScope(Forbidden):
    """403: the token lacks a scope.

    Attributes:
        granted: the token's scopes, if the response has them.
        required: the scopes that the request needs, if the response has them.
    """

    def __init__(
        self, message: str, *, granted: tuple[str, ...], required: tuple[str, ...], **details: Any
    ) -> None:
        super().__init__(message, **details)
        self.granted = granted
        self.required = required


class SSORequired(Forbidden):
    """The token is not authorized for single sign-on: a 403, or a listing with parts left out.

    Attributes:
        authorization_url: page on which the token's owner authorizes it, if the response has it.
        organizations: ids of the organizations left out of a listing; its status is 200.
    """

    def __init__(
        self,
        message: str,
        *,
        authorization_url: str | None,
        organizations: tuple[str, ...] = (),
        **details: Any,
    ) -> None:
        super().__init__(message, **details)
        self.authorization_url = authorization_url
        self.organizations = organizations


class NotFound(APIError):
    """404: the resource does not exist, or the token may not see it."""


class UnprocessableEntity(APIError):
    """422: the request's values are not accepted."""


class RateLimited(APIError):
    """403 or 429: too many requests.

    Attributes:
        kind: ``"primary"`` (the hourly budget) or ``"secondary"`` (too much at once).
        retry_at: end of the limit, by GitHub's clock.
    """

    def __init__(
        self, message: str, *, kind: LimitKind, retry_at: datetime, **details: Any
    ) -> None:
        super().__init__(message, **details)
        self.kind: LimitKind = kind
        self.retry_at = retry_at


class ServerError(APIError):
    """5xx: the server failed."""


_ADVICE_PREFIX: Final = "use a personal access token (classic) with the scope"
_READ_ADVICE: Final = f"{_ADVICE_PREFIX} read:packages"
_ADVICE_BY_METHOD: Final = {
    "DELETE": f"{_ADVICE_PREFIX}s read:packages and delete:packages",
    "POST": f"{_ADVICE_PREFIX}s read:packages and write:packages",
}


def advice_on(error: APIError) -> str:
    """Return advice that GitHub's message lacks, or an empty string."""
    message = error.message
    if error.status == 400 and message.startswith("Invalid argument"):
        if parse_qs(urlsplit(error.url).query).get("package_type") == ["container"]:
            return (
                "GitHub sends this to the GITHUB_TOKEN of Actions, which cannot list container "
                f"packages: {_READ_ADVICE}"
            )
    elif error.status == 403 and message.startswith("Resource not accessible by"):
        return f"Fine-grained tokens and GitHub Apps have no access to Packages: {_READ_ADVICE}"
    elif error.status == 404:
        token = _ADVICE_BY_METHOD.get(error.method, _READ_ADVICE)
        advice = f"A token without access gets this response too: check the name, and {token}"
        if error.method == "POST":
            return f"Only what was deleted in the last 30 days can be restored. {advice}"
        return advice
    return ""
