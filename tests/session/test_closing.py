"""Closing a client ends every waiting call with an error; later calls raise."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ghpkg_async import ClientClosed, ConfigurationError
from ghpkg_async.testing import EmbeddedGitHub, Faults, PrimaryLimit, SecondaryLimit
from tests.support.embedded import (
    MakeClient,
    error_of,
    expected_ids,
    ids,
    left,
    versions_of_long,
)
from tests.support.fast_loop import takes
from tests.support.hostile import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghpkg_async import GitHubPackages


async def iterate(gh: GitHubPackages) -> None:
    async for _ in versions_of_long(gh).versions(per_page=10):
        pass


def failing() -> Faults:
    faults = Faults()
    faults.next("server_error", times=999, status=503, headers={"Retry-After": "30"})
    return faults


WAITS: dict[str, Callable[[], Faults]] = {
    "for a response": lambda: Faults(stall=1.0),
    "for the rest of a response": lambda: Faults(stall_after=1.0),
    "for its turn": lambda: Faults(latency=60.0),
    "for another attempt": failing,
    "for the primary limit": lambda: Faults(primary_limit=PrimaryLimit(0, window=600)),
    "for the secondary limit": lambda: Faults(secondary_limit=SecondaryLimit(1, retry_after=600)),
}


@pytest.mark.parametrize("wait", WAITS)
async def test_closing_ends_every_waiting_call_within_a_second(
    github: EmbeddedGitHub, make_client: MakeClient, wait: str
) -> None:
    gh = make_client(concurrency=4)
    github.faults = WAITS[wait]()
    tasks = [asyncio.create_task(error_of(left(gh).get())) for _ in range(12)]
    tasks += [asyncio.create_task(error_of(iterate(gh))) for _ in range(3)]
    await asyncio.sleep(0.2)
    waiting = [task for task in tasks if not task.done()]
    assert len(waiting) >= 10, "they do not wait"
    with takes(most=1):
        await gh.close()
        errors = await asyncio.gather(*waiting)
    assert all("closed" in str(error) for error in errors), errors
    assert {type(error) for error in errors} == {ClientClosed}
    github.faults = Faults()
    await asyncio.sleep(0.05)
    assert github.in_flight == 0


async def test_after_closing_every_use_is_refused_at_once(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    gh = make_client()
    await left(gh).get()
    await gh.close()
    await gh.close()
    asked = len(github.requests)
    with takes(most=1):
        for call in (left(gh).get, left(gh).delete, left(gh).restore, lambda: iterate(gh)):
            assert isinstance(await error_of(call()), ClientClosed)
    assert len(github.requests) == asked


async def test_leaving_the_block_closes(github: EmbeddedGitHub, make_client: MakeClient) -> None:
    async with make_client() as gh:
        await left(gh).get()
    assert "closed" in str(await error_of(left(gh).get()))


async def test_nothing_is_left_behind(github: EmbeddedGitHub, make_client: MakeClient) -> None:
    github.faults = Faults(seed=1, stall=0.2, server_error=0.2, latency=(0.0, 0.1))
    before = asyncio.all_tasks()
    gh = make_client()
    tasks = [asyncio.create_task(error_of(iterate(gh))) for _ in range(8)]
    await asyncio.sleep(0.15)
    await gh.close()
    await asyncio.gather(*tasks)
    github.faults = Faults()
    await asyncio.sleep(0.15)
    left_over = {task for task in asyncio.all_tasks() - before if "iterate" in repr(task)}
    assert not left_over
    assert github.in_flight == 0


async def test_closing_with_a_timeout_lets_calls_in_flight_finish(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.faults = Faults(latency=0.05)
    gh = make_client()
    listing = asyncio.create_task(versions_of_long(gh).versions(per_page=10).all())
    single = asyncio.create_task(left(gh).get())
    await eventually(lambda: github.in_flight >= 2, "both are in flight")
    closing = asyncio.create_task(gh.close(timeout=30))
    await asyncio.sleep(0)
    assert isinstance(await error_of(left(gh).get()), ClientClosed)
    await closing
    assert ids(listing.result()) == expected_ids(github)
    assert single.result().name == "left"
    assert github.in_flight == 0


async def test_closing_ends_requests_in_flight_after_its_timeout(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.faults = Faults(stall=1.0)
    gh = make_client()
    calls = [asyncio.create_task(error_of(left(gh).get())) for _ in range(3)]
    calls.append(asyncio.create_task(error_of(iterate(gh))))
    await asyncio.sleep(0.05)
    with takes(least=0.2, most=2):
        await gh.close(timeout=0.2)
        errors = await asyncio.gather(*calls)
    assert {type(error) for error in errors} == {ClientClosed}


async def test_closing_an_idle_client_takes_no_time(make_client: MakeClient) -> None:
    gh = make_client()
    await left(gh).get()
    with takes(most=2):
        await gh.close(timeout=60)


async def test_a_second_close_ends_the_first_ones_patience(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.faults = Faults(stall=1.0)
    gh = make_client()
    call = asyncio.create_task(error_of(left(gh).get()))
    await asyncio.sleep(0.05)
    first = asyncio.create_task(gh.close(timeout=60))
    await asyncio.sleep(0)
    with takes(most=2):
        await gh.close()
        await first
    assert isinstance(await call, ClientClosed)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "5", None, True])
async def test_a_timeout_of_closing_is_a_number_of_seconds(
    make_client: MakeClient, seconds: float
) -> None:
    with pytest.raises(ConfigurationError, match="timeout"):
        await make_client().close(timeout=seconds)
