"""The options and arguments that several commands take."""

import os
import re
from typing import Annotated, Any, Final, TypeAlias

import attrs
from cyclopts import Group, Parameter

from .. import PACKAGE_TYPES, GitHubPackages
from .failures import WrongUsage
from .logs import log_everything
from .output import Output

__all__ = ["DEFAULTS", "Name", "Options", "Owner", "PackageType", "VersionId", "version_id"]

_CONNECTION: Final = Group("Connection")
_DOTCOM: Final = "https://api.github.com"
_UNVERSIONED_ACCEPT: Final = "application/vnd.github.v3+json"

Json: TypeAlias = Annotated[
    bool,
    Parameter(
        negative=(), show_default=False, help="Print JSON Lines instead of what is for people."
    ),
]
Owner: TypeAlias = Annotated[
    str,
    Parameter(help="An organization's name; user:NAME for a user; me for the token's user."),
]
PackageType: TypeAlias = Annotated[
    str, Parameter(name="TYPE", help=f"The package's type: {', '.join(PACKAGE_TYPES)}.")
]
Name: TypeAlias = Annotated[
    str, Parameter(help="The package's name as it is, slashes and all: team/app.")
]
VersionId: TypeAlias = Annotated[
    str | None,
    Parameter(name="--version", help="One version, by its id (not its name), not the package."),
]


@attrs.frozen
class _Options:
    """How to reach the server, and how to print."""

    json: Json = False
    base_url: Annotated[
        str | None,
        Parameter(
            group=_CONNECTION,
            help="The API's root; https://HOST/api/v3 on GitHub Enterprise Server. Default: "
            f"GHPKG_BASE_URL, else GITHUB_API_URL, which Actions sets, else {_DOTCOM}.",
        ),
    ] = None
    api_version: Annotated[
        str,
        Parameter(
            group=_CONNECTION,
            help="Value of X-GitHub-Api-Version; none: for servers older than API versioning, "
            f"send no such header and accept {_UNVERSIONED_ACCEPT}.",
        ),
    ] = "2022-11-28"
    concurrency: Annotated[
        int, Parameter(group=_CONNECTION, help="Requests in flight at once, 1 or more.")
    ] = 16
    verbose: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            help="Show requests and retries on standard error.",
        ),
    ] = False

    def output(self) -> Output:
        """What the run says goes there."""
        return Output(json=self.json)

    def client(self, **settings: Any) -> GitHubPackages:
        """A client for that server, with the environment's token.

        Args:
            **settings: further arguments of `GitHubPackages`.
        """
        if self.verbose:
            log_everything()
        versioned = self.api_version not in ("", "none")
        return GitHubPackages(
            base_url=_default_base_url() if self.base_url is None else self.base_url,
            api_version=self.api_version if versioned else None,
            accept="application/vnd.github+json" if versioned else _UNVERSIONED_ACCEPT,
            concurrency=self.concurrency,
            **settings,
        )


def _default_base_url() -> str:
    return os.environ.get("GHPKG_BASE_URL") or os.environ.get("GITHUB_API_URL") or _DOTCOM


Options: TypeAlias = Annotated[_Options, Parameter(name="*")]
DEFAULTS: Final = _Options()


def version_id(typed: str | None) -> int | None:
    """The version that ``--version`` names; ``None``: it was left out.

    Taken as text and read here: a command line parser that rounds ``1.0`` to an id, or drops an
    empty ``"$ID"``, would delete something else than was meant.

    Raises:
        WrongUsage: it is no id.
    """
    if typed is None:
        return None
    if not re.fullmatch(r"0*[1-9][0-9]{0,18}", typed):
        raise WrongUsage(
            f"--version: {typed!r} is not a version's id, a whole number; "
            "`ghpkg versions` lists the ids"
        )
    return int(typed)
