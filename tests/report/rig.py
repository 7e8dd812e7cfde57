"""What the tests of the report share: audits made by hand, and a page taken apart."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import attrs

from ghpkg_async import PACKAGE_TYPES
from ghpkg_async.audit import (
    AuditHeader,
    AuditReport,
    ConflictEntry,
    FailureEntry,
    ListingDone,
    PackageEntry,
    VersionsSummary,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ghpkg_async.audit import Record

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
RULES = ("public", "docker_conflict", "no_repository", "empty", "stale:365", "unreachable")
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "</title></style></template><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;&amp;",
    "\u2028\u2029\u202e\x00\x1b[2J\ud800",
    "\u3164\u115f\u2800\ufe0f\u034f\u200b",
    "]]>",
)


def header(
    *owners: str, types: Sequence[str] = ("npm",), versions: bool = False, **more: Any
) -> AuditHeader:
    fields = {"base_url": "https://api.github.com", "started_at": NOW, **more}
    return AuditHeader(
        owners=owners or ("acme",), package_types=tuple(types), with_versions=versions, **fields
    )


def package(name: str = "left", **fields: Any) -> PackageEntry:
    defaults: dict[str, Any] = {
        "owner": "acme",
        "package_type": "npm",
        "id": 1,
        "visibility": "private",
        "version_count": 1,
        "created_at": NOW - timedelta(days=900),
        "updated_at": NOW - timedelta(days=10),
        "html_url": "https://github.com/orgs/acme/packages/npm/package/left",
        "repository": "acme/left",
    }
    return PackageEntry(name=name, **{**defaults, **fields})


def conflict(name: str = "old", **fields: Any) -> ConflictEntry:
    listed = attrs.asdict(package(name, **{"package_type": "docker", **fields}), recurse=False)
    del listed["versions"]
    return ConflictEntry(**listed)


def failure(**fields: Any) -> FailureEntry:
    defaults: dict[str, Any] = {
        "owner": "lost",
        "listing": None,
        "package_type": None,
        "reason": "not_found",
        "message": "GET /orgs/lost/packages: 404",
    }
    return FailureEntry(**{**defaults, **fields})


def done(
    owners: Iterable[str] = ("acme",), types: Iterable[str | None] = ("npm",)
) -> list[ListingDone]:
    types = list(types)
    return [
        ListingDone(
            owner=owner,
            listing="docker_conflicts" if each is None else "packages",
            package_type=each,
            count=0,
        )
        for owner in owners
        for each in types
    ]


def audit(*records: Record, head: AuditHeader | None = None) -> AuditReport:
    return AuditReport.of(head or header(), [*records, *done()])


def large(count: int) -> AuditReport:
    """An audit of so many packages of six owners, with something of everything."""
    owners = [f"org-{number}" for number in range(6)]
    head = header(*owners, "lost", types=PACKAGE_TYPES, versions=True)
    packages = []
    for number in range(count):
        owner = owners[number * number % 6]
        kind = PACKAGE_TYPES[number % 6]
        versions = number * 7919 % 700
        packages.append(
            package(
                f"{('auth', 'billing', 'cart', 'search')[number % 4]}/service-{number}",
                owner=owner,
                package_type=kind,
                visibility=("private", "internal", "private", "public", "private")[number % 5],
                version_count=versions,
                updated_at=NOW - timedelta(days=number * 31 % 1500),
                html_url=f"https://github.com/orgs/{owner}/packages/{kind}/package/{number}",
                repository=f"{owner}/mono" if number % 3 else None,
                versions=VersionsSummary(versions, None, None, versions // 2, versions // 2),
            )
        )
    listings = done(owners, (*PACKAGE_TYPES, None))
    return AuditReport.of(head, [*packages, conflict(owner="org-0"), failure(), *listings])


@attrs.define
class Parsed(HTMLParser):
    """A page's tags with their attributes, and its texts with the tag they are directly in."""

    tags: list[tuple[str, dict[str, str | None]]] = attrs.field(factory=list)
    texts: list[tuple[str, str]] = attrs.field(factory=list)
    _within: str = attrs.field(default="", init=False)

    @classmethod
    def of(cls, html: str) -> Parsed:
        parsed = cls()
        parsed.feed(html)
        parsed.close()
        return parsed

    def __attrs_pre_init__(self) -> None:
        HTMLParser.__init__(self)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        self._within = tag

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        self.texts.append((self._within, data))

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """The tags with the names of their attributes: what texts must not change."""
        return [(tag, tuple(attributes)) for tag, attributes in self.tags]

    def text_of(self, tag: str) -> list[str]:
        return [text for each, text in self.texts if each == tag]

    @property
    def links(self) -> list[dict[str, str | None]]:
        """The links that lead out of the page."""
        return [
            attributes
            for tag, attributes in self.tags
            if tag == "a" and not (attributes["href"] or "").startswith("#")
        ]

    @property
    def data(self) -> Any:
        """What the page's script reads."""
        return json.loads(self.text_of("script")[0])
