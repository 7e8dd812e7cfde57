"""Numbers for the charts and figures of a report. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import attrs

from .._records import listing_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from .._audit_report import AuditReport
    from .._compare import Comparison
    from .._records import ListingKey, PackageEntry

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
"""Labels of ages with their upper bounds in days, youngest first."""

VISIBILITIES: Final = ("public", "internal", "private")
_DAY: Final = 86_400


def by_owner_and_type(packages: Iterable[PackageEntry]) -> dict[str, Counter[str]]:
    """Count the packages of each owner by type; owners with most packages first."""
    owners: dict[str, Counter[str]] = {}
    for package in packages:
        owners.setdefault(package.owner, Counter())[package.package_type] += 1
    return dict(sorted(owners.items(), key=lambda item: -item[1].total()))


def ordered_types(requested: Sequence[str], owners: Mapping[str, Counter[str]]) -> list[str]:
    """Return the types with packages: requested ones in their order, then others by name."""
    present = {package_type for counts in owners.values() for package_type in counts}
    return [*(name for name in requested if name in present), *sorted(present - set(requested))]


def visibilities(packages: Iterable[PackageEntry]) -> dict[str, int]:
    """Count the packages by visibility: GitHub's three, and ``other`` if there are others."""
    counts = Counter(
        package.visibility if package.visibility in VISIBILITIES else "other"
        for package in packages
    )
    return {
        name: counts[name] for name in (*VISIBILITIES, "other") if name != "other" or counts[name]
    }


def ages(packages: Iterable[PackageEntry], now: datetime) -> list[int]:
    """Count the packages by the age of their last update, for each of `AGES`."""
    counts = [0] * len(AGES)
    for package in packages:
        days = (now - package.updated_at).total_seconds() / _DAY
        counts[next(index for index, (_, limit) in enumerate(AGES) if days <= limit)] += 1
    return counts


@attrs.define
class Growth:
    """Growth of an owner since an earlier audit.

    Attributes:
        new: number of new packages.
        gone: number of packages that are gone.
        added: number of versions gained by packages that are in both audits.
        removed: number of versions lost by packages that are in both audits.
    """

    new: int = 0
    gone: int = 0
    added: int = 0
    removed: int = 0


def growth(comparison: Comparison) -> dict[str, Growth]:
    """Return the growth of each owner; owners with most changes first."""
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
    """Return the listings of an interrupted audit that have neither ended nor failed."""
    failed = {listing_key(failure) for failure in report.failures}
    owners = {failure.owner.lower() for failure in report.failures if failure.listing is None}
    return report.header.unfinished({*report.done, *(key for key in failed if key)}, owners)
