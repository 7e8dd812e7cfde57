"""The table of packages: a page of it to read at once, and all of it for the page's script."""

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
"""So many rows are on the page at once, and so many are there without its script."""


@attrs.frozen
class Row:
    """A package, as a row shows it.

    Attributes:
        name: what it is called.
        url: where it leads, if it may.
        note: the repository it is linked to, and whether it is soft-deleted.
        owner: whose it is.
        package_type: of which type.
        visibility: who can see it.
        versions: how many there are, where that is known.
        untagged: how many of these have no tag, where that is known.
        updated: the day of the last update.
        findings: what was found.
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
        """The row of a package, or of one in conflict."""
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
"""What the script copies and fills in."""


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
        rows: the first ones.
        count: how many there are.
        data: all of them, for the script; see `report.js`.
        rules: what was found in any of them.
    """

    rows: Sequence[Row]
    count: int
    data: Mapping[str, Any]
    rules: Sequence[FoundRule]


def table_of(packages: Iterable[PackageEntry], findings: Iterable[Finding], links: Links) -> Table:
    """The table of packages.

    Args:
        packages: in the order to show them first.
        findings: in the packages; those in anything else are left out.
        links: says which addresses may become links.
    """
    found: dict[tuple[str, str | None, str | None], list[Finding]] = {}
    for finding in findings:
        key = finding.owner, finding.package_type, finding.name
        found.setdefault(key, []).append(finding)
    rows = [
        Row.of(each, links, found.get((each.owner, each.package_type, each.name), ()))
        for each in packages
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


class _Names:
    """Texts that repeat, each written once; a row has their places."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        return self._places.setdefault(text, len(self._places))

    def texts(self) -> list[str]:
        return [printable(text) for text in self._places]


def _data(rows: Sequence[Row], rules: Sequence[FoundRule]) -> dict[str, Any]:
    owners, types, visibilities, notes = _Names(), _Names(), _Names(), _Names()
    days, folders, details = _Names(), _Names(), _Names()
    places = {each.rule: place for place, each in enumerate(rules)}
    lines = []
    for row in rows:
        folder, slash, page = (row.url or "").rpartition("/")
        lines.append(
            [
                printable(row.name),
                owners.place(row.owner),
                types.place(row.package_type),
                visibilities.place(row.visibility),
                row.versions,
                row.untagged,
                days.place(row.updated),
                notes.place(row.note) if row.note else None,
                folders.place(folder + slash) if row.url else None,
                page,
                [(places[each.rule], details.place(each.detail)) for each in row.findings],
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
