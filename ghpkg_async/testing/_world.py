"""State behind the embedded GitHub Packages: owners, tokens and a clock.

Pure: no network, no time but the clock's, and no file except in ``World.from_json``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from . import _snapshot as snapshot
from ._packages import Namespace
from ._refusals import NotThere
from ._tokens import ALL_SCOPES, Token
from ._world_base import WorldBase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ._packages import OwnerType
    from ._tokens import Owners, TokenKind
    from ._world_base import Clock


@attrs.define(eq=False)
class World(WorldBase):
    """State of an embedded GitHub Packages. It may be changed at any time, also while served.

    Args:
        clock: Returns the current time, with a zone. Default: the computer's clock. Deletions are
            dated by it, and restorable for 30 days of it.
        restores_tags: Give a restored version its tags again, except those that another version
            has by then. Default: true; GitHub's behavior is unknown.

    Example:
        >>> world = World()
        >>> app = world.org("acme").package("container", "team/app", repository="app")
        >>> version = app.version("sha256:...", tags=["latest"], downloads=12)
        >>> token = world.token("ghp_x", login="octocat", scopes=["read:packages"])
    """

    _owners: dict[str, Namespace] = attrs.field(factory=dict, init=False, repr=False)
    _tokens: dict[str, Token] = attrs.field(factory=dict, init=False, repr=False)

    def org(self, login: str, *, id: int | None = None, sso: bool = False) -> Namespace:  # noqa: A002
        """Return the organization of that login; create it if missing.

        Args:
            login: Case-insensitive, as on GitHub.
            id: Id of a created organization. Default: a new one.
            sso: A created organization accepts only tokens authorized for its single sign-on.

        Raises:
            ValueError: if the login is a user's.
        """
        return self._owner(login, id, "Organization", sso=sso)

    def user(self, login: str, *, id: int | None = None) -> Namespace:  # noqa: A002
        """Return the user of that login; create it if missing.

        Args:
            login: Case-insensitive, as on GitHub.
            id: Id of a created user. Default: a new one.

        Raises:
            ValueError: if the login is an organization's.
        """
        return self._owner(login, id, "User", sso=False)

    def _owner(
        self,
        login: str,
        id: int | None,  # noqa: A002
        type: OwnerType,  # noqa: A002
        *,
        sso: bool,
    ) -> Namespace:
        if not isinstance(login, str) or not login:
            raise ValueError(f"login: {login!r} is not the name of an owner")
        owner = self._owners.get(login.lower())
        if owner is None:
            owner = Namespace(self, login, self.new_id(id), type, sso)
            self._owners[login.lower()] = owner
        elif owner.type != type:
            raise ValueError(f"{owner.login} is {owner.type}, not {type}")
        return owner

    @property
    def owners(self) -> list[Namespace]:
        """Organizations and users, in order of creation."""
        return list(self._owners.values())

    def find_owner(self, type: OwnerType, login: str) -> Namespace:  # noqa: A002
        """Return the organization or user of that login.

        Raises:
            NotThere: if no owner of that type has the login.
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
        """Add a token, which the server accepts from now on.

        A token always sees and administers the packages of its own user.

        Args:
            value: The token's text, not empty.
            login: Login of the token's user; created if missing.
            scopes: Default: all scopes. ``write:packages`` includes ``read:packages``, as on
                GitHub.
            admin: Owners whose packages the token may delete and restore: ``True``: all, ``False``:
                its own user only, logins: these and its own user.
            sees: Sees private and internal packages, likewise. ``admin`` includes it.
            sso: Is authorized for the single sign-on, likewise.
            limit: Requests per hour, stated in the ``x-ratelimit-*`` headers.
            kind: GitHub refuses every packages operation to ``fine-grained`` and ``app`` tokens
                with 403, and to an ``actions`` token (``GITHUB_TOKEN``) the listing of container
                packages with 400. Only responses to ``classic`` tokens have ``X-OAuth-Scopes``.

        Raises:
            ValueError: if the value is empty or the kind unknown.
        """
        self.user(login)
        token = Token(
            value, login, tuple(scopes), _logins(admin), _logins(sees), _logins(sso), limit, kind
        )
        self._tokens[value] = token
        return token

    @property
    def tokens(self) -> list[Token]:
        """Accepted tokens, in order of creation."""
        return list(self._tokens.values())

    def find_token(self, value: str) -> Token | None:
        """Return the token of that value, or ``None`` if the server does not accept it."""
        return self._tokens.get(value)

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON-ready data for ``from_json``; tokens are in plain text."""
        return {
            "owners": [snapshot.owner_to_json(owner) for owner in self.owners],
            "tokens": [snapshot.token_to_json(token) for token in self.tokens],
            **({} if self.restores_tags else {"restores_tags": False}),
        }

    @classmethod
    def from_json(
        cls, source: Path | str | Mapping[str, Any], *, clock: Clock | None = None
    ) -> World:
        """Return a world read from a JSON file or its decoded contents.

        The file holds the arguments of the methods above: ``{"owners": [...], "tokens": [...]}``,
        where an owner has ``login``, ``type`` and ``packages``, a package has ``package_type``,
        ``name`` and ``versions``. All other keys are optional.

        Args:
            source: Path of the file, or its decoded contents.
            clock: Clock of the world, as in ``World``.

        Raises:
            ValueError: if the contents are invalid; the message names the place.
            OSError: if the file cannot be read.
        """
        world = cls() if clock is None else cls(clock)
        snapshot.read(world, source)
        return world


def _logins(owners: bool | Iterable[str]) -> Owners:
    return owners if isinstance(owners, bool) else frozenset(owner.lower() for owner in owners)
