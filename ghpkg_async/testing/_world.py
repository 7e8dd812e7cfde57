"""The state behind the embedded GitHub Packages: owners, tokens, and the clock they live by.

Pure: no network, no file but the one `World.from_json` is asked to read, no time but the clock's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from attrs import define, field, frozen
from attrs.validators import in_, min_len

from . import _snapshot as snapshot
from ._images import digest_of, encode, image_manifest
from ._packages import RESTORABLE_FOR, NotThere, Package, instant, strings

if TYPE_CHECKING:
    from pathlib import Path

Clock: TypeAlias = Callable[[], datetime]
#: `True`: every owner; `False`: none but the token's own user; else the logins of some.
Owners: TypeAlias = bool | frozenset[str]

#: `classic`: a personal access token (classic). `fine-grained`: one of the newer kind. `app`: a
#: GitHub App's installation token. `actions`: the `GITHUB_TOKEN` of a GitHub Actions workflow.
TokenKind: TypeAlias = Literal["classic", "fine-grained", "app", "actions"]

ALL_SCOPES = ("delete:packages", "read:packages", "repo", "write:packages")


@frozen
class Token:
    """A token that the server accepts. Made by `World.token`."""

    value: str = field(repr=False, validator=min_len(1))
    login: str
    scopes: tuple[str, ...] = field(converter=strings)
    admin: Owners
    sees: Owners
    sso: Owners
    limit: int
    kind: TokenKind = field(default="classic", validator=in_(get_args(TokenKind)))

    def lacks(self, required: Iterable[str]) -> list[str]:
        """The scopes among `required` that this token has not."""
        granted = set(self.scopes)
        if "write:packages" in granted:
            # https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
            granted.add("read:packages")
        return [scope for scope in required if scope not in granted]

    def may_see(self, package: Package) -> bool:
        """Whether the package exists at all as far as this token is concerned."""
        owner = package.owner
        return (
            package.visibility == "public"
            or self._within(self.sees, owner)
            or self.may_administer(owner)
        )

    def may_administer(self, owner: Namespace) -> bool:
        """Whether it may delete and restore what `owner` has."""
        return self._within(self.admin, owner)

    def passes_sso(self, owner: Namespace) -> bool:
        """Whether it may talk to `owner` at all."""
        return not owner.sso or self._within(self.sso, owner)

    def _within(self, owners: Owners, owner: Namespace) -> bool:
        if isinstance(owners, bool):
            mine = owner.type == "User" and owner.login.lower() == self.login.lower()
            return owners or mine
        return owner.login.lower() in owners or self._within(False, owner)


@frozen
class Repository:
    """The repository a package belongs to."""

    owner: Namespace = field(repr=lambda owner: owner.login)
    name: str
    id: int
    private: bool


@define(eq=False)
class Namespace:
    """An organization or a user, and its packages. Made by `World.org` and `World.user`."""

    world: World = field(repr=False)
    login: str = field(validator=min_len(1))
    id: int
    type: Literal["Organization", "User"]
    sso: bool
    repositories: dict[str, Repository] = field(factory=dict, init=False, repr=False)
    _packages: dict[tuple[str, str], list[Package]] = field(factory=dict, init=False, repr=False)

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

        Args:
            package_type: `npm`, `maven`, `rubygems`, `docker`, `nuget` or `container`.
            name: As it is, not percent-encoded; it may hold slashes.
            id: The package's id. Default: the world's next.
            visibility: `public`, `private` or `internal`.
            repository: The name of the owner's repository it belongs to, made when there is none.
                Default: it belongs to none.
            versions: How many versions to fill it with, a minute apart, the newest one last; or
                what each takes in `Package.version`. Default: none, for you to add.
            docker_conflict: Whether it is one of the Docker migration's conflicts.
            created_at: Default: now, by the world's clock, less a minute a version.
            updated_at: Default: when its newest version was created.
            deleted_at: When it was deleted. Default: it was not.

        Raises:
            ValueError: there is such a package already, or the type or visibility is none.
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
        """Create a Docker package that the migration to the Container registry stumbled over.

        Args:
            name: The package's name.
            **package: What `package` takes besides.
        """
        return self.package("docker", name, docker_conflict=True, **package)

    def repository(
        self,
        name: str,
        *,
        id: int | None = None,  # noqa: A002  (GitHub's name)
        private: bool = True,
    ) -> Repository:
        """The owner's repository of that name, made when there is none.

        Args:
            name: Without the owner.
            id: The repository's id. Default: the world's next.
            private: Whether it is, if it is made now.
        """
        if name not in self.repositories:
            self.repositories[name] = Repository(self, name, self.world.new_id(id), private)
        return self.repositories[name]

    def packages(self, package_type: str | None = None) -> list[Package]:
        """The packages that are not deleted, of that type or of every type, oldest id first."""
        return sorted(
            (
                package
                for package in self.all_packages()
                if package.deleted_at is None and package_type in (None, package.package_type)
            ),
            key=lambda package: package.id,
        )

    def all_packages(self) -> Iterable[Package]:
        """Every package, deleted ones too."""
        return (package for namesakes in self._packages.values() for package in namesakes)

    def has(self, package_type: str, name: str) -> bool:
        """Whether a package of that name exists and is not deleted."""
        return any(p.deleted_at is None for p in self._packages.get((package_type, name), ()))

    def find(self, package_type: str, name: str) -> Package:
        """The package of that name.

        Raises:
            NotThere: there is none, or it is deleted.
        """
        for package in self._packages.get((package_type, name), ()):
            if package.deleted_at is None:
                return package
        raise NotThere("Package not found.")

    def find_deleted(self, package_type: str, name: str) -> Package:
        """The package of that name that was deleted last.

        Raises:
            NotThere: none of that name was deleted.
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
    """Give the package `count` versions that look like its type's."""
    image = package.package_type in ("container", "docker")
    for number in range(1, count + 1):
        name = f"1.0.{number - 1}"
        manifest = encode(image_manifest(f"{package.owner.login}/{package.name}:{number}"))
        package.version(
            digest_of(manifest) if image else name,
            tags=([name, "latest"] if number == count else [name]) if image else (),
            created_at=package.created_at + timedelta(minutes=number),
            manifest=manifest if package.package_type == "container" else None,
        )


