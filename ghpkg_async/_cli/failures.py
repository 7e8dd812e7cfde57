"""An error to an exit status, and to a paragraph that says what to do about it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import parse_qs, urlsplit

import attrs
from yarl import URL

from .. import (
    PACKAGE_TYPES,
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
)
from .._session.auth import token_variables
from .._text import printable
from ..errors import advice_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "BROKEN_OFF",
    "DONE",
    "READER_LEFT",
    "REFUSED",
    "WRONG_USAGE",
    "CannotListen",
    "Declined",
    "Failure",
    "Stop",
    "WrongUsage",
    "failure_of",
    "translate_errors",
]

DONE: Final = 0
WRONG_USAGE: Final = 2
REFUSED: Final = 3
# As a shell reports a process that SIGINT or SIGPIPE ended.
BROKEN_OFF: Final = 130
READER_LEFT: Final = 141


class Stop(Exception):
    """Ends the command with an exit status and a message of its own; ``""``: without one."""

    status: ClassVar[int]


class WrongUsage(Stop):
    """Arguments that cannot work, seen before anything was sent."""

    status = WRONG_USAGE


class CannotListen(Stop):
    """The embedded server got no port."""

    status = REFUSED


class Declined(Stop):
    """The user answered no."""

    status = BROKEN_OFF


@contextmanager
def translate_errors(option: str, *, whole: bool = False) -> Iterator[None]:
    """Raise `WrongUsage` about the option instead of `ConfigurationError` in the block.

    Args:
        option: name of the option or argument.
        whole: whether to keep the message whole; else the library's argument is cut from it.
    """
    try:
        yield
    except ConfigurationError as error:
        message = str(error)
        argument, _, rest = message.partition(": ")
        of_library = not whole and argument in ("owners", "rules", "shard")
        raise WrongUsage(f"{option}: {rest if of_library else message}") from None


@attrs.frozen
class Failure:
    """How a command ends that did not do what it was told.

    Attributes:
        status: the exit status.
        message: for standard error, fit for a terminal; ``""``: nothing to say.
    """

    status: int
    message: str


def failure_of(error: BaseException) -> Failure | None:
    """How the command ends after an error; ``None``: nobody expected it, show where it came from.

    Of several at once, out of a task group, the first one counts.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, KeyboardInterrupt):
        return Failure(BROKEN_OFF, "")
    if isinstance(error, Stop):
        return Failure(error.status, printable(str(error)))
    if isinstance(error, ConfigurationError):
        return Failure(WRONG_USAGE, printable(_as_typed(str(error))))
    if isinstance(error, GitHubPackagesError):
        return Failure(REFUSED, printable(_paragraph(error)))
    if isinstance(error, BrokenPipeError):
        return Failure(READER_LEFT, "")
    if isinstance(error, OSError):  # Standard output could not be written: the disk is full.
        return Failure(REFUSED, printable(str(error)))
    return None


_TYPED: Final[Mapping[str, str]] = {
    "api_version": "--api-version",
    "base_url": "--base-url",
    "cache": "--cache",
    "concurrency": "--concurrency",
    "max_rate_limit_wait": "--max-wait",
    "name": "NAME",
    "org": "OWNER",
    "package_type": "TYPE",
    "username": "OWNER",
    "version_id": "--version",
}


def _as_typed(message: str) -> str:
    """The message about an argument of the client, about what was typed instead."""
    argument, colon, rest = message.partition(":")
    return f"{_TYPED.get(argument, argument)}{colon}{rest}"


def _paragraph(error: GitHubPackagesError) -> str:
    """What went wrong, what else is known of it, and what to do."""
    said = [str(error), *getattr(error, "__notes__", ()), _advice(error)]
    return " ".join(f"{part.rstrip('.')}." for part in said if part)


def _advice(error: GitHubPackagesError) -> str:
    if isinstance(error, APIError):
        return _advice_on_answer(error)
    if isinstance(error, PaginationCapReached):
        return "GitHub lists no further; narrow the list with --visibility"
    if isinstance(error, RequestTimeout):
        return "Try again, or with a lower --concurrency"
    if isinstance(error, ConnectionFailed):
        return "Check the network, and that --base-url is right"
    if isinstance(error, InvalidResponse):
        return (
            "Check that --base-url is an API's root: https://api.github.com, or "
            "https://HOST/api/v3 on GitHub Enterprise Server"
        )
    return ""


def _advice_on_answer(error: APIError) -> str:
    advice = ""
    if isinstance(error, Unauthorized):
        advice = _advice_on_token(error.url)
    elif isinstance(error, InsufficientScope):
        granted, required = (
            ", ".join(scopes) or "none that GitHub named"
            for scopes in (error.granted, error.required)
        )
        advice = (
            f"The token's scopes are {granted}; needed are {required}. Add what is missing in "
            "the token's settings"
        )
    elif isinstance(error, SSORequired):
        where = error.authorization_url or "the token's settings"
        advice = f"Authorize the token for the organization's single sign-on: {where}"
    elif isinstance(error, RateLimited):
        advice = (
            f"The {error.kind} rate limit holds until "
            f"{error.retry_at.astimezone():%Y-%m-%d %H:%M:%S %Z}; run it again then"
        )
    elif isinstance(error, Forbidden) and not advice_on(error):  # It is in the message already.
        advice = (
            "The token may not do this: deleting and restoring take admin rights to the package, "
            "and the scopes delete:packages and write:packages"
        )
    elif isinstance(error, NotFound):
        advice = "OWNER is an organization's name; a user is user:NAME"
    elif isinstance(error, DeletionRefused):
        advice = (
            "Versions downloaded less can go one at a time, with --version"
            if error.reason == "download_limit"
            else "Leave out --version to delete the whole package"
        )
    elif isinstance(error, BadRequest):
        advice = _advice_on_bad_request(error)
    elif isinstance(error, ServerError):
        advice = "Try again later"
    elif error.documentation_url:
        advice = f"See {error.documentation_url}"
    return advice


def _advice_on_token(url: str) -> str:
    variables = token_variables(URL(url), os.environ)
    if not variables:
        return "No variable of the environment is for this host: check --base-url and GH_HOST"
    return (
        f"Set {variables[0]} to a personal access token (classic) that has not expired and has the "
        "scope read:packages"
    )


def _advice_on_bad_request(error: BadRequest) -> str:
    asked = parse_qs(urlsplit(error.url).query).get("package_type", [])
    if asked and asked[0] not in PACKAGE_TYPES:
        return f"The package types are {', '.join(PACKAGE_TYPES)}"
    return f"See {error.documentation_url}" if error.documentation_url else ""
