"""Limit and order of the requests in flight over all calls of a client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ghpkg_async._client import session_of
from ghpkg_async.testing import EmbeddedGitHub, Faults, SecondaryLimit
from tests.support.embedded import MakeClient, awaiting, ids, left, many, versions_of_long

if TYPE_CHECKING:
    from ghpkg_async import GitHubPackages


async def everything(gh: GitHubPackages) -> None:
    """Run listings of three namespaces and other calls concurrently."""
    listings = [
        gh.org("acme").packages("npm"),
        gh.me().packages("npm"),
        gh.user("octocat").packages("npm"),
    ]
    async with asyncio.TaskGroup() as group:
        for listing in listings:
            group.create_task(awaiting(listing))
        for _ in range(3):
            versions = versions_of_long(gh).versions(per_page=10)
            group.create_task(awaiting(versions))
        group.create_task(many(left(gh).get, 20))


async def test_no_more_than_concurrency_are_in_flight_over_namespaces_and_listings(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.latency = 0.005
    await everything(make_client(concurrency=5))
    assert github.max_in_flight == 5


async def test_no_more_than_concurrency_are_in_flight_while_requests_fail(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.faults = Faults(
        seed=3, latency=(0.0, 0.01), reset_before=0.03, stall=0.03, cut_body=0.03, server_error=0.03
    )
    await everything(make_client(concurrency=5, timeout=0.2))
    assert github.max_in_flight == 5
    assert {r.fault for r in github.requests} >= {"reset_before", "stall", "server_error"}


async def test_requests_after_a_pause_are_spread_out(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    gh = make_client(concurrency=16)
    github.faults = Faults(secondary_limit=SecondaryLimit(1, retry_after=1))
    await left(gh).get()
    waiting = asyncio.create_task(many(left(gh).get, 16))
    await asyncio.sleep(0.3)
    github.faults = Faults()
    before = len(github.requests)
    await waiting
    times = [request.at for request in github.requests[before:]]
    assert len(times) == 16
    assert times[-1] - times[0] > 0.5
    for start in times:
        assert sum(start <= at < start + 0.1 for at in times) <= 5, "a herd"


async def test_a_speculative_request_waits_for_a_free_place_and_is_then_like_any_other(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    gh = make_client(concurrency=1)
    session, admitted = session_of(gh), asyncio.Event()
    url = session.url("/orgs/acme/packages/npm/left")
    github.latency = 0.1
    needed = asyncio.create_task(awaiting(left(gh).get()))
    await asyncio.sleep(0)
    speculative = asyncio.create_task(session.get(url, speculative=True, on_admitted=admitted.set))
    await asyncio.sleep(0.05)
    assert not admitted.is_set()
    await needed
    github.faults.next("server_error")
    await admitted.wait()
    response = await speculative
    assert response.status == 200
    assert not response.request.speculative, "a retry waited as a speculative request again"


async def test_a_long_listing_leaves_room_for_others(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.latency = 0.02
    gh = make_client(concurrency=2)
    long = asyncio.create_task(awaiting(versions_of_long(gh).versions(per_page=5)))
    await asyncio.sleep(0.1)
    await left(gh).get()
    assert not long.done()
    assert len(ids(await long)) == 250
