"""What an audit comes to, told to people or as JSON Lines."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .._text import counted
from ..audit import (
    Change,
    Comparer,
    FailureEntry,
    ListingDone,
    PackageEntry,
    Rule,
    SummaryBuilder,
    SummaryRow,
    findings_of,
    to_record,
)
from ..audit._markdown import render_markdown
from ..audit._records import fullest_first
from ..audit._summary import MOST_BY_TYPE, by_owner
from ..audit._wording import advice_on, change_text, moment
from ..tables._shapes import SOFT_DELETED_PREFIX
from .tables import Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from ..audit import AuditHeader, Baseline, Comparison, Finding, Record
    from .output import Output

__all__ = ["SUMMARY", "Results", "print_records"]

CUT_SHORT: Final = frozenset({"rate_limited", "unauthorized", "no_connection"})
"""Reasons for which all other requests fail too, so that the audit can be resumed later."""
LINES_SHOWN: Final = 20
"""Findings of a rule, changes of a kind, and failures that people are shown; JSON has all."""

_LOOKED_FOR: Final = (
    "public",
    "docker_conflict",
    "no_repository",
    "empty",
    "stale:365",
    "many_versions:500",
)


class Results:
    """Takes the records as they come; keeps sums, changes, and the findings asked for.

    Args:
        header: what the audit was asked.
        rules: what to fail on.
        baseline: the earlier audit, if there is one to compare with.
        console: where to tell.
        allowed: the owners whose failures count neither as failures nor as findings, in lower case.
        keeps_all: whether to keep what is found besides too, not only its number.
    """

    def __init__(
        self,
        header: AuditHeader,
        rules: Sequence[Rule],
        baseline: Baseline | None,
        *,
        console: Output,
        allowed: frozenset[str],
        keeps_all: bool = False,
    ) -> None:
        self.comparison: Comparison | None = None
        self.failures = 0
        """Number of failures, without those of allowed owners."""
        self.findings: list[Finding] = []
        """What the rules to fail on found; and all others, where they are kept."""
        self.is_cut_short = False
        """Whether one of these concerns all requests, such as a rate limit."""
        self._header = header
        self._asked = list(rules)
        self._names = frozenset(map(str, rules))
        self._allowed = allowed
        self._keeps_all = keeps_all
        self._rules = [*rules, *_besides(rules, header, has_baseline=baseline is not None)]
        self._baseline = baseline
        self._comparer = Comparer(baseline) if baseline is not None else None
        self._console = console
        self._summary = SummaryBuilder(header)
        self._counts: Counter[str] = Counter()
        self._failure_count = 0
        self._failed: list[FailureEntry] = []
        self._told_header = False
        self._has_packages = False

    @property
    def found(self) -> int:
        """How many findings the rules to fail on have."""
        return sum(self._counts[str(rule)] for rule in self._asked)

    def found_line(self) -> str:
        """The rules to fail on that found something, with their counts."""
        return ", ".join(
            f"{rule} ({self._counts[str(rule)]:,})"
            for rule in self._asked
            if self._counts[str(rule)]
        )

    async def add(self, records: Sequence[Record]) -> None:
        """Takes records; as JSON Lines, they are told at once."""
        for record in records:
            self._summary.add(record)
            if self._comparer is not None:
                self._comparer.add(record)
            if not isinstance(record, ListingDone):
                before = self._baseline.visibility(record) if self._baseline else None
                self._find(record, before)
        if self._console.json:
            if not self._has_packages:
                records = fullest_first(records)
                self._has_packages = any(isinstance(each, PackageEntry) for each in records)
            lines = [to_record(record) for record in records]
            if not self._told_header:
                self._told_header = True
                lines.insert(0, to_record(self._header))
            await _print(lines)

    def finish(self) -> None:
        """Sums up, after the last record."""
        if self._comparer is not None:
            self.comparison = self._comparer.comparison()

    def markdown(self, since: datetime | None) -> str:
        """The results as Markdown, after `finish`.

        Args:
            since: when the audit began that is compared with.
        """
        named = self._names - {"unreachable"}  # Failures have a section of their own.
        return render_markdown(
            self._header,
            self._summary.rows(),
            self._summary.total(),
            counts={str(rule): self._counts[str(rule)] for rule in self._rules},
            findings=[finding for finding in self.findings if finding.rule in named],
            failures=self._failed,
            failure_count=self._failure_count,
            comparison=self.comparison,
            since=since,
        )

    async def show(self, last: str) -> None:
        """Tells it all, after `finish`.

        Args:
            last: what to tell in the end, on standard error.
        """
        if self._console.json:
            await _print(self._json_lines())
        else:
            self._show_sums()
            self._console.line(f"Audit begun {moment(self._header.started_at)}.")
            self._show_changes()
            self._show_findings()
        self._show_failures()
        self._show_unjudged()
        self._console.note(last)

    def _find(self, record: Any, before: str | None) -> None:
        if isinstance(record, FailureEntry):
            if len(self._failed) < LINES_SHOWN:
                self._failed.append(record)
            self._failure_count += 1
            if record.owner.lower() in self._allowed:
                return
            self.failures += 1
            self.is_cut_short |= record.reason in CUT_SHORT
        for finding in findings_of(record, self._rules, now=self._header.started_at, before=before):
            self._counts[finding.rule] += 1
            if self._keeps_all or finding.rule in self._names:
                self.findings.append(finding)

    def _json_lines(self) -> Iterable[dict[str, Any]]:
        for finding in self.findings:
            if finding.rule in self._names:
                yield {"record": "finding", **_told_only(finding)}
        if self.comparison is not None:
            for change in self.comparison.changes:
                yield _change_record(change)
            for key in self.comparison.not_compared:
                yield {"record": "not_compared", **_told_only(key), "listing": key.listing}

    def _show_sums(self) -> None:
        # Those nothing could be listed of are told as failures; dashes would look like none.
        rows = [row for row in self._summary.rows() if row.package_type is not None]
        by_type = len(rows) <= MOST_BY_TYPE
        if not by_type:
            rows = by_owner(rows)
        columns = SUMMARY if by_type else [each for each in SUMMARY if each.header != "TYPE"]
        total = self._summary.total()
        if rows:
            self._console.table([*rows, total], columns)
        if total.soft_deleted:
            self._console.line(
                f"Not counted: {counted(total.soft_deleted, 'soft-deleted package')}, "
                f"named {SOFT_DELETED_PREFIX}..."
            )

    def _show_findings(self) -> None:
        line = self._console.line
        found = [rule for rule in self._rules if self._counts[str(rule)]]
        if found:
            line("")
            line("Findings:")
        listed_by: dict[str, list[Finding]] = {}
        for finding in self.findings:
            listed_by.setdefault(finding.rule, []).append(finding)
        for rule in found:
            line(f"  {rule}: {self._counts[str(rule)]:,}")
            if rule.kind == "unreachable" or rule not in self._asked:
                continue  # Failures are told with what to do about them.
            listed = listed_by.get(str(rule), [])
            for finding in listed[:LINES_SHOWN]:
                where = " ".join(
                    part for part in (finding.owner, finding.package_type, finding.name) if part
                )
                line(f"    {where}: {finding.detail}")
            self._and_more(len(listed))

    def _show_changes(self) -> None:
        if self.comparison is None:
            return
        line = self._console.line
        line("")
        line("Changes:" if self.comparison.changes else "Nothing changed.")
        for kind in ("new", "gone", "visibility", "grown", "shrunk"):
            changes = [each for each in self.comparison.changes if each.kind == kind]
            if not changes:
                continue
            line(f"  {kind}: {len(changes):,}")
            for change in changes[:LINES_SHOWN]:
                line(f"    {change_text(change)}")
            self._and_more(len(changes))
        missing = self.comparison.not_compared
        if missing:
            line(
                f"  Not compared, since one of the two audits lacks them: "
                f"{', '.join(map(str, missing[:LINES_SHOWN]))}"
            )
            self._and_more(len(missing))

    def _show_failures(self) -> None:
        for failure in self._failed:
            where = " ".join(
                part
                for part in (
                    failure.owner,
                    "Docker conflicts"
                    if failure.listing == "docker_conflicts"
                    else failure.package_type,
                    failure.name,
                )
                if part
            )
            url = failure.authorization_url
            parts = [
                failure.message,
                advice_on(failure),
                f"Authorize the token for the organization's single sign-on: {url}" if url else "",
            ]
            self._console.note(f"{where}: {'. '.join(part.rstrip('.') for part in parts if part)}")
        if self._failure_count > len(self._failed):
            more = self._failure_count - len(self._failed)
            self._console.note(f"... and {more:,} more failures")

    def _show_unjudged(self) -> None:
        """Name the rules of --fail-on that could not judge every package, and the option to add."""
        rules = [str(rule) for rule in self._asked if rule.needs_count]
        uncounted = self._summary.total().uncounted
        if rules and uncounted:
            option = "" if self._header.with_versions else "; --versions counts them"
            self._console.note(
                f"{' and '.join(rules)}: not judged for {counted(uncounted, 'package')} whose "
                f"number of versions the server left out{option}"
            )

    def _and_more(self, count: int) -> None:
        if count > LINES_SHOWN:
            self._console.line(f"    ... and {count - LINES_SHOWN:,} more; --json has all")


async def print_records(records: Iterable[Record | AuditHeader]) -> None:
    """Writes records to standard output as lines of JSON."""
    await _print([to_record(record) for record in records])


async def _print(records: Iterable[dict[str, Any]]) -> None:
    """Writes lines of JSON; in a thread, since a slow reader must not hold the event loop."""
    # ASCII: what a server says steers no terminal.
    text = "".join(f"{json.dumps(each)}\n" for each in records)
    await asyncio.to_thread(_write, text)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _besides(rules: Sequence[Rule], header: AuditHeader, *, has_baseline: bool) -> list[Rule]:
    """What is counted although nobody fails on it."""
    more = [Rule.parse(text) for text in _LOOKED_FOR]
    if header.with_versions:
        more.append(Rule("untagged", 100))
    if has_baseline:
        more.append(Rule("visibility_widened"))
    asked = {rule.kind for rule in rules}
    return [rule for rule in more if rule.kind not in asked]


def _told_only(value: Any) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: each for name, each in msgspec.to_builtins(value).items() if each is not None}


def _change_record(change: Change) -> dict[str, Any]:
    """The change with its values under keys of one type each."""
    record = {"record": "change", **_told_only(change)}
    what = "version_count" if change.kind in ("grown", "shrunk") else "visibility"
    for side in ("before", "after"):
        if side in record:
            record[f"{what}_{side}"] = record.pop(side)
    return record


def _number(name: str) -> Column[SummaryRow]:
    return Column(
        name.upper(),
        lambda row: f"{getattr(row, name):,}" if getattr(row, name) else "-",
        justify="right",
    )


SUMMARY: Final[tuple[Column[SummaryRow], ...]] = (
    Column("OWNER", lambda row: row.owner),
    Column("TYPE", lambda row: row.package_type or ""),
    *(_number(name) for name in ("packages", "public", "private", "internal")),
    Column("VERSIONS", lambda row: row.versions_text if row.packages else "-", justify="right"),
    _number("conflicts"),
)
