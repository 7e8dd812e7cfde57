"""The nine actions on the packages of an owner, for authorized requests.

https://docs.github.com/en/rest/packages/packages
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from ._packages import PACKAGE_TYPES, VISIBILITIES, Package, Version
from ._paging import T, Window, link_header
from ._refusals import BadRequest, NotAllowed, NotThere

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ._behavior import Behavior
    from ._packages import Namespace
    from ._render import Renderer
    from ._routes import Action
    from ._tokens import Token

LISTING_CAP: Final = 10_000
"""Greatest ``page * per_page`` of a listing of packages. Listings of versions have no cap."""


@attrs.frozen
class Response:
    """Status, body and headers of a response, without the headers that the transport adds."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Call:
    """Authorized request.

    Args:
        arguments: Decoded values of the path's placeholders.
        query: Decoded query string.
        url: URL without the query, for ``Link``.
        token: The request's token.
        owner: Owner of the packages.
        render: Renderer of the bodies.
        behavior: Imitated GitHub.
        link: Listings may have ``Link``.
        paged_conflicts: The list of Docker conflicts has pages.
    """

    arguments: Mapping[str, str]
    query: Mapping[str, str]
    url: str
    token: Token
    owner: Namespace
    render: Renderer
    behavior: Behavior
    link: bool
    paged_conflicts: bool

    def package(self) -> Package:
        """Return the package in the path; raise ``NotThere`` if it is not visible."""
        package = self.owner.find(self.arguments["package_type"], self.arguments["package_name"])
        return self._seen(package)

    def deleted_package(self) -> Package:
        """Return the deleted package in the path; raise ``NotThere`` if it is not visible."""
        names = self.arguments["package_type"], self.arguments["package_name"]
        return self._seen(self.owner.find_deleted(*names))

    def version_id(self) -> int:
        """Return the version's id in the path; raise ``NotThere`` if it is not a number."""
        text = self.arguments["package_version_id"]
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise NotThere("Not Found")
        return int(text)

    def as_admin(self) -> None:
        """Raise ``NotAllowed`` if the token may not administer the owner's packages."""
        if not self.token.may_administer(self.owner):
            raise NotAllowed("Must have admin rights to Repository.")

    def package_page(self, packages: Sequence[Package]) -> Response:
        """Return the requested page of packages."""
        link = self.link and self.behavior.package_links
        return self._page(packages, self.render.packages, link=link)

    def version_page(self, versions: Sequence[Version]) -> Response:
        """Return the requested page of versions."""
        return self._page(versions, self.render.versions, link=self.link)

    def _page(
        self, items: Sequence[T], write: Callable[[Sequence[T]], bytes], *, link: bool
    ) -> Response:
        window = Window.asked(self.query)
        relations = {}
        if link:
            single_page = self.behavior.single_page_links
            relations = window.relations(len(items), single_page=single_page)
        query = self.query
        if self.behavior.rewritten_links:
            query = dict(sorted({**query, "page": "", "per_page": str(window.per_page)}.items()))
        header = link_header(self.url, query, relations)
        return _ok(write(window.cut(items)), {"Link": header} if header else {})

    def _seen(self, package: Package) -> Package:
        if not self.token.may_see(package):
            raise NotThere("Package not found.")
        return package


def list_conflicts(call: Call) -> Response:
    """List the Docker packages in conflict, all of them unless conflicts have pages."""
    packages = [
        package
        for package in call.owner.packages("docker")
        if package.docker_conflict and call.token.may_see(package)
    ]
    if call.paged_conflicts:
        return call.package_page(packages)
    return _ok(call.render.packages(packages))


def list_packages(call: Call) -> Response:
    """List the packages of a type, optionally of one visibility."""
    package_type = _one_of(PACKAGE_TYPES, call.query.get("package_type"))
    if call.token.kind == "actions" and package_type == "container":
        raise BadRequest("Invalid argument.")
    visibility = call.query.get("visibility")
    if visibility is not None:
        _one_of(VISIBILITIES, visibility)
    window = Window.asked(call.query)
    if window.number * window.per_page > LISTING_CAP:
        raise BadRequest(
            f"Invalid argument. page * per_page must not be greater than {LISTING_CAP}."
        )
    packages = [
        package
        for package in call.owner.packages(package_type)
        if visibility in (None, package.visibility) and call.token.may_see(package)
    ]
    return call.package_page(packages)


def get_package(call: Call) -> Response:
    """Get a package."""
    return _ok(call.render.package(call.package()))


def delete_package(call: Call) -> Response:
    """Delete a package."""
    package = call.package()
    call.as_admin()
    package.delete()
    return Response(204)


def restore_package(call: Call) -> Response:
    """Restore a package; the query parameter ``token`` is ignored."""
    package = call.deleted_package()
    call.as_admin()
    package.restore()
    return Response(204)


def list_versions(call: Call) -> Response:
    """List the active or deleted versions of a package.

    ``/users/{username}`` has no documented ``state``, so it always lists active versions.
    """
    package = call.package()
    state = "active"
    if "username" not in call.arguments:
        state = _one_of(("active", "deleted"), call.query.get("state", "active"))
    versions = package.versions("deleted" if state == "deleted" else "active")
    return call.version_page(versions)


def get_version(call: Call) -> Response:
    """Get a version."""
    version = call.package().find_version(call.version_id())
    if version.deleted_at is not None:
        raise NotThere("Package version not found.")
    return _ok(call.render.version(version))


def delete_version(call: Call) -> Response:
    """Delete a version."""
    version = call.package().find_version(call.version_id())
    call.as_admin()
    version.delete()
    return Response(204)


def restore_version(call: Call) -> Response:
    """Restore a version."""
    version = call.package().find_version(call.version_id())
    call.as_admin()
    version.restore()
    return Response(204)


ACTIONS: Final[dict[Action, Callable[[Call], Response]]] = {
    "list_conflicts": list_conflicts,
    "list_packages": list_packages,
    "get_package": get_package,
    "delete_package": delete_package,
    "restore_package": restore_package,
    "list_versions": list_versions,
    "get_version": get_version,
    "delete_version": delete_version,
    "restore_version": restore_version,
}


def _ok(body: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(200, body, headers or {})


def _one_of(known: tuple[str, ...], value: str | None) -> str:
    if value not in known or value is None:
        raise BadRequest("Invalid argument.")
    return value
