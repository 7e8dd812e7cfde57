"""`ghpkg versions`: the versions of a package."""

import asyncio
from typing import Annotated

from cyclopts import Parameter

from .. import State
from .options import DEFAULTS, Name, Options, Owner, PackageType
from .owners import owner_namespace
from .tables import DELETED_VERSIONS, VERSIONS


def versions(
    owner: Owner,
    package_type: PackageType,
    name: Name,
    /,
    *,
    state: Annotated[
        State, Parameter(help="active, or deleted: versions that can still be restored.")
    ] = "active",
    options: Options = DEFAULTS,
) -> None:
    """List a package's versions, newest first.

    On a terminal, image digests are shortened to 12 digits, as in docker.

    Example: ghpkg versions acme container team/app --state deleted
    """
    asyncio.run(_versions(owner, package_type, name, state, options))


async def _versions(
    owner: str, package_type: str, name: str, state: State, options: Options
) -> None:
    output = options.output()
    async with options.client() as client:
        await output.listing(
            owner_namespace(client, owner).package(package_type, name).versions(state=state),
            DELETED_VERSIONS if state == "deleted" else VERSIONS,
            noun=f"{state} version",
            nothing=f"{name} has no {state} versions.",
        )
