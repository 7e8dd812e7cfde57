"""Apply the rules of a policy to the images or versions of one package. No I/O.

Rules see images: neither their parts nor their signatures. The reasons are sentences for people.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import attrs

from .._text import counted, printable
from ._policy import DEFAULT_PROTECT_TAGS
from ._policy_values import duration_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from ._graph import ListedVersion
    from ._policy import Policy, Rule

__all__ = ["Action", "PatternUse", "Verdict", "evaluate", "tags_text"]

Action: TypeAlias = Literal["delete", "hold", "keep"]
"""``hold``: a rule selects the version and something else keeps it."""

_TAGS_SHOWN: Final = 3


@attrs.frozen
class Verdict:
    """Decision about one image or version.

    Attributes:
        action: ``delete``, ``hold`` or ``keep``.
        rule: name of the rule that selects it; ``""`` if none does.
        reason: the reason, for people.
    """

    action: Action
    rule: str
    reason: str


_UNSELECTED: Final = Verdict("keep", "", "no rule selects it")


def evaluate(
    policy: Policy,
    package_type: str,
    package: str,
    versions: Sequence[ListedVersion],
    now: datetime,
    orphans: Collection[str] = (),
) -> list[Verdict]:
    """Decide about each image of a package, or each version of one without images.

    Args:
        policy: the rules and guards.
        package_type: type of the package.
        package: full name of the package.
        versions: its images; versions of packages that are not containers.
        now: time that ages count to.
        orphans: names of the versions that are no images, but artifacts without their subject.

    Returns:
        One verdict for each version, in their order. Protection is stronger than the keep of a
        rule, and the keep of any rule stronger than the selection of another.
    """
    rules = [rule for rule in policy.rules if rule.applies_to(package_type, package)]
    selected: defaultdict[int, list[Rule]] = defaultdict(list)
    kept: defaultdict[int, list[tuple[Rule, str]]] = defaultdict(list)
    spared: dict[int, Verdict] = {}
    tags = [version.real_tags for version in versions]
    for rule in rules:
        matches = []
        for i, version in enumerate(versions):
            if _matches(rule, version.name, tags[i], version.name in orphans):
                matches.append(i)
            elif others := _other_tags(rule, tags[i]):
                reason = f"also tagged {tags_text(others)}"
                spared.setdefault(i, Verdict("hold", rule.name, reason))
            if rule.keep_tags and any(map(rule.keep_tags.match, tags[i])):
                kept[i].append((rule, "a tag matches its keep-tags"))
        matches.sort(key=lambda i: versions[i].newness, reverse=True)
        newest = set(matches[: rule.keep_newest or 0])
        for i in newest:
            kept[i].append((rule, f"one of the newest {rule.keep_newest}"))
        for i in matches:
            if rule.older_than and now - versions[i].changed_at < rule.older_than:
                reason = f"rule {rule.name!r}: younger than {duration_text(rule.older_than)}"
                spared.setdefault(i, Verdict("keep", "", reason))
            elif not any(keeper is rule for keeper, _ in kept[i]):
                selected[i].append(rule)
    verdicts = []
    for i, version in enumerate(versions):
        protection = _protection(policy, version, tags[i], now)
        verdicts.append(_verdict(selected[i], kept[i], spared.get(i), protection))
    return verdicts


def _matches(rule: Rule, name: str, tags: Sequence[str], is_orphan: bool) -> bool:
    if rule.orphaned or is_orphan:
        return rule.orphaned and is_orphan
    if rule.versions:
        return rule.versions.match(name)
    if rule.tags:
        return bool(tags) and all(map(rule.tags.match, tags))
    return not tags


def _other_tags(rule: Rule, tags: Sequence[str]) -> list[str]:
    """Return the tags of an image that a rule does not match, if the rule matches others."""
    if not rule.tags:
        return []
    others = [tag for tag in tags if not rule.tags.match(tag)]
    return others if len(others) < len(tags) else []


def _protection(
    policy: Policy, version: ListedVersion, tags: Sequence[str], now: datetime
) -> str | None:
    guard = policy.guard
    for tag in tags:
        if guard.protect_tags.match(tag):
            return f"tag {printable(tag)} is protected"
    if version.name in guard.protect_digests:
        return "its digest is protected"
    if now - version.changed_at < guard.min_age:
        return f"younger than min-age {duration_text(guard.min_age)}"
    return None


def _verdict(
    selected: Sequence[Rule],
    kept: Sequence[tuple[Rule, str]],
    spared: Verdict | None,
    protection: str | None,
) -> Verdict:
    reason = protection
    if kept and not protection:
        keeper, keep = kept[0]
        reason = f"kept by rule {keeper.name!r}: {keep}"
    if not selected:
        return Verdict("keep", "", reason) if reason else spared or _UNSELECTED
    if reason:
        return Verdict("hold", selected[0].name, reason)
    return Verdict("delete", selected[0].name, _selection(selected[0]))


def _selection(rule: Rule) -> str:
    if rule.tags:
        reasons = ["all its tags match"]
    elif rule.orphaned:
        reasons = ["its subject is not in the package"]
    else:
        reasons = ["its name matches" if rule.versions else "untagged"]
    if rule.older_than:
        reasons.append(f"older than {duration_text(rule.older_than)}")
    if rule.keep_newest:
        reasons.append(f"not one of the newest {rule.keep_newest}")
    return f"rule {rule.name!r}: {', '.join(reasons)}"


def tags_text(tags: Sequence[str]) -> str:
    """Return the first tags, for people: ``v1.2.0, v1.2 and 3 more``."""
    shown = ", ".join(map(printable, tags[:_TAGS_SHOWN]))
    more = len(tags) - _TAGS_SHOWN
    return f"{shown} and {counted(more, 'more').removesuffix('s')}" if more > 0 else shown


class PatternUse:
    """Finds the keep and protect patterns of a policy that match no tag: probably misspelled.

    Args:
        policy: its default patterns are exempt.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        protect = set(policy.guard.protect_tags.texts) - set(DEFAULT_PROTECT_TAGS.texts)
        self._protect = {text for text in protect if text[:1] != "!"}
        self._keep = {
            rule.name: {text for text in rule.keep_tags.texts if text[:1] != "!"}
            for rule in policy.rules
            if rule.keep_tags
        }
        self._seen = False

    def add(self, package: str, versions: Iterable[ListedVersion]) -> None:
        """Count the tags of a container package that was listed."""
        tags = {tag for version in versions for tag in version.real_tags}
        self._seen = True
        guard = self._policy.guard
        if self._protect:
            self._protect.intersection_update(guard.protect_tags.unmatched(tags))
        for rule in self._policy.rules:
            if rule.keep_tags and rule.applies_to("container", package):
                self._keep[rule.name].intersection_update(rule.keep_tags.unmatched(tags))

    def problems(self) -> list[str]:
        """Return a description of each pattern that matched nothing; none without packages."""
        if not self._seen:
            return []
        problems = [f"protect-tags: {text!r} matches no tag" for text in sorted(self._protect)]
        for rule, texts in self._keep.items():
            problems += [
                f"keep-tags of rule {rule!r}: {text!r} matches no tag" for text in sorted(texts)
            ]
        return problems
