"""Audits of many owners: list their packages, check them against rules, compare and report.

    async with GitHubPackages() as gh:
        async for entry in gh.audit(["acme", "user:octocat", "me"]):
            ...
        report = await gh.audit(["acme"], versions=True)
        report.findings(["public", "stale:365", "untagged:50"])

An audit yields `PackageEntry`, `ConflictEntry` and `FailureEntry`; `to_record` converts them to the
records of output files.

A rule is written as the name of its kind, with a threshold for some:

``public``
    a package with visibility ``public``
``visibility_widened``
    a package visible to more people than in the audit compared with
``docker_conflict``
    a package in conflict since the migration to the Container registry
``no_repository``
    a package that is not linked to a repository
``empty``
    a package without versions
``stale:DAYS``
    a package last updated more than this number of days ago
``many_versions:N``
    a package with more than N versions
``untagged:N``
    an image with more than N untagged versions; requires an audit with ``versions=True``. Images
    for several platforms consist of untagged versions, so an untagged version may be in use
``unreachable``
    an owner, listing or package that could not be listed

``empty`` and ``many_versions`` never find a package whose ``version_count`` is unknown; an audit
with ``versions=True`` counts the versions. No rule finds a soft-deleted package.
"""

from .._owners import OwnerName, parse_owner
from ._audit import Audit
from ._audit_report import AuditReport
from ._compare import Baseline, Change, Comparer, Comparison
from ._events import Event, OwnerDone, OwnerStarted, PageDone, Progress, Waiting
from ._findings import FINDING_KINDS, Finding, Rule, findings_of
from ._owners import Shard, read_owners
from ._records import (
    SCHEMA_VERSION,
    AuditHeader,
    ConflictEntry,
    Entry,
    FailureEntry,
    ListingDone,
    ListingKey,
    PackageEntry,
    Record,
    VersionsSummary,
    from_record,
    to_record,
)
from ._summary import SummaryBuilder, SummaryRow

__all__ = [
    "FINDING_KINDS",
    "SCHEMA_VERSION",
    "Audit",
    "AuditHeader",
    "AuditReport",
    "Baseline",
    "Change",
    "Comparer",
    "Comparison",
    "ConflictEntry",
    "Entry",
    "Event",
    "FailureEntry",
    "Finding",
    "ListingDone",
    "ListingKey",
    "OwnerDone",
    "OwnerName",
    "OwnerStarted",
    "PackageEntry",
    "PageDone",
    "Progress",
    "Record",
    "Rule",
    "Shard",
    "SummaryBuilder",
    "SummaryRow",
    "VersionsSummary",
    "Waiting",
    "findings_of",
    "from_record",
    "parse_owner",
    "read_owners",
    "to_record",
]
