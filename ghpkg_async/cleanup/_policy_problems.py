"""Mistakes in a policy's TOML, as messages with file, line and key."""

from __future__ import annotations

import re
from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeAlias

import attrs

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["key_of", "located", "problems_of", "suggestion"]

_Path: TypeAlias = tuple[str | int, ...]


def key_of(name: str) -> str:
    """Return the key of an attribute."""
    return name.replace("_", "-")


def problems_of(error: Exception, path: _Path) -> Iterator[tuple[_Path, str]]:
    """Yield the key and the message of each mistake in cattrs' tree of errors."""
    from cattrs import BaseValidationError, ForbiddenExtraKeysError
    from cattrs.errors import AttributeValidationNote, IterableValidationNote

    for note in getattr(error, "__notes__", ()):
        if isinstance(note, IterableValidationNote):
            path = (*path, note.index)
        elif isinstance(note, AttributeValidationNote):
            path = (*path, key_of(note.name))
    if isinstance(error, BaseValidationError):
        for cause in error.exceptions:
            yield from problems_of(cause, path)
    elif isinstance(error, ForbiddenExtraKeysError):
        known = [key_of(field.name) for field in attrs.fields(error.cl)]
        for key in sorted(error.extra_fields):
            yield (*path, key), f"{key}: unknown key{suggestion(key, known)}"
    elif isinstance(error, KeyError):
        yield path, f"{error.args[0]}: missing"
    elif isinstance(error, ConfigurationError):
        yield (*path, str(error).partition(":")[0]), str(error)
    else:
        expected = "[[rule]] tables" if path[:1] == ("rule",) else "a table"
        yield path, f"{path[0] if path else 'policy'}: not {expected}"


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown word: the closest known one, or all."""
    close = get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}"


def located(source: str, text: str, path: _Path, message: str) -> str:
    """Prefix a message with the file and, where the key can be found, its line."""
    line = _line_of(text, path)
    return f"{source}: {f'line {line}: ' if line else ''}{message}"


def _line_of(text: str, path: _Path) -> int | None:
    """Return the line of a key, else of its table; ``None`` if neither can be found.

    `tomllib` has no positions. A table that is written inline is not found.
    """
    table, key = (path[0], path[-1]) if path else ("", "")
    wanted = next((part for part in path if isinstance(part, int)), 0)
    current, count, table_line = "", Counter[str](), None
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\[?\s*([\w-]+)\s*\]", line):
            count[current := header[1]] += 1
        inside = count[current] == wanted + 1 and current == table
        if header and inside:
            table_line = number
        assigned = re.match(r"""\s*["']?([\w-]+)["']?\s*=""", line)
        if assigned and assigned[1] == key and (inside or (not current and len(path) == 1)):
            return number
        if header and len(path) == 1 and current == key:
            return number
    return table_line
