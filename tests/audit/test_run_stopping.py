"""Events of an audit, and an audit that ends early."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from ghpkg_async import GitHubPackages, GitHubPackagesError
from ghpkg_async.audit import (
    AuditReport,
    FailureEntry,
    ListingDone,
    ListingKey,
    OwnerDone,
    OwnerStarted,
    PageDone,
    Waiting,
)
from tests.audit.rig import TOKEN, identities, responding

if TYPE_CHECKING:
    from aiohttp import web

    from ghpkg_async.audit import Event
    from ghpkg_async.testing import EmbeddedGitHub, World


def own_tasks() -> set[asyncio.Task[Any]]:
    """Return all tasks except those of the server, which runs in the same event loop."""
    return {task for task in asyncio.all_tasks() if "RequestHandler" not in str(task.get_coro())}


async def a_request(server: EmbeddedGitHub) -> None:
    """Wait until the server has received a request; raise `TimeoutError` after 5 seconds."""
    async with asyncio.timeout(5):
        while not server.requests:  # noqa: ASYNC110  (the server has no event)
            await asyncio.sleep(0.005)


class TestEvents:
    @pytest.mark.usefixtures("filled")
    async def test_events_count_owners_and_pages(self, gh: GitHubPackages) -> None:
        events: list[Event] = []
        audit = gh.audit(["acme"], package_types=["npm"], on_event=events.append)
        await audit
        npm = ListingKey("acme", "npm")
        assert events == [
            OwnerStarted("acme"),
            PageDone(npm, 1, 3, 100),
            PageDone(npm, 2, 3, 100),
            PageDone(npm, 3, 3, 50),
            OwnerDone("acme", 250, ()),
        ]

    @pytest.mark.usefixtures("filled")
    async def test_the_number_of_pages_is_known_after_the_first_page(
        self, gh: GitHubPackages
    ) -> None:
        seen: list[tuple[int, int]] = []

        def look(event: Event) -> None:
            if isinstance(event, PageDone):
                seen.append((audit.progress.pages_done, audit.progress.pages))

        audit = gh.audit(["acme"], package_types=["npm"], on_event=look)
        await audit
        assert seen == [(1, 3), (2, 3), (3, 3)]
        assert audit.progress.requests_to_go() == 0

    @pytest.mark.usefixtures("filled")
    async def test_progress_adds_up_with_failures(
        self, gh: GitHubPackages, server: EmbeddedGitHub
    ) -> None:
        server.hook = responding(lambda request: "page=2" in request.path_qs, data={}, status=403)
        events: list[Event] = []
        audit = gh.audit(["acme", "nobody", "octo-org"], on_event=events.append)
        report = await audit
        progress = audit.progress
        assert progress.owners_done == progress.owners == 3
        assert progress.listings_begun == progress.listings_done == progress.listings == 21
        assert progress.pages == progress.pages_done
        assert progress.packages == len(report.packages)
        assert progress.failures == len(report.failures)
        ends = [each for each in events if isinstance(each, OwnerDone)]
        assert sorted(each.owner for each in ends) == ["acme", "nobody", "octo-org"]
        told = [failure for end in ends for failure in end.failures]
        assert identities(told) == identities(report.failures)

    @pytest.mark.usefixtures("filled")
    async def test_waits_are_events_of_the_audit_and_call_on_wait(
        self, server: EmbeddedGitHub
    ) -> None:
        refusals = iter([True])

        def first(_request: web.BaseRequest) -> bool:
            return next(refusals, False)

        server.hook = responding(
            first,
            data={"message": "You have exceeded a secondary rate limit."},
            status=429,
            headers={"Retry-After": "0"},
        )
        waits: list[object] = []
        events: list[Event] = []
        async with GitHubPackages(TOKEN, base_url=server.url, on_wait=waits.append) as gh:
            server.hook = responding(
                first,
                data={"message": "You have exceeded a secondary rate limit."},
                status=429,
                headers={"Retry-After": "1"},
            )
            audits = [
                gh.audit(["acme"], package_types=["npm"], on_event=events.append) for _ in range(2)
            ]
            await asyncio.gather(*(audit for audit in map(_awaited, audits)))
            told = [each.wait for each in events if isinstance(each, Waiting)]
            assert len(waits) == 1
            assert told == waits * 2
            await gh.org("acme").packages("npm")
            assert len([each for each in events if isinstance(each, Waiting)]) == 2


async def _awaited(audit: Any) -> AuditReport:
    report = await audit
    assert isinstance(report, AuditReport)
    return report


class TestStopping:
    @pytest.mark.usefixtures("filled")
    async def test_leaving_the_loop_leaves_no_task_and_sends_no_more_requests(
        self, gh: GitHubPackages, server: EmbeddedGitHub
    ) -> None:
        before = own_tasks()
        server.latency = 0.01
        async with aclosing(gh.audit(["acme", "octo-org"]).batches()) as batches:
            async for _ in batches:
                break
        assert own_tasks() == before
        count = len(server.requests)
        await asyncio.sleep(0.05)
        assert len(server.requests) == count

    @pytest.mark.usefixtures("filled")
    async def test_a_plain_break_leaves_no_task_either(self, gh: GitHubPackages) -> None:
        before = own_tasks()
        async for _ in gh.audit(["acme"]):
            break
        # The event loop closes the abandoned generator in a later iteration.
        async with asyncio.timeout(5):
            while own_tasks() != before:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    @pytest.mark.usefixtures("filled")
    async def test_cancelling_ends_it_at_once(
        self, gh: GitHubPackages, server: EmbeddedGitHub
    ) -> None:
        before = own_tasks()
        server.latency = 30
        task = asyncio.create_task(_awaited(gh.audit(["acme", "octo-org"])))
        await a_request(server)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 1)
        assert own_tasks() == before

    @pytest.mark.usefixtures("filled")
    async def test_closing_the_client_raises_and_is_nobodys_failure(
        self, gh: GitHubPackages, server: EmbeddedGitHub
    ) -> None:
        server.latency = 30
        task = asyncio.create_task(_awaited(gh.audit(["acme", "octo-org"])))
        await a_request(server)
        await gh.close()
        with pytest.raises(GitHubPackagesError, match="closed"):
            await asyncio.wait_for(task, 1)

    @pytest.mark.usefixtures("filled")
    async def test_an_exception_of_the_caller_propagates_unchanged(
        self, gh: GitHubPackages
    ) -> None:
        def broken(_event: Event) -> None:
            raise ZeroDivisionError

        before = own_tasks()
        with pytest.raises(ZeroDivisionError):
            await gh.audit(["acme", "octo-org"], on_event=broken)
        assert own_tasks() == before

    async def test_a_slow_caller_holds_the_audit_up(
        self, world: World, gh: GitHubPackages, server: EmbeddedGitHub
    ) -> None:
        for number in range(200):
            world.org(f"org-{number}").package("npm", "left")
        owners = [f"org-{number}" for number in range(200)]
        async with aclosing(gh.audit(owners, package_types=["npm"]).batches()) as batches:
            await anext(batches)
            await asyncio.sleep(0.5)
            # Each owner has two batches, and a full buffer stops further requests.
            assert len(server.requests) < 150
            rest = [record async for batch in batches for record in batch]
        assert sum(isinstance(each, ListingDone) for each in rest) == 200
        assert not any(isinstance(each, FailureEntry) for each in rest)
