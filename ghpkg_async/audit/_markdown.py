"""An audit as Markdown: for a job's summary in GitHub Actions, an issue, or a file. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._text import counted, markdown
from ._findings import label_of
from ._links import Links
from ._summary import MOST_BY_TYPE, by_owner
from ._wording import (
    CHANGES,
    advice_on,
    change_text,
    moment,
    no_changes_text,
    reason_label,
    what_failed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from ._compare import Comparison
    from ._findings import Finding
    from ._records import AuditHeader, FailureEntry
    from ._summary import SummaryRow

__all__ = ["render_markdown"]

ROWS_SHOWN: Final = 500
LINES_SHOWN: Final = 20
"""Findings of a rule, changes of a kind, and failures that are listed."""

_COLUMNS: Final = ("Packages", "Public", "Private", "Internal", "Versions", "Conflicts")


def render_markdown(
    header: AuditHeader,
    rows: Sequence[SummaryRow],
    total: SummaryRow,
    *,
    counts: Mapping[str, int],
    findings: Iterable[Finding] = (),
    failures: Sequence[FailureEntry] = (),
    failure_count: int = 0,
    comparison: Comparison | None = None,
    since: datetime | None = None,
) -> str:
    """Render an audit as Markdown. Text from the server is escaped.

    Args:
        header: what was audited.
        rows: numbers by owner and type; above `MOST_BY_TYPE` they are summed up by owner.
        total: their sum.
        counts: the number of findings by rule.
        findings: the findings to list by name.
        failures: the failures to list.
        failure_count: the number of failures.
        comparison: the changes since an earlier audit.
        since: when the earlier audit began.
    """
    lines = [
        "## GitHub Packages audit",
        "",
        f"{moment(header.started_at)}, {markdown(header.base_url)}",
        "",
        *_table(rows, total),
        "",
        f"{_totals(header, total, failure_count)}.",
        *_findings(counts, findings),
        *(() if comparison is None else _changes(comparison, since)),
        *_failures(header, failures, failure_count),
    ]
    return "\n".join(lines) + "\n"


def _totals(header: AuditHeader, total: SummaryRow, failure_count: int) -> str:
    parts = [
        counted(len(header.owners), "owner"),
        counted(total.packages, "package"),
        f"**{total.public:,} public**",
        total.versions_phrase,
    ]
    if total.soft_deleted:
        parts.append(counted(total.soft_deleted, "soft-deleted package"))
    parts.append(counted(failure_count, "failure"))
    return ", ".join(parts)


def _table(rows: Sequence[SummaryRow], total: SummaryRow) -> Iterator[str]:
    listed = [row for row in rows if row.package_type is not None]
    shown = listed if len(listed) <= MOST_BY_TYPE else by_owner(listed)
    yield f"| Owner | Type | {' | '.join(_COLUMNS)} |"
    yield f"|---|---|{'---:|' * len(_COLUMNS)}"
    for row in shown[:ROWS_SHOWN]:
        yield _row(row)
    if len(shown) > ROWS_SHOWN:
        yield f"| and {len(shown) - ROWS_SHOWN:,} more | |{' |' * len(_COLUMNS)}"
    yield _row(total)


def _row(row: SummaryRow) -> str:
    cells = [
        markdown(row.owner),
        markdown(row.package_type or ""),
        *(f"{count:,}" for count in (row.packages, row.public, row.private, row.internal)),
        row.versions_text,
        f"{row.conflicts:,}",
    ]
    return f"| {' | '.join(cells)} |"


def _findings(counts: Mapping[str, int], findings: Iterable[Finding]) -> Iterator[str]:
    listed: dict[str, list[Finding]] = {}
    for finding in findings:
        listed.setdefault(finding.rule, []).append(finding)
    with_findings = {rule: count for rule, count in counts.items() if count}
    if with_findings:
        yield from ("", "### Findings", "")
    for rule, count in with_findings.items():
        yield f"- {markdown(label_of(rule))}: {count:,}"
        named = listed.get(rule, [])
        for finding in named[:LINES_SHOWN]:
            yield f"  - {_place(finding)}: {markdown(finding.detail)}"
        yield from _and_more(len(named), indent="  ")


def _changes(comparison: Comparison, since: datetime | None) -> Iterator[str]:
    yield from ("", f"### Changes since {moment(since) if since else 'the earlier audit'}", "")
    if not comparison.changes:
        yield no_changes_text(comparison)
    for kind, title in CHANGES:
        if changes := comparison.of_kind(kind):
            yield f"- {title}: {len(changes):,}"
            for change in changes[:LINES_SHOWN]:
                yield f"  - {markdown(change_text(change))}"
            yield from _and_more(len(changes), indent="  ")
    if comparison.not_compared:
        missing = counted(len(comparison.not_compared), "listing")
        yield f"\nNot compared: {missing}, not complete in both audits."


def _failures(header: AuditHeader, failures: Sequence[FailureEntry], count: int) -> Iterator[str]:
    if not count:
        return
    links = Links(header.base_url)
    yield from ("", "### Not obtained", "")
    for failure in failures[:LINES_SHOWN]:
        url = links(failure.authorization_url)
        parts = [
            f"{markdown(failure.owner)}, {markdown(what_failed(failure))}:",
            f"{markdown(reason_label(failure.reason))}.",
            markdown(failure.message),
            markdown(advice_on(failure)),
            f"[Authorize the token](<{url}>)" if url else "",
        ]
        yield f"- {' '.join(filter(None, parts))}"
    yield from _and_more(count, shown=min(LINES_SHOWN, len(failures)))


def _and_more(count: int, *, shown: int = LINES_SHOWN, indent: str = "") -> Iterator[str]:
    if count > shown:
        yield f"{indent}- and {count - shown:,} more"


def _place(finding: Finding) -> str:
    parts = (finding.owner, finding.package_type, finding.name)
    return " ".join(markdown(part) for part in parts if part)
