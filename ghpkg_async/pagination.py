"""Which page to ask for next, and when a listing is whole: pure.

Where the server sends ``Link`` it is followed; where it does not, pages are counted to an empty
one, since a short page is no proof of the end. Own deletes move later items to earlier pages;
a `Course` knows of them and goes back as far as they can have moved anything.

How GitHub pages: https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
"""

from __future__ import annotations

import re
import sys
from array import array
from bisect import bisect_left, bisect_right
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Final

import attrs
from yarl import URL

from .changes import Changes
from .errors import ConfigurationError, InvalidResponse
from .urls import is_on, is_sendable, parse_sent

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CAP", "Course", "Links", "SeenIds", "check_page_arguments", "read_links"]

CAP: Final = 10_000
"""Package listings refuse ``page * per_page`` above this."""
MAX_PER_PAGE: Final = 100
MAX_STALE: Final = 100
"""Pages in a row that bring nothing new before links that lead on are not believed."""
MOST_SHRINKS: Final = 3

_LINK: Final = re.compile(r"<([^<>]*)>([^<]*)")
_PARAMETER: Final = re.compile(r';\s*([\w*-]+)\s*=\s*("[^"]*"|[^\s;,"]*)')
_OF_PAGES: Final = frozenset({"next", "last", "first", "prev"})
_PAGE: Final = re.compile(r"(?<=[?&])page=(\d+)(?=&|$)")
_PER_PAGE: Final = re.compile(r"(?<=[?&])per_page=\d+(?=&|$)")


