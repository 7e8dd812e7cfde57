"""One small adapter for each client, which lists everything as the client's users would.

A client library is imported only in the process that measures it, so no process loads two.
"""

from __future__ import annotations

import json
import re
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Protocol

from .data import PER_PAGE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from yarl import URL

    from .data import Listing

CONCURRENCY: Final = 16
TOKEN: Final = "ghp_benchmark"  # noqa: S105


class Walk(Protocol):
    """Function that lists everything and calls ``visit`` with each item."""

    async def __call__(self, listing: Listing, visit: Callable[[Any], None]) -> None:
        """List all items of ``listing``."""


@dataclass(frozen=True)
class Client:
    """A client that is measured.

    Attributes:
        name: name in the tables.
        requirement: distribution whose version is printed.
        module: name of the module to import.
        open: function that opens the client for a base URL.
        attributes: fields of items are attributes if true, keys if false.
        parses: true if the client parses responses into items; false if it visits their bytes.
        many_at_once: true if the client itself limits the number of listings in flight.
    """

    name: str
    requirement: str
    module: str
    open: Callable[[str], AbstractAsyncContextManager[Walk]]
    attributes: bool = False
    parses: bool = True
    many_at_once: bool = False

    @property
    def installed(self) -> bool:
        """True if the client is installed."""
        return find_spec(self.module.partition(".")[0]) is not None

    def load(self) -> None:
        """Import the client's module."""
        import_module(self.module)


def _ours(points_per_minute: int | None) -> Callable[[str], AbstractAsyncContextManager[Walk]]:
    @asynccontextmanager
    async def open_client(base_url: str) -> AsyncIterator[Walk]:
        from ghpkg_async import GitHubPackages

        async with GitHubPackages(
            TOKEN,
            base_url=base_url,
            concurrency=CONCURRENCY,
            points_per_minute=points_per_minute,
        ) as gh:

            async def walk(listing: Listing, visit: Callable[[Any], None]) -> None:
                org = gh.org(listing.org)
                if listing.name is None:
                    async for package in org.packages(listing.package_type):
                        visit(package)
                else:
                    async for version in org.package(listing.package_type, listing.name).versions():
                        visit(version)

            yield walk

    return open_client


@asynccontextmanager
async def _aiohttp_bytes(base_url: str) -> AsyncIterator[Walk]:
    import aiohttp

    async with aiohttp.ClientSession(headers=_headers()) as session:

        async def walk(listing: Listing, visit: Callable[[Any], None]) -> None:
            url: str | URL | None = base_url + listing.target
            while url:
                async with session.get(url) as response:
                    response.raise_for_status()
                    visit(await response.read())
                url = _following(response.links)

        yield walk


@asynccontextmanager
async def _aiohttp_json(base_url: str) -> AsyncIterator[Walk]:
    import aiohttp

    async with aiohttp.ClientSession(headers=_headers()) as session:

        async def walk(listing: Listing, visit: Callable[[Any], None]) -> None:
            url: str | URL | None = base_url + listing.target
            while url:
                async with session.get(url) as response:
                    response.raise_for_status()
                    for item in json.loads(await response.read()):
                        visit(item)
                url = _following(response.links)

        yield walk


@asynccontextmanager
async def _gidgethub(base_url: str) -> AsyncIterator[Walk]:
    import aiohttp

    library = import_module("gidgethub.aiohttp")
    async with aiohttp.ClientSession() as session:
        gh = library.GitHubAPI(session, "benchmarks", oauth_token=TOKEN, base_url=base_url)

        async def walk(listing: Listing, visit: Callable[[Any], None]) -> None:
            async for item in gh.getiter(listing.target):
                visit(item)

        yield walk


@asynccontextmanager
async def _githubkit(base_url: str) -> AsyncIterator[Walk]:
    library = import_module("githubkit")
    async with library.GitHub(library.TokenAuthStrategy(TOKEN), base_url=base_url) as gh:
        packages = gh.rest.packages

        async def walk(listing: Listing, visit: Callable[[Any], None]) -> None:
            operation, arguments = _operation(packages, listing, prefix="async_")
            async for item in gh.rest.paginate(operation, **arguments, per_page=PER_PAGE):
                visit(item)

        yield walk


