"""What runs on the workers."""

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

__all__ = ["Part", "audit_part", "make_ready", "tidy_up"]

LOOK_EVERY: Final = 1.0
"""Seconds in which a part notices that nobody waits for it any more."""


@attrs.frozen
class Part:
    """A part of the owners, audited.

    Attributes:
        path: its Parquet file, as the workers see it.
        worker: the address of the worker that wrote it.
        requests: how many requests it took.
        summary: numbers by owner and type.
        failures: what could not be listed, and why.
    """

    path: str
    worker: str
    requests: int
    summary: tuple[SummaryRow, ...] = attrs.field(repr=False)
    failures: tuple[FailureEntry, ...] = attrs.field(repr=False)

    @property
    def packages(self) -> int:
        """How many packages it has."""
        return sum(row.packages for row in self.summary)


def make_ready(job: Job) -> None:
    """Makes the directory of all parts, which must not hold any yet.

    It is made here only: a worker that does not share it is found out by its missing there.

    Raises:
        ConfigurationError: it cannot be used.
    """
    directory = Path(job.path).parent
    try:
        directory.mkdir(parents=True, exist_ok=True)
        there = next(directory.glob("*.parquet"), None)
    except OSError as error:
        reason = error.strerror or error
        raise ConfigurationError(f"directory: {directory}: cannot be used: {reason}") from None
    if there is not None:
        raise ConfigurationError(
            f"directory: {directory} holds {there.name} already; it is left as it is, name another"
        )


def audit_part(job: Job) -> Part:
    """Audits a part, in a worker's thread, which has no event loop of its own."""
    return asyncio.run(_audit_while_wanted(job, import_module("distributed").get_worker()))


def tidy_up(job: Job) -> None:
    """Takes away what workers left who were lost, once all parts are there.

    One of them may have been cut off only, and go on: without its draft it replaces nothing.
    """
    directory = Path(job.path).parent
    with suppress(OSError):  # No part of the data set, so no reason to fail.
        for draft in directory.glob(".part-*-of-*.parquet.*"):
            draft.unlink(missing_ok=True)


async def _audit_while_wanted(job: Job, worker: Any) -> Part:
    audit = asyncio.create_task(_audit(job, worker.address))
    while not (await asyncio.wait([audit], timeout=LOOK_EVERY))[0]:
        # Dask lets a thread go on to its end, whether its task was cancelled or its client died.
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
    # A name of its own for each attempt, since a worker that Dask takes for lost may still write.
    # Readers of a directory leave out what begins with a dot.
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    client, asked = job.client(), job.header
    audit = client.audit(
        asked.owners, package_types=asked.package_types, versions=asked.with_versions
    )
    summary, failures = SummaryBuilder(asked), []
    try:
        with closing(ParquetFile(draft, asked)) as output:
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
