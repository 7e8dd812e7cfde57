"""Audits on one process and over a cluster, and their records to compare."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from ghpkg_async import GitHubPackages
from ghpkg_async.audit._records import to_record
from ghpkg_async.audit.cluster import audit_on

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ghpkg_async.audit import Record
    from ghpkg_async.audit.cluster import ClusterReport
    from ghpkg_async.testing import EmbeddedGitHub

TOKEN = "ghp_demo"
OTHER = "ghp_other"
OWNERS = ("acme", "octo-org", "user:octocat", "nobody-at-all")
SECONDS = 30

_REQUEST_ID = re.compile(r"\(request [0-9A-F:]+\)")


def multiset(records: Iterable[Record]) -> Counter[str]:
    """The records as often as each is there, without what differs between two requests."""
    plain = [to_record(record) for record in records]
    for each in plain:
        if each["record"] == "failure":
            each["message"] = _REQUEST_ID.sub("(request)", each["message"])
    return Counter(json.dumps(each, sort_keys=True) for each in plain)


async def on_one_process(server: EmbeddedGitHub, **asked: Any) -> Counter[str]:
    """The records of the audit of a single process."""
    async with GitHubPackages(TOKEN, base_url=server.url, points_per_minute=None) as gh:
        audit = gh.audit(OWNERS, **asked)
        return multiset([record async for batch in audit.batches() for record in batch])


async def on_cluster(
    cluster: Any, server: EmbeddedGitHub, directory: Path, **arguments: Any
) -> ClusterReport:
    """`audit_on` of all owners, unpaced, while this loop serves them."""
    arguments = {"tokens": [TOKEN], "points_per_minute": None, **arguments}
    async with asyncio.timeout(SECONDS):
        return await asyncio.to_thread(
            audit_on, cluster, OWNERS, directory, base_url=server.url, **arguments
        )


def names(directory: Path) -> list[str]:
    """The names of all files in the directory."""
    return sorted(path.name for path in directory.iterdir())


@attrs.define
class FailsOnce:
    """A source of tokens that fails well into the first attempt at a part, on any worker.

    Attributes:
        folder: where it marks that it failed.
        answers: how many tokens it hands out before.
    """

    folder: str
    answers: int
    asked: int = 0

    async def token(self) -> str:
        self.asked += 1
        if self.asked > self.answers:
            self._fail_once()
        return TOKEN

    def _fail_once(self) -> None:
        mark = Path(self.folder, "failed")
        if not mark.exists():
            mark.touch()
            raise RuntimeError("this attempt fails")
