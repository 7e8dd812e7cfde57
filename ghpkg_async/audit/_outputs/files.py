"""Errors and headers that the output formats share."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ...errors import ConfigurationError
from .._records import SCHEMA_VERSION, AuditHeader, from_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["foreign", "header_in", "readable"]


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Convert errors in reading a file to a `ConfigurationError` with its path."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise foreign(path) from None


def header_in(path: Path, mapping: Mapping[str, Any]) -> AuditHeader:
    """Return the header that was decoded from a file.

    Raises:
        ConfigurationError: the mapping is not an audit's header, or has another schema version.
    """
    if mapping.get("record") != "audit":
        raise foreign(path)
    version = mapping.get("schema_version")
    if version != SCHEMA_VERSION:
        raise foreign(
            path, f"its schema_version is {version!r}, and this version writes {SCHEMA_VERSION}"
        )
    with suppress(ConfigurationError):
        header = from_record(mapping)
        if isinstance(header, AuditHeader):
            return header
    raise foreign(path)


def foreign(path: Path, reason: str = "it is not an audit's output") -> ConfigurationError:
    """Return the error for a file with other content, which is never overwritten."""
    return ConfigurationError(f"{path}: {reason}; the file is unchanged, name another one")