@define(eq=False)
class World:
    """Everything an embedded GitHub Packages holds. Change it at any time, also while it is served.

    Args:
        clock: What time it is, with a zone. Default: the computer's clock. Deletions are dated by
            it, and the 30 days within which GitHub restores are counted by it.
        restores_tags: A restored version gets its tags back, except those that another version has
            meanwhile. What GitHub does is unknown.

    Example:
        >>> world = World()
        >>> app = world.org("acme").package("container", "team/app", repository="app")
        >>> version = app.version("sha256:...", tags=["latest"], downloads=12)
        >>> token = world.token("ghp_x", login="octocat", scopes=["read:packages"])
    """

    clock: Clock = field(default=lambda: datetime.now(UTC), repr=False)
    restores_tags: bool = field(default=True, kw_only=True)
    _owners: dict[str, Namespace] = field(factory=dict, init=False, repr=False)
    _tokens: dict[str, Token] = field(factory=dict, init=False, repr=False)
    _next_id: int = field(default=1001, init=False, repr=False)

    def now(self) -> datetime:
        """The time by the world's clock, to the second."""
        return instant(self.clock())

    def restorable(self, deleted_at: datetime) -> bool:
        """Whether what was deleted then can still be restored."""
        return self.now() - deleted_at <= RESTORABLE_FOR

    def new_id(self, wanted: int | None = None) -> int:
        """An id no one has: the one wanted, or the next."""
        taken = self._next_id if wanted is None else wanted
        self._next_id = max(self._next_id, taken + 1)
        return taken

    def org(self, login: str, *, id: int | None = None, sso: bool = False) -> Namespace:  # noqa: A002
        """The organization of that login, made when there is none.

        Args:
            login: Upper and lower case are the same, as they are to GitHub.
            id: The id it gets when it is made. Default: the world's next.
            sso: Whether, when it is made, it takes only tokens authorized for its single sign-on.

        Raises:
            ValueError: it is a user's.
        """
        return self._owner(login, id, "Organization", sso=sso)

    def user(self, login: str, *, id: int | None = None) -> Namespace:  # noqa: A002
        """The user of that login, made when there is none.

        Args:
            login: Upper and lower case are the same, as they are to GitHub.
            id: The id it gets when it is made. Default: the world's next.

        Raises:
            ValueError: it is an organization's.
        """
        return self._owner(login, id, "User", sso=False)

    def _owner(
        self,
        login: str,
        id: int | None,  # noqa: A002
        type: Literal["Organization", "User"],  # noqa: A002
        *,
        sso: bool,
    ) -> Namespace:
        owner = self._owners.get(login.lower())
        if owner is None:
            owner = Namespace(self, login, self.new_id(id), type, sso)
            self._owners[login.lower()] = owner
        elif owner.type != type:
            raise ValueError(f"{owner.login} is {owner.type}, not {type}")
        return owner

    @property
    def owners(self) -> list[Namespace]:
        """Organizations and users, in the order they were made."""
        return list(self._owners.values())

    def find_owner(self, type: Literal["Organization", "User"], login: str) -> Namespace:  # noqa: A002
        """The organization or user of that login.

        Raises:
            NotThere: there is none.
        """
        owner = self._owners.get(login.lower())
        if owner is None or owner.type != type:
            raise NotThere("Not Found")
        return owner

    def token(
        self,
        value: str,
        *,
        login: str,
        scopes: Iterable[str] = ALL_SCOPES,
        admin: bool | Iterable[str] = True,
        sees: bool | Iterable[str] = True,
        sso: bool | Iterable[str] = False,
        limit: int = 5000,
        kind: TokenKind = "classic",
    ) -> Token:
        """Let the server accept a token.

        A token always sees and administers the packages of its own user.

        Args:
            value: The token itself.
            login: Whose it is; the user is made when there is none.
            scopes: Default: all there are. `write:packages` includes `read:packages`, as on GitHub.
            admin: Whether it may delete and restore: everywhere, nowhere, or with these owners.
            sees: Whether it sees what is private or internal: everywhere, nowhere, or with these
                owners. Where it is admin, it sees.
            sso: The single sign-ons it is authorized for: all, none, or those of these owners.
            limit: Requests an hour, as the `x-ratelimit-*` headers state it.
            kind: GitHub refuses every packages operation to `fine-grained` and `app` tokens with
                403, and to an `actions` token (`GITHUB_TOKEN`) the listing of container packages
                with 400. Only responses to `classic` tokens carry `X-OAuth-Scopes`.

        Raises:
            ValueError: the value is empty, or there is no such kind.
        """
        self.user(login)
        token = Token(
            value, login, tuple(scopes), _some(admin), _some(sees), _some(sso), limit, kind
        )
        self._tokens[value] = token
        return token

    @property
    def tokens(self) -> list[Token]:
        """The tokens the server accepts, in the order they were made."""
        return list(self._tokens.values())

    def find_token(self, value: str) -> Token | None:
        """The token of that value, if the server accepts it."""
        return self._tokens.get(value)

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON-ready data, which `from_json` takes back. Tokens are in it, legibly."""
        return snapshot.write(self)

    @classmethod
    def from_json(
        cls, source: Path | str | Mapping[str, Any], *, clock: Clock | None = None
    ) -> World:
        """A world from a JSON file, or from what was in one.

        The file holds what the builder's methods take: `{"owners": [...], "tokens": [...]}`, where
        an owner has `login`, `type` and `packages`, a package has `package_type`, `name` and
        `versions`, and everything else may be left out.

        Args:
            source: The file's path, or its contents decoded.
            clock: As for `World`.

        Raises:
            ValueError: what is in it makes no world; the message says where.
            OSError: the file cannot be read.
        """
        world = cls() if clock is None else cls(clock)
        snapshot.read(world, source)
        return world


def _some(owners: bool | Iterable[str]) -> Owners:
    return owners if isinstance(owners, bool) else frozenset(owner.lower() for owner in owners)
