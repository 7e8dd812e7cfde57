"""Redirects and links are followed within the server's origin only; a write keeps its method."""

from __future__ import annotations

from contextlib import suppress

import pytest

from ghpkg_async import GitHubPackages, InvalidResponse, NotFound
from tests.support.api import package, version
from tests.support.hostile import TOKEN, Call, HostileServer, refused, response

ELSEWHERE = [
    "http://127.0.0.1:{other}/x",
    "http://localhost:{port}/x",
    "http://[::1]:{port}/x",
    "http://127.1:{port}/x",
    "http://2130706433:{port}/x",
    "http://127.0.0.1.:{port}/x",
    "https://127.0.0.1:{port}/x",
    "HTTPS://127.0.0.1:{port}/x",
    "http://127.0.0.1/x",
    "//127.0.0.1:{other}/x",
    "///127.0.0.1:{other}/x",
    "http:///127.0.0.1:{other}/x",
    "http://127.0.0.1:{port}@127.0.0.1:{other}/x",
    "http://127.0.0.1:{port}%40127.0.0.1:{other}/x",
    "http://127.0.0.1:{port}\\@127.0.0.1:{other}/x",
    "http://127.0.0.1:{other}\\@127.0.0.1:{port}/x",
    "http://127.0.0.1:{other}#@127.0.0.1:{port}/x",
    "http://127.0.0.1:{other}?@127.0.0.1:{port}/x",
    "http://user@127.0.0.1:{port}/x",
    "http://user:password@127.0.0.1:{port}/x",
    "http://:password@127.0.0.1:{port}/x",
    "http://@127.0.0.1:{other}/x",
    "http:\\\\127.0.0.1:{other}\\x",
    "\\\\127.0.0.1:{other}\\x",
    "/\\127.0.0.1:{other}/x",
    "http://127.0.0.1:{port}.evil.invalid/x",
    "http://127.0.0.1:{port}evil/x",
    "http://127.0.0.1:99999/x",
    "http://127.0.0.1:-1/x",
    "http://127.0.0.1:/x",
    "http://[::1/x",
    "http://[127.0.0.1]:{port}/x",
    "http://127.0.0.1\t:{port}/x",
    "http:",
    "http://",
    "http:/x",
    "http:x",
    "https:/x",
    "ws://127.0.0.1:{port}/x",
    "file:///etc/passwd",
    "data:application/json,[]",
    "javascript:alert(1)",
    "mailto:octocat@github.com",
    "http://\u0131.invalid/x",
    "http://127\u30020\u30020\u30021:{other}/x",
    "http://\udcff/x",
    "http://127.0.0.1:{port}\udcff/x",
    "http://%31%32%37.0.0.1:{other}/x",
    "http://xn--/x",
]
WRITES = ["delete package", "restore package", "delete version", "restore version"]


async def write(gh: GitHubPackages, what: str) -> None:
    ref = gh.org("acme").package("npm", "p")
    doing, target = what.split()
    one = ref if target == "package" else ref.version(7)
    await (one.delete() if doing == "delete" else one.restore())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_get_follows_a_redirect_on_its_own_origin(
    server: HostileServer, gh: GitHubPackages, status: int
) -> None:
    server.will(
        response(status, "", "Location: /organizations/1/p?q=%2F"), response(200, package(1))
    )
    assert (await gh.org("acme").package("npm", "p").get()).id == 1
    assert server.targets == ["/orgs/acme/packages/npm/p", "/organizations/1/p?q=%2F"]
    assert server.requests[1].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("location", ["{url}/x", "//127.0.0.1:{port}/x", "../../../../x", "?y=1"])
async def test_however_a_redirect_names_its_own_origin_it_is_followed(
    server: HostileServer, gh: GitHubPackages, location: str
) -> None:
    there = location.format(url=server.url, port=server.port)
    server.will(response(302, "", f"Location: {there}"), response(200, package(1)))
    assert (await gh.org("acme").package("npm", "p").get()).id == 1


