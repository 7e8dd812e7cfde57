"""Rules, and the findings they make in the entries of an audit. Pure.

Each kind of finding is one entry of `_KINDS`: name, label, check, entries it applies to, parameter,
requirement, and the rule that `ghpkg audit` counts. The docstring of `ghpkg_async.audit` describes
them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import attrs

from ..errors import ConfigurationError
from ._records import ConflictEntry, FailureEntry, PackageEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from ._records import Entry

__all__ = [
    "FINDING_KINDS",
    "RULE_PATTERNS",
    "Finding",
    "Requirement",
    "Rule",
    "counted_rules",
    "entry_type_of",
    "findings_of",
    "label_of",
]

Requirement: TypeAlias = Literal["versions", "compare", "docker"]
"""Option of an audit that a rule may require."""

_VISIBILITY_ORDER: Final = {"private": 0, "internal": 1, "public": 2}


@attrs.frozen
class _Context:
    """Inputs of a check in addition to the entry.

    Attributes:
        threshold: the parameter of the rule; 0 for kinds without one.
        now: the time from which ``stale`` counts back, aware.
        visibility_before: visibility of the package in the audit compared with, if it was in it.
    """

    threshold: int
    now: datetime
    visibility_before: str | None


@attrs.frozen
class _Parameter:
    """Threshold of a rule: its name in messages, an example, and its upper bound."""

    name: str
    example: int
    maximum: int = 999_999_999


@attrs.frozen
class _Kind:
    """A kind of finding.

    Attributes:
        name: the name in a rule.
        label: the heading for people; ``{}`` is the threshold.
        check: returns the detail of a finding, or ``None``.
        entry_type: type of the entries to check.
        parameter: the threshold the rule takes; ``None``: it takes none.
        requires: option of the audit without which nothing is found.
        needs_version_count: whether packages with unknown ``version_count`` are never found.
        counted: the rule that `ghpkg audit` counts by default; empty: none.
    """

    name: str
    label: str
    check: Callable[[Any, _Context], str | None]
    entry_type: type[Entry] = PackageEntry
    parameter: _Parameter | None = None
    requires: Requirement | None = None
    needs_version_count: bool = False
    counted: str = ""

    @property
    def pattern(self) -> str:
        """The rule with its parameter by name, like ``stale:DAYS``."""
        return f"{self.name}:{self.parameter.name}" if self.parameter else self.name

    @property
    def example(self) -> str:
        """The pattern with an example, like ``stale:DAYS, like stale:90``."""
        if self.parameter is None:
            return self.name
        return f"{self.pattern}, like {self.name}:{self.parameter.example}"


def _public(package: PackageEntry, _context: _Context) -> str | None:
    return "public" if package.visibility == "public" else None


def _visibility_widened(package: PackageEntry, context: _Context) -> str | None:
    before = context.visibility_before
    return f"{before}, now {package.visibility}" if widened(before, package.visibility) else None


def _docker_conflict(_conflict: ConflictEntry, _context: _Context) -> str | None:
    return "collides in the Docker migration"


def _no_repository(package: PackageEntry, _context: _Context) -> str | None:
    return "linked to no repository" if package.repository is None else None


def _empty(package: PackageEntry, _context: _Context) -> str | None:
    return "no versions" if package.version_count == 0 else None


def _stale(package: PackageEntry, context: _Context) -> str | None:
    age = context.now - package.updated_at
    return f"unchanged for {age.days} days" if age > timedelta(days=context.threshold) else None


def _many_versions(package: PackageEntry, context: _Context) -> str | None:
    count = package.version_count or 0
    return f"{count} versions" if count > context.threshold else None


def _untagged(package: PackageEntry, context: _Context) -> str | None:
    summary = package.versions
    if summary is None or (summary.untagged or 0) <= context.threshold:
        return None
    return f"{summary.untagged} of {summary.count} versions untagged"


def _unreachable(failure: FailureEntry, _context: _Context) -> str | None:
    return failure.message


_KINDS: Final[Mapping[str, _Kind]] = {
    kind.name: kind
    for kind in (
        _Kind(
            "docker_conflict",
            "Docker conflict",
            _docker_conflict,
            entry_type=ConflictEntry,
            requires="docker",
            counted="docker_conflict",
        ),
        _Kind("public", "Public", _public, counted="public"),
        _Kind(
            "visibility_widened",
            "Visible to more than before",
            _visibility_widened,
            requires="compare",
            counted="visibility_widened",
        ),
        _Kind("no_repository", "Linked to no repository", _no_repository, counted="no_repository"),
        _Kind("empty", "Without versions", _empty, needs_version_count=True, counted="empty"),
        _Kind(
            "stale",
            "Unchanged for over {} days",
            _stale,
            parameter=_Parameter("DAYS", 90, maximum=36_500),
            counted="stale:365",
        ),
        _Kind(
            "many_versions",
            "Over {} versions",
            _many_versions,
            parameter=_Parameter("N", 100),
            needs_version_count=True,
            counted="many_versions:500",
        ),
        _Kind(
            "untagged",
            "Over {} untagged versions",
            _untagged,
            parameter=_Parameter("N", 10),
            requires="versions",
            counted="untagged:100",
        ),
        _Kind("unreachable", "Not obtained", _unreachable, entry_type=FailureEntry),
    )
}

FINDING_KINDS: Final = tuple(_KINDS)
"""Names of all kinds of finding, in the order of reports."""
RULE_PATTERNS: Final = tuple(kind.pattern for kind in _KINDS.values())
"""Rules of all kinds, with their parameters by name, like ``stale:DAYS``."""


@attrs.frozen
class Rule:
    """A kind of finding to look for, written like ``public`` or ``stale:90``.

    Attributes:
        kind: one of `FINDING_KINDS`.
        number: the threshold, for the kinds that take one; only greater values are found.

    Raises:
        ConfigurationError: the kind is unknown.
    """

    kind: str
    number: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.kind not in _KINDS:
            patterns = ", ".join(RULE_PATTERNS)
            raise ConfigurationError(f"rules: {str(self)!r} is none of {patterns}")

    @property
    def needs_version_count(self) -> bool:
        """``True`` if packages with an unknown ``version_count`` are never found."""
        return _KINDS[self.kind].needs_version_count

    def __str__(self) -> str:
        return self.kind if self.number is None else f"{self.kind}:{self.number}"

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Parse a rule.

        Raises:
            ConfigurationError: the kind is unknown, or its threshold is missing or out of range.
        """
        name, colon, number = text.partition(":")
        kind = _KINDS.get(name)
        if kind is None or (kind.parameter is None and not colon):
            return cls(name)
        if kind.parameter is None or not number:
            raise ConfigurationError(f"rules: {text!r} is not valid; write {kind.example}")
        is_number = number.isascii() and number.isdigit() and len(number) < 10
        if not is_number or int(number) > kind.parameter.maximum:
            raise ConfigurationError(
                f"rules: {text!r}: {number!r} is not a number from 0 to "
                f"{kind.parameter.maximum}; write {kind.example}"
            )
        return cls(name, int(number))

    def missing_requirement(
        self, *, versions: bool, has_baseline: bool, conflicts: bool
    ) -> Requirement | None:
        """Return the option that an audit lacks for this rule to find anything.

        Args:
            versions: whether the audit lists the versions of each package.
            has_baseline: whether there is an earlier audit to compare with.
            conflicts: whether the audit lists the Docker conflicts.
        """
        provided = {"versions": versions, "compare": has_baseline, "docker": conflicts}
        required = _KINDS[self.kind].requires
        return None if required is None or provided[required] else required


