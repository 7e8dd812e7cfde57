"""Cleanup policies: rules and guards, read from TOML and checked before anything is requested."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from datetime import timedelta
from difflib import get_close_matches
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs
import msgspec

from ..errors import ConfigurationError
from ..models import PACKAGE_TYPES
from ._manifests import is_digest
from ._patterns import Patterns

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cattrs import Converter

__all__ = [
    "DEFAULT_PROTECT_TAGS",
    "Guard",
    "MaxDeletes",
    "Policy",
    "Rule",
    "duration_text",
    "parse_duration",
]

DEFAULT_PROTECT_TAGS: Final = Patterns(("latest", "stable", r"re:v?\d+(\.\d+){0,2}"))
"""Tags that are protected unless a policy names others."""

_SUPPORTED_TYPES: Final = tuple(name for name in PACKAGE_TYPES if name != "docker")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION: Final = re.compile(r"\d{1,8}[smhdw]( ?\d{1,8}[smhdw])*", re.ASCII)
_SELECTORS: Final = ("tags", "untagged", "orphaned", "versions")
MaxDeletesValue: TypeAlias = "int | str | Sequence[int | str]"
_Path: TypeAlias = tuple[str | int, ...]


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


def _key(name: str) -> str:
    return name.replace("_", "-")


def _name_keys(table: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """Wrap each converter of an attrs class, so that its errors begin with the key."""
    return [field.evolve(converter=_naming(field.converter)) for field in fields]


def _naming(convert: Any) -> attrs.Converter[Any, Any]:
    def convert_or_name_key(value: Any, field: attrs.Attribute[Any]) -> Any:
        try:
            return convert(value)
        except ValueError as error:
            raise ConfigurationError(f"{_key(field.name)}: {error}") from None

    return attrs.Converter(convert_or_name_key, takes_field=True)


def _text(value: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} is not a text")
    return value


def _texts(value: Sequence[str]) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{value!r} is not a list of texts; write [{value!r}]")
    return tuple(value)


def _patterns(value: Patterns | Sequence[str]) -> Patterns:
    return value if isinstance(value, Patterns) else Patterns(_texts(value))


def _some_patterns(value: Patterns | Sequence[str] | None) -> Patterns | None:
    if value is None:
        return None
    patterns = _patterns(value)
    if not patterns.texts:
        raise ValueError("the list is empty")
    return patterns


def _types(value: Sequence[str]) -> tuple[str, ...]:
    types = _texts(value)
    for package_type in types:
        if package_type == "docker":
            raise ValueError("'docker' packages are not supported: their manifests cannot be read")
        if package_type not in _SUPPORTED_TYPES:
            raise ValueError(
                f"{package_type!r} is not one of {', '.join(_SUPPORTED_TYPES)}"
                f"{_suggestion(package_type, _SUPPORTED_TYPES)}"
            )
    if not types:
        raise ValueError("the list is empty")
    return types


def _duration(value: timedelta | str | None) -> timedelta | None:
    if value is None or isinstance(value, timedelta):
        return value
    return parse_duration(_text(value))


def _least_age(value: timedelta | str) -> timedelta:
    return _duration(value) or timedelta()


def _flag(value: bool) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _count(value: int | None) -> int | None:
    if value is not None and (type(value) is not int or value < 0):
        raise ValueError(f"{value!r} is not a whole number of at least 0")
    return value


def _max_deletes(value: MaxDeletes | MaxDeletesValue) -> MaxDeletes:
    return value if isinstance(value, MaxDeletes) else MaxDeletes.parse(value)


def _digests(value: Sequence[str]) -> tuple[str, ...]:
    """Accept digests and names of files with a digest in each line: ``@in-use.txt``."""
    entries = [value] if isinstance(value, str) else _texts(value)
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


@attrs.frozen(kw_only=True, field_transformer=_name_keys)
class Guard:
    """Limits that hold against every rule.

    Attributes:
        min_age: age below which no version is deleted.
        max_deletes: limits of a plan's deletions.
        protect_tags: tags whose images are never deleted.
        protect_digests: digests that are never deleted, nor the manifests they contain.
    """

    min_age: timedelta = attrs.field(converter=_least_age, default=timedelta(days=1))
    max_deletes: MaxDeletes = attrs.field(converter=_max_deletes, default=MaxDeletes(50, 1000))
    protect_tags: Patterns = attrs.field(converter=_patterns, default=DEFAULT_PROTECT_TAGS)
    protect_digests: tuple[str, ...] = attrs.field(converter=_digests, default=())


@attrs.frozen(kw_only=True, field_transformer=_name_keys)
class Rule:
    """Selects images or versions, and keeps some of them.

    Exactly one of ``tags``, ``untagged``, ``orphaned`` and ``versions`` is given. A rule with
    ``tags`` also needs one of ``older_than``, ``keep_newest``, ``keep_tags`` and ``all``.

    Attributes:
        name: shown with each deletion; unique in its policy.
        types: package types.
        packages: patterns of full package names.
        tags: patterns of tags; an image is selected only if all its tags match.
        untagged: select images without a tag.
        orphaned: select signatures and other artifacts whose subject is not in the package.
        versions: patterns of version names; not for containers.
        older_than: age from which a match is selected; the age is that of the later of creation
            and last change.
        keep_newest: number of matches that are kept, the newest first, whatever their age.
        keep_tags: patterns of tags whose images are kept.
        all: select every match: no other limit is needed.
    """

    name: str = attrs.field(converter=_text)
    types: tuple[str, ...] = attrs.field(converter=_types, default=("container",))
    packages: Patterns = attrs.field(converter=_patterns, default=Patterns(("*",)))
    tags: Patterns | None = attrs.field(converter=_some_patterns, default=None)
    untagged: bool = attrs.field(converter=_flag, default=False)
    orphaned: bool = attrs.field(converter=_flag, default=False)
    versions: Patterns | None = attrs.field(converter=_some_patterns, default=None)
    older_than: timedelta | None = attrs.field(converter=_duration, default=None)
    keep_newest: int | None = attrs.field(converter=_count, default=None)
    keep_tags: Patterns | None = attrs.field(converter=_some_patterns, default=None)
    all: bool = attrs.field(converter=_flag, default=False)

    def __attrs_post_init__(self) -> None:
        chosen = [key for key in _SELECTORS if getattr(self, key)]
        if len(chosen) != 1:
            given = f"has {' and '.join(chosen)}" if chosen else "selects nothing"
            raise ConfigurationError(
                f"rule {self.name!r} {given}; give it one of tags, untagged = true, "
                "orphaned = true and versions"
            )
        self._check_types(chosen[0])
        if self.keep_tags and not self.tags:
            raise ConfigurationError(f"keep-tags: rule {self.name!r} selects no tagged image")
        limits: tuple[object, ...] = (self.older_than, self.keep_newest, self.keep_tags)
        if self.tags and not self.all and not any(limit is not None for limit in limits):
            raise ConfigurationError(
                f"tags: rule {self.name!r} would delete every match; add older-than, keep-newest "
                "or keep-tags, or all = true if this is intended"
            )

    def _check_types(self, selector: str) -> None:
        for package_type in self.types:
            if (package_type == "container") == (selector == "versions"):
                fitting = "types = ['npm']" if selector == "versions" else "versions"
                raise ConfigurationError(
                    f"{selector}: rule {self.name!r} has it for {package_type} packages, which "
                    f"it does not apply to; use {fitting}"
                )

    def applies_to(self, package_type: str, name: str) -> bool:
        """Return whether the rule selects from a package."""
        return package_type in self.types and self.packages.match(name)


def _rules(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    return tuple(rules)


@attrs.frozen(kw_only=True)
class Policy:
    """Rules that select versions to delete, and guards against them.

    Protection is stronger than any rule's keep, and a keep of one rule is stronger than the
    selection of another; the order of the rules has no effect.

    Attributes:
        guard: limits that hold against every rule.
        rules: at least one.
    """

    rules: tuple[Rule, ...] = attrs.field(converter=_rules)
    guard: Guard = attrs.field(factory=Guard)

    def __attrs_post_init__(self) -> None:
        if not self.rules:
            raise ConfigurationError("the policy has no [[rule]]: nothing would be selected")
        name, count = Counter(rule.name for rule in self.rules).most_common(1)[0]
        if count > 1:
            raise ConfigurationError(f"name: {count} rules are called {name!r}")

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Policy:
        """Read a policy from a TOML file; names of files in it are relative to its folder.

        Raises:
            ConfigurationError: the file cannot be read or is not a policy; the message names each
                key and its line.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path}: cannot be read: {error}") from None
        return cls.from_toml(text, source=str(path), folder=Path(path).parent)

    @classmethod
    def from_toml(cls, text: str, *, source: str = "policy", folder: Path | None = None) -> Policy:
        """Parse a policy written in TOML.

        Args:
            text: content of the file.
            source: name of the file in errors.
            folder: folder of files that ``protect-digests`` names; default: the current one.

        Raises:
            ConfigurationError: the text is not a policy.
        """
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(f"{source}: not TOML: {error}") from None
        _resolve_files(tables, folder or Path())
        return _structure(tables, source, text)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Policy:
        """Return the policy of a mapping with the keys of the TOML file.

        Raises:
            ConfigurationError: the mapping is not a policy.
        """
        return _structure(mapping, "policy", "")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-ready mapping that `from_dict` accepts.

        It includes the guards' defaults, and digests instead of the files they were read from.
        """
        return {
            "guard": _table(self.guard, skip_defaults=False),
            "rule": [_table(rule, skip_defaults=True) for rule in self.rules],
        }

    @property
    def sha256(self) -> str:
        """Hash of `to_dict` as canonical JSON."""
        return sha256(msgspec.json.encode(self.to_dict(), order="deterministic")).hexdigest()

    @property
    def selects_orphans(self) -> bool:
        """A rule selects artifacts without their subject, which count as images then."""
        return any(rule.orphaned for rule in self.rules)

    def applies_to(self, package_type: str, name: str) -> bool:
        """Return whether a rule selects from a package."""
        return any(rule.applies_to(package_type, name) for rule in self.rules)

    def package_names(self, package_type: str) -> frozenset[str] | None:
        """Return the packages of a type that the rules name; ``None`` if one has a wildcard."""
        names: frozenset[str] = frozenset()
        for rule in self.rules:
            if package_type in rule.types:
                if rule.packages.names is None:
                    return None
                names |= rule.packages.names
        return names


def _resolve_files(tables: Mapping[str, Any], folder: Path) -> None:
    guard = tables.get("guard")
    if isinstance(guard, dict) and "protect-digests" in guard:
        entries = guard["protect-digests"]
        entries = [entries] if isinstance(entries, str) else entries
        if isinstance(entries, list):
            guard["protect-digests"] = [
                f"@{folder / entry[1:]}" if isinstance(entry, str) and entry[:1] == "@" else entry
                for entry in entries
            ]


def _table(value: Guard | Rule, *, skip_defaults: bool) -> dict[str, Any]:
    table = {}
    for field in attrs.fields(type(value)):
        content = getattr(value, field.name)
        if content is None or (skip_defaults and content is False):
            continue
        if isinstance(content, Patterns):
            content = content.texts
        elif isinstance(content, timedelta):
            content = duration_text(content)
        elif isinstance(content, MaxDeletes):
            content = content.to_value()
        table[_key(field.name)] = list(content) if isinstance(content, tuple) else content
    return table


@attrs.frozen
class _File:
    """Top level of the TOML file."""

    rule: list[Rule] = attrs.field(factory=list)
    guard: Guard = attrs.field(factory=Guard)


@cache
def _converter() -> Converter:
    # Imported on first use, like in the codec: only policies and files need it.
    from cattrs import Converter
    from cattrs.gen import make_dict_structure_fn, override

    converter = Converter(prefer_attrib_converters=True, forbid_extra_keys=True)
    for table in (Guard, Rule):
        keys = {field.name: override(rename=_key(field.name)) for field in attrs.fields(table)}
        structure = make_dict_structure_fn(
            table,
            converter,
            _cattrs_forbid_extra_keys=True,
            _cattrs_prefer_attrib_converters=True,
            **keys,  # type: ignore[arg-type]
        )
        converter.register_structure_hook(table, structure)
    return converter


def _structure(tables: Mapping[str, Any], source: str, text: str) -> Policy:
    from cattrs import BaseValidationError

    try:
        file = _converter().structure(tables, _File)
        return Policy(rules=tuple(file.rule), guard=file.guard)
    except BaseValidationError as error:
        problems = [_located(source, text, path, message) for path, message in _problems(error, ())]
    except ConfigurationError as error:
        problems = [f"{source}: {error}"]
    raise ConfigurationError("\n".join(problems))


def _problems(error: Exception, path: _Path) -> Iterator[tuple[_Path, str]]:
    """Yield the key and the message of each mistake in cattrs' tree of errors."""
    from cattrs import BaseValidationError, ForbiddenExtraKeysError
    from cattrs.errors import AttributeValidationNote, IterableValidationNote

    for note in getattr(error, "__notes__", ()):
        if isinstance(note, IterableValidationNote):
            path = (*path, note.index)
        elif isinstance(note, AttributeValidationNote):
            path = (*path, _key(note.name))
    if isinstance(error, BaseValidationError):
        for cause in error.exceptions:
            yield from _problems(cause, path)
    elif isinstance(error, ForbiddenExtraKeysError):
        known = [_key(field.name) for field in attrs.fields(error.cl)]
        for key in sorted(error.extra_fields):
            yield (*path, key), f"{key}: unknown key{_suggestion(key, known)}"
    elif isinstance(error, KeyError):
        yield path, f"{error.args[0]}: missing"
    elif isinstance(error, ConfigurationError):
        yield (*path, str(error).partition(":")[0]), str(error)
    else:
        expected = "[[rule]] tables" if path[:1] == ("rule",) else "a table"
        yield path, f"{path[0] if path else 'policy'}: not {expected}"


def _suggestion(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}"


def _located(source: str, text: str, path: _Path, message: str) -> str:
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
