"""Namespace of the argument OWNER."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._owners import namespace_of, parse_owner
from .failures import translate_errors

if TYPE_CHECKING:
    from .. import GitHubPackages, Namespace

__all__ = ["owner_namespace"]


def owner_namespace(client: GitHubPackages, owner: str) -> Namespace:
    """Return the namespace of ``acme``, ``org:acme``, ``user:octocat`` or ``me``.

    Raises:
        WrongUsage: OWNER has another form.
    """
    with translate_errors("OWNER"):
        return namespace_of(client, parse_owner(owner))
