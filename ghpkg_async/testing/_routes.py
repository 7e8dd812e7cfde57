"""The 27 operations of the Packages API, as GitHub's reference lists them.

https://docs.github.com/en/rest/packages/packages
"""

# One line per operation, as in the reference.
# ruff: noqa: E501

from __future__ import annotations

from typing import Final, Literal, TypeAlias
from urllib.parse import unquote

import attrs

Action: TypeAlias = Literal[
    "list_conflicts",
    "list_packages",
    "get_package",
    "delete_package",
    "restore_package",
    "list_versions",
    "get_version",
    "delete_version",
    "restore_version",
]
"""Action of an operation, the same for all three kinds of owner."""

REFERENCE: Final = "https://docs.github.com/rest/packages/packages"

SCOPES: Final[dict[Action, tuple[tuple[str, ...], str]]] = {
    "list_conflicts": (("read:packages",), "list packages"),
    "list_packages": (("read:packages",), "list packages"),
    "get_package": (("read:packages",), "get a package"),
    "delete_package": (("delete:packages", "read:packages"), "delete a package"),
    "restore_package": (("read:packages", "write:packages"), "restore a package"),
    "list_versions": (("read:packages",), "get a package's versions"),
    "get_version": (("read:packages",), "get a package version"),
    "delete_version": (("delete:packages", "read:packages"), "delete a package version"),
    "restore_version": (("read:packages", "write:packages"), "restore a package version"),
}
"""Required scopes of each action, and its name in GitHub's message about a missing scope."""


@attrs.frozen
class Operation:
    """Operation of the API: one entry of the reference."""

    id: str
    method: str
    path: str
    action: Action
    anchor: str
    segments: tuple[str, ...] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "segments", tuple(self.path.strip("/").split("/")))

    @property
    def documentation_url(self) -> str:
        """URL of the operation in GitHub's reference."""
        return f"{REFERENCE}#{self.anchor}"

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """Return the values of the placeholders, or ``None`` if the path is another operation's."""
        if len(segments) != len(self.segments):
            return None
        arguments = {}
        for pattern, segment in zip(self.segments, segments, strict=True):
            if pattern.startswith("{"):
                if not segment:
                    return None
                arguments[pattern[1:-1]] = segment
            elif pattern != segment:
                return None
        return arguments


