"""Convert the values of a policy, from TOML or from a caller. Errors name the key."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from ..errors import ConfigurationError
from ..models import PACKAGE_TYPES
from ._manifests import is_digest
from ._patterns import Patterns
from ._policy_problems import key_of, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "MaxDeletes",
    "duration_text",
    "name_keys",
    "parse_duration",
    "to_count",
    "to_digests",
    "to_duration",
    "to_flag",
    "to_least_age",
    "to_max_deletes",
    "to_patterns",
    "to_some_patterns",
    "to_text",
    "to_types",
]

_SUPPORTED_TYPES: Final = tuple(name for name in PACKAGE_TYPES if name != "docker")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION: Final = re.compile(r"\d{1,8}[smhdw]( ?\d{1,8}[smhdw])*", re.ASCII)
MaxDeletesValue: TypeAlias = "int | str | Sequence[int | str]"


def parse_duration(text: str) -> timedelta:
    """Parse a duration like ``14d``, ``36h`` or ``2w 3d``; the units are s, m, h, d and w.

    Raises:
        ValueError: the text is not a duration.
    """
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration like 12h, 14d or 2w 3d (units: s m h d w)")
    parts = re.findall(r"(\d+)([smhdw])", text)
    return sum((timedelta(**{_UNITS[unit]: int(n)}) for n, unit in parts), timedelta())


def duration_text(duration: timedelta) -> str:
    """Return the text that `parse_duration` parses, in the largest unit that needs no rest."""
    seconds = duration // timedelta(seconds=1)
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


@attrs.frozen
class MaxDeletes:
    """Limits of a plan's deletions; a plan over a limit cannot be applied.

    Attributes:
        percent: share of a package's images, 0 to 100, for packages of 10 images and more;
            ``None``: no limit.
        versions: number of versions of all packages together; ``None``: no limit.
    """

    percent: int | None = None
    versions: int | None = None

    @classmethod
    def parse(cls, value: MaxDeletesValue) -> MaxDeletes:
        """Parse a number (``1000``), a percentage (``"50%"``) or a list of both.

        Raises:
            ValueError: the value is not one of these, or has two of a kind.
        """
        values = value if isinstance(value, (list, tuple)) else [value]
        percents: list[int] = []
        versions: list[int] = []
        for limit in values:
            if isinstance(limit, str) and re.fullmatch(r"\d{1,9}%?", limit, re.ASCII):
                (percents if limit[-1] == "%" else versions).append(int(limit.rstrip("%")))
            elif type(limit) is int and limit >= 0:
                versions.append(limit)
            else:
                raise ValueError(f"{limit!r} is neither a number nor a percentage like '50%'")
        if not values or len(percents) > 1 or len(versions) > 1 or max(percents, default=0) > 100:
            raise ValueError(
                f"{value!r} is not one number, one percentage up to '100%', or one of each"
            )
        return cls(percents[0] if percents else None, versions[0] if versions else None)

    def to_value(self) -> list[int | str]:
        """Return the list that `parse` accepts."""
        percent = None if self.percent is None else f"{self.percent}%"
        return [limit for limit in (percent, self.versions) if limit is not None]


def name_keys(table: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """Wrap each converter of an attrs class, so that its errors begin with the key."""
    return [field.evolve(converter=_naming(field.converter)) for field in fields]


def _naming(convert: Any) -> attrs.Converter[Any, Any]:
    def convert_or_name_key(value: Any, field: attrs.Attribute[Any]) -> Any:
        try:
            return convert(value)
        except ValueError as error:
            raise ConfigurationError(f"{key_of(field.name)}: {error}") from None

    return attrs.Converter(convert_or_name_key, takes_field=True)


def to_text(value: str) -> str:
    """Return a text that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} is not a text")
    return value


def _to_texts(value: Sequence[str]) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{value!r} is not a list of strings; write [{value!r}]")
    return tuple(value)


def to_patterns(value: Patterns | Sequence[str]) -> Patterns:
    """Return the patterns."""
    return value if isinstance(value, Patterns) else Patterns(_to_texts(value))


def to_some_patterns(value: Patterns | Sequence[str] | None) -> Patterns | None:
    """Return the patterns, at least one."""
    if value is None:
        return None
    patterns = to_patterns(value)
    if not patterns.texts:
        raise ValueError("the list is empty")
    return patterns


def to_types(value: Sequence[str]) -> tuple[str, ...]:
    """Return package types that can be cleaned up, at least one."""
    types = _to_texts(value)
    for package_type in types:
        if package_type == "docker":
            raise ValueError("'docker' packages are not supported: their manifests cannot be read")
        if package_type not in _SUPPORTED_TYPES:
            raise ValueError(
                f"{package_type!r} is not one of {', '.join(_SUPPORTED_TYPES)}"
                f"{suggestion(package_type, _SUPPORTED_TYPES)}"
            )
    if not types:
        raise ValueError("the list is empty")
    return types


def to_duration(value: timedelta | str | None) -> timedelta | None:
    """Return the duration, parsed if it is a text."""
    if value is None or isinstance(value, timedelta):
        return value
    return parse_duration(to_text(value))


def to_least_age(value: timedelta | str) -> timedelta:
    """Return the duration; ``None`` is 0."""
    return to_duration(value) or timedelta()


def to_flag(value: bool) -> bool:
    """Return a boolean."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def to_count(value: int | None) -> int | None:
    """Return a whole number of at least 0, or ``None``."""
    if value is not None and (type(value) is not int or value < 0):
        raise ValueError(f"{value!r} is not a whole number of at least 0")
    return value


def to_max_deletes(value: MaxDeletes | MaxDeletesValue) -> MaxDeletes:
    """Return the limits, parsed if necessary."""
    return value if isinstance(value, MaxDeletes) else MaxDeletes.parse(value)


def to_digests(value: Sequence[str]) -> tuple[str, ...]:
    """Accept digests and names of files with a digest in each line: ``@in-use.txt``."""
    entries = [value] if isinstance(value, str) else _to_texts(value)
    digests: list[str] = []
    for entry in entries:
        digests += _digests_of_file(Path(entry[1:])) if entry.startswith("@") else [entry]
    for digest in digests:
        if not is_digest(digest):
            raise ValueError(f"{digest!r} is not sha256: and 64 lower-case hexadecimal digits")
    return tuple(sorted(set(digests)))


def _digests_of_file(path: Path) -> Iterator[str]:
    """Yield the digests of a file; image references like ``app@sha256:...`` are accepted."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    for line in lines:
        if text := line.partition("#")[0].strip():
            yield text.rpartition("@")[2]
