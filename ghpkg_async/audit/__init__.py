"""Audits of many owners: list their packages, check them against rules, compare and report.

    async with GitHubPackages() as gh:
        async for entry in gh.audit(["acme", "user:octocat", "me"]):
            ...
        report = await gh.audit(["acme"], versions=True)
        report.findings(["public", "stale:365", "untagged:50"])

An audit yields `PackageEntry`, `ConflictEntry` and `FailureEntry`; `to_record` makes the records of
output files of them. `FINDING_KINDS` are the kinds of rules.
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
