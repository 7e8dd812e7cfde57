"""`with_options` returns the same client with other options for the calls made through it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from ghpkg_async import (
    ClientClosed,
    ConfigurationError,
    ConnectionFailed,
    GitHubPackages,
    RateLimited,
    RequestTimeout,
)
from tests.support.api import package
from tests.support.hostile import HostileServer, eventually, refused, response, stalling

if TYPE_CHECKING:
    from ghpkg_async import Package


async def get(gh: GitHubPackages) -> Package:
    return await gh.org("acme").package("npm", "p").get()


def test_a_client_belongs_to_the_event_loop_of_its_first_call() -> None:
    gh = GitHubPackages("", base_url="http://127.0.0.1:1", max_retries=0)
    with pytest.raises(ConnectionFailed):
        asyncio.run(get(gh))
    with pytest.raises(ConfigurationError, match="another event loop; make a client for each"):
        asyncio.run(get(gh))
    asyncio.run(gh.close())


async def test_a_view_has_a_timeout_of_its_own(server: HostileServer) -> None:
    server.will(stalling(), response(200, package(1)))
    async with asyncio.timeout(5), server.client(timeout=60) as gh:
        error = await refused(get(gh.with_options(timeout=0.1)))
        assert isinstance(error, RequestTimeout)
        assert "0.1 seconds" in str(error)
        await get(gh)


async def test_a_view_has_retries_of_its_own(server: HostileServer) -> None:
    server.will(response(503), response(503), response(200, package(1)))
    async with server.client(max_retries=0) as gh:
        await refused(get(gh))
        assert (await get(gh.with_options(max_retries=1))).id == 1


async def test_a_view_waits_for_a_limit_as_long_as_it_may(server: HostileServer) -> None:
    server.will(
        response(429, {"message": "slow down"}, "Retry-After: 60"), response(200, package(1))
    )
    async with server.client(max_rate_limit_wait=900, concurrency=1) as gh:
        patient = asyncio.create_task(get(gh))
        await eventually(lambda: gh.stats.seconds_limited > 0, "the limit holds it")
        error = await refused(get(gh.with_options(max_rate_limit_wait=1)))
        assert isinstance(error, RateLimited)
        assert not patient.done()
        patient.cancel()
        await asyncio.wait([patient])


async def test_a_view_keeps_the_options_that_are_not_given(server: HostileServer) -> None:
    server.will(stalling())
    async with asyncio.timeout(5), server.client(timeout=0.1, max_retries=1) as gh:
        await refused(get(gh.with_options(max_rate_limit_wait=1).with_options(max_retries=0)))
    assert len(server.requests) == 1


async def test_a_view_shares_connections_statistics_and_closing(server: HostileServer) -> None:
    async with server.client() as gh:
        view = gh.with_options(timeout=1)
        await get(gh)
        await get(view)
        assert view.stats.requests == gh.stats.requests == 2
        assert server.connections == 1
    assert isinstance(await refused(get(view)), ClientClosed)


async def test_a_view_and_its_client_audit_each_others_namespaces(server: HostileServer) -> None:
    server.will(response(200, [package(1)]))
    async with server.client() as gh:
        view = gh.with_options(timeout=1)
        for auditing, owner in ((gh, view.org("acme")), (view, gh.org("acme"))):
            report = await auditing.audit([owner], package_types=["npm"])
            assert [record.name for record in report.packages] == ["p1"]


@pytest.mark.parametrize(
    "options",
    [{"timeout": 0}, {"timeout": "1"}, {"max_retries": -1}, {"max_rate_limit_wait": float("nan")}],
    ids=repr,
)
def test_an_option_out_of_its_range_is_refused(options: dict[str, Any]) -> None:
    [name] = options
    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        HostileServer(port=1).client().with_options(**options)