def check_page_arguments(per_page: int, page: int, *, capped: bool) -> None:
    """Refuses with `ConfigurationError` what GitHub would refuse, clamp or misread."""
    if not _is_whole(per_page) or not 1 <= per_page <= MAX_PER_PAGE:
        raise ConfigurationError(f"per_page: {per_page!r} is not a whole number from 1 to 100")
    if not _is_whole(page) or page < 1:
        raise ConfigurationError(f"page: {page!r} is not a whole number of at least 1")
    if capped and page * per_page > CAP:
        raise ConfigurationError(
            f"page: {page} pages of {per_page} are more than the {CAP} packages that can be "
            f"listed; with this per_page, start at most at page {CAP // per_page}"
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@attrs.frozen(eq=False, repr=False)
class Links:
    """What an answer's ``Link`` header tells.

    Attributes:
        next: the next page's URL, or ``None`` after the last page.
        next_number: its number, where the URL tells one.
        last_number: the last page's number, where the header tells one.
    """

    next: str | None
    next_number: int | None
    last_number: int | None


def read_links(header: str, origin: str) -> Links | None:
    """What a ``Link`` header tells, or ``None`` where it tells nothing of pages.

    Only what paging needs is looked at.

    Raises:
        InvalidResponse: a link leads to another origin.
    """
    found: dict[str, str] = {}
    for target, parameters in _LINK.findall(header):
        for rel in _rels(parameters):
            if rel in _OF_PAGES:
                found.setdefault(rel, target)
    for rel in ("next", "last"):
        if rel in found:
            _check_origin(found[rel], origin)
    following = found.get("next")
    if not found:
        return None
    return Links(following, _number(following), _number(found.get("last")))


def _rels(parameters: str) -> list[str]:
    for name, value in _PARAMETER.findall(parameters):
        if name.lower() == "rel":
            rels: str = value.strip('"').lower()
            return rels.split()
    return []


def _number(url: str | None) -> int | None:
    page = _PAGE.search(url) if url else None
    return int(page[1]) if page and len(page[1]) < 10 else None


def _check_origin(target: str, origin: str) -> None:
    if target.startswith(f"{origin}/") and is_sendable(target):
        return
    with suppress(ValueError):
        if is_on(URL(origin), parse_sent(target)):
            return
    raise InvalidResponse(f"Link: {target[:200]!r} is not on {origin}")


class SeenIds:
    """The ids handed over so far.

    A set for as long as they are few; then sorted, eight bytes each, for a listing may be longer
    than memory. Versions come in the order of their ids, so that a page is put at an end.
    """

    FEW: ClassVar[int] = 2**15

    def __init__(self) -> None:
        self._few: set[int] = set()
        self._many = array("q")

    def __len__(self) -> int:
        return len(self._few) + len(self._many)

    def add(self, ids: Sequence[int]) -> set[int]:
        """Remembers the ids; returns those that are new."""
        new = set(ids)
        if not self._many:
            new -= self._few
            self._few |= new
            if len(self._few) > self.FEW:
                self._many, self._few = array("q", sorted(self._few)), set()
        elif new:
            self._insert(new)
        return new

    def _insert(self, new: set[int]) -> None:
        many = self._many
        low, high = bisect_left(many, min(new)), bisect_right(many, max(new))
        between = many[low:high]
        new -= {one for one in new if _holds(between, one)}
        many[low:high] = array("q", sorted((*between, *new)))


def _holds(ids: Sequence[int], one: int) -> bool:
    place = bisect_left(ids, one)
    return place < len(ids) and ids[place] == one


class Course:
    """The way through one listing, page by page, in order.

    Args:
        url: the first page's URL, with ``page=`` and ``per_page=`` where the listing takes them.
        per_page: items on a page; 0 where the listing takes no such parameter.
        first: the number of the first page.
        capped: whether the listing refuses ``page * per_page`` above 10,000.
        expected: how many items there were a moment ago, where somebody knows.
        changes: the own changes in what is listed.

    Attributes:
        number: the page to take next; ``None`` at the end.
        last: the last page's number, as far as the server told.
        more_beyond_cap: whether it ended at the cap, and there may be more.
        at_least: how many items there are at least, as far as the server told.
    """

    def __init__(
        self,
        url: str,
        *,
        per_page: int,
        first: int = 1,
        capped: bool = False,
        expected: int | None = None,
        changes: Changes | None = None,
    ) -> None:
        self.number: int | None = first
        self.last: int | None = None
        self.more_beyond_cap = False
        self.at_least = 0
        self.changes = changes or Changes()
        self._url = url
        self._per_page = per_page
        self._capped = capped
        self._expected = expected
        self._guessed_last = -(-expected // per_page) if expected and per_page else None
        self._begun_at_start = self.changes.begun
        self._finished_then = self.changes.finished
        self._begun_then = 0
        self._taken = 0
        self._start = self._taken_until = (first - 1) * per_page
        self._stale_in_a_row = 0
        self._shrunk = False
        self._shrinks = 0
        self._cursor: str | None = None
        self._cursors: set[str] = set()

    def url(self, number: int) -> str:
        """The URL of a page, made from the server's own link where it gave one."""
        if self._cursor is not None:
            return self._cursor
        url = _PER_PAGE.sub(f"per_page={self._per_page}", self._url)
        if _PAGE.search(url):
            return _PAGE.sub(f"page={number}", url)
        return url if number == 1 else f"{url}{'&' if '?' in url else '?'}page={number}"

    def ahead(self, window: int) -> range:
        """The pages to ask for now: the next, and those surely behind it; ``window`` in all.

        After an own change only the next: the pages behind it are about to move.
        """
        if self.number is None:
            return range(0)
        until = self.number
        changing = self.changes.begun > min(self._begun_at_start, self.changes.finished)
        last = self.last or self._guessed_last
        # Where a page brought nothing new, the pages behind it may not either.
        if last is not None and self._cursor is None and not changing and not self._stale_in_a_row:
            until = max(until, min(last, until + window - 1))
            until = min(until, self._reachable())
        return range(self.number, until + 1)

    def is_further(self, number: int) -> bool:
        """Whether a page comes after the one the listing starts with."""
        return self._offset(number) > self._start

    def continues(self, finished_before: int, begun_after: int) -> bool:
        """Whether the page that came follows the last one without a gap; else it goes back.

        Each own change that may have been carried out between the two answers may have moved
        items over the page's beginning, to a page where nobody would look again.

        Args:
            finished_before: how many own changes were finished when the page was asked for.
            begun_after: how many were begun when it came.
        """
        number = self.number
        if number is None or not self.is_further(number) or self._cursor is not None:
            self._finished_then, self._begun_then = finished_before, begun_after
            return True
        if finished_before < self._begun_then:
            return False  # The page before may show a change that this one does not.
        moved = begun_after - self._finished_then
        if moved == 0 or self._offset(number) <= self._taken_until - moved:
            self._finished_then, self._begun_then = finished_before, begun_after
            return True
        surely_taken = self._taken_until - (self.changes.begun - self._finished_then)
        self._go_on_behind(surely_taken)
        return False

    def shrink(self) -> bool:
        """Goes on with pages of half the size, a few times in a row; whether there are any.

        GitHub sometimes fails at a page that it cannot put together in time.
        """
        if self._per_page < 2 or self._cursor is not None or self._shrinks == MOST_SHRINKS:
            return False
        self._shrinks += 1
        self._per_page //= 2
        self._shrunk = True
        self.last = self._guessed_last = None
        self._go_on_behind(self._taken_until)
        return True

    def took(self, links: Links | None, size: int, fresh: int, *, kept: bool = False) -> None:
        """The page that came was taken.

        Args:
            links: what its ``Link`` told; ``None`` where it had none.
            size: how many items it held.
            fresh: how many of them this course had not met before.
            kept: whether the links are those of an earlier answer: a full page may have got a
                page behind it since, and be the same.

        Raises:
            InvalidResponse: its links lead in a circle or on and on, or smaller pages do not
                come smaller.
        """
        number = self.number
        if number is None:
            return
        if self._shrunk and size > self._per_page:
            raise InvalidResponse(
                f"page {number}: {size} items, though {self._per_page} were asked"
            )
        self._shrinks = 0
        self._taken += fresh
        self._taken_until = number * self._per_page
        self._stale_in_a_row = 0 if fresh else self._stale_in_a_row + 1
        self.number = number + 1
        if kept and links is not None and links.next is None and size >= self._per_page > 0:
            links = None
        if links is not None:
            self._follow(links, number)
        elif self._cursor is not None or self._is_the_end(number, size):
            self.number, self.last = None, number  # Behind a cursor there is nothing to count.
        if self.number is not None and self.number > self._reachable():
            self.more_beyond_cap = True
            self.number = None

    def _reachable(self) -> int:
        return CAP // self._per_page if self._capped else sys.maxsize

    def _offset(self, number: int) -> int:
        return (number - 1) * self._per_page

    def _go_on_behind(self, items: int) -> None:
        self.number = max(self._start, items) // self._per_page + 1

    def _follow(self, links: Links, number: int) -> None:
        self.last, self._guessed_last = links.last_number, None
        if links.last_number is not None:
            self.at_least = max(self.at_least, (links.last_number - 1) * self._per_page + 1)
        self._cursor = None
        if links.next is None:
            if self.last is None or self.last <= number:
                self.number, self.last = None, number
        elif self._stale_in_a_row > MAX_STALE:
            raise InvalidResponse(f"Link: leads on, but {MAX_STALE} pages brought nothing new")
        elif links.next_number is None:
            if links.next in self._cursors:
                raise InvalidResponse(f"Link: {links.next[:200]!r} leads in a circle")
            self._cursors.add(links.next)
            self._cursor = links.next
        elif links.next_number <= number:
            raise InvalidResponse(f"Link: after page {number} comes page {links.next_number}")
        else:
            self.number = links.next_number
            self._url = links.next

    def _is_the_end(self, number: int, size: int) -> bool:
        if self.last is not None and number < self.last:
            return False  # One answer lost its header.
        if size == 0:
            return True
        if self._expected is not None and size < self._per_page:
            return self._taken == self._expected
        # A server that knows no pages answers each with the same items.
        return self._stale_in_a_row > (1 if self._per_page else 0)
