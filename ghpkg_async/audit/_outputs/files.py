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
    """Turns what goes wrong in reading a file into a `ConfigurationError` that names it."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise foreign(path) from None


def header_in(path: Path, mapping: Mapping[str, Any]) -> AuditHeader:
    """The header that a file has, as it was decoded.

    Raises:
        ConfigurationError: it is no audit's, or one of another schema.
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


def foreign(path: Path, what: str = "it is not an audit's output") -> ConfigurationError:
    """The error of a file that holds something else."""
    return ConfigurationError(f"{path}: {what}; it is left as it is, name another file")
