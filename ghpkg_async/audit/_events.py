"""What an audit tells while it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._session.scheduler import Wait
    from ._records import FailureEntry, ListingKey

__all__ = ["Event", "OnEvent", "OwnerDone", "OwnerStarted", "PageDone", "Progress", "Waiting"]


@attrs.frozen
class OwnerStarted:
    """The first request for an owner is about to go.

    Attributes:
        owner: as the audit was asked for it.
    """

    owner: str


@attrs.frozen
class PageDone:
    """A page came.

    Attributes:
        key: the listing it belongs to, or the package's whose versions it holds.
        number: which page, from 1.
        last: the last page's number, as far as the server told.
        items: how many packages or versions it holds.
        name: the package whose versions it holds; ``None``: it is a page of the listing itself.
    """

    key: ListingKey
    number: int
    last: int | None
    items: int
    name: str | None = None


@attrs.frozen
class OwnerDone:
    """Nothing more will be asked of an owner.

    Attributes:
        owner: as the audit was asked for it.
        packages: how many packages came.
        failures: what could not be listed.
    """

    owner: str
    packages: int
    failures: tuple[FailureEntry, ...]


@attrs.frozen
class Waiting:
    """A rate limit begins to hold the client's requests, this audit's or others'.

    Attributes:
        wait: how long, until when, and why.
    """

    wait: Wait


Event: TypeAlias = OwnerStarted | PageDone | OwnerDone | Waiting
OnEvent: TypeAlias = "Callable[[Event], object]"


@attrs.define
class Progress:
    """How far an audit is.

    Attributes:
        owners: how many owners there are.
        owners_done: of these, those of whom nothing more will be asked.
        listings: how many listings there are, of all owners together.
        listings_begun: of these, those whose first page came, or failed.
        listings_done: of these, those that ended, complete or not.
        pages: how many pages there are as far as known: all of a listing as soon as its first
            page told the last.
        pages_done: of these, those that came.
        packages: packages so far.
        failures: failures so far.
    """

    owners: int = 0
    owners_done: int = 0
    listings: int = 0
    listings_begun: int = 0
    listings_done: int = 0
    pages: int = 0
    pages_done: int = 0
    packages: int = 0
    failures: int = 0

    def requests_to_go(self) -> int:
        """How many requests there are still to come, by what the begun listings took."""
        known = self.pages - self.pages_done
        each = self.pages / self.listings_begun if self.listings_begun else 1.0
        return known + round((self.listings - self.listings_begun) * max(each, 1.0))

    def seconds_to_go(
        self, elapsed: float, *, remaining: int | None = None, reset_in: float = 0.0
    ) -> float | None:
        """How long it may still take; ``None`` before there is anything to tell by.

        Args:
            elapsed: seconds since it began.
            remaining: requests left in the hourly budget; ``None``: there is none.
            reset_in: seconds until the budget is whole again.
        """
        if self.pages_done == 0 or elapsed <= 0:
            return None
        to_go = self.requests_to_go()
        seconds = to_go * elapsed / self.pages_done
        if remaining is not None and to_go > remaining:
            seconds = max(seconds, reset_in)
        return seconds