@asynccontextmanager
async def _pygithub(base_url: str) -> AsyncIterator[Walk]:
    """List with PyGithub's requester, since PyGithub has no packages API; follow ``Link``.

    PyGithub's default delay of 0.25 seconds between requests is off.
    """
    library = import_module("github")
    gh = library.Github(
        auth=library.Auth.Token(TOKEN), base_url=base_url, seconds_between_requests=None
    )
    following = re.compile(r'<([^<>]+)>;\s*rel="next"')

    async def walk(listing: Listing, visit: Callable[[Any], None]) -> None:
        url: str | None = listing.target
        while url:
            headers, items = gh.requester.requestJsonAndCheck("GET", url)
            for item in items:
                visit(item)
            found = following.search(headers.get("link", ""))
            url = found and found[1]

    yield walk
    gh.close()


@asynccontextmanager
async def _ghapi(base_url: str) -> AsyncIterator[Walk]:
    library = import_module("ghapi.all")
    api = library.GhApi(token=TOKEN, gh_host=base_url)

    async def walk(listing: Listing, visit: Callable[[Any], None]) -> None:
        operation, arguments = _operation(api.packages, listing)
        async for items in library.paged(operation, per_page=PER_PAGE, **arguments):
            for item in items:
                visit(item)

    yield walk


@asynccontextmanager
async def _ghapi_pages(base_url: str) -> AsyncIterator[Walk]:
    """List as ghapi's documentation shows: request the number of pages, then all pages at once."""
    library = import_module("ghapi.all")
    api = library.GhApi(token=TOKEN, gh_host=base_url)

    async def walk(listing: Listing, visit: Callable[[Any], None]) -> None:
        operation, arguments = _operation(api.packages, listing)
        pages = [await operation(per_page=PER_PAGE, **arguments)]
        if last := api.last_page():
            pages = await library.pages(operation, last, per_page=PER_PAGE, **arguments)
        for items in pages:
            for item in items:
                visit(item)

    yield walk


def _following(links: Mapping[Any, Mapping[Any, str | URL]]) -> str | URL | None:
    return links["next"]["url"] if "next" in links else None


def _operation(packages: Any, listing: Listing, prefix: str = "") -> tuple[Any, dict[str, str]]:
    """Return the method of a generated client, githubkit or ghapi, and its arguments."""
    arguments = {"org": listing.org, "package_type": listing.package_type}
    if listing.name is None:
        return getattr(packages, f"{prefix}list_packages_for_organization"), arguments
    operation = f"{prefix}get_all_package_versions_for_package_owned_by_org"
    return getattr(packages, operation), {**arguments, "package_name": listing.name}


def _headers() -> dict[str, str]:
    return {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {TOKEN}",
        "X-GitHub-Api-Version": "2022-11-28",
    }


OURS: Final = "ghpkg-async"
PACED: Final = "ghpkg-async, default pacing"
BYTES: Final = "aiohttp, bytes only"
JSON: Final = "aiohttp + json.loads"

CLIENTS: Final = {
    client.name: client
    for client in (
        Client(OURS, "ghpkg-async", "ghpkg_async", _ours(None), attributes=True, many_at_once=True),
        Client(PACED, "ghpkg-async", "ghpkg_async", _ours(900), attributes=True, many_at_once=True),
        Client(BYTES, "aiohttp", "aiohttp", _aiohttp_bytes, parses=False),
        Client(JSON, "aiohttp", "aiohttp", _aiohttp_json),
        Client("gidgethub", "gidgethub", "gidgethub.aiohttp", _gidgethub),
        Client("githubkit", "githubkit", "githubkit", _githubkit, attributes=True),
        Client("PyGithub", "PyGithub", "github", _pygithub),
        Client("ghapi", "ghapi", "ghapi.all", _ghapi),
        Client("ghapi, pages()", "ghapi", "ghapi.all", _ghapi_pages),
    )
}
