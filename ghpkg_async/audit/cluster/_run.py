"""`audit_on`, and what it returns."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import attrs

from ..._client import GitHubPackages
from ...errors import ConfigurationError, GitHubPackagesError
from ...models import PACKAGE_TYPES
from .._audit_report import AuditReport
from .._outputs.parquet_file import ParquetFile
from ._part import audit_part, make_ready, tidy_up
from ._plan import Budget, Job, budgets, parted, parts_for, unique_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Unpack

    from distributed import Client

    from ..._session.auth import TokenSource
    from .._records import AuditHeader, FailureEntry, Record
    from ._part import Part
    from ._plan import ClientOptions

__all__ = ["ClusterReport", "audit_on"]

RETRIES: Final = 2
"""Further attempts at a part that failed, as when its file could not be written.

The parts of lost workers are done again in any case; Dask counts those apart.
"""


@attrs.frozen
class ClusterReport:
    """An audit over a cluster. The packages themselves are in the parts' files.

    Attributes:
        header: what was asked.
        parts: the parts; each has owners.
    """

    header: AuditHeader = attrs.field(repr=False)
    parts: tuple[Part, ...]

    @property
    def packages(self) -> int:
        """How many packages there are."""
        return sum(part.packages for part in self.parts)

    @property
    def failures(self) -> tuple[FailureEntry, ...]:
        """What could not be listed, and why. Without any, the audit is complete."""
        return tuple(failure for part in self.parts for failure in part.failures)

    def records(self) -> Iterator[Record]:
        """What the parts hold, as it is read, where the workers' directory can be."""
        for part in self.parts:
            yield from ParquetFile.read(Path(part.path))

    def load(self) -> AuditReport:
        """All of it in one object, as ``await gh.audit(...)`` gives it, to find and compare."""
        return AuditReport.of(self.header, self.records())


def audit_on(
    cluster: Client,
    owners: Iterable[str],
    directory: str | os.PathLike[str],
    *,
    tokens: Iterable[str | TokenSource] | None = None,
    base_url: str = "https://api.github.com",
    package_types: Iterable[str] = PACKAGE_TYPES,
    versions: bool = False,
    points_per_minute: int | None = 900,
    concurrency: int = 16,
    parts: int | None = None,
    **options: Unpack[ClientOptions],
) -> ClusterReport:
    """Audits many owners on the workers of a Dask cluster, and waits for all of them.

    Owners are parted by their names alone. Each part is a task, with a client and a file of its
    own, ``part-00000-of-00002.parquet``, which appears once it is whole: a task that runs again,
    as those of a lost worker do, doubles nothing. What the server refuses is recorded, and the
    rest goes on, as in `GitHubPackages.audit`.

    It blocks. In a coroutine, ``await asyncio.to_thread(audit_on, ...)``. When it is interrupted,
    or its process dies, the workers stop within seconds; the parts that are whole stay.

    Args:
        cluster: a synchronous client of the cluster. Its workers need ``ghpkg-async[dask]`` too.
        owners: names as people write them: ``"acme"``, ``"user:octocat"``, ``"me"``.
        directory: where the parts go; all workers have to share it. It is made where there is none,
            and must not hold Parquet files.
        tokens: each as `GitHubPackages` takes it. They have to be of different users or
            installations, as each of those has one budget, and any may be used for any owner. They
            reach the workers unencrypted unless the cluster uses TLS. ``None``: each worker reads
            its environment.
        base_url: the API's root.
        package_types: which types to list; with ``"docker"``, the Docker conflicts too.
        versions: whether to list each package's versions too and sum them up.
        points_per_minute: what each token may spend; ``None``: no pacing. It is divided among the
            parts that use the token, once: what a finished part had is not handed on. Without
            ``tokens`` all parts count as using the same one; where the workers' environments have
            different ones, give what these may spend together.
        concurrency: requests in flight at once for each token, divided likewise.
        parts: how many parts there may be. Default: as many as workers or tokens, whichever are
            more.
        **options: how each part's client is made; see `ClientOptions`.

    Raises:
        ConfigurationError: an argument cannot work, or a worker lacks what it needs.
        GitHubPackagesError: it was cancelled on the cluster.
        Exception: what ended a part each time it was tried, such as an `OSError` or Dask's
            ``KilledWorker``. The other parts stop then.
    """
    distributed = _distributed()
    if not isinstance(cluster, distributed.Client) or cluster.asynchronous:
        raise ConfigurationError("cluster: has to be a synchronous distributed.Client")
    usable = unique_tokens(tokens)
    clients = [
        GitHubPackages(
            "" if token is None else token,  # The workers' environments are not known here.
            base_url=base_url,
            points_per_minute=points_per_minute,
            concurrency=concurrency,
            **options,
        )
        for token in usable
    ]
    header = clients[0].audit(owners, package_types=package_types, versions=versions).header()
    if not header.owners:
        raise ConfigurationError("owners: none; give at least one")
    if len(usable) > 1 and "me" in header.owners:
        raise ConfigurationError("owners: whose token's user is 'me'? Write user:NAME")
    each = Budget(points_per_minute, concurrency)
    if parts is None:
        parts = parts_for(len(cluster.nthreads()), len(usable), each)
    shares = parted(header.owners, parts)
    paths = _paths(directory, len(shares))
    jobs = [
        Job(
            key=f"ghpkg-audit-{path.stem}-{uuid4().hex}",
            path=str(path),
            header=attrs.evolve(header, owners=share),
            token=usable[number % len(usable)],
            budget=budget,
            options=options,
        )
        for number, (path, share, budget) in enumerate(
            zip(paths, shares, budgets(len(shares), len(usable), each), strict=True)
        )
    ]
    return ClusterReport(header, _run(cluster, jobs, distributed))


def _run(cluster: Any, jobs: Sequence[Job], distributed: Any) -> tuple[Part, ...]:
    try:
        cluster.submit(make_ready, jobs[0], pure=False).result()
        parts = _audit(cluster, jobs, distributed.as_completed)
        cluster.submit(tidy_up, jobs[0], pure=False).result()
    except distributed.CancelledError:
        # Asyncio would take it for a cancellation of whoever awaits the thread of this.
        raise GitHubPackagesError("the audit was cancelled on the cluster") from None
    return tuple(sorted(parts, key=lambda part: part.path))


def _audit(cluster: Any, jobs: Sequence[Job], as_completed: Any) -> list[Part]:
    futures = [cluster.submit(audit_part, job, key=job.key, retries=RETRIES) for job in jobs]
    parts: list[Part] = []
    try:
        for future in as_completed(futures):
            parts.append(future.result())
            # Else it would be done again should the worker be lost that remembers its result.
            future.release()
    except BaseException:
        cluster.cancel(futures)
        raise
    return parts


def _paths(directory: str | os.PathLike[str], count: int) -> list[Path]:
    if "://" in os.fspath(directory):
        raise ConfigurationError(f"directory: {directory!r} is not a path")
    folder = Path(directory).absolute()
    return [folder / f"part-{number:05}-of-{count:05}.parquet" for number in range(count)]


def _distributed() -> Any:
    try:
        return import_module("distributed")
    except ModuleNotFoundError:
        raise ConfigurationError(
            'cluster: needs distributed: pip install "ghpkg-async[dask]"'
        ) from None
