"""Reasons, changes and times as text for reports. Pure."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from .._text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ._compare import Change, ChangeKind, Comparison
    from ._records import FailureEntry

__all__ = [
    "CHANGES",
    "advice_on",
    "advice_with_url",
    "change_text",
    "day",
    "moment",
    "no_changes_text",
    "reason_label",
    "what_failed",
]

_REASONS: Final[Mapping[str, str]] = {
    "not_found": "Not there, or not visible to this token",
    "sso_required": "Single sign-on required",
    "sso_partial": "Lacks organizations with single sign-on",
    "insufficient_scope": "The token lacks a scope",
    "forbidden": "Forbidden",
    "unauthorized": "The token was refused",
    "rate_limited": "Rate limit",
    "server_error": "Server error",
    "no_connection": "No connection",
    "timeout": "No response in time",
    "invalid_response": "Not a valid response",
    "cap_reached": "GitHub lists no further",
    "unstable": "Changed while it was listed",
    "refused": "Refused",
}
CHANGES: Final[tuple[tuple[ChangeKind, str], ...]] = (
    ("new", "New packages"),
    ("gone", "Packages that are gone"),
    ("visibility", "Visibility changed"),
    ("grown", "More versions"),
    ("shrunk", "Fewer versions"),
)
"""Kinds of change, with their titles."""


def day(time: datetime) -> str:
    """Format a date like ``2026-01-15``, in UTC."""
    return _utc(time).date().isoformat()


def moment(time: datetime) -> str:
    """Format a time like ``2026-01-15 12:00 UTC``."""
    return f"{_utc(time).isoformat(' ', 'minutes')[:16]} UTC"


def reason_label(reason: str) -> str:
    """Return the reason of a failure, for people."""
    return _REASONS.get(reason, reason)


def what_failed(failure: FailureEntry) -> str:
    """Return the part of the audit that failed, for people."""
    if failure.name is not None:
        return f"Versions of {failure.package_type} {failure.name}"
    if failure.listing is None:
        return "Everything"
    if failure.package_type is None:
        return "Docker conflicts"
    return f"{failure.package_type} packages"


def advice_on(failure: FailureEntry) -> str:
    """Return the way to fix a failure, for the command and all reports; ``""`` if unknown.

    The page to authorize the token is not part of it: `FailureEntry.authorization_url`.
    """
    if failure.reason == "insufficient_scope":
        has = f"; it has {', '.join(failure.granted)}" if failure.granted else ""
        required = ", ".join(failure.required) or "another scope"
        return f"The token needs {required}{has}. Change its scopes in its settings."
    if failure.reason == "sso_required" and failure.authorization_url is None:
        return "Authorize the token for the organization's single sign-on in its settings."
    if failure.reason == "not_found":
        return "A user is written user:NAME."
    if failure.reason == "unauthorized":
        return "Check the token."
    if failure.organizations:
        listed = ", ".join(failure.organizations)
        return f"{counted(len(failure.organizations), 'organization')} by id: {listed}."
    if failure.retry_at is not None:
        return f"The limit holds until {moment(failure.retry_at)}."
    return ""


def advice_with_url(failure: FailureEntry) -> str:
    """Return the way to fix a failure as plain text, with the page to authorize the token."""
    url = failure.authorization_url
    if url is None:
        return advice_on(failure)
    return f"Authorize the token for the organization's single sign-on: {url}"


def change_text(change: Change) -> str:
    """Format a change like ``acme npm left: private, now public``."""
    where = f"{change.owner} {change.package_type} {change.name}"
    if change.kind in ("new", "gone"):
        return f"{where} ({change.after if change.kind == 'new' else change.before})"
    unit = "" if change.kind == "visibility" else " versions"
    return f"{where}: {change.before}, now {change.after}{unit}"


def no_changes_text(comparison: Comparison) -> str:
    """Return the sentence for a comparison without changes."""
    if comparison.not_compared:
        return "Nothing changed in the listings that were compared."
    return "Nothing changed."


def _utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:  # The first or last hours of the calendar.
        return time
