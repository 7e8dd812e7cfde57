"""Mapping of GitHub's responses to errors."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from multidict import CIMultiDict

from ghpkg_async import (
    APIError,
    BadRequest,
    ConfigurationError,
    ConnectionFailed,
    DeletionRefused,
    Forbidden,
    GitHubPackagesError,
    InsufficientScope,
    InvalidResponse,
    NotFound,
    PaginationCapReached,
    RateLimited,
    RequestTimeout,
    ServerError,
    SSORequired,
    Unauthorized,
    UnprocessableEntity,
)
from ghpkg_async._session.error_mapping import error_from_response

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
URL = "https://api.github.com/orgs/acme/packages/npm/left"


def error(
    status: int,
    body: object = b"",
    headers: dict[str, str] | None = None,
    method: str = "GET",
    url: str = URL,
) -> APIError:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return error_from_response(
        status, CIMultiDict(headers or {}), encoded, method=method, url=url, now=NOW
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (422, UnprocessableEntity),
        (429, RateLimited),
        (500, ServerError),
        (502, ServerError),
        (599, ServerError),
        (405, APIError),
        (410, APIError),
        (451, APIError),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[APIError]) -> None:
    assert type(error(status, {"message": "No"})) is kind


def test_the_tree_is_the_documented_one() -> None:
    for kind in (ConfigurationError, ConnectionFailed, InvalidResponse, PaginationCapReached):
        assert kind.__bases__[0] is GitHubPackagesError
    assert issubclass(APIError, GitHubPackagesError)
    assert issubclass(ConfigurationError, ValueError)
    assert issubclass(RequestTimeout, ConnectionFailed)
    assert issubclass(RequestTimeout, TimeoutError)
    assert issubclass(DeletionRefused, BadRequest)
    assert issubclass(InsufficientScope, Forbidden)
    assert issubclass(SSORequired, Forbidden)
    assert not issubclass(RateLimited, Forbidden)


def test_an_error_has_the_request_and_the_message_of_github() -> None:
    body = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}
    found = error(404, body, {"x-github-request-id": "AB:CD"})
    assert str(found).startswith(f"GET {URL}: 404 Not Found (request AB:CD). ")
    assert found.documentation_url == "https://docs.github.com/rest"
    assert (found.status, found.method, found.url, found.request_id) == (404, "GET", URL, "AB:CD")


CONTAINERS = "https://api.github.com/orgs/acme/packages?package_type=container&per_page=100"
NPM = CONTAINERS.replace("container", "npm")


@pytest.mark.parametrize(
    ("status", "url", "message", "advice"),
    [
        (400, CONTAINERS, "Invalid argument.", "GitHub sends this to the GITHUB_TOKEN of Actions"),
        (403, NPM, "Resource not accessible by personal access token", "Fine-grained tokens"),
        (403, NPM, "Resource not accessible by integration", "Fine-grained tokens and GitHub Apps"),
        (404, NPM, "Not Found", "A token without access"),
        (404, f"{NPM}/versions", "Package not found.", "A token without access"),
    ],
)
def test_a_misleading_message_gets_advice(status: int, url: str, message: str, advice: str) -> None:
    found = error(status, {"message": message}, url=url)
    assert found.message == message
    assert f"{status} {message.rstrip('.')}. {advice}" in str(found)
    assert str(found).endswith("a personal access token (classic) with the scope read:packages")


@pytest.mark.parametrize(
    ("method", "advice"),
    [
        ("DELETE", "read:packages and delete:packages"),
        ("POST", "read:packages and write:packages"),
        ("POST", "Only what was deleted in the last 30 days can be restored. A token without"),
    ],
)
def test_advice_on_a_write_has_its_scope(method: str, advice: str) -> None:
    assert advice in str(error(404, {"message": "Not Found"}, method=method))


@pytest.mark.parametrize(
    ("status", "url", "message"),
    [
        (400, NPM, "Invalid argument."),
        (400, CONTAINERS, "Invalid request."),
        (403, NPM, "You need at least read:packages scope to list packages."),
        (401, NPM, "Bad credentials"),
        (500, NPM, "Server Error"),
    ],
)
def test_a_complete_message_is_left_unchanged(status: int, url: str, message: str) -> None:
    found = error(status, {"message": message}, url=url)
    assert str(found) == f"GET {url}: {status} {message}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><h1>502</h1>",
        b"[]",
        b"null",
        b'"no"',
        b"{",
        b"\xff\xfe",
        b"[" * 99_999,
        b'{"message": 5}',
    ],
)
def test_a_body_that_says_nothing_leaves_the_status(body: bytes) -> None:
    found = error(502, body, {"X-GitHub-Request-Id": "AB:CD"})
    assert (found.message, found.request_id) == ("HTTP 502", "AB:CD")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            "You cannot delete the last tagged version of a package. You must delete the "
            "package instead.",
            "last_tagged_version",
        ),
        (
            "You cannot delete the last version of a package. You must delete the package instead.",
            "last_version",
        ),
        (
            "Publicly visible package versions with more than 5000 downloads cannot be deleted. "
            "Contact GitHub support for further assistance.",
            "download_limit",
        ),
    ],
)
def test_a_refused_deletion_says_why(message: str, reason: str) -> None:
    found = error(400, {"message": message}, method="DELETE")
    assert isinstance(found, DeletionRefused)
    assert found.reason == reason
    assert type(error(400, {"message": message}, method="GET")) is BadRequest


def test_a_missing_scope_is_named() -> None:
    message = "You need at least read:packages scope to list packages."
    found = error(403, {"message": message}, {"X-OAuth-Scopes": "repo, gist"})
    assert isinstance(found, InsufficientScope)
    assert found.granted == ("repo", "gist")
    assert found.required == ("read:packages",)


def test_a_missing_scope_is_known_from_the_accepted_ones() -> None:
    headers = {"X-OAuth-Scopes": "read:packages", "X-Accepted-OAuth-Scopes": "delete:packages"}
    found = error(403, {"message": "Forbidden"}, headers)
    assert isinstance(found, InsufficientScope)
    assert found.required == ("delete:packages",)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-OAuth-Scopes": "write:packages", "X-Accepted-OAuth-Scopes": "read:packages"},
        {"X-OAuth-Scopes": "repo", "X-Accepted-OAuth-Scopes": ""},
        {"X-Accepted-OAuth-Scopes": "repo"},
    ],
)
def test_a_403_is_no_scope_problem_where_nothing_says_so(headers: dict[str, str]) -> None:
    assert type(error(403, {"message": "Must have admin rights"}, headers)) is Forbidden


def test_single_sign_on_names_where_to_authorize() -> None:
    place = "https://github.com/orgs/acme/sso?authorization_request=A"
    found = error(403, {"message": "SAML"}, {"X-GitHub-SSO": f"required; url={place}"})
    assert isinstance(found, SSORequired)
    assert found.authorization_url == place
    bare = error(403, {"message": "SAML"}, {"X-GitHub-SSO": "required"})
    assert isinstance(bare, SSORequired)
    assert bare.authorization_url is None


LIMITS: list[tuple[int, dict[str, str], str, str, timedelta]] = [
    (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767323145"}, "API rate limit "
     "exceeded", "primary", timedelta(seconds=100)),
    (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767323145"}, "", "primary",
     timedelta(seconds=100)),
    (403, {"Retry-After": "30"}, "Slow down", "secondary", timedelta(seconds=30)),
    (429, {"Retry-After": "30"}, "", "secondary", timedelta(seconds=30)),
    (429, {}, "", "secondary", timedelta(minutes=1)),
    (403, {"X-RateLimit-Remaining": "4000"}, "You have exceeded a secondary rate limit.",
     "secondary", timedelta(minutes=1)),
    (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "much later"}, "", "primary",
     timedelta(minutes=1)),
    (403, {"Retry-After": "-5"}, "", "secondary", timedelta(minutes=1)),
]  # fmt: skip


@pytest.mark.parametrize(("status", "headers", "message", "kind", "wait"), LIMITS)
def test_a_limit_says_which_and_until_when(
    status: int, headers: dict[str, str], message: str, kind: str, wait: timedelta
) -> None:
    found = error(status, {"message": message}, headers)
    assert isinstance(found, RateLimited)
    assert (found.kind, found.retry_at - NOW) == (kind, wait)


def test_retry_at_is_by_the_servers_clock() -> None:
    headers = {"Retry-After": "30", "Date": "Fri, 02 Jan 2026 10:00:00 GMT"}
    found = error(429, b"", headers)
    assert isinstance(found, RateLimited)
    assert found.retry_at == datetime(2026, 1, 2, 10, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("date", ["yesterday", "", "Fri, 99 Jan 2026 10:00:00 GMT", "1"])
def test_an_invalid_date_is_ignored(date: str) -> None:
    found = error(429, b"", {"Retry-After": "1", "Date": date})
    assert isinstance(found, RateLimited)
    assert found.retry_at == NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    "found",
    [
        error(404, {"message": "Not Found"}, {"X-GitHub-Request-Id": "A"}),
        error(400, {"message": "the last version of"}, method="DELETE"),
        error(403, {"message": "at least read:packages scope"}),
        error(403, b"", {"X-GitHub-SSO": "required; url=https://x"}),
        error(429, b""),
    ],
)
def test_errors_travel_between_processes(found: APIError) -> None:
    copy: Any = pickle.loads(pickle.dumps(found))  # noqa: S301
    assert type(copy) is type(found)
    assert str(copy) == str(found)
    assert vars(copy) == vars(found)


def test_an_error_shows_invisible_characters() -> None:
    error = error_from_response(
        422, {}, b'{"message": "No left\\u3164\\u202e"}', method="GET", url="https://h/x", now=NOW
    )
    assert error.message == r"No left\u3164\u202e"
    assert str(error) == r"GET https://h/x: 422 No left\u3164\u202e"


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [("1.16ms", 0.00116), ("250us", 0.00025), ("250\u00b5s", 0.00025), ("900ns", 9e-7), ("2s", 2)],
)
def test_a_container_registry_names_the_wait_in_its_message(wait: str, seconds: float) -> None:
    message = f"retry-after: {wait}, allowed: 44000/minute"
    found = error(429, {"errors": [{"code": "TOOMANYREQUESTS", "message": message}]})
    assert isinstance(found, RateLimited)
    assert found.message == f"TOOMANYREQUESTS: {message}"
    assert found.retry_at == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "errors",
    [None, {}, "no", [], [{}], ["x"], [{"code": 5}], [{"code": "", "message": ""}]],
)
def test_a_body_with_other_errors_has_no_message_of_its_own(errors: object) -> None:
    assert error(404, {"errors": errors}).message == "HTTP 404"
