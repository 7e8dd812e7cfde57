"""Listings of changing collections, with responses in the worst order."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from attrs import define, field

from tests.support.embedded import expected_ids, ids, versions_of_long

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from ghpkg_async import GitHubPackages
    from ghpkg_async.testing import EmbeddedGitHub, Package


@define
class Order:
    """Server hook that holds requests until the server has responded to other requests.

    Args:
        behind: requests to hold, each with the request whose response it waits for; both as
            the last characters of method and target.
        meanwhile: function called when the wait of a held request ends.
    """

    behind: dict[str, str]
    meanwhile: Callable[[], object] = lambda: None
    _responded: defaultdict[str, asyncio.Event] = field(
        factory=lambda: defaultdict(asyncio.Event), init=False
    )

    async def __call__(
        self, request: web.BaseRequest, respond: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        name = f"{request.method} {request.raw_path}"
        for held, before in self.behind.items():
            if name.endswith(held) and not self._responded[before].is_set():
                with suppress(TimeoutError):  # A client may not send the other request first.
                    await asyncio.wait_for(self._responded[before].wait(), timeout=0.3)
                self.meanwhile()
        response = await respond()
        for before in self.behind.values():
            if name.endswith(before):
                self._responded[before].set()
        return response


async def test_a_delete_in_flight_as_a_listing_begins_costs_no_item(
    github: EmbeddedGitHub, github_client: GitHubPackages
) -> None:
    app, (gone, *expected) = versions_of_long(github_client), expected_ids(github)
    deletion = f"DELETE {_path(gone)}"
    github.hook = Order({deletion: "&page=1", "&page=2": deletion})
    async with asyncio.timeout(2), asyncio.TaskGroup() as group:
        group.create_task(app.version(gone).delete())
        await asyncio.sleep(0.05)
        listing = group.create_task(_listed(github_client))
    assert set(listing.result()) - {gone} == set(expected)


async def test_a_restore_between_responses_out_of_order_costs_no_item(
    github: EmbeddedGitHub, github_client: GitHubPackages
) -> None:
    app, restored = versions_of_long(github_client), _real(github).versions()[70]
    restored.delete()
    expected = expected_ids(github)
    restoration = f"POST {_path(restored.id)}/restore"
    github.hook = Order({restoration: "&page=3", "&page=2": restoration})
    async with asyncio.timeout(2), asyncio.TaskGroup() as group:
        listing = group.create_task(_listed(github_client))
        await asyncio.sleep(0.05)
        group.create_task(app.version(restored.id).restore())
    assert set(listing.result()) - {restored.id} == set(expected)


@pytest.mark.parametrize("held", ["&page=2", "&page=3"])
async def test_a_version_published_between_responses_out_of_order_costs_no_item(
    github: EmbeddedGitHub, github_client: GitHubPackages, held: str
) -> None:
    expected = expected_ids(github)
    github.hook = Order({held: "&page=4"}, meanwhile=lambda: _real(github).version("2.0.0"))
    async with asyncio.timeout(2):
        listing = await _listed(github_client)
    assert set(expected) <= set(listing)
    assert len(listing) == len(set(listing))


async def test_a_version_published_before_the_first_response_costs_no_item(
    github: EmbeddedGitHub, github_client: GitHubPackages
) -> None:
    expected = expected_ids(github)
    package = await versions_of_long(github_client).get()
    github.hook = Order({"&page=1": "&page=2"}, lambda: _real(github).version("2.0.0"))
    async with asyncio.timeout(2):
        versions = await github_client.org("acme").package(package).versions(per_page=50)
    assert set(expected) <= set(ids(versions))


def _real(github: EmbeddedGitHub) -> Package:
    return github.world.org("acme").find("npm", "long")


def _path(version: int) -> str:
    return f"/orgs/acme/packages/npm/long/versions/{version}"


async def _listed(gh: GitHubPackages) -> list[int]:
    return ids(await versions_of_long(gh).versions(per_page=50))
