"""Results of applying a plan."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ._journal import Outcome, OutcomeStatus
    from ._records import Deletion, PackageKey

__all__ = ["ApplyResult", "BrokenImage"]


@attrs.frozen
class BrokenImage:
    """A version that is there and lost a part of itself during the run.

    Attributes:
        package: owner, type and name of the package.
        version: name of the version.
        tags: its tags.
        missing: names of the versions that it needs and that are not there any more.
    """

    package: PackageKey
    version: str
    tags: tuple[str, ...]
    missing: tuple[str, ...]


@attrs.frozen(kw_only=True)
class ApplyResult:
    """Results of applying a plan.

    Attributes:
        outcomes: the result of each version of the plan, by id; with ``check``, only of those that
            would not be deleted.
        to_delete: with ``check``, the versions that would be deleted.
        broken: images that stayed and lost a part; empty if every image is proved whole.
        unverified: packages that could not be listed again for that proof, with the error.
        journal: the journal's file.
    """

    outcomes: Mapping[int, Outcome]
    to_delete: tuple[Deletion, ...] = ()
    broken: tuple[BrokenImage, ...] = ()
    unverified: Mapping[PackageKey, str] = attrs.field(factory=dict)
    journal: Path

    @property
    def counts(self) -> Mapping[OutcomeStatus, int]:
        """Number of versions by status."""
        return Counter(outcome.status for outcome in self.outcomes.values())

    @property
    def complete(self) -> bool:
        """Every version is deleted, gone or refused by GitHub, and every other image is whole."""
        counts = self.counts
        return not (counts["stale"] or counts["failed"] or self.broken or self.unverified)
