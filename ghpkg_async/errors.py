"""Everything this library raises, and which answer of GitHub's becomes which error.

Error answers: https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

import msgspec

from ._text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    "error_for",
]

DeletionRefusal: TypeAlias = Literal["last_version", "last_tagged_version", "download_limit"]
LimitKind: TypeAlias = Literal["primary", "secondary"]

SECONDARY_WAIT: Final = timedelta(minutes=1)
"""How long to stay away from a secondary limit that names no time, as GitHub's guide asks."""


class GitHubPackagesError(Exception):
    """Whatever goes wrong in this library is one of these."""


class ConfigurationError(GitHubPackagesError, ValueError):
    """An argument that cannot work, refused before anything was sent."""


class ClientClosed(GitHubPackagesError):
    """The client was closed, before the call or while it was in flight."""


class ConnectionFailed(GitHubPackagesError):
    """No answer came; ``__cause__`` is aiohttp's error."""


class RequestTimeout(ConnectionFailed, TimeoutError):
    """No answer came in time."""


class InvalidResponse(GitHubPackagesError):
    """An answer that is not what the API promises."""


class PaginationCapReached(GitHubPackagesError):
    """More packages exist than ``page * per_page <= 10000`` can reach.

    What can be reached was yielded before. Version listings have no cap.
    """


class ListingUnstable(GitHubPackagesError):
    """The collection changed faster than it could be listed.

    Raised after a bounded number of passes that each had new items or too many changes; the items
    found so far were yielded before.
    """


class APIError(GitHubPackagesError):
    """GitHub answered, and the answer is no.

    Attributes:
        status: the HTTP status.
        message: what GitHub says of it, or the HTTP status where the body says nothing. `str` of
            the error may add what to do about it.
        documentation_url: where GitHub says more, if it named a page.
        request_id: GitHub's ``X-GitHub-Request-Id``, for its support, if the answer had one.
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


def _revive(kind: type[APIError], message: str) -> APIError:
    return kind.__new__(kind, message)


class BadRequest(APIError):
    """400: the request as it stands makes no sense to GitHub."""


class DeletionRefused(BadRequest):
    """400: GitHub keeps this package or version.

    Attributes:
        reason: ``"last_version"`` or ``"last_tagged_version"`` (delete the package instead), or
            ``"download_limit"`` (public and downloaded more than 5,000 times: ask GitHub support).
    """

    def __init__(self, message: str, *, reason: DeletionRefusal, **answer: Any) -> None:
        super().__init__(message, **answer)
        self.reason: DeletionRefusal = reason


class Unauthorized(APIError):
    """401: no token, or one GitHub does not accept."""


class Forbidden(APIError):
    """403: the token may not do this."""


class InsufficientScope(Forbidden):
    """403: the token lacks a scope.

    Attributes:
        granted: the scopes the token has, as far as GitHub said.
        required: the scopes it needs, as far as GitHub said.
    """

    def __init__(
        self, message: str, *, granted: tuple[str, ...], required: tuple[str, ...], **answer: Any
    ) -> None:
        super().__init__(message, **answer)
        self.granted = granted
        self.required = required


class SSORequired(Forbidden):
    """The token must be authorized for single sign-on: a 403, or a listing GitHub left partial.

    Attributes:
        authorization_url: where the token's owner does that, if GitHub named the place.
        organizations: ids of the organizations whose part a listing lacks; its status is 200.
    """

    def __init__(
        self,
        message: str,
        *,
        authorization_url: str | None,
        organizations: tuple[str, ...] = (),
        **answer: Any,
    ) -> None:
        super().__init__(message, **answer)
        self.authorization_url = authorization_url
        self.organizations = organizations


class NotFound(APIError):
    """404: not there, or not visible to this token."""


class UnprocessableEntity(APIError):
    """422: GitHub understood the request and rejects its values."""


class RateLimited(APIError):
    """403 or 429: too many requests.

    Attributes:
        kind: ``"primary"`` (the hourly budget) or ``"secondary"`` (too much at once).
        retry_at: when GitHub will answer again, by GitHub's clock.
    """

    def __init__(self, message: str, *, kind: LimitKind, retry_at: datetime, **answer: Any) -> None:
        super().__init__(message, **answer)
        self.kind: LimitKind = kind
        self.retry_at = retry_at


class ServerError(APIError):
    """5xx: GitHub failed."""


_WAY_OUT: Final = "use a personal access token (classic) with the scope read:packages"


def advice_on(error: APIError) -> str:
    """Return what to do about a response whose message does not say it, or an empty string."""
    message = error.message
    if error.status == 400 and message.startswith("Invalid argument"):
        if parse_qs(urlsplit(error.url).query).get("package_type") == ["container"]:
            return (
                "GitHub responds so to the GITHUB_TOKEN of Actions, which cannot list container "
                f"packages: {_WAY_OUT}"
            )
    elif error.status == 403 and message.startswith("Resource not accessible by"):
        return f"Fine-grained tokens and GitHub Apps have no access to Packages: {_WAY_OUT}"
    elif error.status == 404:
        return (
            f"A token without rights to it gets this response, too: check the name, and {_WAY_OUT}"
        )
    return ""


class _ErrorBody(msgspec.Struct):
    message: msgspec.Raw = msgspec.Raw(b"null")
    documentation_url: msgspec.Raw = msgspec.Raw(b"null")
    errors: msgspec.Raw = msgspec.Raw(b"null")


class _RegistryError(msgspec.Struct):
    """An entry of ``errors`` in a container registry's response."""

    code: str = ""
    message: str = ""