# fmt: off
OPERATIONS: Final = (
    Operation("list-docker-migration-conflicting-packages-for-organization", "GET", "/orgs/{org}/docker/conflicts", "list_conflicts", "get-list-of-conflicting-packages-during-docker-migration-for-organization"),
    Operation("list-packages-for-organization", "GET", "/orgs/{org}/packages", "list_packages", "list-packages-for-an-organization"),
    Operation("get-package-for-organization", "GET", "/orgs/{org}/packages/{package_type}/{package_name}", "get_package", "get-a-package-for-an-organization"),
    Operation("delete-package-for-org", "DELETE", "/orgs/{org}/packages/{package_type}/{package_name}", "delete_package", "delete-a-package-for-an-organization"),
    Operation("restore-package-for-org", "POST", "/orgs/{org}/packages/{package_type}/{package_name}/restore", "restore_package", "restore-a-package-for-an-organization"),
    Operation("get-all-package-versions-for-package-owned-by-org", "GET", "/orgs/{org}/packages/{package_type}/{package_name}/versions", "list_versions", "list-package-versions-for-a-package-owned-by-an-organization"),
    Operation("get-package-version-for-organization", "GET", "/orgs/{org}/packages/{package_type}/{package_name}/versions/{package_version_id}", "get_version", "get-a-package-version-for-an-organization"),
    Operation("delete-package-version-for-org", "DELETE", "/orgs/{org}/packages/{package_type}/{package_name}/versions/{package_version_id}", "delete_version", "delete-package-version-for-an-organization"),
    Operation("restore-package-version-for-org", "POST", "/orgs/{org}/packages/{package_type}/{package_name}/versions/{package_version_id}/restore", "restore_version", "restore-package-version-for-an-organization"),

    Operation("list-docker-migration-conflicting-packages-for-authenticated-user", "GET", "/user/docker/conflicts", "list_conflicts", "get-list-of-conflicting-packages-during-docker-migration-for-authenticated-user"),
    Operation("list-packages-for-authenticated-user", "GET", "/user/packages", "list_packages", "list-packages-for-the-authenticated-users-namespace"),
    Operation("get-package-for-authenticated-user", "GET", "/user/packages/{package_type}/{package_name}", "get_package", "get-a-package-for-the-authenticated-user"),
    Operation("delete-package-for-authenticated-user", "DELETE", "/user/packages/{package_type}/{package_name}", "delete_package", "delete-a-package-for-the-authenticated-user"),
    Operation("restore-package-for-authenticated-user", "POST", "/user/packages/{package_type}/{package_name}/restore", "restore_package", "restore-a-package-for-the-authenticated-user"),
    Operation("get-all-package-versions-for-package-owned-by-authenticated-user", "GET", "/user/packages/{package_type}/{package_name}/versions", "list_versions", "list-package-versions-for-a-package-owned-by-the-authenticated-user"),
    Operation("get-package-version-for-authenticated-user", "GET", "/user/packages/{package_type}/{package_name}/versions/{package_version_id}", "get_version", "get-a-package-version-for-the-authenticated-user"),
    Operation("delete-package-version-for-authenticated-user", "DELETE", "/user/packages/{package_type}/{package_name}/versions/{package_version_id}", "delete_version", "delete-a-package-version-for-the-authenticated-user"),
    Operation("restore-package-version-for-authenticated-user", "POST", "/user/packages/{package_type}/{package_name}/versions/{package_version_id}/restore", "restore_version", "restore-a-package-version-for-the-authenticated-user"),

    Operation("list-docker-migration-conflicting-packages-for-user", "GET", "/users/{username}/docker/conflicts", "list_conflicts", "get-list-of-conflicting-packages-during-docker-migration-for-user"),
    Operation("list-packages-for-user", "GET", "/users/{username}/packages", "list_packages", "list-packages-for-a-user"),
    Operation("get-package-for-user", "GET", "/users/{username}/packages/{package_type}/{package_name}", "get_package", "get-a-package-for-a-user"),
    Operation("delete-package-for-user", "DELETE", "/users/{username}/packages/{package_type}/{package_name}", "delete_package", "delete-a-package-for-a-user"),
    Operation("restore-package-for-user", "POST", "/users/{username}/packages/{package_type}/{package_name}/restore", "restore_package", "restore-a-package-for-a-user"),
    Operation("get-all-package-versions-for-package-owned-by-user", "GET", "/users/{username}/packages/{package_type}/{package_name}/versions", "list_versions", "list-package-versions-for-a-package-owned-by-a-user"),
    Operation("get-package-version-for-user", "GET", "/users/{username}/packages/{package_type}/{package_name}/versions/{package_version_id}", "get_version", "get-a-package-version-for-a-user"),
    Operation("delete-package-version-for-user", "DELETE", "/users/{username}/packages/{package_type}/{package_name}/versions/{package_version_id}", "delete_version", "delete-package-version-for-a-user"),
    Operation("restore-package-version-for-user", "POST", "/users/{username}/packages/{package_type}/{package_name}/versions/{package_version_id}/restore", "restore_version", "restore-package-version-for-a-user"),
)
# fmt: on
"""All operations, grouped by kind of owner, then in the reference's order."""


def split(path: str) -> list[str] | None:
    """Return the decoded segments of a raw path, or ``None`` if one is not valid UTF-8.

    The path is split before it is decoded, because an encoded slash is part of a name.
    """
    try:
        return [unquote(segment, errors="strict") for segment in path.removeprefix("/").split("/")]
    except UnicodeDecodeError:
        return None


def find(method: str, segments: list[str]) -> tuple[Operation, dict[str, str]] | None:
    """Return the operation of a method and path, with the values of the placeholders."""
    for operation in OPERATIONS:
        if operation.method == method:
            arguments = operation.match(segments)
            if arguments is not None:
                return operation, arguments
    return None
