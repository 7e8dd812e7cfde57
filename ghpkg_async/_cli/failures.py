"""Exit status and message of each error, with the way out."""

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
    InvalidResponse,
    PaginationCapReached,
    RequestTimeout,
    ServerError,
    Unauthorized,
)
from .._session.auth import token_variables
from .._text import printable
from ..audit._failures import failure_entry
from ..audit._wording import advice_with_url
from ..errors import advice_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "EXIT_DONE",
    "EXIT_INTERRUPTED",
    "EXIT_REFUSED",
    "EXIT_SIGPIPE",
    "EXIT_USAGE",
    "CannotListen",
    "CommandExit",
    "Declined",
    "Failure",
    "WrongUsage",
    "failure_of",
    "translate_errors",
]

EXIT_DONE: Final = 0
EXIT_USAGE: Final = 2
EXIT_REFUSED: Final = 3
# The exit statuses of a process that SIGINT or SIGPIPE ended, as shells report them.
EXIT_INTERRUPTED: Final = 130
EXIT_SIGPIPE: Final = 141


class CommandExit(Exception):
    """Ends the command with an exit status and a message; ``""``: without a message."""

    status: ClassVar[int]


class WrongUsage(CommandExit):
    """Invalid arguments; no request was sent."""

    status = EXIT_USAGE


class CannotListen(CommandExit):
    """The embedded server cannot listen on its port."""

    status = EXIT_REFUSED


class Declined(CommandExit):
    """The user declined the confirmation."""

    status = EXIT_INTERRUPTED


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
    """Exit status and message of a failed command.

    Attributes:
        status: the exit status.
        message: for standard error, escaped for a terminal; ``""``: none.
    """

    status: int
    message: str


def failure_of(error: BaseException) -> Failure | None:
    """Return exit status and message for an error; ``None``: unexpected, show the traceback.

    Of an exception group, the first exception counts.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, KeyboardInterrupt):
        return Failure(EXIT_INTERRUPTED, "")
    if isinstance(error, CommandExit):
        return Failure(error.status, printable(str(error)))
    if isinstance(error, ConfigurationError):
        return Failure(EXIT_USAGE, printable(_as_typed(str(error))))
    if isinstance(error, GitHubPackagesError):
        return Failure(EXIT_REFUSED, printable(_paragraph(error)))
    if isinstance(error, BrokenPipeError):
        return Failure(EXIT_SIGPIPE, "")
    if isinstance(error, OSError):  # Standard output could not be written: the disk is full.
        return Failure(EXIT_REFUSED, printable(str(error)))
    return None


_TYPED: Final[Mapping[str, str]] = {
    "api_version": "--api-version",
    "base_url": "--base-url",
    "cache": "--cache",
    "concurrency": "--concurrency",
    "max_plan_age": "--max-plan-age",
    "max_rate_limit_wait": "--max-wait",
    "name": "NAME",
    "org": "OWNER",
    "package_type": "TYPE",
    "username": "OWNER",
    "version_id": "--version",
}


def _as_typed(message: str) -> str:
    """Return a message about an argument of the client with the option's name instead."""
    argument, colon, rest = message.partition(":")
    return f"{_TYPED.get(argument, argument)}{colon}{rest}"


def _paragraph(error: GitHubPackagesError) -> str:
    """Return the error's message, its notes and the way out."""
    parts = [str(error), *getattr(error, "__notes__", ()), _advice(error)]
    return " ".join(f"{part.rstrip('.')}." for part in parts if part)


def _advice(error: GitHubPackagesError) -> str:
    """Return the way out: with options of the command, or else that of an audit's reports."""
    match error:
        case PaginationCapReached():
            return "GitHub lists no further; narrow the list with --visibility"
        case RequestTimeout():
            return "Try again, or with a lower --concurrency"
        case ConnectionFailed():
            return "Check the network, and that --base-url is right"
        case InvalidResponse():
            return (
                "Check that --base-url is an API's root: https://api.github.com, or "
                "https://HOST/api/v3 on GitHub Enterprise Server"
            )
        case Unauthorized():
            return _advice_on_token(error.url)
        case DeletionRefused(reason="download_limit"):
            return "Versions with fewer downloads can be deleted one at a time, with --version"
        case DeletionRefused():
            return "Leave out --version to delete the whole package"
        case ServerError():
            return "Try again later"
        case APIError():
            return _advice_on_response(error)
    return ""


def _advice_on_response(error: APIError) -> str:
    if shared := advice_with_url(failure_entry(error, "", None)):
        return shared
    if isinstance(error, Forbidden) and not advice_on(error):  # The message has it.
        return (
            "The token may not do this: deleting and restoring take admin rights to the package, "
            "and the scopes delete:packages and write:packages"
        )
    types = parse_qs(urlsplit(error.url).query).get("package_type", [])
    if isinstance(error, BadRequest) and types and types[0] not in PACKAGE_TYPES:
        return f"The package types are {', '.join(PACKAGE_TYPES)}"
    return f"See {error.documentation_url}" if error.documentation_url else ""


def _advice_on_token(url: str) -> str:
    variables = token_variables(URL(url), os.environ)
    if not variables:
        return "No variable of the environment is for this host: check --base-url and GH_HOST"
    return (
        f"Set {variables[0]} to a personal access token (classic) that has not expired and has the "
        "scope read:packages"
    )
