"""Events of an audit, and its progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._session.scheduler import RateLimitWait
    from ._records import FailureEntry, ListingKey

__all__ = ["Event", "OnEvent", "OwnerDone", "OwnerStarted", "PageDone", "Progress", "Waiting"]


@attrs.frozen
class OwnerStarted:
    """The first request for an owner is about to be sent.

    Attributes:
        owner: the owner as passed to the audit.
    """

    owner: str


@attrs.frozen
class PageDone:
    """A page was received.

    Attributes:
        key: the listing of the page, or of the package whose versions it has.
        number: the page number, from 1.
        last: the number of the last page; ``None`` if the server did not send it.
        items: number of packages or versions on the page.
        name: the package whose versions the page has; ``None`` for a page of the listing itself.
    """

    key: ListingKey
    number: int
    last: int | None
    items: int
    name: str | None = None


@attrs.frozen
class OwnerDone:
    """All listings of an owner have ended.

    Attributes:
        owner: the owner as passed to the audit.
        packages: number of packages received.
        failures: listings and packages that failed.
    """

    owner: str
    packages: int
    failures: tuple[FailureEntry, ...]


@attrs.frozen
class Waiting:
    """A rate limit delays the requests of the client, of this audit or others.

    Attributes:
        wait: duration, end and reason of the delay.
    """

    wait: RateLimitWait


Event: TypeAlias = OwnerStarted | PageDone | OwnerDone | Waiting
OnEvent: TypeAlias = "Callable[[Event], object]"


@attrs.define
class Progress:
    """Progress of an audit.

    Attributes:
        owners: number of owners.
        owners_done: number of owners all of whose listings have ended.
        listings: number of listings of all owners.
        listings_begun: number of listings whose first page was received or failed.
        listings_done: number of listings that have ended, complete or not.
        pages: number of pages known so far; the first page of a listing usually has the last
            page's number.
        pages_done: number of pages received.
        packages: number of packages received.
        failures: number of failures.
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
        """Estimate the number of remaining requests from the listings begun so far."""
        known = self.pages - self.pages_done
        per_listing = self.pages / self.listings_begun if self.listings_begun else 1.0
        return known + round((self.listings - self.listings_begun) * max(per_listing, 1.0))

    def seconds_to_go(
        self, elapsed: float, *, remaining: int | None = None, reset_in: float = 0.0
    ) -> float | None:
        """Estimate the remaining time in seconds; ``None`` before the first page.

        Args:
            elapsed: seconds since the start of the audit.
            remaining: requests left in the hourly budget; ``None``: no budget.
            reset_in: seconds until the budget is reset.
        """
        if self.pages_done == 0 or elapsed <= 0:
            return None
        to_go = self.requests_to_go()
        seconds = to_go * elapsed / self.pages_done
        if remaining is not None and to_go > remaining:
            seconds = max(seconds, reset_in)
        return seconds
