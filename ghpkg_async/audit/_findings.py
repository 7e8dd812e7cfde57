"""What in an audit somebody should look at. Pure: a record in, findings out.

A rule is written as its kind, with its number where it takes one:

``public``
    a package that anybody can see
``visibility_widened``
    a package that more can see than at the audit compared with
``docker_conflict``
    a package in conflict since the migration to the Container registry
``no_repository``
    a package that is linked to no repository
``empty``
    a package without versions; never one whose ``version_count`` is unknown
``stale:DAYS``
    a package that has not changed for more than so many days
``many_versions:N``
    a package of more than so many versions; never one whose ``version_count`` is unknown
``untagged:N``
    an image of more than so many untagged versions; needs their summary. Images for several
    platforms are made of untagged versions, so an untagged one is not for that reason unused
``unreachable``
    an owner, or a listing or package of one, that could not be listed

A listing may leave out ``version_count``; an audit with ``versions=True`` counts the versions. No
rule finds a soft-deleted package.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

import attrs

from ..errors import ConfigurationError
from ._records import ConflictEntry, FailureEntry, PackageEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from ._records import Entry

__all__ = ["FINDING_KINDS", "Finding", "FindingKind", "Rule", "findings_of"]

FindingKind: TypeAlias = Literal[
    "docker_conflict",
    "public",
    "visibility_widened",
    "no_repository",
    "empty",
    "stale",
    "many_versions",
    "untagged",
    "unreachable",
]
"""What a rule looks for."""

Need: TypeAlias = Literal["versions", "compare", "docker"]
"""What an audit may lack to find something."""

FINDING_KINDS: Final[tuple[FindingKind, ...]] = get_args(FindingKind)
"""Every kind there is."""

_NUMBERS: Final[dict[str, tuple[str, int]]] = {
    "stale": ("DAYS", 90),
    "many_versions": ("N", 100),
    "untagged": ("N", 10),
}
_WIDTH: Final = {"private": 0, "internal": 1, "public": 2}
_MOST_DAYS: Final = 36_500


@attrs.frozen
class Rule:
    """What to look for. Written, it is like ``public`` or ``stale:90``.

    Attributes:
        kind: one of `FINDING_KINDS`.
        number: how much is too much, for the kinds that take a number.
    """

    kind: FindingKind
    number: int | None = None

    @property
    def needs_count(self) -> bool:
        """Whether it finds only packages whose ``version_count`` is known."""
        return self.kind in ("empty", "many_versions")

    def __str__(self) -> str:
        return self.kind if self.number is None else f"{self.kind}:{self.number}"

    @classmethod
    def parse(cls, text: str) -> Rule:
        """The rule as written.

        Raises:
            ConfigurationError: it is none.
        """
        name, _, number = text.partition(":")
        kind = next((kind for kind in FINDING_KINDS if kind == name), None)
        if kind is None:
            raise ConfigurationError(
                f"rules: {text!r} is none of {', '.join(map(_pattern, FINDING_KINDS))}"
            )
        takes_number = kind in _NUMBERS
        if takes_number != bool(number) or (number == "" and ":" in text):
            raise ConfigurationError(f"rules: {text!r} is written {_example(kind)}")
        if not takes_number:
            return cls(kind)
        whole = number.isascii() and number.isdigit() and len(number) < 10
        if not whole or (kind == "stale" and int(number) > _MOST_DAYS):
            raise ConfigurationError(
                f"rules: {text!r}: {number!r} is not a number; write {_example(kind)}"
            )
        return cls(kind, int(number))

    def lacks(self, *, versions: bool, compares: bool, conflicts: bool) -> Need | None:
        """What an audit lacks to find it: finding nothing for want of looking would be no news.

        Args:
            versions: whether the audit sums up versions.
            compares: whether there is an earlier one to compare with.
            conflicts: whether it lists the Docker conflicts.
        """
        if self.kind == "untagged" and not versions:
            return "versions"
        if self.kind == "visibility_widened" and not compares:
            return "compare"
        if self.kind == "docker_conflict" and not conflicts:
            return "docker"
        return None


@attrs.frozen
class Finding:
    """Something to look at.

    Attributes:
        rule: what found it, as written: ``public``, ``stale:90``.
        owner: whose it is.
        package_type: of which type; ``None`` where the failure is of more than one.
        name: which package; ``None`` where it is a whole listing or owner.
        detail: what is the matter, for people.
    """

    rule: str
    owner: str
    package_type: str | None
    name: str | None
    detail: str


def findings_of(
    entry: Entry, rules: Iterable[Rule], *, now: datetime, before: str | None = None
) -> Iterator[Finding]:
    """What the rules find in an entry.

    Args:
        entry: what to look at.
        rules: what to look for.
        now: what ``stale`` counts back from, aware.
        before: the package's visibility at the audit compared with, if it was there.
    """
    for rule in rules:
        detail = _detail(entry, rule, now, before)
        if detail is not None:
            yield Finding(str(rule), entry.owner, entry.package_type, entry.name, detail)


def _detail(entry: Entry, rule: Rule, now: datetime, before: str | None) -> str | None:
    if isinstance(entry, FailureEntry):
        return entry.message if rule.kind == "unreachable" else None
    if entry.soft_deleted:
        return None
    if isinstance(entry, ConflictEntry):
        return "collides in the Docker migration" if rule.kind == "docker_conflict" else None
    return _detail_of_package(entry, rule.kind, rule.number or 0, now, before)


def _detail_of_package(
    entry: PackageEntry, kind: FindingKind, number: int, now: datetime, before: str | None
) -> str | None:
    found: str | None = None
    if kind == "public" and entry.visibility == "public":
        found = "public"
    elif kind == "visibility_widened" and widened(before, entry.visibility):
        found = f"{before}, now {entry.visibility}"
    elif kind == "no_repository" and entry.repository is None:
        found = "linked to no repository"
    elif kind == "empty" and entry.version_count == 0:
        found = "no versions"
    elif kind == "many_versions" and (entry.version_count or 0) > number:
        found = f"{entry.version_count} versions"
    elif kind == "stale":
        idle = now - entry.updated_at
        if idle > timedelta(days=number):
            found = f"unchanged for {idle.days} days"
    elif kind == "untagged" and entry.versions is not None:
        untagged = entry.versions.untagged or 0
        if untagged > number:
            found = f"{untagged} of {entry.versions.count} versions untagged"
    return found


def widened(before: str | None, after: str) -> bool:
    """Whether more people can see it than before: private, then internal, then public."""
    return before in _WIDTH and after in _WIDTH and _WIDTH[after] > _WIDTH[before]


def _pattern(kind: FindingKind) -> str:
    return f"{kind}:{_NUMBERS[kind][0]}" if kind in _NUMBERS else kind


def _example(kind: FindingKind) -> str:
    if kind not in _NUMBERS:
        return kind
    return f"{_pattern(kind)}, like {kind}:{_NUMBERS[kind][1]}"
