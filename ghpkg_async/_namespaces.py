"""Namespaces: the packages of an organization, of the token's user and of another user.

The API's pages: https://docs.github.com/en/rest/packages/packages
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args, overload

from ._context import check_one_of, packages_collection, segment
from ._listing.spec import ListingSpec
from ._paging.paginator import Paginator, check_page_arguments, page_query
from ._refs import PackageRef
from .errors import ConfigurationError
from .models import Package, Visibility

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._context import Context
    from ._listing.listing import Listing
    from .models import PackageType

__all__ = ["Namespace", "NamespaceFactory", "is_organization"]

_VISIBILITIES: Final[tuple[Visibility, ...]] = get_args(Visibility)
_KNOWN_VISIBILITIES: Final = frozenset(_VISIBILITIES)


class Namespace:
    """The packages of one owner. Made by `GitHubPackages.org`, ``.me`` and ``.user``."""

    def __init__(self, context: Context, root: str, name: str) -> None:
        self._context = context
        self._root = root
        self.name = name
        """Notation of the owner: ``acme``, ``user:octocat`` or ``me``."""

    def __repr__(self) -> str:
        return f"<Namespace {self.name}>"

    def packages(
        self,
        package_type: PackageType | str,
        *,
        visibility: Visibility | None = None,
        per_page: int = 100,
        page: int = 1,
        consistent: bool = False,
    ) -> Listing[Package]:
        """List the packages of a type that the token may read.

        GitHub lists at most 10,000 packages; further ones are listed by visibility if
        ``visibility`` is ``None`` and ``page`` is 1.

        Args:
            package_type: like ``"container"``; `ghpkg_async.PACKAGE_TYPES` has them all.
            visibility: only ``"public"``, ``"private"`` or ``"internal"`` packages.
            per_page: packages a request, 1 to 100.
            page: the page to start at, from 1; ``page * per_page`` is at most 10,000.
            consistent: request the pages again, conditionally, until the responses prove that no
                package is missing between them, also where others change the listing meanwhile.

        Raises:
            ConfigurationError: an argument is out of its range.

        When iterated, it may raise `PaginationCapReached`, `ListingUnstable` and the errors of
        every request.

        https://docs.github.com/en/rest/packages/packages#list-packages-for-an-organization
        https://docs.github.com/en/rest/packages/packages#list-packages-for-the-authenticated-users-namespace
        https://docs.github.com/en/rest/packages/packages#list-packages-for-a-user
        """
        check_page_arguments(per_page, page, capped=True)
        check_one_of(visibility, _VISIBILITIES, "visibility")
        quoted_type = segment(package_type, "package_type")
        context = self._context

        def by_visibility() -> list[ListingSpec[Package]]:
            return [spec(value, None) for value in _VISIBILITIES]

        def spec(
            visibility: str | None, beyond_cap: Callable[[], list[ListingSpec[Package]]] | None
        ) -> ListingSpec[Package]:
            query = page_query(per_page, page, package_type=quoted_type, visibility=visibility)
            url = str(context.session.url(f"{self._root}/packages", query))
            return ListingSpec(
                Package,
                lambda: Paginator(url, per_page=per_page, first=page, capped=True),
                context.decode_packages,
                packages_collection(quoted_type),
                context.mutations,
                context.link_support("packages", self._root),
                beyond_cap,
                lambda packages: _KNOWN_VISIBILITIES.issuperset(
                    [package.visibility for package in packages]
                ),
            )

        beyond_cap = by_visibility if visibility is None and page == 1 else None
        return context.listing(spec(visibility, beyond_cap), consistent=consistent)

    def docker_conflicts(self, *, consistent: bool = False) -> Listing[Package]:
        """List the packages that collided in the migration to the Container registry.

        Args:
            consistent: request the pages again until none is missing; see `packages`.

        When iterated, it may raise the errors of every request.

        https://docs.github.com/en/rest/packages/packages#get-list-of-conflicting-packages-during-docker-migration-for-organization
        https://docs.github.com/en/rest/packages/packages#get-list-of-conflicting-packages-during-docker-migration-for-authenticated-user
        https://docs.github.com/en/rest/packages/packages#get-list-of-conflicting-packages-during-docker-migration-for-user
        """
        context = self._context
        url = str(context.session.url(f"{self._root}/docker/conflicts"))
        spec = ListingSpec(
            Package,
            lambda: Paginator(url, per_page=0),
            context.decode_packages,
            packages_collection("docker"),
            context.mutations,
            context.link_support("conflicts", self._root),
        )
        return context.listing(spec, consistent=consistent)

    @overload
    def package(self, package_type: Package) -> PackageRef: ...

    @overload
    def package(self, package_type: PackageType | str, name: str) -> PackageRef: ...

    def package(
        self, package_type: PackageType | str | Package, name: str | None = None
    ) -> PackageRef:
        """Return a reference to a package; no request is sent.

        Args:
            package_type: like ``"container"``; or a `Package`, which needs no ``name``.
            name: the package's name, not encoded: ``team/app``.

        Raises:
            ConfigurationError: the name cannot be sent as one path segment.
        """
        version_count = None
        if isinstance(package_type, Package):
            if name is not None:
                raise ConfigurationError("name: leave it out; the Package has a name")
            package = package_type
            package_type, name = package.package_type, package.name
            version_count = package.version_count
        if name is None:
            raise ConfigurationError("name: missing; package() takes a type and a name")
        return PackageRef(self._context, self._root, package_type, name, version_count)


class NamespaceFactory:
    """Makes the namespaces of one client.

    Attributes:
        context: shared by the namespaces.
    """

    def __init__(self, context: Context) -> None:
        self.context = context

    def org(self, org: str) -> Namespace:
        """The packages of an organization."""
        return Namespace(self.context, f"/orgs/{segment(org, 'org')}", org)

    def me(self) -> Namespace:
        """The packages of the token's user."""
        return Namespace(self.context, "/user", "me")

    def user(self, username: str) -> Namespace:
        """The packages of a user."""
        path = f"/users/{segment(username, 'username')}"
        return Namespace(self.context, path, f"user:{username}")

    def made(self, namespace: Namespace) -> bool:
        """Return whether the namespace belongs to this client or to a view of it."""
        return namespace._context.is_of_same_client(self.context)


def is_organization(namespace: Namespace) -> bool:
    """Return whether the packages belong to an organization."""
    return namespace._root.startswith("/orgs/")
