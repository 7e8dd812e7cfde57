"""Collect the results of an audit: sums, findings, changes and failures. No I/O."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from ..audit import Comparer, FailureEntry, ListingDone, SummaryBuilder, findings_of
from ..audit._findings import counted_rules
from ..audit._markdown import render_markdown
from ..audit._records import listing_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ..audit import AuditHeader, Baseline, Comparison, Finding, ListingKey, Record, Rule

__all__ = ["LINES_SHOWN", "Results"]

CUT_SHORT: Final = frozenset({"rate_limited", "unauthorized", "no_connection"})
"""Reasons for which all other requests fail too, so that the audit can be resumed later."""
LINES_SHOWN: Final = 20
"""Maximum number of printed findings of a rule, changes of a kind, and failures; JSON has all."""


class Results:
    """Sums, findings and changes of an audit, collected record by record without keeping records.

    Args:
        header: owners and options of the audit.
        rules: the rules to fail on.
        baseline: the earlier audit to compare with, if any.
        allowed: the owners whose failures count neither as failures nor as findings, in lower case.
        keeps_all: whether to keep the findings of all rules, not only of those to fail on.
    """

    def __init__(
        self,
        header: AuditHeader,
        rules: Sequence[Rule],
        baseline: Baseline | None,
        *,
        allowed: frozenset[str],
        keeps_all: bool = False,
    ) -> None:
        self.comparison: Comparison | None = None
        self.failures = 0
        """Number of failures, without those of allowed owners."""
        self.findings: list[Finding] = []
        """Findings of the rules to fail on; with ``keeps_all`` of all rules."""
        self.is_cut_short = False
        """True if one of the failures concerns all requests, such as a rate limit."""
        self.header = header
        self.fail_on = list(rules)
        self.fail_on_names = frozenset(map(str, rules))
        self._allowed = allowed
        self._keeps_all = keeps_all
        requested = {rule.kind for rule in rules}
        self.rules = [*rules, *(rule for rule in counted_rules() if rule.kind not in requested)]
        self._baseline = baseline
        self._comparer = Comparer(baseline) if baseline is not None else None
        self.summary = SummaryBuilder(header)
        self.counts: Counter[str] = Counter()
        self.failure_count = 0
        self.first_failures: list[FailureEntry] = []
        self._ended: set[ListingKey] = set()
        self._failed_owners: set[str] = set()

    @property
    def found(self) -> int:
        """Number of findings of the rules to fail on."""
        return sum(self.counts[str(rule)] for rule in self.fail_on)

    def found_line(self) -> str:
        """Return the rules to fail on that have findings, with their counts."""
        return ", ".join(
            f"{rule} ({self.counts[str(rule)]:,})"
            for rule in self.fail_on
            if self.counts[str(rule)]
        )

    def add(self, records: Sequence[Record]) -> None:
        """Add records to the results."""
        for record in records:
            self.summary.add(record)
            self._note_listing(record)
            if self._comparer is not None:
                self._comparer.add(record)
            if not isinstance(record, ListingDone):
                before = self._baseline.visibility(record) if self._baseline else None
                self._find(record, before)

    def finish(self) -> None:
        """Complete the comparison; called after the last record."""
        if self._comparer is not None:
            self.comparison = self._comparer.comparison()

    def unfinished(self) -> list[ListingKey]:
        """Return the listings that have neither ended nor failed: those of an incomplete file."""
        return self.header.unfinished(self._ended, self._failed_owners)

    def _note_listing(self, record: Record) -> None:
        if isinstance(record, (ListingDone, FailureEntry)):
            if (key := listing_key(record)) is None:
                self._failed_owners.add(record.owner.lower())
            else:
                self._ended.add(key)

    def markdown(self, since: datetime | None) -> str:
        """Return the results as Markdown; called after `finish`.

        Args:
            since: start of the earlier audit, if known.
        """
        named = self.fail_on_names - {"unreachable"}  # Failures have a section of their own.
        return render_markdown(
            self.header,
            self.summary.rows(),
            self.summary.total(),
            counts={str(rule): self.counts[str(rule)] for rule in self.rules},
            findings=[finding for finding in self.findings if finding.rule in named],
            failures=self.first_failures,
            failure_count=self.failure_count,
            comparison=self.comparison,
            since=since,
        )

    def _find(self, record: Any, before: str | None) -> None:
        if isinstance(record, FailureEntry):
            if len(self.first_failures) < LINES_SHOWN:
                self.first_failures.append(record)
            self.failure_count += 1
            if record.owner.lower() in self._allowed:
                return
            self.failures += 1
            self.is_cut_short |= record.reason in CUT_SHORT
        for finding in findings_of(record, self.rules, now=self.header.started_at, before=before):
            self.counts[finding.rule] += 1
            if self._keeps_all or finding.rule in self.fail_on_names:
                self.findings.append(finding)
