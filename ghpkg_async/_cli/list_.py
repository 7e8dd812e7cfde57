"""`ghpkg list`: the packages of one type of an owner."""

import asyncio
from typing import Annotated

from cyclopts import Parameter

from .. import PACKAGE_TYPES, Visibility
from .options import DEFAULTS, Options, Owner
from .owners import owner_namespace
from .tables import PACKAGES


def list_packages(
    owner: Owner,
    /,
    *,
    package_type: Annotated[
        str, Parameter(name="--type", help=f"Package type: {', '.join(PACKAGE_TYPES)}.")
    ],
    visibility: Annotated[
        Visibility | None, Parameter(help="Only public, private or internal packages.")
    ] = None,
    options: Options = DEFAULTS,
) -> None:
    """List an owner's packages of one type, in the server's order.

    Example: ghpkg list acme --type container --visibility internal
    """
    asyncio.run(_list(owner, package_type, visibility, options))


async def _list(
    owner: str, package_type: str, visibility: Visibility | None, options: Options
) -> None:
    output = options.output()
    async with options.client() as client:
        namespace = owner_namespace(client, owner)
        selection = f"{visibility} {package_type}" if visibility else package_type
        await output.listing(
            namespace.packages(package_type, visibility=visibility),
            PACKAGES,
            noun=f"{selection} package",
            nothing=f"{namespace.name} has no {selection} packages that this token may see.",
        )