def only_asked(server: HostileServer) -> bool:
    """Return whether each request has this server as its host; some odd names are paths on it."""
    return {request.headers["host"] for request in server.requests} == {f"127.0.0.1:{server.port}"}


@pytest.mark.parametrize("location", ELSEWHERE)
async def test_a_redirect_elsewhere_is_refused_and_gets_no_token(
    server: HostileServer, elsewhere: HostileServer, gh: GitHubPackages, location: str
) -> None:
    there = location.format(port=server.port, other=elsewhere.port)
    server.will(response(302, "", f"Location: {there}"), response(200, package(1)))
    with suppress(InvalidResponse):
        await gh.org("acme").package("npm", "p").get()
        assert len(server.requests) == 2
    assert only_asked(server)
    assert elsewhere.requests == []


@pytest.mark.parametrize("location", ELSEWHERE)
async def test_a_link_elsewhere_is_refused_and_gets_no_token(
    server: HostileServer, elsewhere: HostileServer, gh: GitHubPackages, location: str
) -> None:
    there = location.format(port=server.port, other=elsewhere.port)
    link = f'Link: <{there}>; rel="next"'
    server.will(response(200, [version(1)], link), response(200, [version(2)]))
    with suppress(InvalidResponse):
        assert len(await gh.org("acme").package("npm", "p").versions()) == 2
    assert only_asked(server)
    assert elsewhere.requests == []


@pytest.mark.parametrize("where", ["http://127.0.0.1:{other}", "https://127.0.0.1:{port}", "//a"])
async def test_a_link_to_another_origin_is_an_invalid_response(
    server: HostileServer, elsewhere: HostileServer, gh: GitHubPackages, where: str
) -> None:
    there = where.format(port=server.port, other=elsewhere.port)
    server.will(response(200, [version(1)], f'Link: <{there}/x?page=2>; rel="next"'))
    error = await refused(gh.org("acme").package("npm", "p").versions())
    assert isinstance(error, InvalidResponse)


async def test_a_refused_redirect_is_not_counted_as_a_request(
    server: HostileServer, elsewhere: HostileServer, gh: GitHubPackages
) -> None:
    server.will(response(302, "", f"Location: {elsewhere.url}/x"))
    assert isinstance(await refused(gh.org("acme").package("npm", "p").get()), InvalidResponse)
    assert gh.stats.requests == len(server.requests) == 1
    assert gh.stats.points == 1


async def test_a_last_link_elsewhere_is_refused_too(
    server: HostileServer, elsewhere: HostileServer, gh: GitHubPackages
) -> None:
    link = f'<{server.url}/x?page=2>; rel="next", <{elsewhere.url}/x?page=9>; rel="last"'
    server.will(response(200, [version(1)], f"Link: {link}"), response(200, []))
    error = await refused(gh.org("acme").package("npm", "p").versions())
    assert isinstance(error, InvalidResponse)
    assert elsewhere.requests == []


@pytest.mark.parametrize("what", WRITES)
@pytest.mark.parametrize("status", [307, 308])
async def test_a_write_elsewhere_is_refused(
    server: HostileServer, elsewhere: HostileServer, gh: GitHubPackages, what: str, status: int
) -> None:
    server.will(response(status, "", f"Location: {elsewhere.url}/x"))
    assert isinstance(await refused(write(gh, what)), InvalidResponse)
    assert elsewhere.requests == []


@pytest.mark.parametrize("what", WRITES)
@pytest.mark.parametrize("status", [307, 308])
async def test_a_write_keeps_its_method_on_the_way(
    server: HostileServer, gh: GitHubPackages, what: str, status: int
) -> None:
    server.will(response(status, "", "Location: /there"), response(204))
    await write(gh, what)
    method = "DELETE" if what.startswith("delete") else "POST"
    assert server.methods == [method, method]
    assert server.targets[1] == "/there"


