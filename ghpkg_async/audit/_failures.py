"""Failure entries for errors of the client. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from ..errors import (
    APIError,
    ConnectionFailed,
    Forbidden,
    InsufficientScope,
    InvalidResponse,
    ListingUnstable,
    NotFound,
    PaginationCapReached,
    RateLimited,
    RequestTimeout,
    ServerError,
    SSORequired,
    Unauthorized,
)
from ._records import FailureEntry

if TYPE_CHECKING:
    from ._records import ListingKey, Reason

__all__ = ["FAILURES", "Failure", "concerns_all", "ends_owner", "failure_entry"]

Failure = APIError | ConnectionFailed | InvalidResponse | ListingUnstable | PaginationCapReached
FAILURES: Final = get_args(Failure)
"""Errors of one listing, which an audit records before it continues with the others."""

_REASONS: Final[tuple[tuple[type[Failure], Reason], ...]] = (
    (NotFound, "not_found"),
    (InsufficientScope, "insufficient_scope"),
    (Forbidden, "forbidden"),
    (Unauthorized, "unauthorized"),
    (RateLimited, "rate_limited"),
    (ServerError, "server_error"),
    (APIError, "refused"),
    (RequestTimeout, "timeout"),
    (ConnectionFailed, "no_connection"),
    (PaginationCapReached, "cap_reached"),
    (InvalidResponse, "invalid_response"),
    (ListingUnstable, "unstable"),
)


def _is_partial(error: Failure) -> bool:
    return isinstance(error, SSORequired) and error.status == 200


def concerns_all(error: Failure) -> bool:
    """Return whether any other request would currently fail the same way."""
    lost = isinstance(error, ConnectionFailed) and not isinstance(error, RequestTimeout)
    return lost or isinstance(error, (RateLimited, Unauthorized))


def ends_owner(error: Failure) -> bool:
    """Return whether this error of the first listing of an owner applies to all its listings."""
    if concerns_all(error):
        return True
    return isinstance(error, (NotFound, Forbidden)) and not _is_partial(error)


def failure_entry(
    error: Failure, owner: str, key: ListingKey | None, name: str | None = None
) -> FailureEntry:
    """Return the entry for an error.

    Args:
        error: the error.
        owner: the owner as passed to the audit.
        key: the listing that failed; ``None``: all listings of the owner.
        name: the package whose versions could not be listed.
    """
    reason: Reason = next(
        reason for error_type, reason in _REASONS if isinstance(error, error_type)
    )
    entry = {
        "owner": owner,
        "listing": None if key is None else key.listing,
        "package_type": None if key is None else key.package_type,
        "name": name,
        "message": str(error),
    }
    details: dict[str, object] = {}
    if isinstance(error, APIError):
        details["status"] = error.status
    if isinstance(error, SSORequired):
        reason = "sso_partial" if _is_partial(error) else "sso_required"
        details["authorization_url"] = error.authorization_url
        details["organizations"] = error.organizations
    elif isinstance(error, InsufficientScope):
        details["granted"], details["required"] = error.granted, error.required
    elif isinstance(error, RateLimited):
        details["retry_at"] = error.retry_at
    return FailureEntry(**entry, **details, reason=reason)  # type: ignore[arg-type]
