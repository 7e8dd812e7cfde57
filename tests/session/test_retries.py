"""Transient failures are retried with growing, jittered delays; others are not."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, ClassVar

import pytest
from aiohttp import web

from ghpkg_async import (
    APIError,
    ConnectionFailed,
    Forbidden,
    GitHubPackages,
    InvalidResponse,
    RequestTimeout,
    ServerError,
    Unauthorized,
)
from ghpkg_async.testing import EmbeddedGitHub, Fault, Faults
from tests.support.embedded import (
    FIRST_WAIT,
    LYING,
    SILENT,
    MakeClient,
    a_version,
    error_of,
    gaps,
    left,
    many,
    says_it_may_be_done,
    statuses,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@pytest.mark.parametrize("fault", [*SILENT, *LYING, "server_error", "server_error_after"])
async def test_a_request_that_fails_once_is_retried_after_a_delay(
    github: EmbeddedGitHub, make_client: MakeClient, fault: Fault
) -> None:
    gh = make_client(timeout=0.5)
    await left(gh).get()
    github.faults.next(fault)
    package = await left(gh).get()
    assert package.name == "left"
    assert [r.fault for r in github.requests] == [None, fault, None]
    assert gaps(github.requests)[1] >= FIRST_WAIT
    assert (gh.stats.requests, gh.stats.retries) == (3, 1), "a request that nobody counted"


async def test_a_refused_connection_is_tried_again(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    gh = make_client()
    async with github.down():
        waiting = asyncio.create_task(left(gh).get())
        await asyncio.sleep(0.1)
    assert (await waiting).name == "left"
    assert gh.stats.retries == 1


@pytest.mark.usefixtures("short_retry_waits")
@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"message": "Server Error"}', "application/json"),
        ("<html>Bad Gateway</html>", "text/html"),
        ("", "text/plain"),
        ('[{"id": 1', "application/json"),
        ("\x00\xff", "application/octet-stream"),
    ],
)
async def test_a_server_error_is_retried_with_any_body(
    github: EmbeddedGitHub, github_client: GitHubPackages, status: int, body: str, content_type: str
) -> None:
    github.faults.next(
        "server_error", status=status, body=body, headers={"Content-Type": content_type}
    )
    await left(github_client).get()
    assert [r.fault for r in github.requests] == ["server_error", None]


async def test_retry_after_is_honoured(
    github: EmbeddedGitHub, github_client: GitHubPackages
) -> None:
    github.faults.next("server_error", status=503, headers={"Retry-After": "1"})
    await left(github_client).get()
    assert gaps(github.requests)[0] >= 0.99


@pytest.mark.usefixtures("short_retry_waits")
@pytest.mark.parametrize(
    ("fault", "error", "patience"),
    [
        ("server_error", ServerError, 30),
        ("reset_before", ConnectionFailed, 30),
        ("stall", RequestTimeout, 0.1),
    ],
)
async def test_the_error_is_raised_after_max_retries(
    github: EmbeddedGitHub, make_client: MakeClient, fault: Fault, error: type, patience: float
) -> None:
    gh = make_client(max_retries=2, timeout=patience)
    github.faults.next(fault, times=9)
    assert type(await error_of(left(gh).get())) is error
    assert len(github.requests) == 3


async def test_waits_grow(github: EmbeddedGitHub, make_client: MakeClient) -> None:
    github.faults.next("server_error", times=9)
    await error_of(left(make_client(max_retries=2)).get())
    first, second = gaps(github.requests)
    assert FIRST_WAIT <= first <= 0.7
    assert 2 * FIRST_WAIT <= second <= 1.2


async def test_tasks_that_failed_together_retry_at_different_times(
    github: EmbeddedGitHub, github_client: GitHubPackages
) -> None:
    github.faults.next("server_error", times=12)
    await many(left(github_client).get, 12)
    again = [r.at for r in github.requests[12:]]
    assert len(again) == 12
    assert again[-1] - again[0] > 0.05


async def test_no_retries_means_one_attempt(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    github.faults.next("server_error")
    assert isinstance(await error_of(left(make_client(max_retries=0)).get()), ServerError)
    assert len(github.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 418, 422, 451])
@pytest.mark.parametrize("method", ["get", "delete", "restore"])
async def test_any_other_4xx_is_not_retried(
    github: EmbeddedGitHub, github_client: GitHubPackages, status: int, method: str
) -> None:
    async def refusing(
        _: web.BaseRequest, __: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        return web.json_response({"message": "No."}, status=status)

    github.hook = refusing
    error = await error_of(getattr(left(github_client), method)())
    assert isinstance(error, APIError)
    assert error.status == status
    assert len(github.requests) == 1


@pytest.mark.usefixtures("short_retry_waits")
@pytest.mark.parametrize("status", [408, 501, 505, 507, 520, 522, 530])
async def test_a_delete_with_a_response_of_a_proxy_may_have_been_applied(
    github: EmbeddedGitHub, make_client: MakeClient, status: int
) -> None:
    gh = make_client(max_retries=1)
    version = a_version(github, gh)
    github.faults.next("server_error_after", status=status)
    await version.delete()
    assert statuses(github) == [204, 404], "the first was applied, the second found it gone"
    github.faults.next("server_error", status=status, times=2)
    assert says_it_may_be_done(await error_of(left(gh).delete()))
    github.faults.next("server_error", status=status)
    github.faults.next("server_error", status=403)
    error = await error_of(left(gh).delete())
    assert isinstance(error, Forbidden)
    assert says_it_may_be_done(error)


@pytest.mark.parametrize("status", [200, 202, 303, 304])
@pytest.mark.parametrize("method", ["delete", "restore"])
async def test_a_write_with_a_status_that_the_api_lacks_may_have_been_applied(
    github: EmbeddedGitHub, github_client: GitHubPackages, status: int, method: str
) -> None:
    async def accepting(
        _: web.BaseRequest, __: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        return web.Response(status=status)

    github.hook = accepting
    error = await error_of(getattr(left(github_client), method)())
    assert isinstance(error, InvalidResponse)
    assert says_it_may_be_done(error)


async def test_a_401_is_retried_once_where_the_token_has_just_worked(
    github: EmbeddedGitHub, github_client: GitHubPackages
) -> None:
    github.faults.next("server_error", status=401)
    assert isinstance(await error_of(left(github_client).get()), Unauthorized)
    await left(github_client).get()
    github.faults.next("server_error", status=401)
    await left(github_client).get()
    assert statuses(github) == [None, 200, None, 200]
    github.faults.next("server_error", status=401, times=2)
    assert isinstance(await error_of(left(github_client).get()), Unauthorized)
    await left(github_client).get()
    await asyncio.sleep(61)
    github.faults.next("server_error", status=401)
    assert isinstance(await error_of(left(github_client).get()), Unauthorized)
    assert len(github.requests) == 8


async def test_a_401_is_final_where_another_token_worked(github: EmbeddedGitHub) -> None:
    class Rotating:
        tokens: ClassVar = iter([github.token])

        async def token(self) -> str:
            return next(self.tokens, "ghp_revoked")

    async with GitHubPackages(Rotating(), base_url=github.url) as gh:
        await left(gh).get()
        assert isinstance(await error_of(left(gh).get()), Unauthorized)
    assert statuses(github) == [200, 401]


async def test_a_retry_is_logged_with_its_reason_and_no_secret(
    github: EmbeddedGitHub, github_client: GitHubPackages, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ghpkg_async")
    github.faults.next("server_error", status=503)
    await left(github_client).get()
    github.faults.next("reset_before")
    await left(github_client).get()
    async with github.down():
        call = asyncio.create_task(left(github_client).get())
        await asyncio.sleep(0.1)
    await call
    github.faults.next("server_error", status=429, headers={"Retry-After": "0"})
    await left(github_client).get()
    retries = [record for record in caplog.records if "; retrying " in record.getMessage()]
    assert {record.levelname for record in retries} == {"INFO"}
    url = f"GET {github.url}/orgs/acme/packages/npm/left"
    reasons = ["status 503", "the connection broke", "no connection", "429"]
    assert retries[-1].getMessage().endswith("retrying after the rate limit")
    for record, reason in zip(retries, reasons, strict=True):
        assert url in record.getMessage()
        assert reason in record.getMessage()
        assert github.token not in record.getMessage()


async def test_a_bad_day_is_lived_through(github: EmbeddedGitHub, make_client: MakeClient) -> None:
    github.faults = Faults(
        seed=9, server_error=0.05, reset_before=0.05, cut_body=0.05, close_keep_alive=0.05
    )
    await many(left(make_client()).get, 60)
    assert len({r.fault for r in github.requests}) == 5
