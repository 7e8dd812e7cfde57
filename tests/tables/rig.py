"""Packages, versions and audits for tests of tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from ghpkg_async import Package, PackageVersion
from ghpkg_async.audit import AuditReport, VersionsSummary
from ghpkg_async.models import ContainerMetadata, PackageVersionMetadata
from tests.support import records

if TYPE_CHECKING:
    from ghpkg_async.audit import FailureEntry, PackageEntry

NOON = datetime(2025, 6, 2, 12, tzinfo=UTC)
ELSEWHERE = datetime(2025, 6, 3, 1, tzinfo=timezone(timedelta(hours=13)))
"""The moment `NOON` in a time zone in which the date is the next day."""
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


entry = partial(
    records.package,
    name="team/app",
    id=7,
    package_type="container",
    visibility="public",
    version_count=3,
    created_at=NOON,
    updated_at=NOON,
    html_url="https://github.com/orgs/acme/packages/container/team%2Fapp",
    repository="acme/app",
)
failure = partial(
    records.failure,
    owner="octo-org",
    reason="sso_required",
    message="Resource protected by organization SAML enforcement",
    status=403,
    organizations=("21955855", "20582480"),
)


def report(*more: PackageEntry | FailureEntry, versions: bool = True) -> AuditReport:
    """Return an audit of a package, a conflict and the given entries."""
    head = records.header(
        "acme",
        "octo-org",
        package_types=("docker", "container"),
        with_versions=versions,
        started_at=NOON,
    )
    summary = VersionsSummary(count=3, newest=NOON, oldest=NOON, tagged=1, untagged=2)
    listed = [
        entry(versions=summary),
        records.conflict(
            id=7,
            visibility="public",
            version_count=3,
            created_at=NOON,
            updated_at=NOON,
            html_url="https://github.com/orgs/acme/packages/container/team%2Fapp",
        ),
        records.done(package_type="container", count=1),
        *more,
    ]
    return AuditReport.of(head, listed)
