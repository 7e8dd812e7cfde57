"""Times with the precision of GitHub's JSON: UTC, whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime


def instant(value: datetime | str) -> datetime:
    """Return a time in UTC, without its fraction of a second.

    Args:
        value: A time with a zone; a string is ISO 8601.

    Raises:
        ValueError: if the time has no zone, or the string is not ISO 8601.
    """
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value.tzinfo is UTC and not value.microsecond:
        return value
    if value.tzinfo is None:
        raise ValueError(f"a time needs a time zone: {value.isoformat()}")
    return value.astimezone(UTC).replace(microsecond=0)


def timestamp(at: datetime) -> str:
    """Return a time in GitHub's format, ``2020-05-19T22:19:11Z``."""
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"
