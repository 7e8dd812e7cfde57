"""Lists of owners: read from a file, divided into shards. Pure."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import attrs

from .._owners import parse_owner
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._owners import OwnerName

__all__ = ["Shard", "read_owners"]

_PROBLEMS_SHOWN: Final = 5


def read_owners(lines: Iterable[str], source: str) -> list[OwnerName]:
    """Parse the owners of a file, one a line; ``#`` starts a comment, blank lines are ignored.

    Args:
        lines: the lines of the file.
        source: the name of the file in errors.

    Raises:
        ConfigurationError: a line is not an owner; the message has the numbers of such lines.
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
            f"{source}: not an owner: {shown}{f'; and {more} more' if more > 0 else ''}. Write an "
            f"organization's name, user:NAME or me, one per line; # begins a comment"
        )
    return owners


@attrs.frozen
class Shard:
    """One of several shares of a list of owners, for as many machines.

    The share of an owner depends only on its name and on the number of shares, so it is the same
    on every machine and for every list.

    Attributes:
        index: the number of the share, 1 to ``count``.
        count: the number of shares.

    Raises:
        ConfigurationError: ``index`` is out of range.
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
        """Parse a shard like ``1/4``.

        Raises:
            ConfigurationError: the text has another form, or the index is out of range.
        """
        numbers = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
        if numbers is None:
            raise ConfigurationError(f"shard: {text!r} is not written like 1/4, the first of four")
        return cls(int(numbers[1]), int(numbers[2]))

    def holds(self, owner: OwnerName) -> bool:
        """Return whether the owner belongs to this share."""
        digest = blake2b(str(owner).lower().encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.index - 1
