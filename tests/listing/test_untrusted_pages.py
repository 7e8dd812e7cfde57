"""Pages of untrusted servers: a listing is complete or raises, and always ends."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest

from ghpkg_async import (
    APIError,
    GitHubPackages,
    GitHubPackagesError,
    InvalidResponse,
    PackageVersion,
    PaginationCapReached,
    RateLimited,
)
from tests.support.api import package, version
from tests.support.fast_loop import takes
from tests.support.hostile import Call, HostileServer, Step, refused, response

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BOUND = 400
"""Number of requests above which a listing counts as endless."""


def page_of(call: Call) -> int:
    """Return the requested page number; 1 if the target has no page number."""
    found = re.search(r"[?&]page=(\d+)", call.request.target)
    return int(found[1]) if found else 1


def without_end(reply: Callable[[Call], bytes]) -> Step:
    """Return a step that responds to each request with `reply`, but with 418 after `BOUND`."""

    async def step(call: Call) -> None:
        if call.number > BOUND:
            await call.send(response(418, {"message": "asked without an end"}))
        else:
            await call.send(reply(call))

    return step


def link(**targets: str) -> str:
    return "Link: " + ", ".join(f'<{target}>; rel="{rel}"' for rel, target in targets.items())


async def read(
    gh: GitHubPackages, per_page: int = 2
) -> tuple[list[int], GitHubPackagesError | None]:
    """Return the ids that a listing yields, and the error that ends it, if any."""
    got: list[int] = []
    try:
        async for each in gh.org("acme").package("npm", "p").versions(per_page=per_page):
            got.append(each.id)
    except GitHubPackagesError as error:
        if isinstance(error, APIError) and error.status == 418:
            pytest.fail("it would ask without an end")
        return got, error
    return got, None


# Links without an end


@pytest.mark.parametrize("target", ["/x?page=1", "/x?page=2", "/x?page=0", "/x", "/x?after=a"])
async def test_a_next_link_that_stays_where_it_is_ends(
    server: HostileServer, gh: GitHubPackages, target: str
) -> None:
    server.will(
        without_end(lambda call: response(200, [version(1)], link(next=server.url + target)))
    )
    got, error = await read(gh)
    assert got in ([], [1])
    assert isinstance(error, InvalidResponse)
    assert "Link" in str(error)
    assert len(server.requests) < 10


@pytest.mark.parametrize(
    "target", ["{url}/x?page=1", "{url}/x?page=0", "http://127.0.0.1:1/x", "x"]
)
async def test_items_of_a_page_are_yielded_before_its_link_is_refused(
    server: HostileServer, gh: GitHubPackages, target: str
) -> None:
    """A listing yields the items of the page before it raises."""
    server.will(response(200, [version(1)], link(next=target.format(url=server.url))))
    got, error = await read(gh)
    assert isinstance(error, InvalidResponse)
    assert got == [1]


@pytest.mark.parametrize(
    "targets",
    [
        ["/x?page=2", "/x?page=1"],
        ["/x?page=3", "/x?page=2"],
        ["/x?after=a", "/x?after=b"],
        ["/x?after=a", "/x?after=b", "/x?after=c"],
        ["/x?after=a", "/x?page=2"],
        ["/x?page=2", "/x?after=a", "/x?page=3", "/x?after=a"],
        ["/x?after=a", "/y?after=a"],
        ["/x?after=a#1", "/x?after=a#2", "/x?after=a#1"],
    ],
)
async def test_links_in_a_circle_end(
    server: HostileServer, gh: GitHubPackages, targets: Sequence[str]
) -> None:
    def reply(call: Call) -> bytes:
        turn = (call.number - 1) % len(targets)
        return response(200, [version(turn)], link(next=server.url + targets[turn]))

    server.will(without_end(reply))
    got, error = await read(gh)
    assert isinstance(error, InvalidResponse)
    assert len(got) == len(set(got))
    assert len(server.requests) < 20


@pytest.mark.parametrize("body", [[], [version(1)]], ids=["empty", "the same items"])
@pytest.mark.parametrize("target", ["/x?per_page=2&page={n}", "/x?after={n}"])
@pytest.mark.parametrize("last", [None, "/x?per_page=2&page=99999999"])
async def test_links_on_and_on_that_bring_nothing_new_end(
    server: HostileServer,
    gh: GitHubPackages,
    body: list[Any],
    target: str,
    last: str | None,
) -> None:
    def reply(call: Call) -> bytes:
        links = {"next": server.url + target.format(n=max(call.number, page_of(call)) + 1)}
        if last:
            links["last"] = server.url + last
        return response(200, body, link(**links))

    server.will(without_end(reply))
    with takes(most=10):
        got, error = await read(gh)
    assert got == [each["id"] for each in body]
    assert isinstance(error, InvalidResponse)


async def test_a_server_that_knows_no_pages_is_listed_once(
    server: HostileServer, gh: GitHubPackages
) -> None:
    server.will(without_end(lambda call: response(200, [version(1), version(2)])))
    assert await read(gh) == ([1, 2], None)
    assert len(server.requests) < 6


async def test_ids_that_repeat_are_yielded_once(server: HostileServer, gh: GitHubPackages) -> None:
    pages = [[1, 1, 2], [2, 1, 3], [3, 3, 3], [4, 1], []]
    server.will(
        without_end(
            lambda call: response(200, [version(n) for n in pages[min(page_of(call), 5) - 1]])
        )
    )
    assert await read(gh) == ([1, 2, 3, 4], None)


async def test_conflicts_of_a_server_that_knows_no_pages_are_listed_once(
    server: HostileServer, gh: GitHubPackages
) -> None:
    server.will(without_end(lambda call: response(200, [package(n) for n in range(150)])))
    assert len(await gh.org("acme").docker_conflicts()) == 150
    assert len(server.requests) < 6


@pytest.mark.parametrize("count", [2**63 - 1, 10**15, -5, 0])
async def test_a_listing_ends_with_an_absurd_version_count(
    server: HostileServer, gh: GitHubPackages, count: int
) -> None:
    def reply(call: Call) -> bytes:
        if "/versions" not in call.request.target:
            return response(200, [package(1, version_count=count)] if page_of(call) == 1 else [])
        return response(200, [version(1), version(2)] if page_of(call) == 1 else [])

    server.will(without_end(reply))
    one = (await gh.org("acme").packages("npm"))[0]
    with takes(most=3):
        versions = gh.org("acme").package(one).versions(per_page=2)
        assert [each.id for each in await versions] == [1, 2]
    assert len(server.requests) < 60


# Absurd page numbers


@pytest.mark.parametrize(
    "number",
    [
        *("99999999999999999999", "9" * 4000, "-1", "0", "0x10", "", "1e3", "2.0", "+2", "%32"),
        *("\u0662", "NaN", "02", "2&page=3", "2&page=1", "2;page=3"),
    ],
)
@pytest.mark.parametrize("rel", ["next", "last", "both"])
async def test_absurd_page_numbers_end_and_break_nothing(
    server: HostileServer, gh: GitHubPackages, number: str, rel: str
) -> None:
    absurd = f"{server.url}/x?per_page=2&page={number}"

    def reply(call: Call) -> bytes:
        if call.number > 1:
            return response(200, [], link(prev=f"{server.url}/x?page=1"))
        targets = {"next": absurd, "last": absurd}
        if rel == "last":
            targets["next"] = f"{server.url}/x?per_page=2&page=2"
        if rel == "next":
            del targets["last"]
        return response(200, [version(1), version(2)], link(**targets))

    server.will(without_end(reply))
    with takes(most=3):
        got, error = await read(gh)
    assert error is None or isinstance(error, InvalidResponse)
    assert got == [1, 2] or (error is not None and got == [])
    assert len(server.requests) < 40
    for request in server.requests:
        assert request.raw.isascii()


async def test_a_last_page_that_moves_away_is_followed_only_as_far_as_there_is_something(
    server: HostileServer,
) -> None:
    def reply(call: Call) -> bytes:
        number = page_of(call)
        base = f"{server.url}/x?per_page=1"
        if number > 30:
            return response(200, [], link(prev=f"{base}&page=1"))
        links = link(next=f"{base}&page={number + 1}", last=f"{base}&page={number + 10**8}")
        return response(200, [version(number)], links)

    server.will(without_end(reply))
    async with server.client(concurrency=8) as gh:
        got, _ = await read(gh, per_page=1)
    assert got == list(range(1, 31))
    assert len(server.requests) < 2 * 60  # The moved page starts a second pass.


async def test_packages_beyond_the_reachable_ones_raise_after_all_others(
    server: HostileServer, gh: GitHubPackages
) -> None:
    """All pages up to the cap are full, with and without a visibility in the request."""

    def reply(call: Call) -> bytes:
        number = page_of(call)
        first = (number - 1) * 100
        base = re.sub("&page=.*", "", call.request.target)
        links = link(next=f"{server.url}{base}&page={number + 1}")
        return response(200, [package(first + n) for n in range(100)], links)

    async def step(call: Call) -> None:
        await call.send(response(400) if page_of(call) > 100 else reply(call))

    server.will(step)
    got = 0
    with pytest.raises(PaginationCapReached):
        async for page in gh.org("acme").packages("npm").pages():
            got += len(page.items)
    assert got == 10_000
    assert len(server.requests) <= 404


# Malformed headers: no page is skipped without an error


def full(number: int) -> list[Any]:
    return [version(2 * number - 1), version(2 * number)]


async def complete_or_raised(server: HostileServer, gh: GitHubPackages, header: str) -> None:
    """List three pages with an odd header on page 1; fail if items are omitted without an error."""
    here = f"{server.url}/x?per_page=2"

    def reply(call: Call) -> bytes:
        number = page_of(call)
        if number == 1:
            return response(200, full(1), *header.format(here=here).split("\n"))
        if number > 3:
            return response(200, [])
        links = {"prev": f"{here}&page={number - 1}"}
        if number < 3:
            links |= {"next": f"{here}&page={number + 1}", "last": f"{here}&page=3"}
        return response(200, full(number), link(**links))

    server.will(without_end(reply))
    with takes(most=3):
        got, error = await read(gh)
    if error is None:
        assert got == [1, 2, 3, 4, 5, 6]
    else:
        assert isinstance(error, InvalidResponse)
        str(error).encode()
        assert len(str(error)) < 2000


@pytest.mark.parametrize(
    "header",
    [
        "Link: garbage",
        "Link: ",
        "Link: ,",
        "Link: ;",
        "Link: <>",
        'Link: <>; rel="next"',
        'Link: < >; rel="next"',
        "Link: <{here}&page=2>",
        "Link: <{here}&page=2>; rel=next",
        "Link: <{here}&page=2>; rel='next'",
        'Link: <{here}&page=2>; REL="NEXT"',
        'Link: <{here}&page=2>; rel = "next"',
        'Link: <{here}&page=2>; rel="next last"',
        'Link: <{here}&page=2>; rel="prefetch next"',
        'Link: <{here}&page=2>; rel=" next "',
        'Link: <{here}&page=2>; title="a; rel=prev"; rel="next"',
        'Link: <{here}&page=2>; title="a, b"; rel="next"',
        'Link: <{here}&page=2>; title="<b>"; rel="next"',
        'Link: <{here}&page=2>; rel="next"; rel="prev"',
        'Link: <{here}&page=2> ; rel="next"',
        'Link: <{here}&page=2>;rel="next"',
        'Link: <{here}&page=2>;;rel="next"',
        'Link: <{here}&page=2>; rel="next',
        'Link: <{here}&page=2; rel="next"',
        'Link: {here}&page=2>; rel="next"',
        'Link: {here}&page=2; rel="next"',
        'Link: "{here}&page=2"; rel="next"',
        "Link: <{here}&page=2>; rel*=UTF-8''next",
        'Link: <{here}&page=2>; rev="next"',
        'Link: <{here}&page=2>, rel="next"',
        'Link: <{here}&page=2>; xrel="prev"; rel="next"',
        'Link: <{here}&page=2>; rel="next", <{here}&page=3>; rel="next"',
        'Link: <{here}&page=3>; rel="last"',
        'Link: <{here}&page=3>; rel="last"\nLink: <{here}&page=2>; rel="next"',
        'Link: <{here}&page=1>; rel="first"\nLink: <{here}&page=2>; rel="next"',
        'Link: <{here}&page=2>; rel="next"\nLink: garbage',
        'Link: <https://api.github.com/rest>; rel="deprecation"',
        'Link: </style.css>; rel="preload"; as="style"',
        "Link: \udcff\udcfe",
        'Link: <{here}&page=2\udcff>; rel="next"',
        'Link: <{here}&page=2>; rel="next"; title="\udcff"',
        "Link: <" * 1000,
        "Link: " + "<" * 7000,
        "Link: " + "<a>;" * 1500,
        "Link: <a>" + "; rel" * 1000,
        "Link: <a>;" + " " * 7000 + "x",
        "Link: <" + "a" * 7000,
    ],
    ids=lambda header: ascii(header[:50]) + str(len(header)),
)
async def test_an_odd_link_header_hides_no_page(
    server: HostileServer, gh: GitHubPackages, header: str
) -> None:
    await complete_or_raised(server, gh, header)


@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize("number", [20, 5000])
async def test_thousands_of_links_hide_no_page(
    server: HostileServer, gh: GitHubPackages, number: int, place: str
) -> None:
    links = [f'<{{here}}&page=9>; rel="other{n}"' for n in range(number)]
    links.insert(0 if place == "first" else number, '<{here}&page=2>; rel="next"')
    await complete_or_raised(server, gh, "Link: " + ", ".join(links))


@pytest.mark.parametrize("number", [20, 90])
async def test_many_link_headers_hide_no_page(
    server: HostileServer, gh: GitHubPackages, number: int
) -> None:
    lines = [f'Link: <{{here}}&page=9>; rel="other{n}"' for n in range(number)]
    await complete_or_raised(server, gh, "\n".join([*lines, 'Link: <{here}&page=2>; rel="next"']))


async def test_a_link_that_is_missing_once_hides_no_page(
    server: HostileServer, gh: GitHubPackages
) -> None:
    here = f"{server.url}/x?per_page=2"

    def reply(call: Call) -> bytes:
        number = page_of(call)
        if number > 4:
            return response(200, [], link(prev=f"{here}&page=4"))
        links = {"prev": f"{here}&page={number - 1}"}
        if number < 4:
            links |= {"next": f"{here}&page={number + 1}", "last": f"{here}&page=4"}
        return response(200, full(number), *([] if number == 2 else [link(**links)]))

    server.will(without_end(reply))
    assert await read(gh) == (list(range(1, 9)), None)


async def test_a_short_page_without_links_is_not_the_end(
    server: HostileServer, gh: GitHubPackages
) -> None:
    pages = [[1, 2], [3], [4, 5], [6], []]
    server.will(
        without_end(
            lambda call: response(200, [version(n) for n in pages[min(page_of(call), 5) - 1]])
        )
    )
    assert await read(gh) == ([1, 2, 3, 4, 5, 6], None)


@pytest.mark.parametrize("links", [True, False], ids=["with links", "without links"])
async def test_a_server_that_minds_no_per_page_hides_no_page_when_one_fails(
    server: HostileServer, gh: GitHubPackages, links: bool
) -> None:
    """A listing that requests smaller pages must detect that the server ignores the page size."""

    def reply(call: Call) -> bytes:
        number = page_of(call)
        if number == 2 and call.number < 4:
            return response(502)
        if number > 4:
            return response(200, [])
        here = f"{server.url}/x?page="
        told = {"next": f"{here}{number + 1}"} if number < 4 else {"prev": f"{here}3"}
        return response(200, full(number), *([link(**told)] if links else []))

    server.will(without_end(reply))
    got, error = await read(gh)
    assert error is not None or got == list(range(1, 9))


# Rate limit headers of pages


@pytest.mark.parametrize("name", ["Limit", "Remaining", "Used", "Reset"])
@pytest.mark.parametrize(
    "value",
    [
        *("", "x", "NaN", "-1", "-99999999999999999999", "9" * 18, "9" * 5000, "1e9", "1.5", "1_0"),
        *("\u0661", "\udcff", "inf", "0x10", "5000, 5000"),
    ],
    ids=lambda value: ascii(value[:20]) + str(len(value)),
)
async def test_odd_limits_break_no_listing(server: HostileServer, name: str, value: str) -> None:
    limits = {"Limit": "5000", "Remaining": "4000", "Used": "1000", "Reset": "4000000000"}
    limits[name] = value
    headers = [f"X-RateLimit-{one}: {said}" for one, said in limits.items()]

    def reply(call: Call) -> bytes:
        return response(200, full(page_of(call)) if page_of(call) < 4 else [], *headers)

    server.will(without_end(reply))
    async with server.client(max_rate_limit_wait=0) as gh:
        with takes(most=3):
            got, error = await read(gh)
        repr(gh.rate_limit)
    if error is None:
        assert got == [1, 2, 3, 4, 5, 6]
    else:
        assert isinstance(error, RateLimited)
        assert name == "Remaining"


async def test_an_exhausted_budget_raises_after_the_items_obtained(
    server: HostileServer,
) -> None:
    limits = ["X-RateLimit-Limit: 60", "X-RateLimit-Used: 60", "X-RateLimit-Remaining: 0"]
    server.will(response(200, full(1), *limits, "X-RateLimit-Reset: 4000000000"))
    async with server.client(max_rate_limit_wait=1) as gh:
        got, error = await read(gh)
    assert got == [1, 2]
    assert isinstance(error, RateLimited)
    assert error.kind == "primary"
    assert len(server.requests) == 1


async def test_a_budget_that_falls_and_rises_again_blocks_no_request(
    server: HostileServer,
) -> None:
    """Rate limit headers contradict each other, as from servers that do not share their counts."""
    told = [0, 5000, -3, 7, 0, 4999]

    def reply(call: Call) -> bytes:
        remaining = told[call.number % len(told)]
        return response(
            200,
            full(page_of(call)) if page_of(call) < 5 else [],
            "X-RateLimit-Limit: 5000",
            f"X-RateLimit-Remaining: {remaining}",
            f"X-RateLimit-Used: {5000 - remaining}",
            "X-RateLimit-Reset: 1",
        )

    server.will(without_end(reply))
    async with server.client(max_rate_limit_wait=0) as gh:
        with takes(most=3):
            assert await read(gh) == (list(range(1, 9)), None)


async def test_ids_beyond_64_bits_on_a_later_page_raise_after_the_items_obtained(
    server: HostileServer, gh: GitHubPackages
) -> None:
    server.will(response(200, full(1)), response(200, [version(2**70)]), response(200, []))
    got, error = await read(gh)
    assert got == [1, 2]
    assert isinstance(error, InvalidResponse)


async def test_pages_received_in_any_order_are_yielded_in_page_order(
    server: HostileServer,
) -> None:
    base = f"{server.url}/x?per_page=2"

    async def step(call: Call) -> None:
        number = page_of(call)
        await asyncio.sleep(0.02 * (number * 7 % 5))
        links = {"prev": f"{base}&page={number - 1}"}
        if number < 9:
            links |= {"next": f"{base}&page={number + 1}", "last": f"{base}&page=9"}
        await call.send(response(200, full(number), link(**links)))

    server.will(step)
    async with server.client(concurrency=9) as gh:
        found: list[PackageVersion] = await gh.org("acme").package("npm", "p").versions(per_page=2)
    assert [each.id for each in found] == list(range(1, 19))


async def test_a_listing_can_be_read_again_after_it_failed(
    server: HostileServer, gh: GitHubPackages
) -> None:
    listing = gh.org("acme").package("npm", "p").versions(per_page=2)
    server.will(response(200, "{"))
    await refused(listing)
    server.will(response(200, full(1)), response(200, []))
    server.requests.clear()
    assert [each.id for each in await listing] == [1, 2]
