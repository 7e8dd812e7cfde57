"""`ghpkg delete`: a package, or one version of it."""

import asyncio
import sys
from typing import Annotated

from cyclopts import Parameter

from .. import GitHubPackages, Package, PackageVersion
from .._text import counted, printable
from .failures import Declined, WrongUsage
from .options import DEFAULTS, Name, Options, Owner, PackageType, VersionId, version_id
from .owners import namespace_of


def delete(
    owner: Owner,
    package_type: PackageType,
    name: Name,
    /,
    *,
    version: VersionId = None,
    yes: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            help="Do not ask. Needed where there is no terminal to ask on.",
        ),
    ] = False,
    options: Options = DEFAULTS,
) -> None:
    """Delete a package with all its versions, or one version of it; asks before.

    GitHub lists no deleted packages, so keep what is printed: with --json that is all that was
    known of what is gone. For 30 days, `ghpkg restore` brings it back.

    Example: ghpkg delete acme container team/app --version 1042
    """
    number = version_id(version)
    if not yes and not _can_ask():
        raise WrongUsage("There is no terminal to ask on: nothing was deleted. To go ahead: --yes")
    target = _Target(owner, package_type, name, number, options)
    # Two runs of the event loop: the question would block it, and a thread that reads a terminal
    # cannot be cancelled.
    found = asyncio.run(target.find())
    if not yes:
        _ask(f"Delete {target.described(found)}?")
    asyncio.run(target.delete())
    output = options.output()
    if options.json:
        asyncio.run(output.lines([found]))
    else:
        output.line(f"Deleted {target.described(found)}.")


class _Target:
    """What goes: the package, or where ``version`` is given only that."""

    def __init__(
        self, owner: str, package_type: str, name: str, version: int | None, options: Options
    ) -> None:
        self._owner = owner
        self._package_type = package_type
        self._name = name
        self._version = version
        self._options = options

    async def find(self) -> Package | PackageVersion:
        """What the server knows of it, while it is there."""
        async with self._client() as client:
            package = namespace_of(client, self._owner).package(self._package_type, self._name)
            if self._version is None:
                return await package.get()
            return await package.version(self._version).get()

    async def delete(self) -> None:
        """Let it go."""
        async with self._client() as client:
            package = namespace_of(client, self._owner).package(self._package_type, self._name)
            await (package if self._version is None else package.version(self._version)).delete()

    def described(self, found: Package | PackageVersion) -> str:
        """What exactly it is, for a person to decide by."""
        package = f"the {self._package_type} package {self._name} of {self._owner}"
        if isinstance(found, Package):
            count = found.version_count
            versions = "unknown number of versions" if count is None else counted(count, "version")
            return f"{package} ({found.visibility}, {versions})"
        tags = f", tagged {', '.join(found.tags)}" if found.tags else ""
        return f"version {found.id} ({found.name}{tags}) of {package}"

    def _client(self) -> GitHubPackages:
        return self._options.client()


def _can_ask() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _ask(question: str) -> None:
    """Goes on after a yes.

    Raises:
        Declined: whatever else was answered.
    """
    sys.stderr.write(f"{printable(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Declined("Nothing was deleted")
