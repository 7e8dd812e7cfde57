"""Cleanup policies: rules and guards, read from TOML and checked before anything is requested."""

from __future__ import annotations

import tomllib
from collections import Counter
from datetime import timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import msgspec

from ..errors import ConfigurationError
from ._patterns import Patterns
from ._policy_problems import key_of, located, problems_of
from ._policy_values import (
    MaxDeletes,
    duration_text,
    name_keys,
    to_count,
    to_digests,
    to_duration,
    to_flag,
    to_least_age,
    to_max_deletes,
    to_patterns,
    to_some_patterns,
    to_text,
    to_types,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from cattrs import Converter

__all__ = [
    "DEFAULT_PROTECT_TAGS",
    "Guard",
    "Policy",
    "Rule",
]

DEFAULT_PROTECT_TAGS: Final = Patterns(("latest", "stable", r"re:v?\d+(\.\d+){0,2}"))
"""Tags that are protected unless a policy names others."""

_SELECTORS: Final = ("tags", "untagged", "orphaned", "versions")


@attrs.frozen(kw_only=True, field_transformer=name_keys)
class Guard:
    """Limits that hold against every rule.

    Attributes:
        min_age: age below which no version is deleted.
        max_deletes: limits of a plan's deletions.
        protect_tags: tags whose images are never deleted.
        protect_digests: digests that are never deleted, nor the manifests they contain.
    """

    min_age: timedelta = attrs.field(converter=to_least_age, default=timedelta(days=1))
    max_deletes: MaxDeletes = attrs.field(converter=to_max_deletes, default=MaxDeletes(50, 1000))
    protect_tags: Patterns = attrs.field(converter=to_patterns, default=DEFAULT_PROTECT_TAGS)
    protect_digests: tuple[str, ...] = attrs.field(converter=to_digests, default=())


@attrs.frozen(kw_only=True, field_transformer=name_keys)
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
        older_than: minimum age of a selected match, since its creation or last change, whichever is
            later.
        keep_newest: number of matches that are kept, the newest first, whatever their age.
        keep_tags: patterns of tags whose images are kept.
        all: select every match: no other limit is needed.
    """

    name: str = attrs.field(converter=to_text)
    types: tuple[str, ...] = attrs.field(converter=to_types, default=("container",))
    packages: Patterns = attrs.field(converter=to_patterns, default=Patterns(("*",)))
    tags: Patterns | None = attrs.field(converter=to_some_patterns, default=None)
    untagged: bool = attrs.field(converter=to_flag, default=False)
    orphaned: bool = attrs.field(converter=to_flag, default=False)
    versions: Patterns | None = attrs.field(converter=to_some_patterns, default=None)
    older_than: timedelta | None = attrs.field(converter=to_duration, default=None)
    keep_newest: int | None = attrs.field(converter=to_count, default=None)
    keep_tags: Patterns | None = attrs.field(converter=to_some_patterns, default=None)
    all: bool = attrs.field(converter=to_flag, default=False)

    def __attrs_post_init__(self) -> None:
        chosen = [key for key in _SELECTORS if getattr(self, key)]
        if len(chosen) != 1:
            problem = f"has {' and '.join(chosen)}" if chosen else "selects nothing"
            raise ConfigurationError(
                f"rule {self.name!r} {problem}; give it one of tags, untagged = true, "
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
                    f"{selector}: does not apply to {package_type} packages; use {fitting} in "
                    f"rule {self.name!r}"
                )

    def applies_to(self, package_type: str, name: str) -> bool:
        """Return whether the rule selects from a package."""
        return package_type in self.types and self.packages.match(name)


def _rules(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    return tuple(rules)


@attrs.frozen(kw_only=True)
class Policy:
    """Rules that select versions to delete, and guards that override the rules.

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
        table[key_of(field.name)] = list(content) if isinstance(content, tuple) else content
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
        keys = {field.name: override(rename=key_of(field.name)) for field in attrs.fields(table)}
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
        problems = [
            located(source, text, path, message) for path, message in problems_of(error, ())
        ]
    except ConfigurationError as error:
        problems = [f"{source}: {error}"]
    raise ConfigurationError("\n".join(problems))