def counted_rules() -> list[Rule]:
    """Return the rules that `ghpkg audit` counts by default, in the order of reports."""
    return [Rule.parse(kind.counted) for kind in _KINDS.values() if kind.counted]


@attrs.frozen
class Finding:
    """An entry of an audit that a rule found.

    Attributes:
        rule: the rule as written, like ``public`` or ``stale:90``.
        owner: the owner as passed to the audit.
        package_type: the package type; ``None`` for the failure of a whole owner.
        name: the package; ``None`` for the failure of a listing or owner.
        detail: the reason, for people.
    """

    rule: str
    owner: str
    package_type: str | None
    name: str | None
    detail: str


def findings_of(
    entry: Entry, rules: Iterable[Rule], *, now: datetime, before: str | None = None
) -> Iterator[Finding]:
    """Yield the findings of the rules in an entry.

    Args:
        entry: the entry to check.
        rules: the rules, in the order of their findings.
        now: the time from which ``stale`` counts back, aware.
        before: visibility of the package in the audit compared with, if it was in it.
    """
    if not isinstance(entry, FailureEntry) and entry.soft_deleted:
        return
    for rule in rules:
        kind = _KINDS[rule.kind]
        if isinstance(entry, kind.entry_type):
            detail = kind.check(entry, _Context(rule.number or 0, now, before))
            if detail is not None:
                yield Finding(str(rule), entry.owner, entry.package_type, entry.name, detail)


def label_of(rule: str) -> str:
    """Return the heading of a rule like ``stale:365``; an unknown rule is returned unchanged."""
    name, _, number = rule.partition(":")
    kind = _KINDS.get(name)
    if kind is None:
        return rule
    is_number = number.isascii() and number.isdecimal() and len(number) < 10
    return kind.label.replace("{}", f"{int(number):,}" if is_number else number)


def entry_type_of(rule: str) -> type[Entry]:
    """Return the type of the entries that a rule finds; `PackageEntry` for an unknown rule."""
    kind = _KINDS.get(rule.partition(":")[0])
    return PackageEntry if kind is None else kind.entry_type


def widened(before: str | None, after: str) -> bool:
    """Return whether ``after`` is visible to more people: private, then internal, then public."""
    order = _VISIBILITY_ORDER
    return before in order and after in order and order[after] > order[before]
