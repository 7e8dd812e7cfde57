"""`ghpkg conflicts`: Docker packages that collided in the registry migration."""

import asyncio

from .options import DEFAULTS, Options, Owner
from .owners import owner_namespace
from .tables import PACKAGES


def conflicts(owner: Owner, /, *, options: Options = DEFAULTS) -> None:
    """List the Docker packages that collided in the migration to the Container registry.

    Example: ghpkg conflicts acme
    """
    asyncio.run(_conflicts(owner, options))


async def _conflicts(owner: str, options: Options) -> None:
    output = options.output()
    async with options.client() as client:
        namespace = owner_namespace(client, owner)
        await output.listing(
            namespace.docker_conflicts(),
            PACKAGES,
            noun="conflicting package",
            nothing=f"{namespace.name} has no Docker migration conflicts.",
        )
