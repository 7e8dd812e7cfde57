"""OWNER, as it is typed, to a namespace of the client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .failures import WrongUsage

if TYPE_CHECKING:
    from .. import GitHubPackages, Namespace

__all__ = ["namespace_of"]


def namespace_of(client: GitHubPackages, owner: str) -> Namespace:
    """Whose packages OWNER means: ``acme``, ``user:octocat`` or ``me``.

    ``org:me`` is the organization that is called so: no login holds a colon.

    Raises:
        WrongUsage: it is none of these.
        ConfigurationError: its name cannot be one.
    """
    if owner == "me":
        return client.me()
    kind, colon, name = owner.partition(":")
    if not colon:
        return client.org(owner)
    if kind == "org":
        return client.org(name)
    if kind == "user":
        return client.user(name)
    raise WrongUsage(f"OWNER: {owner!r} is neither an organization's name, nor user:NAME, nor me")
