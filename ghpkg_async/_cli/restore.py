"""`ghpkg restore`: restore a deleted package or one deleted version."""

import asyncio

from .options import DEFAULTS, Name, Options, Owner, PackageType, VersionId, version_id
from .owners import owner_namespace


def restore(
    owner: Owner,
    package_type: PackageType,
    name: Name,
    /,
    *,
    version: VersionId = None,
    options: Options = DEFAULTS,
) -> None:
    """Restore a deleted package, or one deleted version of a package.

    Possible for 30 days, and for a package only while no other package uses its name. List
    deleted versions with `ghpkg versions ... --state deleted`; deleted packages cannot be listed.
    With --json, the restored package or version is requested and printed.

    Example: ghpkg restore acme container team/app --version 1042
    """
    asyncio.run(_restore(owner, package_type, name, version_id(version), options))


async def _restore(
    owner: str, package_type: str, name: str, version: int | None, options: Options
) -> None:
    output = options.output()
    async with options.client() as client:
        package = owner_namespace(client, owner).package(package_type, name)
        description = f"the {package_type} package {name} of {owner}"
        if version is None:
            await package.restore()
            if options.json:
                await output.lines([await package.get()])
        else:
            await package.version(version).restore()
            description = f"version {version} of {description}"
            if options.json:
                await output.lines([await package.version(version).get()])
    if not options.json:
        output.line(f"Restored {description}.")
