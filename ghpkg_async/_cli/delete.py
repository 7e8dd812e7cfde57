"""`ghpkg delete`: delete a package or one version of it."""

import asyncio
import sys
from typing import Annotated

from cyclopts import Parameter

from .. import GitHubPackages, Package, PackageVersion
from .._text import counted, printable
from .failures import Declined, WrongUsage
from .options import DEFAULTS, Name, Options, Owner, PackageType, VersionId, version_id
from .owners import owner_namespace


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
            help="Do not ask for confirmation. Required without a terminal.",
        ),
    ] = False,
    options: Options = DEFAULTS,
) -> None:
    """Delete a package with all its versions, or one version of it, after confirmation.

    GitHub does not list deleted packages, so keep the output: with --json, it is the package or
    version as it was before. `ghpkg restore` can undo the deletion for 30 days.

    Example: ghpkg delete acme container team/app --version 1042
    """
    number = version_id(version)
    if not yes and not _can_ask():
        raise WrongUsage("There is no terminal to ask on: nothing was deleted. To go ahead: --yes")
    target = _Target(owner, package_type, name, number, options)
    # Two runs of the event loop: the question would block it, and a thread that reads a terminal
    # cannot be cancelled.
    item = asyncio.run(target.get())
    if not yes:
        _ask(f"Delete {target.description(item)}?")
    asyncio.run(target.delete())
    output = options.output()
    if options.json:
        asyncio.run(output.lines([item]))
    else:
        output.line(f"Deleted {target.description(item)}.")


class _Target:
    """The package to delete, or the version of it if ``version`` is given."""

    def __init__(
        self, owner: str, package_type: str, name: str, version: int | None, options: Options
    ) -> None:
        self._owner = owner
        self._package_type = package_type
        self._name = name
        self._version = version
        self._options = options

    async def get(self) -> Package | PackageVersion:
        """Get the package or version."""
        async with self._client() as client:
            package = owner_namespace(client, self._owner).package(self._package_type, self._name)
            if self._version is None:
                return await package.get()
            return await package.version(self._version).get()

    async def delete(self) -> None:
        """Delete the package or version."""
        async with self._client() as client:
            package = owner_namespace(client, self._owner).package(self._package_type, self._name)
            await (package if self._version is None else package.version(self._version)).delete()

    def description(self, item: Package | PackageVersion) -> str:
        """Return a description to confirm the deletion by."""
        package = f"the {self._package_type} package {self._name} of {self._owner}"
        if isinstance(item, Package):
            count = item.version_count
            versions = "unknown number of versions" if count is None else counted(count, "version")
            return f"{package} ({item.visibility}, {versions})"
        tags = f", tagged {', '.join(item.tags)}" if item.tags else ""
        return f"version {item.id} ({item.name}{tags}) of {package}"

    def _client(self) -> GitHubPackages:
        return self._options.client()


def _can_ask() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _ask(question: str) -> None:
    """Ask for confirmation on the terminal.

    Raises:
        Declined: the user did not confirm.
    """
    sys.stderr.write(f"{printable(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Declined("Nothing was deleted")
