"""Owners, their packages and versions: the stored state and GitHub's rules for changing it.

Pure: the clock is the world's. An operation that GitHub refuses raises a ``Refusal``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar

import attrs
from attrs.validators import in_, min_len

from ._manifests import digest_of, encode, image_manifest
from ._refusals import BadRequest, NotThere
from ._times import instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._world_base import WorldBase

T = TypeVar("T")
OwnerType: TypeAlias = Literal["Organization", "User"]
State: TypeAlias = Literal["active", "deleted"]

PACKAGE_TYPES: Final = ("npm", "maven", "rubygems", "docker", "nuget", "container")
VISIBILITIES: Final = ("public", "private", "internal")

DOWNLOAD_LIMIT: Final = 5000

VERSION_DOWNLOADED: Final = (
    "Publicly visible package versions with more than 5000 downloads cannot be deleted. "
    "Contact GitHub support for further assistance."
)
PACKAGE_DOWNLOADED: Final = (
    "Publicly visible packages with a version with more than 5000 downloads cannot be deleted. "
    "Contact GitHub support for further assistance."
)
LAST_VERSION: Final = (
    "You cannot delete the last version of a package. You must delete the package instead."
)
LAST_TAGGED_VERSION: Final = (
    "You cannot delete the last tagged version of a package. You must delete the package instead."
)


def strings(values: Iterable[str]) -> tuple[str, ...]:
    """Return strings as a tuple.

    Raises:
        ValueError: the values are one string, of which each character would be a value.
    """
    if isinstance(values, str):
        raise ValueError(f"{values!r} is one string; give a list of them")
    return tuple(values)


def _relist(version: Version, _: attrs.Attribute[T], value: T) -> T:
    """Drop the package's cached listings, whose order or contents the new value changes."""
    version.package.relist()
    return value


def _optional_instant(value: datetime | str | None) -> datetime | None:
    return None if value is None else instant(value)


@attrs.define(eq=False)
class Version:
    """Version of a package, created by ``Package.version``."""

    package: Package = attrs.field(repr=lambda package: package.name)
    id: int
    name: str
    tags: tuple[str, ...] = attrs.field(converter=strings)
    downloads: int
    created_at: datetime = attrs.field(
        converter=instant, on_setattr=[attrs.setters.convert, _relist]
    )
    updated_at: datetime = attrs.field(converter=instant)
    deleted_at: datetime | None = attrs.field(
        converter=_optional_instant, on_setattr=[attrs.setters.convert, _relist]
    )
    license: str | None
    description: str | None
    manifest: bytes | None = attrs.field(repr=False)

    def delete(self) -> None:
        """Delete the version under GitHub's rules.

        Raises:
            NotThere: if the version is already deleted.
            BadRequest: if it is the last version, the last tagged version of a container, or
                public with over 5,000 downloads.
        """
        package = self.package
        if self.deleted_at is not None:
            raise NotThere("Package version not found.")
        if package.visibility == "public" and self.downloads > DOWNLOAD_LIMIT:
            raise BadRequest(VERSION_DOWNLOADED)
        active = package.versions()
        tagged = [version for version in active if version.tags]
        if package.package_type == "container" and tagged == [self]:
            raise BadRequest(LAST_TAGGED_VERSION)
        if len(active) == 1:
            raise BadRequest(LAST_VERSION)
        self._change(deleted_at=package.owner.world.now())

    def restore(self) -> None:
        """Restore the version under GitHub's rules.

        Raises:
            NotThere: if the version is not deleted, was deleted over 30 days ago, or another
                version has its name.
        """
        if self.deleted_at is None:
            raise NotThere("Package version not found.")
        if not self.package.owner.world.restorable(self.deleted_at):
            raise NotThere("Package version not found. It was deleted more than 30 days ago.")
        if any(other.name == self.name for other in self.package.versions()):
            raise NotThere("Package version not found. Its name has been reused.")
        active = self.package.versions()
        kept = self.tags if self.package.owner.world.restores_tags else ()
        moved = {tag for version in active for tag in version.tags}
        self.tags = tuple(tag for tag in kept if tag not in moved)
        self._change(deleted_at=None)

    def _change(self, *, deleted_at: datetime | None) -> None:
        self.deleted_at = deleted_at
        self.updated_at = self.package.owner.world.now()
        self.package.touch()


