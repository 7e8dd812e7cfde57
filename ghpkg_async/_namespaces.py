"""The 27 endpoints: nine operations on an organization's, your own and another user's packages.

The API's pages: https://docs.github.com/en/rest/packages/packages
"""

from __future__ import annotations

import re
from copy import copy
from typing import TYPE_CHECKING, Final, TypeVar, get_args, overload
from urllib.parse import quote

from ._codec import PackageListDecoder, decode_package, decode_version, decode_versions
from ._listing.listing import Listing
from ._listing.spec import ListingSpec
from ._paging.link_support import LinkSupport
from ._paging.mutations import MutationTracker
from ._paging.paginator import Paginator, check_page_arguments
from ._session.redaction import Secret
from .errors import ConfigurationError
from .models import Package, PackageVersion, State, Visibility

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._codec import Buffer
    from ._session.session import Session
    from .models import PackageType

__all__ = ["Namespace", "PackageRef", "VersionRef"]

T = TypeVar("T")
Item = TypeVar("Item", Package, PackageVersion)

_VISIBILITIES: Final[tuple[Visibility, ...]] = get_args(Visibility)
_KNOWN_VISIBILITIES: Final = frozenset(_VISIBILITIES)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def segment(value: str, argument: str) -> str:
    """Percent-encode a name as one path segment.

    Raises:
        ConfigurationError: no segment can carry the name: it is empty, ``.`` or ``..`` (which
            would lead elsewhere), or it holds control characters.
    """
    if not isinstance(value, str):
        raise ConfigurationError(f"{argument}: {value!r} is not a string")
    if value in ("", ".", "..") or _CONTROL.search(value):
        raise ConfigurationError(
            f"{argument}: {value!r} cannot be a name: it is empty, a path of dots, or holds "
            "control characters"
        )
    return quote(value, safe="")


