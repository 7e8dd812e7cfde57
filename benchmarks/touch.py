"""Read every field of an item, at the same low cost for attributes and mappings."""

from __future__ import annotations

from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from .data import (
    METADATA_FIELDS,
    OWNER_FIELDS,
    PACKAGE_FIELDS,
    REPOSITORY_FIELDS,
    VERSION_FIELDS,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def toucher(*, versions: bool, attributes: bool) -> Callable[[Any], int]:
    """Return a function that reads all fields of an item and returns its id.

    Args:
        versions: type of the items, versions if true, packages if false.
        attributes: fields are attributes if true, keys if false.
    """
    getter: Callable[..., Callable[[Any], Any]] = attrgetter if attributes else itemgetter
    if versions:
        of_version, of_metadata = getter(*VERSION_FIELDS), getter(*METADATA_FIELDS)
        tags = getter("tags")
        id_at, metadata_at = VERSION_FIELDS.index("id"), VERSION_FIELDS.index("metadata")

        def touch_version(version: Any) -> int:
            fields = of_version(version)
            _, container = of_metadata(fields[metadata_at])
            for _tag in tags(container):
                pass
            return int(fields[id_at])

        return touch_version

    of_package, of_owner = getter(*PACKAGE_FIELDS), getter(*OWNER_FIELDS)
    of_repository = getter(*REPOSITORY_FIELDS)
    id_at, owner_at = PACKAGE_FIELDS.index("id"), PACKAGE_FIELDS.index("owner")
    repository_at, owner_within = (
        PACKAGE_FIELDS.index("repository"),
        REPOSITORY_FIELDS.index("owner"),
    )

    def touch_package(package: Any) -> int:
        fields = of_package(package)
        of_owner(fields[owner_at])
        of_owner(of_repository(fields[repository_at])[owner_within])
        return int(fields[id_at])

    return touch_package
