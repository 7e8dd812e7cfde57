"""Errors about invalid arguments name the argument and are raised before the first request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ghpkg_async import ConfigurationError
from ghpkg_async.audit.cluster import audit_on
from ghpkg_async.audit.cluster._part import _audit
from ghpkg_async.audit.cluster._plan import Budget, Job
from tests.audit.rig import HEADER
from tests.cluster.rig import OTHER, TOKEN, names, on_cluster

if TYPE_CHECKING:
    from pathlib import Path

    from ghpkg_async.testing import EmbeddedGitHub


async def test_a_directory_with_parquet_files_is_left_unchanged(
    cluster: Any, server: EmbeddedGitHub, tmp_path: Path
) -> None:
    await on_cluster(cluster, server, tmp_path, parts=1)
    there = tmp_path / "part-00000-of-00001.parquet"
    before = there.read_bytes()
    server.requests.clear()
    with pytest.raises(ConfigurationError, match=rf"^directory: .* holds {there.name} already"):
        await on_cluster(cluster, server, tmp_path, parts=2)
    assert server.requests == []
    assert names(tmp_path) == [there.name]
    assert there.read_bytes() == before


async def test_a_worker_without_the_shared_directory_is_named(tmp_path: Path) -> None:
    job = Job(
        key="ghpkg-audit-1",
        path=str(tmp_path / "elsewhere" / "part-00000-of-00001.parquet"),
        header=HEADER,
        token=TOKEN,
        budget=Budget(900, 16),
        options={},
    )
    with pytest.raises(ConfigurationError, match=r"^directory: .*elsewhere is not there on .*tcp:"):
        await _audit(job, "tcp://192.0.2.1:8786")


async def test_a_directory_that_cannot_be_made_is_refused(
    cluster: Any, server: EmbeddedGitHub, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"^directory: .*cannot be used"):
        await on_cluster(cluster, server, tmp_path / "file" / "out")
    assert server.requests == []


async def test_an_asynchronous_client_is_refused(
    cluster: Any, server: EmbeddedGitHub, tmp_path: Path
) -> None:
    from distributed import Client  # Imported here, as the import takes 0.5 s.

    async with Client(cluster.scheduler.address, asynchronous=True) as client:
        with pytest.raises(ConfigurationError, match=r"^cluster: .*synchronous"):
            audit_on(client, ["acme"], tmp_path, tokens=[TOKEN], base_url=server.url)
    assert server.requests == []


@pytest.mark.parametrize(
    ("named", "arguments"),
    [
        ("cluster", {"cluster": "tcp://127.0.0.1:8786"}),
        ("owners", {"owners": []}),
        ("owners", {"owners": "acme"}),
        ("owners", {"owners": ["two words"]}),
        ("owners", {"owners": ["me"], "tokens": [TOKEN, OTHER]}),
        ("directory", {"directory": "s3://bucket/audit"}),
        ("tokens", {"tokens": TOKEN}),
        ("tokens", {"tokens": []}),
        ("token", {"tokens": [f"{TOKEN} {OTHER}"]}),
        ("token", {"tokens": [7]}),
        ("base_url", {"base_url": "ftp://127.0.0.1"}),
        ("package_types", {"package_types": "npm"}),
        ("package_types", {"package_types": []}),
        ("points_per_minute", {"points_per_minute": 0}),
        ("points_per_minute", {"points_per_minute": 1, "parts": 2}),
        ("concurrency", {"concurrency": 0}),
        ("concurrency", {"concurrency": 1, "parts": 2}),
        ("parts", {"parts": 0}),
        ("parts", {"parts": True}),
        ("timeout", {"timeout": -1}),
        ("max_retries", {"max_retries": -1}),
    ],
)
async def test_bad_arguments_are_refused_by_name(
    cluster: Any,
    server: EmbeddedGitHub,
    tmp_path: Path,
    named: str,
    arguments: dict[str, Any],
) -> None:
    given: dict[str, Any] = {
        "cluster": cluster,
        "owners": ["acme", "octo-org", "nobody", "user:octocat"],
        "directory": tmp_path / "out",
        "tokens": [TOKEN],
        "base_url": server.url,
        **arguments,
    }
    # No thread is needed: the error is raised before `audit_on` blocks.
    with pytest.raises(ConfigurationError, match=rf"^{named}: ") as refused:
        audit_on(given.pop("cluster"), given.pop("owners"), given.pop("directory"), **given)
    assert TOKEN not in str(refused.value)
    assert server.requests == []
    assert names(tmp_path) == []
