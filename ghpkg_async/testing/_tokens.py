"""Tokens that the server accepts, and their permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

import attrs
from attrs.validators import in_, min_len

from ._packages import strings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._packages import Namespace, Package

Owners: TypeAlias = bool | frozenset[str]
"""All owners (``True``), only the token's own user (``False``), or that user and these logins."""

TokenKind: TypeAlias = Literal["classic", "fine-grained", "app", "actions"]
"""Kind of a token.

``classic`` and ``fine-grained`` are personal access tokens, ``app`` is the installation token of a
GitHub App, ``actions`` the ``GITHUB_TOKEN`` of a GitHub Actions workflow.
"""

ALL_SCOPES: Final = ("delete:packages", "read:packages", "repo", "write:packages")


@attrs.frozen
class Token:
    """Token with its permissions, created by ``World.token``."""

    value: str = attrs.field(repr=False, validator=min_len(1))
    login: str
    scopes: tuple[str, ...] = attrs.field(converter=strings)
    admin: Owners
    sees: Owners
    sso: Owners
    limit: int
    kind: TokenKind = attrs.field(default="classic", validator=in_(get_args(TokenKind)))

    def lacks(self, required: Iterable[str]) -> list[str]:
        """Return the required scopes that the token is missing."""
        granted = set(self.scopes)
        if "write:packages" in granted:
            # https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
            granted.add("read:packages")
        return [scope for scope in required if scope not in granted]

    def may_see(self, package: Package) -> bool:
        """Return whether the package is visible to the token; GitHub responds 404 if not."""
        owner = package.owner
        return (
            package.visibility == "public"
            or self._within(self.sees, owner)
            or self.may_administer(owner)
        )

    def may_administer(self, owner: Namespace) -> bool:
        """Return whether the token may delete and restore the owner's packages."""
        return self._within(self.admin, owner)

    def passes_sso(self, owner: Namespace) -> bool:
        """Return whether the owner has no single sign-on, or the token is authorized for it."""
        return not owner.sso or self._within(self.sso, owner)

    def _within(self, owners: Owners, owner: Namespace) -> bool:
        if isinstance(owners, bool):
            mine = owner.type == "User" and owner.login.lower() == self.login.lower()
            return owners or mine
        return owner.login.lower() in owners or self._within(False, owner)
