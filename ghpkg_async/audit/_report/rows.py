"""Table of packages: its first rows as HTML, and all rows as data for the script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from ..._text import printable
from .._findings import FINDING_KINDS, entry_type_of, label_of
from .._records import ConflictEntry, FailureEntry, PackageEntry
from .._wording import day

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .._findings import Finding
    from .._links import Links
    from .._records import Entry

__all__ = ["EMPTY_ROW", "ROWS_AT_A_TIME", "FoundRule", "Row", "Table", "rules_of", "table_of"]

ROWS_AT_A_TIME: Final = 100
"""Number of rows on a page of the table, and of rows that are shown without the script."""


@attrs.frozen
class Row:
    """Row of a package.

    Attributes:
        name: the package name.
        url: its page on GitHub, if it is safe to link to.
        note: the repository it is linked to, and whether it is soft-deleted.
        owner: the owner as passed to the audit.
        package_type: the package type.
        visibility: its visibility.
        versions: number of versions, if known.
        untagged: number of untagged versions, if known.
        updated: the day of the last update.
        findings: its findings.
    """

    name: str
    url: str | None
    note: str
    owner: str
    package_type: str
    visibility: str
    versions: int | None
    untagged: int | None
    updated: str
    findings: Sequence[Finding] = ()

    @classmethod
    def of(
        cls, entry: PackageEntry | ConflictEntry, links: Links, findings: Sequence[Finding] = ()
    ) -> Row:
        """Return the row of a package or conflict."""
        summary = entry.versions if isinstance(entry, PackageEntry) else None
        return cls(
            name=entry.name,
            url=links(entry.html_url),
            note=" \u00b7 ".join(
                part for part in (entry.repository, "soft-deleted" * entry.soft_deleted) if part
            ),
            owner=entry.owner,
            package_type=entry.package_type,
            visibility=entry.visibility,
            versions=entry.version_count,
            untagged=summary.untagged if summary else None,
            updated=day(entry.updated_at),
            findings=findings,
        )


EMPTY_ROW: Final = Row("", None, "", "", "", "", None, None, "")
"""Template of a row, which the script copies and fills."""


_SECTIONS: Final[Mapping[type[Entry], str]] = {
    PackageEntry: "packages",
    ConflictEntry: "conflicts",
    FailureEntry: "lost",
}


@attrs.frozen
class FoundRule:
    """A rule with findings.

    Attributes:
        rule: the rule as written.
        label: its heading for people.
        count: the number of its findings.
        section: id of the section of the page that shows the entries it found.
    """

    rule: str
    label: str
    count: int
    section: str


@attrs.frozen
class Table:
    """The packages of an audit.

    Attributes:
        rows: the first rows, at most `ROWS_AT_A_TIME`.
        count: the number of all rows.
        data: all rows, for `report.js`.
        rules: the rules with findings in packages.
    """

    rows: Sequence[Row]
    count: int
    data: Mapping[str, Any]
    rules: Sequence[FoundRule]


def table_of(packages: Iterable[PackageEntry], findings: Iterable[Finding], links: Links) -> Table:
    """Return the table of packages.

    Args:
        packages: the packages in their initial order.
        findings: the findings; those not about packages are ignored.
        links: decides which URLs become links.
    """
    by_package: dict[tuple[str, str | None, str | None], list[Finding]] = {}
    for finding in findings:
        key = finding.owner, finding.package_type, finding.name
        by_package.setdefault(key, []).append(finding)
    rows = [
        Row.of(
            package,
            links,
            by_package.get((package.owner, package.package_type, package.name), ()),
        )
        for package in packages
    ]
    rules = rules_of(finding for row in rows for finding in row.findings)
    return Table(rows[:ROWS_AT_A_TIME], len(rows), _data(rows, rules), rules)


def rules_of(findings: Iterable[Finding]) -> list[FoundRule]:
    """Return the rules that have findings, in the order of `FINDING_KINDS`."""
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.rule] = counts.get(finding.rule, 0) + 1
    return [
        FoundRule(rule, label_of(rule), counts[rule], _SECTIONS[entry_type_of(rule)])
        for rule in sorted(counts, key=_order)
    ]


def _order(rule: str) -> tuple[int, str]:
    kind = rule.partition(":")[0]
    index = FINDING_KINDS.index(kind) if kind in FINDING_KINDS else len(FINDING_KINDS)
    return index, rule


class _Texts:
    """Table of repeated texts; rows refer to them by index."""

    def __init__(self) -> None:
        self._indexes: dict[str, int] = {}

    def index(self, text: str) -> int:
        return self._indexes.setdefault(text, len(self._indexes))

    def texts(self) -> list[str]:
        return [printable(text) for text in self._indexes]


def _data(rows: Sequence[Row], rules: Sequence[FoundRule]) -> dict[str, Any]:
    owners, types, visibilities, notes = _Texts(), _Texts(), _Texts(), _Texts()
    days, folders, details = _Texts(), _Texts(), _Texts()
    rule_indexes = {rule.rule: index for index, rule in enumerate(rules)}
    lines = []
    for row in rows:
        folder, slash, page = (row.url or "").rpartition("/")
        lines.append(
            [
                printable(row.name),
                owners.index(row.owner),
                types.index(row.package_type),
                visibilities.index(row.visibility),
                row.versions,
                row.untagged,
                days.index(row.updated),
                notes.index(row.note) if row.note else None,
                folders.index(folder + slash) if row.url else None,
                page,
                [
                    (rule_indexes[finding.rule], details.index(finding.detail))
                    for finding in row.findings
                ],
            ]
        )
    return {
        "owners": owners.texts(),
        "types": types.texts(),
        "visibilities": visibilities.texts(),
        "days": days.texts(),
        "notes": notes.texts(),
        "folders": folders.texts(),
        "details": details.texts(),
        "rows": lines,
    }
