"""What the nine operations do for an owner, once the request has been let in.

https://docs.github.com/en/rest/packages/packages
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from ghpkg_async.testing.packages import (
    PACKAGE_TYPES,
    VISIBILITIES,
    BadRequest,
    NotAllowed,
    NotThere,
    Package,
)
from ghpkg_async.testing.paging import T, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ghpkg_async.testing.render import Renderer
    from ghpkg_async.testing.routes import Action
    from ghpkg_async.testing.world import Namespace, Token

#: Pages of packages, though not of versions, end here.
LISTING_CAP = 10_000


@frozen
class Answer:
    """What goes back: a status, a body, and headers beside those of the transport."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(factory=dict)


@frozen
class Call:
    """A request that was let in.

    Args:
        arguments: What the path's placeholders stand for, decoded.
        query: The query string, decoded.
        url: The URL without its query, for `Link` to repeat.
        token: Who asks.
        owner: Whose packages it is about.
        render: Writes the bodies.
        link: Whether listings of several pages carry `Link`.
        paged_conflicts: Whether the Docker conflicts come in pages.
    """

    arguments: Mapping[str, str]
    query: Mapping[str, str]
    url: str
    token: Token
    owner: Namespace
    render: Renderer
    link: bool
    paged_conflicts: bool

    def package(self) -> Package:
        """The package the path names, as far as the token sees it."""
        package = self.owner.find(self.arguments["package_type"], self.arguments["package_name"])
        return self._seen(package)

    def deleted_package(self) -> Package:
        """The deleted package the path names, likewise."""
        names = self.arguments["package_type"], self.arguments["package_name"]
        return self._seen(self.owner.find_deleted(*names))

    def version_id(self) -> int:
        """The version's id in the path."""
        text = self.arguments["package_version_id"]
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise NotThere("Not Found")
        return int(text)

    def as_admin(self) -> None:
        """Refuse a token that may look but not change."""
        if not self.token.may_administer(self.owner):
            raise NotAllowed("Must have admin rights to Repository.")

    def page(self, items: Sequence[T], write: Callable[[Sequence[T]], bytes]) -> Answer:
        """The page of `items` that was asked for."""
        window = Window.asked(self.query)
        link = window.link(len(items), self.url, self.query) if self.link else None
        return _ok(write(window.cut(items)), {} if link is None else {"Link": link})

    def _seen(self, package: Package) -> Package:
        if not self.token.may_see(package):
            raise NotThere("Package not found.")
        return package


def list_conflicts(call: Call) -> Answer:
    """The Docker packages the migration stumbled over; all at once unless told otherwise."""
    packages = [
        package
        for package in call.owner.packages("docker")
        if package.docker_conflict and call.token.may_see(package)
    ]
    if call.paged_conflicts:
        return call.page(packages, call.render.packages)
    return _ok(call.render.packages(packages))


def list_packages(call: Call) -> Answer:
    """The packages of a type, of one visibility or of all."""
    package_type = _one_of(PACKAGE_TYPES, call.query.get("package_type"))
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
    return call.page(packages, call.render.packages)


def get_package(call: Call) -> Answer:
    """One package."""
    return _ok(call.render.package(call.package()))


def delete_package(call: Call) -> Answer:
    """Delete a package."""
    package = call.package()
    call.as_admin()
    package.delete()
    return Answer(204)


def restore_package(call: Call) -> Answer:
    """Restore a package; the package token it may be sent with changes nothing here."""
    package = call.deleted_package()
    call.as_admin()
    package.restore()
    return Answer(204)


def list_versions(call: Call) -> Answer:
    """The versions of a package, the active ones or the deleted.

    `/users/{username}` documents no `state`, so it lists the active ones whatever is asked.
    """
    package = call.package()
    state = "active"
    if "username" not in call.arguments:
        state = _one_of(("active", "deleted"), call.query.get("state", "active"))
    versions = package.versions("deleted" if state == "deleted" else "active")
    return call.page(versions, call.render.versions)


def get_version(call: Call) -> Answer:
    """One version."""
    version = call.package().find_version(call.version_id())
    if version.deleted_at is not None:
        raise NotThere("Package version not found.")
    return _ok(call.render.version(version))


def delete_version(call: Call) -> Answer:
    """Delete a version."""
    version = call.package().find_version(call.version_id())
    call.as_admin()
    version.delete()
    return Answer(204)


def restore_version(call: Call) -> Answer:
    """Restore a version."""
    version = call.package().find_version(call.version_id())
    call.as_admin()
    version.restore()
    return Answer(204)


ACTIONS: dict[Action, Callable[[Call], Answer]] = {
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


def _ok(body: bytes, headers: dict[str, str] | None = None) -> Answer:
    return Answer(200, body, headers or {})


def _one_of(known: tuple[str, ...], value: str | None) -> str:
    if value not in known or value is None:
        raise BadRequest("Invalid argument.")
    return value