class Namespace:
    """Whose packages they are. Made by `GitHubPackages.org`, ``.me`` and ``.user``."""

    def __init__(self, context: Context, root: str, name: str) -> None:
        self._context = context
        self._root = root
        self.name = name
        """How the namespace is written: ``acme``, ``user:octocat`` or ``me``."""

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

        GitHub lists 10,000 packages; those beyond are listed by visibility, unless ``visibility``
        is given.

        Args:
            package_type: like ``"container"``; `ghpkg_async.PACKAGE_TYPES` has them all.
            visibility: only ``"public"``, ``"private"`` or ``"internal"`` packages.
            per_page: packages a request, 1 to 100.
            page: the page to start at, from 1; ``page * per_page`` is at most 10,000.
            consistent: list again with conditional requests until a pass has nothing new, so that
                changes by others that show in no response lose no package either.

        Raises:
            ConfigurationError: an argument is out of its range.

        When iterated, it may raise `PaginationCapReached`, `ListingUnstable` and the errors of
        every request.

        https://docs.github.com/en/rest/packages/packages#list-packages-for-an-organization
        https://docs.github.com/en/rest/packages/packages#list-packages-for-the-authenticated-users-namespace
        https://docs.github.com/en/rest/packages/packages#list-packages-for-a-user
        """
        check_page_arguments(per_page, page, capped=True)
        _check_one_of(visibility, _VISIBILITIES, "visibility")
        kind = segment(package_type, "package_type")
        context = self._context

        def by_visibility() -> list[ListingSpec[Package]]:
            return [spec(value, None) for value in _VISIBILITIES]

        def spec(
            visibility: str | None, beyond_cap: Callable[[], list[ListingSpec[Package]]] | None
        ) -> ListingSpec[Package]:
            chosen = f"&visibility={visibility}" if visibility else ""
            url = context.session.url(
                f"{self._root}/packages",
                f"package_type={kind}{chosen}&per_page={per_page}&page={page}",
            )
            return ListingSpec(
                Package,
                lambda: Paginator(str(url), per_page=per_page, first=page, capped=True),
                PackageListDecoder,
                packages_collection(kind),
                context.mutations,
                context.link_support("packages", self._root),
                beyond_cap,
                lambda packages: _KNOWN_VISIBILITIES.issuperset(
                    [each.visibility for each in packages]
                ),
            )

        beyond_cap = by_visibility if visibility is None and page == 1 else None
        return context.listing(spec(visibility, beyond_cap), consistent=consistent)

    def docker_conflicts(self, *, consistent: bool = False) -> Listing[Package]:
        """List the packages that collided in the migration to the Container registry.

        Args:
            consistent: list again until a pass has nothing new; see `packages`.

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
            PackageListDecoder,
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
                raise ConfigurationError("name: a Package brings its own; leave it out")
            package = package_type
            package_type, name = package.package_type, package.name
            version_count = package.version_count
        if name is None:
            raise ConfigurationError("name: missing; package() takes a type and a name")
        return PackageRef(self._context, self._root, package_type, name, version_count)


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
        kind = segment(package_type, "package_type")
        self.package_type = package_type
        self.name = name
        self._context = context
        self._root = root
        self._collection = packages_collection(kind)
        self._path = f"{root}/packages/{kind}/{segment(name, 'name')}"
        self._versions = versions_collection(kind, segment(name, "name"))
        self._version_count = version_count

    def __repr__(self) -> str:
        return f"<PackageRef {self._path}>"

    async def get(self) -> Package:
        """The package.

        https://docs.github.com/en/rest/packages/packages#get-a-package-for-an-organization
        https://docs.github.com/en/rest/packages/packages#get-a-package-for-the-authenticated-user
        https://docs.github.com/en/rest/packages/packages#get-a-package-for-a-user
        """
        return await self._context.get(self._path, decode_package)

    async def delete(self) -> None:
        """Deletes the package with all its versions. Safe to retry: gone is gone.

        Raises `DeletionRefused` for a public package with a version of over 5,000 downloads.

        https://docs.github.com/en/rest/packages/packages#delete-a-package-for-an-organization
        https://docs.github.com/en/rest/packages/packages#delete-a-package-for-the-authenticated-user
        https://docs.github.com/en/rest/packages/packages#delete-a-package-for-a-user
        """
        await self._context.delete(self._path, self._collection)

    async def restore(self, token: str | None = None) -> None:
        """Restores the package, within 30 days of its deletion and if its name is still free.

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
            consistent: list again with conditional requests until a pass has nothing new, so that
                changes by others that show in no response lose no version either.

        Raises:
            ConfigurationError: an argument is out of its range.

        https://docs.github.com/en/rest/packages/packages#list-package-versions-for-a-package-owned-by-an-organization
        https://docs.github.com/en/rest/packages/packages#list-package-versions-for-a-package-owned-by-the-authenticated-user
        https://docs.github.com/en/rest/packages/packages#list-package-versions-for-a-package-owned-by-a-user
        """
        check_page_arguments(per_page, page, capped=False)
        _check_one_of(state, get_args(State), "state")
        path = f"{self._path}/versions"
        chosen = "" if state == "active" else f"state={state}&"
        url = str(self._context.session.url(path, f"{chosen}per_page={per_page}&page={page}"))
        expected = self._version_count if state == "active" and page == 1 else None
        spec = ListingSpec(
            PackageVersion,
            lambda: Paginator(url, per_page=per_page, first=page, expected=expected),
            lambda: decode_versions,
            self._versions if state == "active" else deleted_from(self._versions),
            self._context.mutations,
            self._context.link_support("versions", self._root),
        )
        return self._context.listing(spec, consistent=consistent)

    def version(self, version_id: int) -> VersionRef:
        """Names a version; sends nothing.

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
        """The version.

        https://docs.github.com/en/rest/packages/packages#get-a-package-version-for-an-organization
        https://docs.github.com/en/rest/packages/packages#get-a-package-version-for-the-authenticated-user
        https://docs.github.com/en/rest/packages/packages#get-a-package-version-for-a-user
        """
        return await self._context.get(self._path, decode_version)

    async def delete(self) -> None:
        """Deletes the version. Safe to retry: gone is gone.

        Raises `DeletionRefused` for the last (tagged) version, and for a public one of over
        5,000 downloads.

        https://docs.github.com/en/rest/packages/packages#delete-package-version-for-an-organization
        https://docs.github.com/en/rest/packages/packages#delete-a-package-version-for-the-authenticated-user
        https://docs.github.com/en/rest/packages/packages#delete-package-version-for-a-user
        """
        await self._context.delete(self._path, self._collection, deleted_from(self._collection))

    async def restore(self) -> None:
        """Restores the version, within 30 days of its deletion.

        https://docs.github.com/en/rest/packages/packages#restore-package-version-for-an-organization
        https://docs.github.com/en/rest/packages/packages#restore-a-package-version-for-the-authenticated-user
        https://docs.github.com/en/rest/packages/packages#restore-package-version-for-a-user
        """
        session, collection = self._context.session, self._collection
        with self._context.mutations.record(collection, deleted_from(collection)):
            await session.restore(session.url(f"{self._path}/restore"), session.url(self._path))


class Context:
    """Shared by everything that one client names: session, recorded writes, learned facts."""

    def __init__(self, session: Session, concurrency: int) -> None:
        self.session = session
        self.concurrency = concurrency
        self.mutations: MutationTracker = MutationTracker()
        self._link_support: dict[tuple[str, str], LinkSupport] = {}

    def over(self, session: Session) -> Context:
        """Return a context that shares everything with this one but the session."""
        context = copy(self)
        context.session = session
        return context

    def link_support(self, operation: str, root: str) -> LinkSupport:
        """The evidence about one operation of one kind of owner: orgs, users or user."""
        return self._link_support.setdefault((operation, root.split("/")[1]), LinkSupport())

    def org(self, org: str) -> Namespace:
        """The packages of an organization."""
        return Namespace(self, f"/orgs/{segment(org, 'org')}", org)

    def me(self) -> Namespace:
        """The packages of the token's user."""
        return Namespace(self, "/user", "me")

    def user(self, username: str) -> Namespace:
        """The packages of a user."""
        return Namespace(self, f"/users/{segment(username, 'username')}", f"user:{username}")

    def names(self, namespace: Namespace) -> bool:
        """Return whether the namespace belongs to this client."""
        return namespace._context is self

    def listing(self, spec: ListingSpec[Item], *, consistent: bool) -> Listing[Item]:
        """A listing that fetches as far ahead as the client's concurrency allows."""
        return Listing(self.session, spec, window=self.concurrency, consistent=consistent)

    async def get(self, path: str, decode: Callable[[Buffer], T]) -> T:
        """Send a GET and return the decoded response."""
        session = self.session
        with session.call():
            response = await session.get(session.url(path))
            return response.read(decode)

    async def delete(self, path: str, *collections: str) -> None:
        """Delete the resource of a path; listings of the collections learn of the write."""
        with self.mutations.record(*collections):
            await self.session.delete(self.session.url(path))


def is_organization(namespace: Namespace) -> bool:
    """Return whether the packages belong to an organization."""
    return namespace._root.startswith("/orgs/")


def packages_collection(package_type: str) -> str:
    """Name the packages of a type without their owner, which has more than one path."""
    return package_type.lower()


def versions_collection(package_type: str, name: str) -> str:
    """Name the active versions of a package without its owner."""
    return f"{package_type}/{name}".lower()


def deleted_from(collection: str) -> str:
    """The deleted items of a collection."""
    return f"{collection}?state=deleted"


def _package_token(token: object) -> Secret:
    if not isinstance(token, str) or not token or _CONTROL.search(token):
        raise ConfigurationError(
            "token: not a package token: pass a string that is not empty and holds no control "
            "characters"
        )
    return Secret(token)


def _check_one_of(value: object, allowed: tuple[str, ...], argument: str) -> None:
    if value is not None and value not in allowed:
        raise ConfigurationError(f"{argument}: {value!r} is not one of {', '.join(allowed)}")
