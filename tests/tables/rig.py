"""Packages, versions and audits to make tables of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from ghpkg_async import Package, PackageVersion
from ghpkg_async.audit import (
    AuditHeader,
    AuditReport,
    ConflictEntry,
    FailureEntry,
    ListingDone,
    PackageEntry,
    VersionsSummary,
)
from ghpkg_async.models import ContainerMetadata, PackageVersionMetadata

NOON = datetime(2025, 6, 2, 12, tzinfo=UTC)
ELSEWHERE = datetime(2025, 6, 3, 1, tzinfo=timezone(timedelta(hours=13)))
"""The same moment, by a clock where it is the next day."""
FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def package(**fields: Any) -> Package:
    usual = {
        "id": 1,
        "name": "left",
        "package_type": "npm",
        "version_count": 3,
        "visibility": "private",
        "url": "https://api.github.com/orgs/acme/packages/npm/left",
        "created_at": NOON,
        "updated_at": NOON,
        "html_url": "https://github.com/orgs/acme/packages/npm/left",
    }
    return Package(**{**usual, **fields})


def version(*tags: str, **fields: Any) -> PackageVersion:
    usual = {
        "id": 1,
        "name": "1.0.0",
        "url": "",
        "package_html_url": "https://github.com/orgs/acme/packages/npm/left",
        "created_at": NOON,
        "updated_at": NOON,
        "metadata": PackageVersionMetadata(
            package_type="container", container=ContainerMetadata(tags=tags)
        ),
    }
    return PackageVersion(**{**usual, **fields})


def entry(**fields: Any) -> PackageEntry:
    return PackageEntry(**{**_ENTRY, **fields})


_ENTRY: dict[str, Any] = {
    "owner": "acme",
    "package_type": "container",
    "name": "team/app",
    "id": 7,
    "visibility": "public",
    "version_count": 3,
    "created_at": NOON,
    "updated_at": NOON,
    "html_url": "https://github.com/orgs/acme/packages/container/team%2Fapp",
    "repository": "acme/app",
}


def report(*more: PackageEntry | FailureEntry, versions: bool = True) -> AuditReport:
    """A package, a conflict, and what else is given."""
    header = AuditHeader(
        base_url="https://api.github.com",
        owners=("acme", "octo-org"),
        package_types=("docker", "container"),
        with_versions=versions,
        started_at=NOON,
    )
    summary = VersionsSummary(count=3, newest=NOON, oldest=NOON, tagged=1, untagged=2)
    records = [
        entry(versions=summary),
        ConflictEntry(**{**_ENTRY, "package_type": "docker", "name": "old", "repository": None}),
        ListingDone(owner="acme", listing="packages", package_type="container", count=1),
        *more,
    ]
    return AuditReport.of(header, records)


def failure(**fields: Any) -> FailureEntry:
    usual = {
        "owner": "octo-org",
        "listing": None,
        "package_type": None,
        "reason": "sso_required",
        "message": "Resource protected by organization SAML enforcement",
        "status": 403,
        "organizations": ("21955855", "20582480"),
    }
    return FailureEntry(**{**usual, **fields})