@attrs.define(eq=False)
class Package:
    """Package with its versions, created by ``Namespace.package``."""

    owner: Namespace = attrs.field(repr=lambda owner: owner.login)
    id: int
    package_type: str = attrs.field(validator=in_(PACKAGE_TYPES))
    name: str = attrs.field(validator=min_len(1))
    visibility: str = attrs.field(validator=in_(VISIBILITIES))
    repository: Repository | None = attrs.field(repr=False)
    docker_conflict: bool
    created_at: datetime = attrs.field(converter=instant)
    updated_at: datetime = attrs.field(converter=instant)
    deleted_at: datetime | None = attrs.field(converter=_optional_instant)
    _versions: dict[int, Version] = attrs.field(factory=dict, init=False, repr=False)
    _listed: dict[State, list[Version]] = attrs.field(factory=dict, init=False, repr=False)
    _names: dict[str, Version] | None = attrs.field(default=None, init=False, repr=False)

    def version(
        self,
        name: str,
        *,
        id: int | None = None,  # noqa: A002  (GitHub's name)
        tags: Iterable[str] = (),
        downloads: int = 0,
        created_at: datetime | str | None = None,
        updated_at: datetime | str | None = None,
        deleted_at: datetime | str | None = None,
        license: str | None = None,  # noqa: A002  (GitHub's name)
        description: str | None = None,
        manifest: bytes | str | None = None,
    ) -> Version:
        """Publish a version.

        Times are ``datetime`` or ISO 8601, with a zone.

        Args:
            name: For example ``1.0.0``; a container's is its digest, ``sha256:...``.
            id: Id of the version. Default: a new one.
            tags: Tags of a container or Docker image. Default: untagged.
            downloads: Number of downloads. Above 5,000, a public version cannot be deleted.
            created_at: Default: the current time of the world.
            updated_at: Default: ``created_at``.
            deleted_at: Time of deletion. Default: not deleted.
            license: Default: responses have no ``license``.
            description: Default: responses have no ``description``.
            manifest: Body of a container image's manifest, sent by the registry. Default: the
                registry responds 404. ``push`` names a version by its manifest.

        Raises:
            ValueError: if a version has the id, or the name is not the manifest's digest.
        """
        content = manifest.encode() if isinstance(manifest, str) else manifest
        if content is not None and name != digest_of(content):
            raise ValueError(f"{name} is not the digest of its manifest, {digest_of(content)}")
        world = self.owner.world
        created = instant(created_at or world.now())
        version = Version(
            package=self,
            id=world.new_id(id),
            name=name,
            tags=tags,
            downloads=downloads,
            created_at=created,
            updated_at=updated_at or created,
            deleted_at=deleted_at,
            license=license,
            description=description,
            manifest=content,
        )
        if version.id in self._versions:
            raise ValueError(f"{self.name} has a version with id {version.id} already")
        self._versions[version.id] = version
        self.relist()
        self.updated_at = max(self.updated_at, created)
        return version

    def push(
        self, manifest: Mapping[str, Any] | bytes, *, tags: Iterable[str] = (), **version: Any
    ) -> Version:
        """Push a manifest to the container registry: a version named by the manifest's digest.

        The tags are removed from other versions. If a version of this digest exists, the tags are
        added to it and its times are unchanged, as on GitHub.

        Args:
            manifest: Body of the manifest, or its JSON as a mapping.
            tags: Tags to set.
            **version: Further arguments of ``version``, such as ``created_at``.

        Raises:
            ValueError: if this is not a container package.
        """
        if self.package_type != "container":
            raise ValueError(f"{self.name} is a {self.package_type} package, not a container")
        content = manifest if isinstance(manifest, bytes) else encode(manifest)
        name, tags = digest_of(content), tuple(tags)
        for other in self.versions():
            other.tags = tuple(tag for tag in other.tags if tag not in tags)
        present = self.named(name)
        if present is None:
            return self.version(name, tags=tags, manifest=content, **version)
        present.tags += tags
        return present

    def named(self, name: str) -> Version | None:
        """Return the active version of that name, if there is one."""
        if self._names is None:
            self._names = {version.name: version for version in self.versions()}
        return self._names.get(name)

    def versions(self, state: State = "active") -> list[Version]:
        """Return the active or the restorable deleted versions, newest first."""
        if state not in self._listed:
            self._listed[state] = sorted(
                (
                    v
                    for v in self._versions.values()
                    if (v.deleted_at is None) == (state == "active")
                ),
                key=lambda version: (version.created_at, version.id),
                reverse=True,
            )
        if state == "active":
            return self._listed[state]
        kept = self.owner.world.restorable
        return [v for v in self._listed[state] if v.deleted_at is not None and kept(v.deleted_at)]

    def find_version(self, id: int) -> Version:  # noqa: A002  (GitHub's name)
        """Return the version with that id, deleted or not.

        Raises:
            NotThere: if the package has no version with that id.
        """
        try:
            return self._versions[id]
        except KeyError:
            raise NotThere("Package version not found.") from None

    def all_versions(self) -> Iterable[Version]:
        """Return all versions, including deleted ones, in the order they were added."""
        return self._versions.values()

    def delete(self) -> None:
        """Delete the package and its versions under GitHub's rules.

        Raises:
            NotThere: if the package is already deleted.
            BadRequest: if it is public and a version has over 5,000 downloads.
        """
        if self.deleted_at is not None:
            raise NotThere("Package not found.")
        popular = any(version.downloads > DOWNLOAD_LIMIT for version in self.versions())
        if self.visibility == "public" and popular:
            raise BadRequest(PACKAGE_DOWNLOADED)
        self.deleted_at = self.owner.world.now()
        self.touch()

    def restore(self) -> None:
        """Restore the package under GitHub's rules.

        Raises:
            NotThere: if the package is not deleted, was deleted over 30 days ago, or another
                package has its name.
        """
        if self.deleted_at is None:
            raise NotThere("Package not found.")
        if not self.owner.world.restorable(self.deleted_at):
            raise NotThere("Package not found. It was deleted more than 30 days ago.")
        if self.owner.has(self.package_type, self.name):
            raise NotThere("Package not found. Its namespace has been reused for a new package.")
        self.deleted_at = None
        self.touch()

    def touch(self) -> None:
        """Set ``updated_at`` to the current time of the world."""
        self.updated_at = self.owner.world.now()

    def relist(self) -> None:
        """Drop the cached listings of versions."""
        self._listed.clear()
        self._names = None


