"""Audits with given records, and a parser of the report page."""

from __future__ import annotations

import json
from datetime import timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import attrs

from ghpkg_async import PACKAGE_TYPES
from ghpkg_async.audit import (
    AuditHeader,
    AuditReport,
    ListingDone,
    VersionsSummary,
)
from tests.support.records import NOW, conflict, done, failure, header, package

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ghpkg_async.audit import Record

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


def ends(
    owners: Iterable[str] = ("acme",), package_types: Sequence[str | None] = ("npm",)
) -> list[ListingDone]:
    """Return the end-of-listing records for each combination of owner and package type."""
    return [done(owner, package_type) for owner in owners for package_type in package_types]


def audit(*records: Record, head: AuditHeader | None = None) -> AuditReport:
    return AuditReport.of(head or header(), [*records, *ends()])


def large(count: int) -> AuditReport:
    """Return an audit of `count` packages of six owners, with records of every kind."""
    owners = [f"org-{number}" for number in range(6)]
    head = header(*owners, "lost", package_types=PACKAGE_TYPES, with_versions=True)
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
    listings = ends(owners, (*PACKAGE_TYPES, None))
    return AuditReport.of(head, [*packages, conflict(owner="org-0"), failure("lost"), *listings])


@attrs.define
class Parsed(HTMLParser):
    """Tags of a page with their attributes, and its texts with the enclosing tag."""

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
        """Tags with the names of their attributes, which must not depend on the texts."""
        return [(tag, tuple(attributes)) for tag, attributes in self.tags]

    def text_of(self, tag: str) -> list[str]:
        return [text for each, text in self.texts if each == tag]

    @property
    def links(self) -> list[dict[str, str | None]]:
        """Attributes of the links to other pages."""
        return [
            attributes
            for tag, attributes in self.tags
            if tag == "a" and not (attributes["href"] or "").startswith("#")
        ]

    @property
    def data(self) -> Any:
        """Parsed data of the page's script."""
        return json.loads(self.text_of("script")[0])
