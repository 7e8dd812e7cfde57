"""An error of the client to the record of a failure. Pure."""

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
    """Whether any other request would fail the same way at present."""
    lost = isinstance(error, ConnectionFailed) and not isinstance(error, RequestTimeout)
    return lost or isinstance(error, (RateLimited, Unauthorized))


def ends_owner(error: Failure) -> bool:
    """Whether an owner whose first answer this is need not be asked for anything more."""
    if concerns_all(error):
        return True
    return isinstance(error, (NotFound, Forbidden)) and not _is_partial(error)


def failure_entry(
    error: Failure, owner: str, key: ListingKey | None, name: str | None = None
) -> FailureEntry:
    """The record of a failure.

    Args:
        error: what happened.
        owner: whose listing it was.
        key: which listing; ``None``: nothing of this owner can be listed.
        name: the package whose versions could not be listed.
    """
    reason: Reason = next(reason for kind, reason in _REASONS if isinstance(error, kind))
    entry = {
        "owner": owner,
        "listing": None if key is None else key.listing,
        "package_type": None if key is None else key.package_type,
        "name": name,
        "message": str(error),
    }
    told: dict[str, object] = {}
    if isinstance(error, APIError):
        told["status"] = error.status
    if isinstance(error, SSORequired):
        reason = "sso_partial" if _is_partial(error) else "sso_required"
        told["authorization_url"] = error.authorization_url
        told["organizations"] = error.organizations
    elif isinstance(error, InsufficientScope):
        told["granted"], told["required"] = error.granted, error.required
    elif isinstance(error, RateLimited):
        told["retry_at"] = error.retry_at
    return FailureEntry(**entry, **told, reason=reason)  # type: ignore[arg-type]
