"""Whom to audit: names as people write them, files of names, and shares of a list. Pure.

An owner is written ``acme`` (an organization; ``org:acme`` too), ``user:octocat`` or ``me``.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import attrs

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["OwnerKind", "OwnerName", "Shard", "parse_owner", "read_owners", "unique"]

OwnerKind: TypeAlias = Literal["org", "user", "me"]

# Logins are letters, digits and hyphens; those of managed users hold an underscore.
_LOGIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", re.ASCII)
_PROBLEMS_SHOWN: Final = 5


@attrs.frozen
class OwnerName:
    """Whose packages.

    Attributes:
        kind: ``"org"``, ``"user"`` or ``"me"``, the token's user.
        login: the account's; ``""`` for ``me``.
    """

    kind: OwnerKind
    login: str = ""

    def __str__(self) -> str:
        if self.kind == "me":
            return "me"
        # An organization may be called `me`.
        plain = self.kind == "org" and self.login.lower() != "me"
        return self.login if plain else f"{self.kind}:{self.login}"


def parse_owner(text: str) -> OwnerName:
    """The owner that ``acme``, ``org:acme``, ``user:octocat`` or ``me`` means.

    Raises:
        ConfigurationError: the text is none of these.
    """
    if text == "me":
        return OwnerName("me")
    kind, colon, login = text.partition(":")
    if not colon:
        kind, login = "org", text
    if kind not in ("org", "user") or not _LOGIN.fullmatch(login):
        raise ConfigurationError(
            f"owners: {text!r} is neither an organization's name, nor user:NAME, nor me"
        )
    return OwnerName("user" if kind == "user" else "org", login)


def read_owners(lines: Iterable[str], source: str) -> list[OwnerName]:
    """The owners of a file: one a line; blank lines, and what follows a ``#``, do not count.

    Args:
        lines: the file's.
        source: what to call it in errors.

    Raises:
        ConfigurationError: lines that name no owner; the message has their numbers.
    """
    owners, problems = [], []
    for number, line in enumerate(lines, 1):
        text = line.removeprefix("\ufeff").partition("#")[0].strip()
        if not text:
            continue
        try:
            owners.append(parse_owner(text))
        except ConfigurationError:
            problems.append(f"line {number}: {text[:100]!r}")
    if problems:
        shown = "; ".join(problems[:_PROBLEMS_SHOWN])
        more = len(problems) - _PROBLEMS_SHOWN
        raise ConfigurationError(
            f"{source}: one owner a line is an organization's name, user:NAME or me, and # begins "
            f"a comment; not so {shown}{f'; and {more} more' if more > 0 else ''}"
        )
    return owners


def unique(owners: Iterable[OwnerName]) -> list[OwnerName]:
    """The owners in their order, each once, without regard to upper and lower case."""
    first: dict[str, OwnerName] = {}
    for owner in owners:
        first.setdefault(str(owner).lower(), owner)
    return list(first.values())


@attrs.frozen
class Shard:
    """One of several shares of a list of owners, for as many machines.

    Which share an owner belongs to depends on its name alone: the same on every machine, today and
    tomorrow, whoever else is on the list.

    Attributes:
        index: which share, from 1.
        count: of how many.
    """

    index: int
    count: int

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise ConfigurationError(
                f"shard: {self} is no share; of 4 there are 1/4, 2/4, 3/4 and 4/4"
            )

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard written ``1/4``.

        Raises:
            ConfigurationError: it is none.
        """
        numbers = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
        if numbers is None:
            raise ConfigurationError(f"shard: {text!r} is not written like 1/4, the first of four")
        return cls(int(numbers[1]), int(numbers[2]))

    def holds(self, owner: OwnerName) -> bool:
        """Whether the owner belongs to this share."""
        digest = blake2b(str(owner).lower().encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.index - 1
