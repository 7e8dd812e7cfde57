"""An audit on a cluster has all records, once, and is readable as one data set."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ghpkg_async.audit._outputs.parquet_file import ParquetFile
from tests.cluster.rig import OTHER, OWNERS, TOKEN, multiset, names, on_cluster, on_one_process

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from ghpkg_async.audit import SummaryRow
    from ghpkg_async.testing import EmbeddedGitHub


@pytest.mark.parametrize("asked", [{}, {"versions": True, "package_types": ["npm", "docker"]}])
async def test_the_records_are_those_of_a_single_process(
    cluster: Any, server: EmbeddedGitHub, tmp_path: Path, asked: dict[str, Any]
) -> None:
    expected = await on_one_process(server, **asked)
    server.requests.clear()
    report = await on_cluster(cluster, server, tmp_path / "new" / "out", parts=4, **asked)
    assert multiset(report.records()) == expected
    assert set(expected.values()) == {1}
    assert report.header.owners == OWNERS
    assert report.packages == sum('"record": "package"' in each for each in expected)
    assert {failure.owner for failure in report.failures} == {"nobody-at-all"}
    assert {failure.reason for failure in report.failures} == {"not_found"}
    assert sum(part.requests for part in report.parts) == len(server.requests)
    assert {part.worker for part in report.parts} <= set(cluster.nthreads())


async def test_each_part_has_a_file_that_is_whole(
    cluster: Any, server: EmbeddedGitHub, tmp_path: Path
) -> None:
    report = await on_cluster(cluster, server, tmp_path, parts=3)
    assert [Path(part.path).name for part in report.parts] == names(tmp_path)
    owners = [
        {record.owner for record in ParquetFile.read(Path(part.path))} for part in report.parts
    ]
    assert sum(map(len, owners)) == len(OWNERS)
    assert set.union(*owners) == set(OWNERS)
    loaded = report.load()
    assert len(loaded.packages) == report.packages
    assert loaded.failures == report.failures
    assert {row.owner for part in report.parts for row in part.summary} == set(OWNERS)
    summary = [row for part in report.parts for row in part.summary]
    assert sorted(summary, key=_place) == sorted(loaded.summary, key=_place)


def _place(row: SummaryRow) -> tuple[str, str]:
    return row.owner, str(row.package_type)


async def test_tokens_go_round_and_parts_that_share_one_share_its_concurrency(
    cluster: Any, server: EmbeddedGitHub, tmp_path: Path
) -> None:
    seen: Counter[str] = Counter()

    async def hook(
        request: web.BaseRequest, respond: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        seen[request.headers["Authorization"].split()[-1]] += 1
        return await respond()

    server.hook = hook
    both = await on_cluster(cluster, server, tmp_path / "two", tokens=[TOKEN, OTHER, TOKEN])
    assert len(both.parts) == 2
    assert seen == {
        token: part.requests for token, part in zip((TOKEN, OTHER), both.parts, strict=True)
    }
    server.latency, server.max_in_flight = 0.01, 0
    one = await on_cluster(cluster, server, tmp_path / "one", parts=2, concurrency=3)
    assert len(one.parts) == 2
    assert server.max_in_flight <= 3
    assert multiset(one.records()) == multiset(both.records())


async def test_the_parts_are_one_data_set(
    cluster: Any, server: EmbeddedGitHub, tmp_path: Path
) -> None:
    directory = tmp_path / "out"
    report = await on_cluster(cluster, server, directory, parts=4)
    assert len(report.parts) > 1
    expected = Counter((each.owner, each.name) for each in report.load().packages)

    with duckdb.connect() as database:
        rows = database.execute(
            f"SELECT owner, name, count(*) FROM read_parquet('{directory}/*.parquet') "  # noqa: S608
            "WHERE record = 'package' GROUP BY ALL"
        ).fetchall()
    assert {(owner, name): count for owner, name, count in rows} == expected

    frame = pd.read_parquet(directory)
    packages = frame[frame["record"] == "package"]
    assert Counter(zip(packages["owner"], packages["name"], strict=True)) == expected
    assert str(packages["created_at"].dt.tz) == "UTC"

    table = pq.read_table(directory)
    assert table.num_rows == len(frame) == sum(1 for _ in report.records())
