"""Packages and versions: what they hold, and what GitHub lets be done to them.

Pure, and without a clock of its own: the time is the world's. What GitHub would refuse raises a
`Refusal`, which knows the HTTP status GitHub answers with.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, TypeVar

from attrs import Attribute, define, field, setters
from attrs.validators import in_, min_len

from ._images import digest_of, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._world import Namespace, Repository

T = TypeVar("T")
State: TypeAlias = Literal["active", "deleted"]

PACKAGE_TYPES = ("npm", "maven", "rubygems", "docker", "nuget", "container")
VISIBILITIES = ("public", "private", "internal")

RESTORABLE_FOR = timedelta(days=30)
DOWNLOAD_LIMIT = 5000

VERSION_DOWNLOADED = (
    "Publicly visible package versions with more than 5000 downloads cannot be deleted. "
    "Contact GitHub support for further assistance."
)
PACKAGE_DOWNLOADED = (
    "Publicly visible packages with a version with more than 5000 downloads cannot be deleted. "
    "Contact GitHub support for further assistance."
)
LAST_VERSION = (
    "You cannot delete the last version of a package. You must delete the package instead."
)
LAST_TAGGED_VERSION = (
    "You cannot delete the last tagged version of a package. You must delete the package instead."
)


class Refusal(Exception):
    """What GitHub would refuse. `status` is the HTTP status it answers with."""

    status: ClassVar[int]


class NotThere(Refusal):
    """Nothing of that name, or nothing the token may see."""

    status = 404


class NotAllowed(Refusal):
    """Known and visible, but not to be changed by this token."""

    status = 403


class BadRequest(Refusal):
    """GitHub's rules forbid it, or the request makes no sense."""

    status = 400


class Unprocessable(Refusal):
    """The request's body does not match its schema."""

    status = 422


def instant(value: datetime | str) -> datetime:
    """An aware UTC time to the second, which is as fine as GitHub's JSON is."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value.tzinfo is None:
        raise ValueError(f"a time needs a time zone: {value.isoformat()}")
    return value.astimezone(UTC).replace(microsecond=0)


def strings(values: Iterable[str]) -> tuple[str, ...]:
    """Any strings as a tuple."""
    return tuple(values)


def _relist(version: Version, _: Attribute[T], value: T) -> T:
    """Forget the listings that a version changes its place in."""
    version.package.relist()
    return value


def _maybe_instant(value: datetime | str | None) -> datetime | None:
    return None if value is None else instant(value)


@define(eq=False)
class Version:
    """One version of a package. Made by `Package.version`."""

    package: Package = field(repr=lambda package: package.name)
    id: int
    name: str
    tags: tuple[str, ...] = field(converter=strings)
    downloads: int
    created_at: datetime = field(converter=instant, on_setattr=[setters.convert, _relist])
    updated_at: datetime = field(converter=instant)
    deleted_at: datetime | None = field(
        converter=_maybe_instant, on_setattr=[setters.convert, _relist]
    )
    license: str | None
    description: str | None
    manifest: bytes | None = field(repr=False)

    def delete(self) -> None:
        """Delete it, as GitHub does.

        Raises:
            NotThere: it is deleted already.
            BadRequest: it is the last version, the last tagged version, or too often downloaded.
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
        """Bring it back, as GitHub does.

        Raises:
            NotThere: it is not deleted, was deleted over 30 days ago, or its name is taken.
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


@define(eq=False)
class Package:
    """A package and its versions. Made by `Namespace.package`."""

    owner: Namespace = field(repr=lambda owner: owner.login)
    id: int
    package_type: str = field(validator=in_(PACKAGE_TYPES))
    name: str = field(validator=min_len(1))
    visibility: str = field(validator=in_(VISIBILITIES))
    repository: Repository | None = field(repr=False)
    docker_conflict: bool
    created_at: datetime = field(converter=instant)
    updated_at: datetime = field(converter=instant)
    deleted_at: datetime | None = field(converter=_maybe_instant)
    _versions: dict[int, Version] = field(factory=dict, init=False, repr=False)
    _listed: dict[State, list[Version]] = field(factory=dict, init=False, repr=False)
    _names: dict[str, Version] | None = field(default=None, init=False, repr=False)

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

        Args:
            name: `1.0.0`, or `sha256:...` for an image.
            id: The version's id. Default: the world's next.
            tags: Of a container or Docker image; no tags is what GitHub shows as untagged.
            downloads: Over 5,000 and public, GitHub refuses to delete it.
            created_at: Default: now, by the world's clock. A string is ISO 8601 with a zone.
            updated_at: Default: `created_at`.
            deleted_at: When it was deleted. Default: it was not.
            license: GitHub leaves the field out when there is none, and so does the server.
            description: Left out likewise.
            manifest: Of a container image: the body that the registry sends for it. Default: the
                registry responds 404. `push` names a version by its manifest.

        Raises:
            ValueError: the id is taken, or the name is not the manifest's digest.
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

        A tag moves here from the version that has it. If the digest is there already, its version
        gets the tags and keeps its times, as on GitHub.

        Args:
            manifest: Its body, or its JSON as a mapping.
            tags: Tags to set.
            **version: Further arguments of `version`, such as `created_at`.

        Raises:
            ValueError: this is not a container package.
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
        """The versions in that state, newest first; the deleted ones while they can be restored."""
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
        """The version with that id, deleted or not.

        Raises:
            NotThere: there is none.
        """
        try:
            return self._versions[id]
        except KeyError:
            raise NotThere("Package version not found.") from None

    def all_versions(self) -> Iterable[Version]:
        """Every version, deleted ones too, in the order they were added."""
        return self._versions.values()

    def delete(self) -> None:
        """Delete it with all its versions, as GitHub does.

        Raises:
            NotThere: it is deleted already.
            BadRequest: it is public, and one of its versions too often downloaded.
        """
        if self.deleted_at is not None:
            raise NotThere("Package not found.")
        popular = any(version.downloads > DOWNLOAD_LIMIT for version in self.versions())
        if self.visibility == "public" and popular:
            raise BadRequest(PACKAGE_DOWNLOADED)
        self.deleted_at = self.owner.world.now()
        self.touch()

    def restore(self) -> None:
        """Bring it back, as GitHub does.

        Raises:
            NotThere: it is not deleted, was deleted over 30 days ago, or its name is taken.
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
        """Note that something about it changed just now."""
        self.updated_at = self.owner.world.now()

    def relist(self) -> None:
        """Note that its listings are others now."""
        self._listed.clear()
        self._names = None
