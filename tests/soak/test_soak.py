"""Short soak in every run of the test suite; `python -m tests.soak` runs a long one."""

from __future__ import annotations

import pytest

from tests.soak.soak import soak

pytestmark = pytest.mark.slow

SECONDS = 8


async def test_nothing_is_lost_done_twice_or_left_behind() -> None:
    report = await soak(seconds=SECONDS, seed=20260101)
    print(report)
    assert not report.problems, str(report)
    assert report.actions["list_busy"] > 0, "no listing of a collection that others change ended"
    assert {"cut_body", "reset_after", "server_error", "server_error_after"} <= {*report.faults}
