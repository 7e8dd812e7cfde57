"""Every error ends in an exit status, and in one line that says what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

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
from ghpkg_async._cli.failures import Failure, failure_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghpkg_async.testing import EmbeddedGitHub
    from tests.cli.conftest import Command

LIST = ("list", "acme", "--type", "npm")
SSO_URL = "https://github.com/orgs/acme/sso?authorization_request=A"


def answered(error: type[APIError], status: int, message: str = "No.", /, **more: Any) -> APIError:
    answer: dict[str, Any] = {
        "status": status,
        "method": "GET",
        "url": "https://api.github.com/orgs/acme/packages?package_type=npm",
    }
    return error(message, **{**answer, **more})


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (answered(Unauthorized, 401), "Set GH_TOKEN to"),
        (answered(Unauthorized, 401, url="https://acme.ghe.com/x"), "Set GH_TOKEN to"),
        (answered(Unauthorized, 401, url="https://ghes/api/v3/x"), "Set GH_ENTERPRISE_TOKEN to"),
        (
            answered(InsufficientScope, 403, granted=("repo",), required=("read:packages",)),
            "The token's scopes are repo; needed are read:packages.",
        ),
        (answered(InsufficientScope, 403, granted=(), required=()), "scopes are none that"),
        (answered(SSORequired, 403, authorization_url=SSO_URL), SSO_URL),
        (answered(SSORequired, 403, authorization_url=None), "the token's settings"),
        (answered(Forbidden, 403), "admin rights"),
        (answered(NotFound, 404), "user:NAME"),
        (
            answered(
                RateLimited, 403, kind="primary", retry_at=datetime(2025, 6, 2, 9, 0, tzinfo=UTC)
            ),
            "The primary rate limit holds until 2025-06-0",
        ),
        (answered(DeletionRefused, 400, reason="last_version"), "Leave out --version"),
        (answered(DeletionRefused, 400, reason="last_tagged_version"), "Leave out --version"),
        (answered(DeletionRefused, 400, reason="download_limit"), "downloaded less"),
        (answered(BadRequest, 400, url="https://x/?package_type=nmp"), "npm, maven, rubygems"),
        (
            answered(BadRequest, 400, "Invalid argument.", url="https://x/?package_type=container"),
            "GITHUB_TOKEN of Actions",
        ),
        (
            answered(Forbidden, 403, "Resource not accessible by personal access token"),
            "Fine-grained tokens",
        ),
        (answered(BadRequest, 400, documentation_url="https://docs"), "See https://docs."),
        (answered(UnprocessableEntity, 422, documentation_url="https://docs"), "See https://docs."),
        (answered(ServerError, 502), "Try again later."),
        (answered(APIError, 418), "418 No."),
        (PaginationCapReached("more packages exist"), "--visibility"),
        (ConnectionFailed("no connection"), "--base-url"),
        (RequestTimeout("no answer"), "--concurrency"),
        (InvalidResponse("not JSON"), "https://HOST/api/v3"),
        (GitHubPackagesError("whatever"), "whatever."),
    ],
    ids=repr,
)
def test_what_the_server_refused(error: GitHubPackagesError, advice: str) -> None:
    failure = failure_of(error)
    assert failure is not None
    assert failure.status == 3
    assert failure.message.startswith(str(error).rstrip("."))
    assert advice in failure.message
    assert failure.message.endswith((".", SSO_URL))
    assert ".." not in failure.message


def test_a_doubt_is_passed_on() -> None:
    error = answered(NotFound, 404, method="DELETE")
    error.add_note("An earlier attempt may have been carried out.")
    failure = failure_of(error)
    assert failure is not None
    assert "404 No. " in failure.message
    assert "read:packages. An earlier attempt may have been carried out. OWNER" in failure.message


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ConfigurationError("org: '' cannot be a name"), Failure(2, "OWNER: '' cannot be a name")),
        (ConfigurationError("GH_TOKEN: not a token"), Failure(2, "GH_TOKEN: not a token")),
        (KeyboardInterrupt(), Failure(130, "")),
        (BrokenPipeError(), Failure(141, "")),
        (OSError("disk full"), Failure(3, "disk full")),
        (
            BaseExceptionGroup("", [ExceptionGroup("", [ConfigurationError("x")]), ValueError()]),
            Failure(2, "x"),
        ),
        (KeyError("a bug"), None),
    ],
    ids=repr,
)
def test_how_else_it_may_end(error: BaseException, failure: Failure | None) -> None:
    assert failure_of(error) == failure


async def test_no_token(ghpkg: Command) -> None:
    ran = await ghpkg.having(GH_ENTERPRISE_TOKEN="")(*LIST)
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith("ghpkg: GET http://127.0.0.1:")
    assert "401 Requires authentication" in ran.err
    assert "Set GH_ENTERPRISE_TOKEN to" in ran.err


async def test_a_token_for_another_host(github: EmbeddedGitHub, ghpkg: Command) -> None:
    ran = await ghpkg.having(GH_HOST="github.acme.com")(*LIST)
    assert ran.status == 3
    assert "Authorization" not in github.requests[0].headers
    assert (
        "No variable of the environment is for this host: check --base-url and GH_HOST" in ran.err
    )


async def test_a_token_for_github_goes_to_no_other_server(
    github: EmbeddedGitHub, ghpkg: Command
) -> None:
    ran = await ghpkg.having(GH_ENTERPRISE_TOKEN="", GH_TOKEN=github.token)(*LIST)
    assert ran.status == 3
    assert "Authorization" not in github.requests[0].headers


async def test_a_missing_scope(github: EmbeddedGitHub, ghpkg: Command) -> None:
    github.world.org("acme").package("npm", "left")
    github.world.token("ghp_read", login="octocat", scopes=["read:packages"])
    ran = await ghpkg.having(GH_ENTERPRISE_TOKEN="ghp_read")(
        "delete", "acme", "npm", "left", "--yes"
    )
    assert (ran.status, ran.out) == (3, "")
    assert "scopes are read:packages; needed are delete:packages, read:packages." in ran.err


async def test_single_sign_on(github: EmbeddedGitHub, ghpkg: Command) -> None:
    github.world.org("acme", sso=True)
    ran = await ghpkg(*LIST)
    assert ran.status == 3
    assert "Authorize the token for the organization's single sign-on: http" in ran.err


async def test_a_rate_limit_longer_than_it_waits(
    ghpkg: Command, refuse: Callable[..., None]
) -> None:
    refuse(403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444800"})
    ran = await ghpkg(*LIST)
    assert ran.status == 3
    assert "The primary rate limit holds until 2100-01-01 00:00:00 UTC; run it again" in ran.err


async def test_nobody_there(bare: Command) -> None:
    ran = await bare(*LIST, "--base-url", "http://127.0.0.1:1")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith("ghpkg: GET http://127.0.0.1:1/")
    assert ran.err.count("\n") == 1