_REFUSALS: Final[tuple[tuple[str, DeletionRefusal], ...]] = (
    ("last tagged version", "last_tagged_version"),
    ("last version", "last_version"),
    ("downloads cannot be deleted", "download_limit"),
)
_LONGEST_TEXT: Final = 2000
_NEEDED_SCOPES: Final = re.compile(r"at least ([^.]{1,200}?) scopes?\b")
_WAIT_IN_MESSAGE: Final = re.compile(
    r"retry-after: (\d{1,6}(?:\.\d{1,9})?)(ns|us|\u00b5s|ms|s|m)\b"
)
_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_SCOPE: Final = re.compile(r"\w+:\w+|\brepo\b")
_BY_STATUS: Final[Mapping[int, type[APIError]]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    422: UnprocessableEntity,
}


def error_for(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    method: str,
    url: str,
    now: datetime,
) -> APIError:
    """The error an answer of 400 and above stands for.

    Args:
        status: the HTTP status.
        headers: the answer's headers, case-insensitive.
        body: the answer's body, decoded from its transfer; HTML, empty and broken ones will do.
        method: the request's method.
        url: the request's URL, without secrets.
        now: when the answer came, aware; GitHub's own ``Date`` is preferred to it.
    """
    said = _read_body(body)
    message = _string(said.message) or _registry_message(said.errors) or f"HTTP {status}"
    answer: dict[str, Any] = {
        "status": status,
        "method": method,
        "url": url,
        "documentation_url": _string(said.documentation_url),
        "request_id": _text(headers.get("X-GitHub-Request-Id")),
    }
    if 500 <= status < 600:
        return ServerError(message, **answer)
    if status in (403, 429) and (kind := _limit_kind(status, headers, message)):
        retry_at = _retry_at(kind, headers, message, server_time(headers, now))
        return RateLimited(message, kind=kind, retry_at=retry_at, **answer)
    if status == 403:
        return _forbidden(message, headers, answer)
    if status == 400 and method == "DELETE":
        for wording, reason in _REFUSALS:
            if wording in message:
                return DeletionRefused(message, reason=reason, **answer)
    return _BY_STATUS.get(status, APIError)(message, **answer)


def server_time(headers: Mapping[str, str], now: datetime) -> datetime:
    """When the server says it answered, or ``now`` where it does not say."""
    return _read_date(headers.get("Date", "")) or now


def seconds_to_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """What ``Retry-After`` asks for, a number of seconds or a date; ``None`` where nothing."""
    text = headers.get("Retry-After", "")
    seconds = _whole(text)
    if seconds is not None:
        return float(seconds)
    date = _read_date(text)
    return max(0.0, (date - server_time(headers, now)).total_seconds()) if date else None


def _read_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    # A clock further off tells nothing, and sums with it may leave the calendar.
    return moment if 2000 <= moment.year < 2200 else None


