"""Records of audits, with defaults for fields that a test does not set."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ghpkg_async.audit import (
    AuditHeader,
    ConflictEntry,
    FailureEntry,
    ListingDone,
    PackageEntry,
)

if TYPE_CHECKING:
    from ghpkg_async.audit import Record

NOW: Final = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)

_LISTED: Final[dict[str, Any]] = {
    "visibility": "private",
    "version_count": 1,
    "created_at": NOW,
    "updated_at": NOW,
    "html_url": "https://github.com/orgs/acme/packages",
}


def header(*owners: str, **fields: Any) -> AuditHeader:
    """Return the header of an audit of npm packages, by default with the owner ``acme``."""
    defaults: dict[str, Any] = {
        "base_url": "https://api.github.com",
        "owners": owners or ("acme",),
        "package_types": ("npm",),
        "with_versions": False,
        "started_at": NOW,
    }
    return AuditHeader(**{**defaults, **fields})


def package(name: str = "left", **fields: Any) -> PackageEntry:
    """Return the record of an npm package of ``acme``, in a repository."""
    defaults = {"owner": "acme", "package_type": "npm", "id": 1, "repository": "acme/left"}
    return PackageEntry(**{**_LISTED, **defaults, "name": name, **fields})


def conflict(name: str = "old", **fields: Any) -> ConflictEntry:
    """Return the record of a Docker migration conflict of ``acme``."""
    defaults = {"owner": "acme", "package_type": "docker", "id": 2}
    return ConflictEntry(**{**_LISTED, **defaults, "name": name, **fields})


def failure(owner: str = "acme", package_type: str | None = None, **fields: Any) -> FailureEntry:
    """Return the record of a 404 for an owner, or for one of its package listings."""
    defaults = {
        "owner": owner,
        "listing": None if package_type is None else "packages",
        "package_type": package_type,
        "reason": "not_found",
        "message": "404 Not Found",
    }
    return FailureEntry(**{**defaults, **fields})


def done(owner: str = "acme", package_type: str | None = "npm", count: int = 0) -> ListingDone:
    """Return the end record of a listing: of packages, or without a package type, of conflicts."""
    return ListingDone(
        owner=owner,
        listing="docker_conflicts" if package_type is None else "packages",
        package_type=package_type,
        count=count,
    )


def complete_listing(owner: str, package_type: str, *names: str) -> list[Record]:
    """Return the records of a complete listing of packages with these names."""
    packages: list[Record] = [
        package(name, owner=owner, package_type=package_type, id=index)
        for index, name in enumerate(names)
    ]
    return [*packages, done(owner, package_type, len(names))]
