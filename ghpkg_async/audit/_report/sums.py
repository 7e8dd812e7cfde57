"""An audit in numbers: what the headline figures and the charts show. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import attrs

from .._records import ListingKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from .._audit_report import AuditReport
    from .._compare import Comparison
    from .._records import PackageEntry

__all__ = [
    "AGES",
    "VISIBILITIES",
    "Growth",
    "ages",
    "by_owner_and_type",
    "growth",
    "ordered_types",
    "unfinished",
    "visibilities",
]

AGES: Final[tuple[tuple[str, float], ...]] = (
    ("Last 30 days", 30),
    ("31 to 90 days", 90),
    ("91 to 180 days", 180),
    ("181 to 365 days", 365),
    ("1 to 2 years", 730),
    ("Over 2 years", float("inf")),
)
"""Ages, youngest first, and up to how many days each goes."""

VISIBILITIES: Final = ("public", "internal", "private")
_DAY: Final = 86_400


def by_owner_and_type(packages: Iterable[PackageEntry]) -> dict[str, Counter[str]]:
    """How many packages of which type each owner has, most packages first."""
    owners: dict[str, Counter[str]] = {}
    for package in packages:
        owners.setdefault(package.owner, Counter())[package.package_type] += 1
    return dict(sorted(owners.items(), key=lambda item: -item[1].total()))


def ordered_types(asked: Sequence[str], found: Mapping[str, Counter[str]]) -> list[str]:
    """The types there are packages of, in the order they were asked for."""
    there = {package_type for counts in found.values() for package_type in counts}
    return [*(each for each in asked if each in there), *sorted(there - set(asked))]


def visibilities(packages: Iterable[PackageEntry]) -> dict[str, int]:
    """How many packages have which visibility: GitHub's three, and others if there are any."""
    found = Counter(
        package.visibility if package.visibility in VISIBILITIES else "other"
        for package in packages
    )
    return {
        each: found[each] for each in (*VISIBILITIES, "other") if each != "other" or found[each]
    }


def ages(packages: Iterable[PackageEntry], now: datetime) -> list[int]:
    """How many packages last changed how long ago, for each of `AGES`."""
    counts = [0] * len(AGES)
    for package in packages:
        days = (now - package.updated_at).total_seconds() / _DAY
        counts[next(place for place, (_, limit) in enumerate(AGES) if days <= limit)] += 1
    return counts


@attrs.define
class Growth:
    """What an owner gained and lost since an earlier audit.

    Attributes:
        new: packages that are new.
        gone: packages that are gone.
        added: versions that packages gained that were there before.
        removed: versions that packages lost that are still there.
    """

    new: int = 0
    gone: int = 0
    added: int = 0
    removed: int = 0


def growth(comparison: Comparison) -> dict[str, Growth]:
    """What each owner gained and lost, those with most changes first."""
    owners: dict[str, Growth] = {}
    for change in comparison.changes:
        if change.kind == "visibility":
            continue
        owner = owners.setdefault(change.owner, Growth())
        owner.new += change.kind == "new"
        owner.gone += change.kind == "gone"
        if isinstance(change.before, int) and isinstance(change.after, int):
            owner.added += max(change.after - change.before, 0)
            owner.removed += max(change.before - change.after, 0)
    return dict(sorted(owners.items(), key=lambda item: -sum(attrs.astuple(item[1]))))


def unfinished(report: AuditReport) -> list[ListingKey]:
    """The listings that are neither complete nor failed: an audit that was broken off."""
    header = report.header
    lost = {failure.owner.lower() for failure in report.failures if failure.listing is None}
    failed = {
        ListingKey(failure.owner, failure.package_type)
        for failure in report.failures
        if failure.listing is not None
    }
    types = [*header.package_types, *([None] if "docker" in header.package_types else [])]
    return [
        key
        for owner in header.owners
        if owner.lower() not in lost
        for key in (ListingKey(owner, each) for each in types)
        if key not in report.done and key not in failed
    ]