@attrs.frozen
class Repository:
    """Repository that packages are linked to."""

    owner: Namespace = attrs.field(repr=lambda owner: owner.login)
    name: str
    id: int
    private: bool


@attrs.define(eq=False)
class Namespace:
    """Organization or user with its packages, created by ``World.org`` or ``World.user``."""

    world: WorldBase = attrs.field(repr=False)
    login: str = attrs.field(validator=min_len(1))
    id: int
    type: OwnerType
    sso: bool
    repositories: dict[str, Repository] = attrs.field(factory=dict, init=False, repr=False)
    _packages: dict[tuple[str, str], list[Package]] = attrs.field(
        factory=dict, init=False, repr=False
    )

    def package(
        self,
        package_type: str,
        name: str,
        *,
        id: int | None = None,  # noqa: A002  (GitHub's name)
        visibility: str = "private",
        repository: str | None = None,
        versions: int | Iterable[Mapping[str, Any]] = 0,
        docker_conflict: bool = False,
        created_at: datetime | str | None = None,
        updated_at: datetime | str | None = None,
        deleted_at: datetime | str | None = None,
    ) -> Package:
        """Create a package.

        Times are ``datetime`` or ISO 8601, with a zone.

        Args:
            package_type: ``npm``, ``maven``, ``rubygems``, ``docker``, ``nuget`` or ``container``.
            name: Name without percent-encoding; slashes are allowed.
            id: Id of the package. Default: a new one.
            visibility: ``public``, ``private`` or ``internal``.
            repository: Name of the owner's repository to link; created if missing. Default: no
                repository.
            versions: Number of versions to create, one minute apart, newest last; or the arguments
                of ``Package.version`` for each. Default: no versions.
            docker_conflict: List the package among the conflicts of the Docker migration.
            created_at: Default: the current time of the world, minus one minute per version if
                ``versions`` is a number.
            updated_at: Default: creation time of the newest version.
            deleted_at: Time of deletion. Default: not deleted.

        Raises:
            ValueError: if the owner has such a package, or the type or visibility is unknown.
        """
        if deleted_at is None and self.has(package_type, name):
            raise ValueError(f"{self.login} has a {package_type} package {name!r} already")
        count = versions if isinstance(versions, int) else 0
        created = instant(created_at or self.world.now() - timedelta(minutes=count))
        package = Package(
            owner=self,
            id=self.world.new_id(id),
            package_type=package_type,
            name=name,
            visibility=visibility,
            repository=repository
            if repository is None
            else self.repository(repository, private=visibility != "public"),
            docker_conflict=docker_conflict,
            created_at=created,
            updated_at=created,
            deleted_at=deleted_at,
        )
        self._packages.setdefault((package_type, name), []).append(package)
        if isinstance(versions, int):
            _fill(package, versions)
        else:
            for version in versions:
                package.version(**version)
        if updated_at is not None:
            package.updated_at = instant(updated_at)
        return package

    def docker_conflict(self, name: str, **package: Any) -> Package:
        """Create a Docker package that conflicts with the migration to the Container registry.

        Args:
            name: Name of the package.
            **package: Further arguments of ``package``.
        """
        return self.package("docker", name, docker_conflict=True, **package)

    def repository(
        self,
        name: str,
        *,
        id: int | None = None,  # noqa: A002  (GitHub's name)
        private: bool = True,
    ) -> Repository:
        """Return the owner's repository of that name; create it if missing.

        Args:
            name: Name without the owner.
            id: Id of a created repository. Default: a new one.
            private: Visibility of a created repository.
        """
        if name not in self.repositories:
            self.repositories[name] = Repository(self, name, self.world.new_id(id), private)
        return self.repositories[name]

    def packages(self, package_type: str | None = None) -> list[Package]:
        """Return the packages of a type (default: all types) that are not deleted, by id."""
        return sorted(
            (
                package
                for package in self.all_packages()
                if package.deleted_at is None and package_type in (None, package.package_type)
            ),
            key=lambda package: package.id,
        )

    def all_packages(self) -> Iterable[Package]:
        """Return all packages, including deleted ones."""
        return (package for namesakes in self._packages.values() for package in namesakes)

    def has(self, package_type: str, name: str) -> bool:
        """Return whether a package of that name exists and is not deleted."""
        return any(p.deleted_at is None for p in self._packages.get((package_type, name), ()))

    def find(self, package_type: str, name: str) -> Package:
        """Return the package of that name.

        Raises:
            NotThere: if the package does not exist or is deleted.
        """
        for package in self._packages.get((package_type, name), ()):
            if package.deleted_at is None:
                return package
        raise NotThere("Package not found.")

    def find_deleted(self, package_type: str, name: str) -> Package:
        """Return the most recently deleted package of that name.

        Raises:
            NotThere: if no deleted package has that name.
        """
        deleted = [
            (package.deleted_at, package.id, package)
            for package in self._packages.get((package_type, name), ())
            if package.deleted_at is not None
        ]
        if not deleted:
            raise NotThere("Package not found.")
        return max(deleted)[2]


def _fill(package: Package, count: int) -> None:
    """Create versions with names, tags and manifests typical of the package's type."""
    image = package.package_type in ("container", "docker")
    for number in range(1, count + 1):
        name, manifest, tags = f"1.0.{number - 1}", None, []
        if image:
            manifest = encode(image_manifest(f"{package.owner.login}/{package.name}:{number}"))
            tags = [name, "latest"] if number == count else [name]
        package.version(
            digest_of(manifest) if manifest else name,
            tags=tags,
            created_at=package.created_at + timedelta(minutes=number),
            manifest=manifest if package.package_type == "container" else None,
        )
