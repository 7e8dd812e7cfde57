"""References to a package and to a version: 21 of the 27 operations.

The API's pages: https://docs.github.com/en/rest/packages/packages
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from ._codec import decode_package, decode_version, decode_versions
from ._context import (
    check_one_of,
    deleted_from,
    has_control_characters,
    packages_collection,
    segment,
    versions_collection,
)
from ._listing.spec import ListingSpec
from ._paging.paginator import Paginator, check_page_arguments, page_query
from ._session.redaction import Secret
from .errors import ConfigurationError
from .models import PackageVersion, State

if TYPE_CHECKING:
    from ._context import Context
    from ._listing.listing import Listing
    from .models import Package

__all__ = ["PackageRef", "VersionRef"]


class PackageRef:
    """One package by name. Made by `Namespace.package`."""

    def __init__(
        self,
        context: Context,
        root: str,
        package_type: str,
        name: str,
        version_count: int | None = None,
    ) -> None:
        quoted_type = segment(package_type, "package_type")
        self.package_type = package_type
        self.name = name
        self._context = context
        self._root = root
        self._collection = packages_collection(quoted_type)
        self._path = f"{root}/packages/{quoted_type}/{segment(name, 'name')}"
        self._versions = versions_collection(quoted_type, segment(name, "name"))
        self._version_count = version_count

    def __repr__(self) -> str:
        return f"<PackageRef {self._path}>"

    async def get(self) -> Package:
        """Request the package.

        https://docs.github.com/en/rest/packages/packages#get-a-package-for-an-organization
        https://docs.github.com/en/rest/packages/packages#get-a-package-for-the-authenticated-user
        https://docs.github.com/en/rest/packages/packages#get-a-package-for-a-user
        """
        return await self._context.get(self._path, decode_package)

    async def delete(self) -> None:
        """Delete the package with all its versions.

        A 404 after an attempt whose response was lost counts as success.

        Raises `DeletionRefused` for a public package with a version of over 5,000 downloads.

        https://docs.github.com/en/rest/packages/packages#delete-a-package-for-an-organization
        https://docs.github.com/en/rest/packages/packages#delete-a-package-for-the-authenticated-user
        https://docs.github.com/en/rest/packages/packages#delete-a-package-for-a-user
        """
        await self._context.delete(self._path, self._collection)

    async def restore(self, token: str | None = None) -> None:
        """Restore the package, within 30 days of its deletion and if its name is still free.

        Args:
            token: the package token, where one is needed; it is percent-encoded.

        Raises:
            ConfigurationError: the token is empty or holds control characters.

        https://docs.github.com/en/rest/packages/packages#restore-a-package-for-an-organization
        https://docs.github.com/en/rest/packages/packages#restore-a-package-for-the-authenticated-user
        https://docs.github.com/en/rest/packages/packages#restore-a-package-for-a-user
        """
        session = self._context.session
        with session.redactor.redacting():
            secret = None if token is None else _package_token(token)
        del token  # An error below may be reported with the locals of this frame.
        with self._context.mutations.record(self._collection):
            await session.restore(
                session.url(f"{self._path}/restore"), session.url(self._path), secret
            )

    def versions(
        self,
        *,
        state: State = "active",
        per_page: int = 100,
        page: int = 1,
        consistent: bool = False,
    ) -> Listing[PackageVersion]:
        """List the package's versions, newest first. There is no cap.

        Versions may be deleted or restored inside the loop: each is yielded once.

        Args:
            state: ``"active"``, or ``"deleted"`` for those that can be restored.
            per_page: versions a request, 1 to 100.
            page: the page to start at, from 1.
            consistent: request the pages again, conditionally, until the responses prove that no
                version is missing between them, also where others change the listing meanwhile.

        Raises:
            ConfigurationError: an argument is out of its range.

        https://docs.github.com/en/rest/packages/packages#list-package-versions-for-a-package-owned-by-an-organization
        https://docs.github.com/en/rest/packages/packages#list-package-versions-for-a-package-owned-by-the-authenticated-user
        https://docs.github.com/en/rest/packages/packages#list-package-versions-for-a-package-owned-by-a-user
        """
        check_page_arguments(per_page, page, capped=False)
        check_one_of(state, get_args(State), "state")
        query = page_query(per_page, page, state=None if state == "active" else state)
        url = str(self._context.session.url(f"{self._path}/versions", query))
        expected = self._version_count if state == "active" and page == 1 else None
        spec = ListingSpec(
            PackageVersion,
            lambda: Paginator(url, per_page=per_page, first=page, expected=expected),
            decode_versions,
            self._versions if state == "active" else deleted_from(self._versions),
            self._context.mutations,
            self._context.link_support("versions", self._root),
        )
        return self._context.listing(spec, consistent=consistent)

    def version(self, version_id: int) -> VersionRef:
        """Return a reference to a version; no request is sent.

        Args:
            version_id: the version's ``id``, not its name.

        Raises:
            ConfigurationError: it is not a positive integer.
        """
        return VersionRef(self._context, self._path, self._versions, version_id)


class VersionRef:
    """One version by id. Made by `PackageRef.version`."""

    def __init__(self, context: Context, package: str, collection: str, version_id: int) -> None:
        if isinstance(version_id, bool) or not isinstance(version_id, int) or version_id < 1:
            raise ConfigurationError(
                f"version_id: {version_id!r} is not a positive integer; pass a version's id, "
                "not its name"
            )
        self.id = version_id
        self._context = context
        self._collection = collection
        self._path = f"{package}/versions/{version_id}"

    def __repr__(self) -> str:
        return f"<VersionRef {self._path}>"

    async def get(self) -> PackageVersion:
        """Request the version.

        https://docs.github.com/en/rest/packages/packages#get-a-package-version-for-an-organization
        https://docs.github.com/en/rest/packages/packages#get-a-package-version-for-the-authenticated-user
        https://docs.github.com/en/rest/packages/packages#get-a-package-version-for-a-user
        """
        return await self._context.get(self._path, decode_version)

    async def delete(self) -> None:
        """Delete the version.

        A 404 after an attempt whose response was lost counts as success.

        Raises `DeletionRefused` for a package's last version, a container's last tagged version,
        and a public version with more than 5,000 downloads.

        https://docs.github.com/en/rest/packages/packages#delete-package-version-for-an-organization
        https://docs.github.com/en/rest/packages/packages#delete-a-package-version-for-the-authenticated-user
        https://docs.github.com/en/rest/packages/packages#delete-package-version-for-a-user
        """
        await self._context.delete(self._path, self._collection, deleted_from(self._collection))

    async def restore(self) -> None:
        """Restore the version, within 30 days of its deletion.

        https://docs.github.com/en/rest/packages/packages#restore-package-version-for-an-organization
        https://docs.github.com/en/rest/packages/packages#restore-a-package-version-for-the-authenticated-user
        https://docs.github.com/en/rest/packages/packages#restore-package-version-for-a-user
        """
        session, collection = self._context.session, self._collection
        with self._context.mutations.record(collection, deleted_from(collection)):
            await session.restore(session.url(f"{self._path}/restore"), session.url(self._path))


def _package_token(token: object) -> Secret:
    if not isinstance(token, str) or not token or has_control_characters(token):
        raise ConfigurationError(
            "token: not a package token: pass a string that is not empty and holds no control "
            "characters"
        )
    return Secret(token)
