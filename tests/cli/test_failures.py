"""Each error becomes an exit status and one line of advice."""

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
    from tests.support.command import Command

LIST = ("list", "acme", "--type", "npm")
SSO_URL = "https://github.com/orgs/acme/sso?authorization_request=A"


def api_error(error: type[APIError], status: int, message: str = "No.", /, **more: Any) -> APIError:
    response: dict[str, Any] = {
        "status": status,
        "method": "GET",
        "url": "https://api.github.com/orgs/acme/packages?package_type=npm",
    }
    return error(message, **{**response, **more})


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (api_error(Unauthorized, 401), "Set GH_TOKEN to"),
        (api_error(Unauthorized, 401, url="https://acme.ghe.com/x"), "Set GH_TOKEN to"),
        (api_error(Unauthorized, 401, url="https://ghes/api/v3/x"), "Set GH_ENTERPRISE_TOKEN to"),
        (
            api_error(InsufficientScope, 403, granted=("repo",), required=("read:packages",)),
            "The token needs read:packages; it has repo.",
        ),
        (
            api_error(InsufficientScope, 403, granted=(), required=()),
            "The token needs another scope.",
        ),
        (api_error(SSORequired, 403, authorization_url=SSO_URL), SSO_URL),
        (api_error(SSORequired, 403, authorization_url=None), "single sign-on in its settings."),
        (api_error(Forbidden, 403), "admin rights"),
        (api_error(NotFound, 404), "user:NAME"),
        (
            api_error(
                RateLimited, 403, kind="primary", retry_at=datetime(2025, 6, 2, 9, 0, tzinfo=UTC)
            ),
            "The limit holds until 2025-06-02 09:00 UTC.",
        ),
        (api_error(DeletionRefused, 400, reason="last_version"), "Leave out --version"),
        (api_error(DeletionRefused, 400, reason="last_tagged_version"), "Leave out --version"),
        (api_error(DeletionRefused, 400, reason="download_limit"), "fewer downloads"),
        (api_error(BadRequest, 400, url="https://x/?package_type=nmp"), "npm, maven, rubygems"),
        (
            api_error(
                BadRequest, 400, "Invalid argument.", url="https://x/?package_type=container"
            ),
            "GITHUB_TOKEN of Actions",
        ),
        (
            api_error(Forbidden, 403, "Resource not accessible by personal access token"),
            "Fine-grained tokens",
        ),
        (api_error(BadRequest, 400, documentation_url="https://docs"), "See https://docs."),
        (
            api_error(UnprocessableEntity, 422, documentation_url="https://docs"),
            "See https://docs.",
        ),
        (api_error(ServerError, 502), "Try again later."),
        (api_error(APIError, 418), "418 No."),
        (PaginationCapReached("more packages exist"), "--visibility"),
        (ConnectionFailed("no connection"), "--base-url"),
        (RequestTimeout("no response"), "--concurrency"),
        (InvalidResponse("not JSON"), "https://HOST/api/v3"),
        (GitHubPackagesError("whatever"), "whatever."),
    ],
    ids=repr,
)
def test_a_refused_request_is_explained(error: GitHubPackagesError, advice: str) -> None:
    failure = failure_of(error)
    assert failure is not None
    assert failure.status == 3
    assert failure.message.startswith(str(error).rstrip("."))
    assert advice in failure.message
    assert failure.message.endswith((".", SSO_URL))
    assert ".." not in failure.message


def test_notes_of_an_error_are_shown() -> None:
    error = api_error(NotFound, 404, method="DELETE")
    error.add_note("An earlier attempt may have been carried out.")
    failure = failure_of(error)
    assert failure is not None
    assert "404 No. " in failure.message
    assert (
        "delete:packages. An earlier attempt may have been carried out. A user is"
        in failure.message
    )


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
def test_other_errors_have_an_exit_status(error: BaseException, failure: Failure | None) -> None:
    assert failure_of(error) == failure


async def test_a_missing_token(ghpkg: Command) -> None:
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


async def test_a_token_for_github_is_not_sent_to_another_server(
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
    assert "The token needs delete:packages, read:packages; it has read:packages." in ran.err


async def test_single_sign_on(github: EmbeddedGitHub, ghpkg: Command) -> None:
    github.world.org("acme", sso=True)
    ran = await ghpkg(*LIST)
    assert ran.status == 3
    assert "Authorize the token for the organization's single sign-on: http" in ran.err


async def test_a_rate_limit_longer_than_the_maximum_wait(
    ghpkg: Command, refuse: Callable[..., None]
) -> None:
    refuse(403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444800"})
    ran = await ghpkg(*LIST)
    assert ran.status == 3
    assert "The limit holds until 2100-01-01 00:00 UTC." in ran.err


async def test_a_refused_connection(bare: Command) -> None:
    ran = await bare(*LIST, "--base-url", "http://127.0.0.1:1")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith("ghpkg: GET http://127.0.0.1:1/")
    assert ran.err.count("\n") == 1