async def test_a_restore_keeps_its_package_token_past_a_location_with_a_fragment(
    server: HostileServer, gh: GitHubPackages
) -> None:
    server.will(response(307, "", "Location: /there?token=a%2Fb#top"), response(204))
    await gh.org("acme").package("npm", "p").restore(token="a/b")
    assert server.targets[1] == "/there?token=a%2Fb"


@pytest.mark.parametrize("what", WRITES)
@pytest.mark.parametrize("status", [301, 302, 303])
@pytest.mark.parametrize("then", [200, 204, 404])
async def test_a_write_is_never_turned_into_a_get_that_reports_success(
    server: HostileServer, gh: GitHubPackages, what: str, status: int, then: int
) -> None:
    server.will(response(status, "", "Location: /there"), response(then))
    assert isinstance(await refused(write(gh, what)), InvalidResponse)
    assert "GET" not in server.methods


async def test_a_redirect_to_itself_ends(server: HostileServer, gh: GitHubPackages) -> None:
    server.will(response(302, "", "Location: /orgs/acme/packages/npm/p"))
    error = await refused(gh.org("acme").package("npm", "p").get())
    assert isinstance(error, InvalidResponse)
    assert "redirects" in str(error)
    assert len(server.requests) < 25
    assert gh.stats.requests == len(server.requests)


async def test_redirects_in_a_circle_end_for_a_write_too(
    server: HostileServer, gh: GitHubPackages
) -> None:
    server.will(
        *[response(307, "", f"Location: /{'ab'[turn % 2]}") for turn in range(50)],
        response(204),
    )
    assert isinstance(await refused(write(gh, "delete version")), InvalidResponse)
    assert len(server.requests) < 25


async def test_retries_and_redirects_together_end(
    server: HostileServer, stubborn: GitHubPackages
) -> None:
    server.will(*[response(302, "", "Location: /x"), response(503)] * 20)
    await refused(stubborn.org("acme").package("npm", "p").get())
    assert len(server.requests) <= 8
    assert stubborn.stats.requests == len(server.requests)


@pytest.mark.parametrize("headers", [[], ["Location:"], ["Location: "]])
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 306, 307, 308, 399])
async def test_a_3xx_that_leads_nowhere_is_an_invalid_response(
    server: HostileServer, gh: GitHubPackages, status: int, headers: list[str]
) -> None:
    server.will(response(status, "", *headers))
    error = await refused(gh.org("acme").package("npm", "p").get())
    assert isinstance(error, InvalidResponse)
    assert len(server.requests) == 1


async def test_an_unasked_304_is_an_invalid_response(
    server: HostileServer, gh: GitHubPackages
) -> None:
    server.will(response(304, "", 'ETag: "x"'))
    assert isinstance(await refused(gh.org("acme").packages("npm")), InvalidResponse)


@pytest.mark.parametrize(
    "path",
    [
        "/caf\u00e9",
        "/\udcff\udcfe",
        "/a b",
        "/a\tb",
        "/%",
        "/%zz",
        "/%00",
        "/%ff",
        "/?%ff=%",
        "/?token=%ff",
        "/\u202e",
        "/\U0001f600?\U0001f600",
        "/" + "a" * 7000,
        "/x#fragment",
        "/" + "../" * 50,
        "/;a=b?&&&===",
        "/?token[]=1;token",
        "/\x7f",
        "/[",
        "/{}|^`<>",
    ],
)
async def test_an_odd_path_is_followed_as_one_request_or_refused(
    server: HostileServer, gh: GitHubPackages, path: str
) -> None:
    server.will(response(302, "", f"Location: {path}"), response(404))
    error = await refused(gh.org("acme").package("npm", "p").get())
    assert isinstance(error, (InvalidResponse, NotFound))
    for request in server.requests:
        line, *headers = request.raw.split(b"\r\n")
        assert line.count(b" ") == 2, line
        assert line.isascii()
        assert sum(header.lower().startswith(b"host:") for header in headers) == 1
    str(error).encode()


