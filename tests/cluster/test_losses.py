"""Failed attempts and lost workers neither duplicate nor lose records."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.rig import (
    TOKEN,
    FailsOnce,
    multiset,
    names,
    on_cluster,
    on_one_process,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from aiohttp import web

    from ghpkg_async.testing import EmbeddedGitHub


def after(requests: int, what: Callable[[], None]) -> Any:
    """Return a hook that calls `what` at the given request and responds normally to all."""
    seen = 0

    async def hook(
        _request: web.BaseRequest, respond: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        nonlocal seen
        seen += 1
        if seen == requests:
            what()
        return await respond()

    return hook


async def test_a_part_that_fails_at_first_doubles_and_loses_nothing(
    cluster: Any, server: EmbeddedGitHub, tmp_path: Path
) -> None:
    expected = await on_one_process(server)
    server.requests.clear()
    source = FailsOnce(str(tmp_path), responses=8)
    report = await on_cluster(cluster, server, tmp_path / "out", parts=2, tokens=[source])
    assert (tmp_path / "failed").exists()
    assert len(server.requests) > sum(part.requests for part in report.parts)
    assert multiset(report.records()) == expected
    assert names(tmp_path / "out") == [part.path.rpartition("/")[2] for part in report.parts]


async def test_a_killed_worker_s_parts_are_done_by_another(
    cluster: Any, server: EmbeddedGitHub, tmp_path: Path
) -> None:
    expected = await on_one_process(server)
    server.requests.clear()
    pids = cluster.run(os.getpid)
    asked = 0
    killed: list[int] = []

    async def kill_who_asks_for_acme(
        request: web.BaseRequest, respond: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        nonlocal asked
        asked += "/acme/" in request.path
        if asked == 4 and not killed:
            killed.append(0)
            working = await asyncio.to_thread(cluster.processing)
            (victim,) = (each for each, keys in working.items() if "part-00001-of" in str(keys))
            killed[0] = pids[victim]
            os.kill(pids[victim], signal.SIGKILL)
        return await respond()

    server.hook = kill_who_asks_for_acme
    server.latency = 0.02
    report = await on_cluster(cluster, server, tmp_path, parts=2)
    assert multiset(report.records()) == expected
    assert len(server.requests) > sum(part.requests for part in report.parts)
    assert names(tmp_path) == [part.path.rpartition("/")[2] for part in report.parts]
    cluster.wait_for_workers(2, timeout=20)
    assert killed[0] not in cluster.run(os.getpid).values()


async def test_a_persistent_failure_is_raised_without_a_token(
    cluster: Any, server: EmbeddedGitHub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    out = tmp_path / "out"
    server.hook = after(2, lambda: shutil.rmtree(out))
    with pytest.raises(Exception, match=r"part-0000|out is not there") as raised:
        await on_cluster(cluster, server, out, parts=2)
    told = {
        "error": f"{raised.value!r} {raised.value}",
        "here": caplog.text,
        "workers": repr(cluster.get_worker_logs()),
        "scheduler": repr(cluster.get_scheduler_logs()),
        "transitions": cluster.run_on_scheduler(_transitions),
    }
    assert "ghpkg-audit-part-00000-of-00002" in told["transitions"]
    assert "Compute Failed" in told["workers"]
    assert [where for where, text in told.items() if TOKEN in text] == []


def _transitions(dask_scheduler: Any) -> str:
    return repr(list(dask_scheduler.transition_log))
