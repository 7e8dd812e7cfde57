"""Writes whose response was lost: applied once, and reported correctly."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ghpkg_async import ConnectionFailed, NotFound, RateLimited, ServerError
from ghpkg_async.testing import EmbeddedGitHub, Fault, PrimaryLimit
from tests.support.embedded import (
    LYING,
    SILENT,
    MakeClient,
    a_version,
    error_of,
    left,
    says_it_may_be_done,
    statuses,
)

if TYPE_CHECKING:
    from ghpkg_async import GitHubPackages

pytestmark = pytest.mark.usefixtures("short_retry_waits")

DONE_UNHEARD: list[Fault] = [*LYING, "server_error_after"]
NOT_DONE: list[Fault] = [*SILENT, "server_error"]


@pytest.fixture
def impatient(make_client: MakeClient) -> GitHubPackages:
    return make_client(timeout=0.5)


@pytest.mark.parametrize("fault", DONE_UNHEARD)
async def test_a_delete_whose_response_was_lost_succeeds(
    github: EmbeddedGitHub, impatient: GitHubPackages, fault: Fault
) -> None:
    github.faults.next(fault)
    version = a_version(github, impatient)
    await version.delete()
    assert statuses(github) == [204, 404]
    with pytest.raises(NotFound):
        await version.get()


@pytest.mark.parametrize("fault", NOT_DONE)
async def test_a_delete_that_was_not_done_is_done_once(
    github: EmbeddedGitHub, impatient: GitHubPackages, fault: Fault
) -> None:
    await left(impatient).get()
    github.faults.next(fault)
    await a_version(github, impatient).delete()
    assert statuses(github, "DELETE") == [None, 204]


@pytest.mark.parametrize("fault", ["reset_after", "server_error_after"])
async def test_packages_are_deleted_as_safely(
    github: EmbeddedGitHub, github_client: GitHubPackages, fault: Fault
) -> None:
    github.faults.next(fault)
    await left(github_client).delete()
    assert statuses(github) == [204, 404]


async def test_deleting_a_missing_package_is_not_found_after_one_request(
    github: EmbeddedGitHub, github_client: GitHubPackages
) -> None:
    error = await error_of(github_client.org("acme").package("npm", "none").delete())
    assert isinstance(error, NotFound)
    assert not says_it_may_be_done(error)
    assert statuses(github) == [404]


async def test_an_attempt_that_never_left_does_not_make_a_404_a_success(
    github: EmbeddedGitHub, github_client: GitHubPackages
) -> None:
    async with github.down():
        task = asyncio.create_task(
            error_of(github_client.org("acme").package("npm", "none").delete())
        )
        await asyncio.sleep(0.1)
    assert isinstance(await task, NotFound)


@pytest.mark.parametrize("kind", ["version", "package"])
@pytest.mark.parametrize("fault", DONE_UNHEARD)
async def test_a_restore_whose_response_was_lost_succeeds(
    github: EmbeddedGitHub, impatient: GitHubPackages, fault: Fault, kind: str
) -> None:
    thing = a_version(github, impatient) if kind == "version" else left(impatient)
    await thing.delete()
    github.faults.next(fault)
    await thing.restore()
    assert statuses(github) == [204, 204, 404, 200]
    await thing.get()


@pytest.mark.parametrize("fault", NOT_DONE)
async def test_a_restore_that_was_not_done_is_done_once(
    github: EmbeddedGitHub, impatient: GitHubPackages, fault: Fault
) -> None:
    version = a_version(github, impatient)
    await version.delete()
    github.faults.next(fault)
    await version.restore()
    assert statuses(github, "POST") == [None, 204]


async def test_nothing_to_restore_is_not_found(
    github: EmbeddedGitHub, github_client: GitHubPackages
) -> None:
    error = await error_of(a_version(github, github_client).restore())
    assert isinstance(error, NotFound)
    assert not says_it_may_be_done(error)
    assert statuses(github) == [404]


async def test_nothing_to_restore_is_not_found_after_a_failure_either(
    github: EmbeddedGitHub, github_client: GitHubPackages
) -> None:
    github.faults.next("server_error")
    error = await error_of(github_client.org("acme").package("npm", "none").restore())
    assert isinstance(error, NotFound)
    assert says_it_may_be_done(error)


@pytest.mark.parametrize("method", ["delete", "restore"])
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("reset_after", ConnectionFailed),
        ("stall_after", ConnectionFailed),
        ("server_error_after", ServerError),
    ],
)
async def test_the_last_error_notes_that_the_write_may_be_applied(
    github: EmbeddedGitHub,
    make_client: MakeClient,
    method: str,
    fault: Fault,
    expected: type[Exception],
) -> None:
    gh = make_client(max_retries=0, timeout=0.5)
    version = a_version(github, gh)
    if method == "restore":
        await version.delete()
    github.faults.next(fault)
    error = await error_of(getattr(version, method)())
    assert isinstance(error, expected)
    assert says_it_may_be_done(error)


async def test_a_restore_that_cannot_be_confirmed_has_a_note(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    gh = make_client(max_retries=1)
    version = a_version(github, gh)
    await version.delete()
    github.faults.next("server_error_after", method="POST")
    github.faults.next("server_error", method="GET", times=9)
    error = await error_of(version.restore())
    assert isinstance(error, ServerError)
    assert says_it_may_be_done(error)


@pytest.mark.parametrize("method", ["delete", "restore"])
async def test_a_rate_limit_after_a_lost_attempt_has_a_note(
    github: EmbeddedGitHub, make_client: MakeClient, method: str
) -> None:
    gh = make_client(max_rate_limit_wait=5)
    version = a_version(github, gh)
    if method == "restore":
        await version.delete()
    github.faults.primary_limit = PrimaryLimit(1)
    github.faults.next("reset_after")
    error = await error_of(getattr(version, method)())
    assert isinstance(error, RateLimited)
    assert says_it_may_be_done(error)


async def test_a_failure_before_anything_was_sent_does_not_say_so(
    github: EmbeddedGitHub, make_client: MakeClient
) -> None:
    gh = make_client(max_retries=0)
    async with github.down():
        error = await error_of(left(gh).delete())
    assert isinstance(error, ConnectionFailed)
    assert not says_it_may_be_done(error)