async def test_two_locations_do_not_leak(
    server: HostileServer, elsewhere: HostileServer, gh: GitHubPackages
) -> None:
    server.will(
        response(302, "", "Location: /x", f"Location: {elsewhere.url}/x"), response(200, package(1))
    )
    with suppress(InvalidResponse):
        await gh.org("acme").package("npm", "p").get()
    assert elsewhere.requests == []


async def test_a_refresh_or_content_location_header_leads_nowhere(
    server: HostileServer, elsewhere: HostileServer, gh: GitHubPackages
) -> None:
    url = elsewhere.url
    server.will(
        response(
            200, package(1), f"Refresh: 0;url={url}", f"Content-Location: {url}", f"URI: {url}"
        )
    )
    await gh.org("acme").package("npm", "p").get()
    server.will(response(302, "", f"URI: {url}/x"))
    await refused(gh.org("acme").package("npm", "p").get())
    assert elsewhere.requests == []


async def test_an_alternative_service_is_not_taken(
    server: HostileServer, elsewhere: HostileServer, gh: GitHubPackages
) -> None:
    server.will(
        response(200, package(1), f'Alt-Svc: h2="127.0.0.1:{elsewhere.port}"; ma=9', "Upgrade: h2c")
    )
    await gh.org("acme").package("npm", "p").get()
    await gh.org("acme").package("npm", "p").get()
    assert len(server.requests) == 2
    assert elsewhere.requests == []


async def test_a_redirected_listing_continues_to_its_next_page(
    server: HostileServer, gh: GitHubPackages
) -> None:
    """A renamed organization redirects each page; the listing is still complete."""
    there = "/organizations/1/versions"
    server.will(
        response(301, "", f"Location: {there}?page=1"),
        response(200, [version(1)], f'Link: <{server.url}{there}?page=2>; rel="next"'),
        response(307, "", f"Location: {there}?page=2&again=1"),
        response(200, [version(2)], f'Link: <{server.url}{there}?page=1>; rel="prev"'),
    )
    found = await gh.org("acme").package("npm", "p").versions()
    assert [each.id for each in found] == [1, 2]


VICTIM = "victim/versions/1?"
THERE = "/orgs/acme/packages/npm/victim%2Fversions%2F1%3F/versions"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("5", f"{THERE}/5"),
        ("./5", f"{THERE}/5"),
        ("5?again=%2F", f"{THERE}/5?again=%2F"),
        ("?again=1", f"{THERE}/7?again=1"),
        ("../versions/5", f"{THERE}/5"),
        ("%2e%2e/x", f"{THERE}/%2e%2e/x"),
        ("%00/x", f"{THERE}/%00/x"),
        ("a;b/c=d", f"{THERE}/a;b/c=d"),
        ("/x%2Fy", "/x%2Fy"),
        ("{url}/x%2Fy", "/x%2Fy"),
    ],
)
async def test_the_encoded_segments_of_a_request_stay_encoded_in_a_redirect(
    server: HostileServer, gh: GitHubPackages, location: str, target: str
) -> None:
    there = location.format(url=server.url)
    server.will(response(307, "", f"Location: {there}"), response(204))
    await gh.org("acme").package("npm", VICTIM).version(7).delete()
    assert server.targets == [f"{THERE}/7", target]
    assert server.methods == ["DELETE", "DELETE"]


@pytest.mark.parametrize("location", ["%00/x", "//[::1", "http://[", "//127.0.0.1:port/x", "\x80"])
async def test_a_redirect_that_leads_nowhere_fails_one_owner_and_not_the_others(
    server: HostileServer, gh: GitHubPackages, location: str
) -> None:
    async def respond(call: Call) -> None:
        if "/orgs/lost/" in call.request.target:
            await call.send(response(302, "", f"Location: {location}"))
        else:
            listed = "/orgs/acme/" in call.request.target
            await call.send(response(200, [package(1)] if listed else []))

    server.will(respond)
    report = await gh.audit(["acme", "lost"], package_types=["npm"])
    assert [record.name for record in report.packages] == ["p1"]
    assert [failure.owner for failure in report.failures] == ["lost"]
