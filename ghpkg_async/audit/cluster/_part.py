"""Functions that run on the workers."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, closing, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import attrs

from ...errors import ConfigurationError
from .._outputs.parquet_file import ParquetFile
from .._records import FailureEntry
from .._summary import SummaryBuilder

if TYPE_CHECKING:
    from .._summary import SummaryRow
    from ._plan import Job

__all__ = ["Part", "audit_part", "prepare_directory", "remove_drafts"]

POLL_INTERVAL: Final = 1.0
"""Interval in seconds at which a part checks whether it was cancelled."""


@attrs.frozen
class Part:
    """Result of auditing a part of the owners.

    Attributes:
        path: the Parquet file, on the file system of the workers.
        worker: the address of the worker that wrote it.
        requests: number of requests sent.
        summary: counts by owner and type.
        failures: listings and packages that failed.
    """

    path: str
    worker: str
    requests: int
    summary: tuple[SummaryRow, ...] = attrs.field(repr=False)
    failures: tuple[FailureEntry, ...] = attrs.field(repr=False)

    @property
    def packages(self) -> int:
        """Number of packages."""
        return sum(row.packages for row in self.summary)


def prepare_directory(job: Job) -> None:
    """Create the directory of the parts on one worker.

    `audit_part` does not create it: a missing directory shows that a worker does not share it.

    Raises:
        ConfigurationError: the directory cannot be used, or contains Parquet files.
    """
    directory = Path(job.path).parent
    try:
        directory.mkdir(parents=True, exist_ok=True)
        existing = next(directory.glob("*.parquet"), None)
    except OSError as error:
        reason = error.strerror or error
        raise ConfigurationError(f"directory: {directory}: cannot be used: {reason}") from None
    if existing is not None:
        raise ConfigurationError(
            f"directory: {directory} holds {existing.name} already; it is left as it is, "
            "name another"
        )


def audit_part(job: Job) -> Part:
    """Audit a part, in a worker's thread without event loop."""
    return asyncio.run(_audit_until_cancelled(job, import_module("distributed").get_worker()))


def remove_drafts(job: Job) -> None:
    """Remove the drafts of lost workers, once all parts are complete.

    A worker that was only disconnected may still be writing; without its draft it replaces nothing.
    """
    directory = Path(job.path).parent
    with suppress(
        OSError
    ):  # Drafts are not read as part of the data set, so leftovers are harmless.
        for draft in directory.glob(".part-*-of-*.parquet.*"):
            draft.unlink(missing_ok=True)


async def _audit_until_cancelled(job: Job, worker: Any) -> Part:
    audit = asyncio.create_task(_audit(job, worker.address))
    while not (await asyncio.wait([audit], timeout=POLL_INTERVAL))[0]:
        # Dask does not stop the thread of a task that was cancelled or whose client has exited.
        task = worker.state.tasks.get(job.key)
        if task is None or task.state == "cancelled":
            audit.cancel()
    return await audit


async def _audit(job: Job, worker: str) -> Part:
    path = Path(job.path)
    if not path.parent.is_dir():
        raise ConfigurationError(
            f"directory: {path.parent} is not there on the worker {worker}; all workers have to "
            "share it"
        )
    # A distinct name for each attempt: a worker that Dask considers lost may still write. Readers
    # of a directory ignore names that begin with a dot.
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    client, header = job.client(), job.header
    audit = client.audit(
        header.owners, package_types=header.package_types, versions=header.with_versions
    )
    summary, failures = SummaryBuilder(header), []
    try:
        with closing(ParquetFile(draft, header)) as output:
            output.begin()
            async with client, aclosing(audit.batches()) as batches:
                async for batch in batches:
                    output.write(batch)
                    for record in batch:
                        summary.add(record)
                        if isinstance(record, FailureEntry):
                            failures.append(record)
        draft.replace(path)
    finally:
        for left in path.parent.glob(f"{draft.name}*"):
            left.unlink(missing_ok=True)
    rows = tuple(summary.rows())
    return Part(str(path), worker, client.stats.requests, rows, tuple(failures))