def _text(value: object) -> str | None:
    """A text from the server, cut, and escaped for people to read; ``None`` if it is empty."""
    if not isinstance(value, str):
        return None
    return printable(value[:_LONGEST_TEXT]) or None


def partial_results(
    headers: Mapping[str, str], status: int, method: str, url: str
) -> SSORequired | None:
    """The error of a listing that GitHub says is partial, or ``None`` where it does not say so.

    https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api
    """
    sso = headers.get("X-GitHub-SSO", "")
    if not sso.startswith("partial-results"):
        return None
    told = re.search(r"organizations=([\w, ]+)", sso)
    organizations = tuple(told[1].replace(" ", "").split(",")) if told else ()
    return SSORequired(
        "the listing is partial: the token is not authorized for single sign-on of "
        f"organizations {', '.join(organizations) or 'GitHub did not name'}",
        authorization_url=None,
        organizations=organizations,
        status=status,
        method=method,
        url=url,
        request_id=_text(headers.get("X-GitHub-Request-Id")),
    )


def _read_body(body: bytes) -> _ErrorBody:
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return msgspec.json.decode(body, type=_ErrorBody)
    return _ErrorBody()


def _registry_message(errors: msgspec.Raw) -> str | None:
    """Return the message of a container registry's response: its first error's."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        for error in msgspec.json.decode(errors, type=list[_RegistryError]):
            return _text(": ".join(part for part in (error.code, error.message) if part))
    return None


def _seconds_in(message: str) -> float | None:
    """Return the wait that a container registry names in its message, in seconds.

    Like ``retry-after: 1.16ms, allowed: 44000/minute``: ghcr.io sends no header for it.
    """
    named = _WAIT_IN_MESSAGE.search(message)
    return float(named[1]) * _UNITS[named[2]] if named else None


def _string(value: msgspec.Raw) -> str | None:
    """Return a JSON string; anything else is not decoded, so that it costs nothing."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _text(msgspec.json.decode(value, type=str))
    return None


def _limit_kind(status: int, headers: Mapping[str, str], message: str) -> LimitKind | None:
    wording = message.lower()
    if "secondary rate limit" in wording or "abuse detection" in wording:
        return "secondary"
    if headers.get("X-RateLimit-Remaining") == "0":
        return "primary"
    if status == 429 or "Retry-After" in headers:
        return "secondary"
    return None


def _retry_at(kind: LimitKind, headers: Mapping[str, str], message: str, now: datetime) -> datetime:
    after = seconds_to_wait(headers, now)
    if after is None:
        after = _seconds_in(message)
    if after is not None:
        return now + timedelta(seconds=after)
    reset = _whole(headers.get("X-RateLimit-Reset")) if kind == "primary" else None
    if reset is not None:
        return datetime.fromtimestamp(reset, UTC)
    return now + SECONDARY_WAIT


def _whole(text: str | None) -> int | None:
    """A header's number of seconds; anything that cannot be one counts as not said."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    return int(text)


def _forbidden(message: str, headers: Mapping[str, str], answer: dict[str, Any]) -> Forbidden:
    sso = headers.get("X-GitHub-SSO", "")
    if sso.startswith("required"):
        url = re.search(r"url=(\S+)", sso)
        return SSORequired(message, authorization_url=_text(url and url[1]), **answer)
    granted = _scopes(headers.get("X-OAuth-Scopes"))
    if needed := _NEEDED_SCOPES.search(message):
        required = tuple(_SCOPE.findall(needed[1]))
        return InsufficientScope(message, granted=granted, required=required, **answer)
    accepted = _scopes(headers.get("X-Accepted-OAuth-Scopes"))
    # `write:packages` brings `read:packages`; accepted scopes are alternatives; tokens that
    # are not classic ones have no scopes, and GitHub sends no header for them.
    effective = {*granted, *(scope.replace("write:", "read:") for scope in granted)}
    if "X-OAuth-Scopes" in headers and accepted and effective.isdisjoint(accepted):
        return InsufficientScope(message, granted=granted, required=accepted, **answer)
    return Forbidden(message, **answer)


def _scopes(header: str | None) -> tuple[str, ...]:
    parts = (_text(header) or "").split(",")
    return tuple(scope for part in parts if (scope := part.strip()))
