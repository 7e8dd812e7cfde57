"""Options and arguments shared by several commands."""

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
    Parameter(negative=(), show_default=False, help="Print JSON Lines instead of tables and text."),
]
Owner: TypeAlias = Annotated[
    str,
    Parameter(help="An organization's name; user:NAME for a user; me for the token's user."),
]
PackageType: TypeAlias = Annotated[
    str, Parameter(name="TYPE", help=f"The package's type: {', '.join(PACKAGE_TYPES)}.")
]
Name: TypeAlias = Annotated[
    str, Parameter(help="The package's name, not percent-encoded: team/app.")
]
VersionId: TypeAlias = Annotated[
    str | None,
    Parameter(
        name="--version",
        help="Only the version with this id (not its name).",
    ),
]


@attrs.frozen
class _Options:
    """Options for the connection and the output."""

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
        """Return the output for this run."""
        return Output(json=self.json)

    def client(self, **settings: Any) -> GitHubPackages:
        """Return a client for the server, with the token from the environment.

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
    """Parse the value of ``--version``; ``None`` if it is absent.

    Not left to cyclopts: it would read ``1.0`` as the id 1 and ignore an empty ``"$ID"``, and
    `ghpkg delete` would delete another version or the whole package.

    Args:
        typed: the text, a positive number of at most 19 digits besides leading zeros.

    Raises:
        WrongUsage: the text is not an id.
    """
    if typed is None:
        return None
    if not re.fullmatch(r"0*[1-9][0-9]{0,18}", typed):
        raise WrongUsage(
            f"--version: {typed!r} is not a version's id, a whole number; "
            "`ghpkg versions` lists the ids"
        )
    return int(typed)
