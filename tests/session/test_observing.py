"""Each attempt at a request can be observed: as a log record, as an event, without secrets."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING

import pytest

from ghpkg_async import ConnectionFailed, GitHubPackages, RequestEvent
from tests.support.api import package
from tests.support.hostile import (
    PACKAGE_TOKEN,
    TOKEN,
    HostileServer,
    assert_keeps_secret,
    hanging_up,
    refused,
    response,
)

if TYPE_CHECKING:
    from pathlib import Path

PATH = "/orgs/acme/packages/npm/p"


async def observed(server: HostileServer, **options: object) -> list[RequestEvent]:
    """Get a package, and return the events of its requests."""
    events: list[RequestEvent] = []
    async with server.client(on_request=events.append, **options) as gh:
        await gh.org("acme").package("npm", "p").get()
    return events


async def test_an_attempt_is_an_event(server: HostileServer) -> None:
    [event] = await observed(server)
    assert 0 <= event.seconds < 5
    assert event == RequestEvent(
        method="GET",
        url=f"{server.url}{PATH}",
        status=200,
        error=None,
        seconds=event.seconds,
        attempt=1,
        from_cache=False,
    )


async def test_each_retry_is_an_event_of_its_own(server: HostileServer) -> None:
    server.will(response(503), hanging_up(), response(200, package(1)))
    events = await observed(server, max_retries=2)
    assert [(event.attempt, event.status) for event in events] == [(1, 503), (2, None), (3, 200)]
    errors = [event.error for event in events]
    assert [type(error) for error in errors] == [type(None), ConnectionFailed, type(None)]


async def test_a_redirect_is_no_further_attempt(server: HostileServer) -> None:
    server.will(response(301, "", "Location: /there"), response(200, package(1)))
    events = await observed(server)
    assert [(event.attempt, event.status) for event in events] == [(1, 301), (1, 200)]
    assert events[1].url == f"{server.url}/there"


async def test_a_cached_response_is_a_304_from_the_cache(
    server: HostileServer, tmp_path: Path
) -> None:
    server.will(response(200, package(1), 'ETag: "a"'), response(304, "", 'ETag: "a"'))
    events = [
        *await observed(server, cache=tmp_path / "c"),
        *await observed(server, cache=tmp_path / "c"),
    ]
    assert [(event.status, event.from_cache) for event in events] == [(200, False), (304, True)]


async def test_no_secret_is_in_an_event(server: HostileServer) -> None:
    events: list[RequestEvent] = []
    server.will(response(307, "", f"Location: /{TOKEN}/x?token={PACKAGE_TOKEN}"), hanging_up())
    async with server.client(on_request=events.append) as gh:
        await refused(gh.org("acme").package("npm", "p").restore(token=PACKAGE_TOKEN))
    assert len(events) == 2
    for secret in (TOKEN, PACKAGE_TOKEN):
        assert_keeps_secret(repr(events), secret)


async def test_an_exception_of_the_hook_is_logged_and_does_not_reach_the_request(
    server: HostileServer, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: RequestEvent) -> None:
        raise LookupError("no such metric")

    async with server.client(on_request=fail, concurrency=1) as gh:
        for _ in range(2):
            assert (await gh.org("acme").package("npm", "p").get()).id == 1
    assert caplog.text.count("on_request raised an exception") == 2
    assert caplog.text.count("LookupError: no such metric") == 2


async def test_each_attempt_is_a_debug_record(
    server: HostileServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "ghpkg_async.http")
    server.will(hanging_up(), response(200, package(1)))
    async with server.client(max_retries=1) as gh:
        await gh.org("acme").package("npm", "p").get()
    records = [record for record in caplog.records if record.name == "ghpkg_async.http"]
    assert {record.levelname for record in records} == {"DEBUG"}
    seconds = r"\d+\.\d{3} s"
    first, second = (record.getMessage() for record in records)
    assert re.fullmatch(rf"GET {PATH}: ConnectionFailed in {seconds}, attempt 1", first)
    assert re.fullmatch(rf"GET {PATH}: 200 in {seconds}, attempt 2", second)


async def test_a_record_shows_the_query_but_no_secret(
    server: HostileServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "ghpkg_async")
    server.will(response(200, []), response(204))
    async with server.client() as gh:
        await gh.org("acme").packages("npm")
        await gh.org("acme").package("npm", "p").restore(token=PACKAGE_TOKEN)
    assert "GET /orgs/acme/packages?package_type=npm&per_page=100&page=1: 200 " in caplog.text
    assert f"POST {PATH}/restore: 204 " in caplog.text
    for secret in (TOKEN, PACKAGE_TOKEN):
        assert_keeps_secret(caplog.text, secret)


async def test_nothing_is_logged_for_a_request_by_default(
    server: HostileServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with server.client() as gh:
        await gh.org("acme").package("npm", "p").get()
    assert [record for record in caplog.records if record.name.startswith("ghpkg_async")] == []


async def test_statistics_can_be_read_outside_the_event_loop(server: HostileServer) -> None:
    server.will(response(429, "", "Retry-After: 60"), response(200, package(1)))
    async with server.client(max_rate_limit_wait=60) as gh:
        call = asyncio.ensure_future(gh.org("acme").package("npm", "p").get())
        await asyncio.sleep(30)
        assert (await asyncio.to_thread(lambda: gh.stats)).requests == 1
        call.cancel()
    assert gh.stats.seconds_limited == pytest.approx(30, abs=1)


def test_statistics_can_be_read_before_the_first_event_loop() -> None:
    assert GitHubPackages("ghp_0").stats.requests == 0
