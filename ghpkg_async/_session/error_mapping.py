"""Map responses of status 400 and above to exceptions.

https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .._text import printable
from ..errors import (
    APIError,
    BadRequest,
    DeletionRefused,
    Forbidden,
    InsufficientScope,
    NotFound,
    RateLimited,
    ServerError,
    SSORequired,
    Unauthorized,
    UnprocessableEntity,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..errors import DeletionRefusal, LimitKind

__all__ = [
    "error_from_response",
    "parse_retry_after",
    "partial_results",
    "scopes_of",
    "server_time",
]

SECONDARY_WAIT: Final = timedelta(minutes=1)
"""Wait after a secondary limit that names no time, as GitHub's guide asks."""


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


def error_from_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    method: str,
    url: str,
    now: datetime,
) -> APIError:
    """Return the exception for a response of status 400 or above.

    Args:
        status: the HTTP status.
        headers: of the response, case-insensitive.
        body: of the response, decompressed; it may be HTML, empty or malformed.
        method: of the request.
        url: of the request, without secrets.
        now: time of the response, aware; the server's ``Date`` has precedence.
    """
    parsed = _read_body(body)
    message = _string(parsed.message) or _registry_message(parsed.errors) or f"HTTP {status}"
    details: dict[str, Any] = {
        "status": status,
        "method": method,
        "url": url,
        "documentation_url": _string(parsed.documentation_url),
        "request_id": _text(headers.get("X-GitHub-Request-Id")),
    }
    if 500 <= status < 600:
        return ServerError(message, **details)
    if status in (403, 429) and (kind := _limit_kind(status, headers, message)):
        retry_at = _retry_at(kind, headers, message, server_time(headers, now))
        return RateLimited(message, kind=kind, retry_at=retry_at, **details)
    if status == 403:
        return _forbidden(message, headers, details)
    if status == 400 and method == "DELETE":
        for wording, reason in _REFUSALS:
            if wording in message:
                return DeletionRefused(message, reason=reason, **details)
    return _BY_STATUS.get(status, APIError)(message, **details)


def server_time(headers: Mapping[str, str], now: datetime) -> datetime:
    """Return the response's ``Date``, or ``now`` if it has none that makes sense."""
    return _read_date(headers.get("Date", "")) or now


def parse_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds in ``Retry-After``, also from a date; ``None`` without the header."""
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
    # Sums with a date further off could leave the calendar.
    return moment if 2000 <= moment.year < 2200 else None


def _text(value: object) -> str | None:
    """A text from the server, cut, and escaped for people to read; ``None`` if it is empty."""
    if not isinstance(value, str):
        return None
    return printable(value[:_LONGEST_TEXT]) or None


def partial_results(
    headers: Mapping[str, str], status: int, method: str, url: str
) -> SSORequired | None:
    """Return the exception for a listing with ``X-GitHub-SSO: partial-results``, else ``None``.

    https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api
    """
    sso = headers.get("X-GitHub-SSO", "")
    if not sso.startswith("partial-results"):
        return None
    named = re.search(r"organizations=([\w, ]+)", sso)
    organizations = tuple(named[1].replace(" ", "").split(",")) if named else ()
    return SSORequired(
        "the listing is partial: the token is not authorized for single sign-on of "
        f"organizations {', '.join(organizations) or 'that GitHub did not name'}",
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
    """Return a JSON string, cut and escaped; ``None`` for any other value, which is not decoded."""
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
    after = parse_retry_after(headers, now)
    if after is None:
        after = _seconds_in(message)
    if after is not None:
        return now + timedelta(seconds=after)
    reset = _whole(headers.get("X-RateLimit-Reset")) if kind == "primary" else None
    if reset is not None:
        return datetime.fromtimestamp(reset, UTC)
    return now + SECONDARY_WAIT


def _whole(text: str | None) -> int | None:
    """Parse a whole number of seconds; return ``None`` for anything else."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    return int(text)


def _forbidden(message: str, headers: Mapping[str, str], details: dict[str, Any]) -> Forbidden:
    sso = headers.get("X-GitHub-SSO", "")
    if sso.startswith("required"):
        url = re.search(r"url=(\S+)", sso)
        return SSORequired(message, authorization_url=_text(url and url[1]), **details)
    granted = _split_scopes(headers.get("X-OAuth-Scopes"))
    if needed := _NEEDED_SCOPES.search(message):
        required = tuple(_SCOPE.findall(needed[1]))
        return InsufficientScope(message, granted=granted, required=required, **details)
    accepted = _split_scopes(headers.get("X-Accepted-OAuth-Scopes"))
    # Accepted scopes are alternatives; tokens that are not classic ones have no scopes, and
    # GitHub sends no header for them.
    has_scopes = "X-OAuth-Scopes" in headers
    if has_scopes and accepted and scopes_of(headers).isdisjoint(accepted):
        return InsufficientScope(message, granted=granted, required=accepted, **details)
    return Forbidden(message, **details)


def scopes_of(headers: Mapping[str, str]) -> frozenset[str]:
    """Return the scopes of a classic token, with ``read:packages`` if it may write packages."""
    granted = _split_scopes(headers.get("X-OAuth-Scopes"))
    return frozenset(granted) | {scope.replace("write:", "read:") for scope in granted}


def _split_scopes(header: str | None) -> tuple[str, ...]:
    parts = (_text(header) or "").split(",")
    return tuple(scope for part in parts if (scope := part.strip()))
