"""`audit_on`, and the `ClusterReport` that it returns."""

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
from ._part import audit_part, prepare_directory, remove_drafts
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
"""Number of retries of a part that failed, for example because its file could not be written.

Parts of lost workers are repeated too; Dask counts those separately.
"""


@attrs.frozen
class ClusterReport:
    """Result of an audit on a cluster. The packages are in the files of the parts.

    Attributes:
        header: owners and options of the audit.
        parts: the parts; none is empty.
    """

    header: AuditHeader = attrs.field(repr=False)
    parts: tuple[Part, ...]

    @property
    def packages(self) -> int:
        """Number of packages."""
        return sum(part.packages for part in self.parts)

    @property
    def failures(self) -> tuple[FailureEntry, ...]:
        """Listings and packages that failed. Empty if the audit is complete."""
        return tuple(failure for part in self.parts for failure in part.failures)

    def records(self) -> Iterator[Record]:
        """Yield the records of all parts; reads the directory of the workers."""
        for part in self.parts:
            yield from ParquetFile.read(Path(part.path))

    def load(self) -> AuditReport:
        """Load all records as an `AuditReport`, like the result of ``await gh.audit(...)``."""
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
    """Audit many owners on the workers of a Dask cluster, and wait for the end of all parts.

    Owners are divided into parts by their names. Each part is a Dask task with its own client and
    its own file, ``part-00000-of-00002.parquet``, which is created when the part is complete: a
    task that is repeated, for example after the loss of a worker, duplicates no record. A listing
    that fails is recorded and the others continue, as in `GitHubPackages.audit`.

    The function blocks; in a coroutine use ``await asyncio.to_thread(audit_on, ...)``. If it is
    interrupted, or its process ends, the workers stop within seconds; complete parts are kept.

    Args:
        cluster: a synchronous client of the cluster. Its workers need ``ghpkg-async[dask]`` too.
        owners: owners like ``"acme"``, ``"user:octocat"`` or ``"me"``.
        directory: the directory of the files, shared by all workers. It is created if it is
            missing, and must not contain Parquet files.
        tokens: tokens or token sources as for `GitHubPackages`, of different users or
            installations, since each of those has one rate limit. Any may be used for any owner.
            They are sent to the workers unencrypted unless the cluster uses TLS. ``None``: each
            worker reads its environment.
        base_url: the root of the API.
        package_types: the types to list; ``"docker"`` includes the Docker conflicts.
        versions: whether to list the versions of each package and summarize them.
        points_per_minute: points for each token; ``None``: no pacing. They are divided once among
            the parts that use the token; the share of a finished part is not reassigned. Without
            ``tokens``, all parts count as using one token; if the environments of the workers have
            different tokens, pass the sum for all of them.
        concurrency: maximum number of requests in flight for each token, divided likewise.
        parts: maximum number of parts, at least 1. Default: the number of workers or of tokens,
            whichever is greater.
        **options: options of the client of each part; see `ClientOptions`.

    Raises:
        ConfigurationError: an argument is invalid, or a worker lacks a package or the directory.
        GitHubPackagesError: the audit was cancelled on the cluster.
        Exception: the error of a part whose retries failed too, such as an `OSError` or Dask's
            ``KilledWorker``. The other parts are then cancelled.
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
        raise ConfigurationError("owners: 'me' is ambiguous with several tokens; write user:NAME")
    per_token = Budget(points_per_minute, concurrency)
    if parts is None:
        parts = parts_for(len(cluster.nthreads()), len(usable), per_token)
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
            zip(paths, shares, budgets(len(shares), len(usable), per_token), strict=True)
        )
    ]
    return ClusterReport(header, _run(cluster, jobs, distributed))


def _run(cluster: Any, jobs: Sequence[Job], distributed: Any) -> tuple[Part, ...]:
    try:
        cluster.submit(prepare_directory, jobs[0], pure=False).result()
        parts = _audit(cluster, jobs, distributed.as_completed)
        cluster.submit(remove_drafts, jobs[0], pure=False).result()
    except distributed.CancelledError:
        # Dask's error is asyncio's: a coroutine awaiting this thread would appear cancelled.
        raise GitHubPackagesError("the audit was cancelled on the cluster") from None
    return tuple(sorted(parts, key=lambda part: part.path))


def _audit(cluster: Any, jobs: Sequence[Job], as_completed: Any) -> list[Part]:
    futures = [cluster.submit(audit_part, job, key=job.key, retries=RETRIES) for job in jobs]
    parts: list[Part] = []
    try:
        for future in as_completed(futures):
            parts.append(future.result())
            # Otherwise Dask repeats the part if the worker that holds its result is lost.
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
