"""Run audits in one process and on a cluster, and compare their records."""

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
    """Count equal records; request ids in messages are ignored."""
    plain = [to_record(record) for record in records]
    for each in plain:
        if each["record"] == "failure":
            each["message"] = _REQUEST_ID.sub("(request)", each["message"])
    return Counter(json.dumps(each, sort_keys=True) for each in plain)


async def on_one_process(server: EmbeddedGitHub, **asked: Any) -> Counter[str]:
    """Return the records of an audit in a single process."""
    async with GitHubPackages(TOKEN, base_url=server.url, points_per_minute=None) as gh:
        audit = gh.audit(OWNERS, **asked)
        return multiset([record async for batch in audit.batches() for record in batch])


async def on_cluster(
    cluster: Any, server: EmbeddedGitHub, directory: Path, **arguments: Any
) -> ClusterReport:
    """Run `audit_on` for all owners in a thread, without pacing; this loop runs the server."""
    arguments = {"tokens": [TOKEN], "points_per_minute": None, **arguments}
    async with asyncio.timeout(SECONDS):
        return await asyncio.to_thread(
            audit_on, cluster, OWNERS, directory, base_url=server.url, **arguments
        )


def names(directory: Path) -> list[str]:
    """Return the names of all files in the directory."""
    return sorted(path.name for path in directory.iterdir())


@attrs.define
class FailsOnce:
    """Token source that raises once, during the first attempt at a part, on any worker.

    Attributes:
        folder: folder of the file that marks the failure.
        responses: number of tokens returned before the failure.
    """

    folder: str
    responses: int
    asked: int = 0

    async def token(self) -> str:
        self.asked += 1
        if self.asked > self.responses:
            self._fail_once()
        return TOKEN

    def _fail_once(self) -> None:
        mark = Path(self.folder, "failed")
        if not mark.exists():
            mark.touch()
            raise RuntimeError("this attempt fails")
