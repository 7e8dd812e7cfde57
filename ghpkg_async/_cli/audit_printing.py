"""Print the results of an audit, as text or as JSON Lines."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .._text import counted
from ..audit import (
    Change,
    PackageEntry,
    SummaryRow,
    to_record,
)
from ..audit._records import fullest_first
from ..audit._summary import MOST_BY_TYPE, by_owner
from ..audit._wording import advice_with_url, change_text, moment, no_changes_text
from ..tables._shapes import SOFT_DELETED_PREFIX
from .audit_results import LINES_SHOWN
from .tables import TableColumn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..audit import AuditHeader, Finding, Record
    from .audit_results import Results
    from .output import Output

__all__ = ["SUMMARY", "ResultsPrinter", "print_records"]


class ResultsPrinter:
    """Prints records during an audit with ``--json``, and its results.

    Args:
        results: the results of the audit.
        console: the output of the command.
    """

    def __init__(self, results: Results, console: Output) -> None:
        self._results = results
        self._console = console
        self._has_header = False
        self._has_packages = False

    async def add(self, records: Sequence[Record]) -> None:
        """Print records as JSON Lines, the header first; without ``--json`` print nothing."""
        if not self._console.json:
            return
        if not self._has_packages:
            records = fullest_first(records)
            self._has_packages = any(isinstance(record, PackageEntry) for record in records)
        lines = [to_record(record) for record in records]
        if not self._has_header:
            self._has_header = True
            lines.insert(0, to_record(self._results.header))
        await _print(lines)

    async def show(self, last: str) -> None:
        """Print the results; called after their `finish`.

        Args:
            last: the last line, on standard error.
        """
        if self._console.json:
            await _print(self._json_lines())
        else:
            self._show_sums()
            self._console.line(f"Audit begun {moment(self._results.header.started_at)}.")
            self._show_changes()
            self._show_findings()
        self._show_failures()
        self._show_unjudged()
        self._console.note(last)

    def _json_lines(self) -> Iterable[dict[str, Any]]:
        for finding in self._results.findings:
            if finding.rule in self._results.fail_on_names:
                yield {"record": "finding", **_without_none(finding)}
        if self._results.comparison is not None:
            for change in self._results.comparison.changes:
                yield _change_record(change)
            for key in self._results.comparison.not_compared:
                yield {"record": "not_compared", **_without_none(key), "listing": key.listing}

    def _show_sums(self) -> None:
        # Owners without any listing are printed as failures; a row of dashes would read as empty.
        rows = [row for row in self._results.summary.rows() if row.package_type is not None]
        by_type = len(rows) <= MOST_BY_TYPE
        if not by_type:
            rows = by_owner(rows)
        columns = SUMMARY if by_type else [column for column in SUMMARY if column.header != "TYPE"]
        total = self._results.summary.total()
        if rows:
            self._console.table([*rows, total], columns)
        if total.soft_deleted:
            self._console.line(
                f"Not counted: {counted(total.soft_deleted, 'soft-deleted package')}, "
                f"named {SOFT_DELETED_PREFIX}..."
            )
        if total.uncounted and not self._results.header.with_versions:
            self._console.line(
                f"Not counted: the versions of {counted(total.uncounted, 'package')}; "
                "an audit with --versions counts them."
            )

    def _show_findings(self) -> None:
        line = self._console.line
        matched = [rule for rule in self._results.rules if self._results.counts[str(rule)]]
        if matched:
            line("")
            line("Findings:")
        listed_by: dict[str, list[Finding]] = {}
        for finding in self._results.findings:
            listed_by.setdefault(finding.rule, []).append(finding)
        for rule in matched:
            line(f"  {rule}: {self._results.counts[str(rule)]:,}")
            if rule.kind == "unreachable" or rule not in self._results.fail_on:
                continue  # Failures are printed with advice.
            listed = listed_by.get(str(rule), [])
            for finding in listed[:LINES_SHOWN]:
                where = " ".join(
                    part for part in (finding.owner, finding.package_type, finding.name) if part
                )
                line(f"    {where}: {finding.detail}")
            self._and_more(len(listed))

    def _show_changes(self) -> None:
        comparison = self._results.comparison
        if comparison is None:
            return
        line = self._console.line
        line("")
        line("Changes:" if comparison.changes else no_changes_text(comparison))
        for kind in ("new", "gone", "visibility", "grown", "shrunk"):
            changes = comparison.of_kind(kind)
            if not changes:
                continue
            line(f"  {kind}: {len(changes):,}")
            for change in changes[:LINES_SHOWN]:
                line(f"    {change_text(change)}")
            self._and_more(len(changes))
        missing = comparison.not_compared
        if missing:
            line(
                "  Not compared, as not complete in both audits: "
                f"{', '.join(map(str, missing[:LINES_SHOWN]))}"
            )
            self._and_more(len(missing))

    def _show_failures(self) -> None:
        for failure in self._results.first_failures:
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
            parts = [failure.message, advice_with_url(failure)]
            self._console.note(f"{where}: {'. '.join(part.rstrip('.') for part in parts if part)}")
        if self._results.failure_count > len(self._results.first_failures):
            more = self._results.failure_count - len(self._results.first_failures)
            self._console.note(f"... and {more:,} more failures")

    def _show_unjudged(self) -> None:
        """Name the rules of --fail-on that could not judge every package, and the option to add."""
        rules = [str(rule) for rule in self._results.fail_on if rule.needs_version_count]
        uncounted = self._results.summary.total().uncounted
        if rules and uncounted:
            option = "" if self._results.header.with_versions else "; --versions counts them"
            self._console.note(
                f"{' and '.join(rules)}: not judged for {counted(uncounted, 'package')} whose "
                f"number of versions the server left out{option}"
            )

    def _and_more(self, count: int) -> None:
        if count > LINES_SHOWN:
            self._console.line(f"    ... and {count - LINES_SHOWN:,} more; --json has all")


async def print_records(records: Iterable[Record | AuditHeader]) -> None:
    """Print records as JSON Lines."""
    await _print([to_record(record) for record in records])


async def _print(records: Iterable[dict[str, Any]]) -> None:
    """Print JSON Lines in a thread: a slow reader must not block the event loop."""
    # ASCII: text of a server cannot control the terminal.
    text = "".join(f"{json.dumps(record)}\n" for record in records)
    await asyncio.to_thread(_write, text)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _without_none(value: Any) -> dict[str, Any]:
    """Return the fields that are not ``None``."""
    return {name: item for name, item in msgspec.to_builtins(value).items() if item is not None}


def _change_record(change: Change) -> dict[str, Any]:
    """Return the record of a change, in which each key has values of one type."""
    record = {"record": "change", **_without_none(change)}
    field = "version_count" if change.kind in ("grown", "shrunk") else "visibility"
    for side in ("before", "after"):
        if side in record:
            record[f"{field}_{side}"] = record.pop(side)
    return record


def _number(name: str) -> TableColumn[SummaryRow]:
    return TableColumn(
        name.upper(),
        lambda row: f"{getattr(row, name):,}" if getattr(row, name) else "-",
        justify="right",
    )


SUMMARY: Final[tuple[TableColumn[SummaryRow], ...]] = (
    TableColumn("OWNER", lambda row: row.owner),
    TableColumn("TYPE", lambda row: row.package_type or ""),
    *(_number(name) for name in ("packages", "public", "private", "internal")),
    TableColumn(
        "VERSIONS", lambda row: row.versions_text if row.packages else "-", justify="right"
    ),
    _number("conflicts"),
)
