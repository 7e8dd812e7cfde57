"""Owners as people write them: ``acme``, ``org:acme``, ``user:octocat`` or ``me``. No I/O."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

import attrs

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._namespaces import Namespace

__all__ = ["OwnerKind", "OwnerName", "namespace_of", "parse_owner", "unique"]

OwnerKind: TypeAlias = Literal["org", "user", "me"]

# Logins are letters, digits and hyphens; those of managed users contain an underscore.
_LOGIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", re.ASCII)


@attrs.frozen
class OwnerName:
    """Owner of packages.

    Attributes:
        kind: ``"org"``, ``"user"``, or ``"me"`` for the token's user.
        login: the login of the account; ``""`` for ``me``.
    """

    kind: OwnerKind
    login: str = ""

    def __str__(self) -> str:
        if self.kind == "me":
            return "me"
        # An organization may have the name `me`.
        is_plain = self.kind == "org" and self.login.lower() != "me"
        return self.login if is_plain else f"{self.kind}:{self.login}"


def parse_owner(text: str) -> OwnerName:
    """Parse an owner: ``acme`` or ``org:acme``, ``user:octocat``, or ``me``.

    Raises:
        ConfigurationError: the text has another form, or the login is not valid.
    """
    if text == "me":
        return OwnerName("me")
    kind, colon, login = text.partition(":")
    if not colon:
        kind, login = "org", text
    if kind not in ("org", "user") or not _LOGIN.fullmatch(login):
        raise ConfigurationError(
            f"owners: {text!r} is not an organization's name, org:NAME, user:NAME or me"
        )
    return OwnerName("user" if kind == "user" else "org", login)


def unique(owners: Iterable[OwnerName]) -> list[OwnerName]:
    """Return the owners in their order, without duplicates; the case of logins is ignored."""
    first: dict[str, OwnerName] = {}
    for owner in owners:
        first.setdefault(str(owner).lower(), owner)
    return list(first.values())


class Namespaces(Protocol):
    """Factory of namespaces: a client, or its `NamespaceFactory`."""

    def org(self, org: str) -> Namespace:
        """Return the packages of an organization."""

    def me(self) -> Namespace:
        """Return the packages of the token's user."""

    def user(self, username: str) -> Namespace:
        """Return the packages of a user."""


def namespace_of(client: Namespaces, owner: OwnerName) -> Namespace:
    """Return the namespace of an owner."""
    if owner.kind == "me":
        return client.me()
    return client.org(owner.login) if owner.kind == "org" else client.user(owner.login)
