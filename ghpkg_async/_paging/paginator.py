"""Which page to request next, and where a listing ends.

Where the server sends ``Link``, its links are followed. Elsewhere pages are requested by number up
to an empty one, since a short page proves nothing on a server that has never sent ``Link``.

https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final

from ..errors import ConfigurationError, InvalidResponse
from .link_header import PAGE_PARAMETER

if TYPE_CHECKING:
    from .known_pages import KnownPage
    from .link_header import Links

__all__ = ["CAP", "Paginator", "check_page_arguments", "page_query"]

CAP: Final = 10_000
"""Package listings refuse ``page * per_page`` above this."""
MAX_PER_PAGE: Final = 100
MAX_STALE_PAGES: Final = 100
"""Pages in a row without a new item before the listing fails."""
MAX_HALVINGS: Final = 3
LARGEST_GROWING: Final = 50
"""Pages of at most so many items grow from pass to pass, and larger ones shrink."""

_PER_PAGE: Final = re.compile(r"(?<=[?&])per_page=\d+(?=&|$)")


def check_page_arguments(per_page: int, page: int, *, capped: bool) -> None:
    """Raise `ConfigurationError` for values that GitHub would refuse, clamp or misread."""
    if not _is_whole(per_page) or not 1 <= per_page <= MAX_PER_PAGE:
        raise ConfigurationError(f"per_page: {per_page!r} is not a whole number from 1 to 100")
    if not _is_whole(page) or page < 1:
        raise ConfigurationError(f"page: {page!r} is not a whole number of at least 1")
    if capped and page * per_page > CAP:
        raise ConfigurationError(
            f"page: {page} pages of {per_page} are more than the {CAP} packages that can be "
            f"listed; with this per_page, start at most at page {CAP // per_page}"
        )


def page_query(per_page: int, page: int, **parameters: str | None) -> str:
    """Return the query of a listing's page.

    Args:
        per_page: items on a page.
        page: number of the page.
        parameters: percent-encoded; those that are ``None`` are left out.
    """
    pairs = [f"{name}={value}" for name, value in parameters.items() if value is not None]
    return "&".join([*pairs, f"per_page={per_page}", f"page={page}"])


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class Paginator:
    """Decides which page to request next and when the listing is complete. No I/O.

    Args:
        url: the first page's URL, with ``page=`` and ``per_page=`` where the listing takes them.
        per_page: items on a page; 0 where the listing takes no such parameter.
        first: number of the first page.
        capped: whether the listing refuses ``page * per_page`` above 10,000.
        expected: item count from an earlier response, if known; predicts the last page.

    Attributes:
        next_page: the page to accept next; ``None`` at the end.
        last_page: number of the last page, if a response of this walk had it.
        per_page: items requested on a page.
        is_end_unconfirmed: whether the page before ``next_page`` was short and had no ``Link``:
            the end, if the server is known to send ``Link`` with this operation.
        truncated_at_cap: whether the cap ended the walk before the listing ended.
        changed: whether the responses show that the collection changed during the walk.
    """

    def __init__(
        self,
        url: str,
        *,
        per_page: int,
        first: int = 1,
        capped: bool = False,
        expected: int | None = None,
    ) -> None:
        self.next_page: int | None = first
        self.last_page: int | None = None
        self.per_page = per_page
        self.is_end_unconfirmed = False
        self.truncated_at_cap = False
        self.changed = False
        self._first = first
        self._first_url = self._template = url
        self._capped = capped
        self._expected = expected
        self._predicted_last = -(-expected // per_page) if expected and per_page else None
        self._start = self._offset = (first - 1) * per_page
        self._first_of_size = first
        self._halvings = 0
        self._halved = False
        self._overlaps = False
        self._responses = 0
        self._nonempty = 0
        self._size = self._previous_size = 0
        self._largest = 0
        self._ignores_page = False
        self._grows = per_page <= LARGEST_GROWING
        self._full_pages = 0
        self._stale_pages = 0
        self._new_items = 0
        self._cursor: str | None = None
        self._cursors: set[str] = set()

    def restart(self, *, resize: bool = False) -> Paginator:
        """Return a paginator for another pass.

        Args:
            resize: request pages of another size, which share items with the pages of this pass.
        """
        size = self._other_size() if resize else self.per_page
        again = Paginator(self._first_url, per_page=size, first=self._first_page)
        again._capped, again._template = self._capped, self._template
        again._start = again._offset = self._start
        again._first_of_size = again._first_page
        again._grows, again._halved = self._grows, self._halved
        if size == self.per_page:
            again._predicted_last = self.last_page
        else:
            again._predicted_last = max(-(-self._new_items // size), 1)
        again._largest = min(self._largest, size)
        return again

    def _other_size(self) -> int:
        if not self.per_page or self._ignores_page or self._first_page > 1:
            return self.per_page  # Other pages would begin at another item, or be the same.
        if self._nonempty > 1 and self._largest < self.per_page:
            return max(self._largest - 1, 1)  # The server's pages are smaller than requested.
        return self.per_page + 1 if self._grows else max(self.per_page - 1, 1)

    def url(self, page: int) -> str:
        """The URL of a page, made from the server's own link where it sent one."""
        if self._cursor is not None:
            return self._cursor
        url = self._first_url if page == self._first_page else self._template
        if self.per_page:
            url = _PER_PAGE.sub(f"per_page={self.per_page}", url)
        if PAGE_PARAMETER.search(url):
            return PAGE_PARAMETER.sub(f"page={page}", url)
        return url if page == 1 else f"{url}{'&' if '?' in url else '?'}page={page}"

    def key(self, page: int) -> int | str:
        """Identify a page over several passes: by number and size, or by URL."""
        return self._cursor or page * (MAX_PER_PAGE + 1) + self.per_page

    @property
    def url_of_one_item(self) -> str:
        """The URL of a page of one item: the last page in its ``Link`` is the number of items."""
        return _PER_PAGE.sub("per_page=1", self._first_url)

    def is_first(self, page: int) -> bool:
        """Return whether the listing starts with this page."""
        return page == self._first_page

    @property
    def _first_page(self) -> int:
        return self._start // self.per_page + 1 if self.per_page else self._first

    @property
    def is_numbered(self) -> bool:
        """``True`` if ``next_page`` is requested by number, not by a link without one."""
        return self._cursor is None

    @property
    def last_is_short(self) -> bool:
        """``True`` if the page before an empty one was too short to be followed by another.

        A server may send smaller pages than requested, so that only a longer page is evidence.
        """
        return self._size == 0 and self._previous_size < self._largest

    @property
    def is_end_proven(self) -> bool:
        """``True`` if the walk ended at the last page, not at the cap or at a repeated page."""
        return self.next_page is None and not self.truncated_at_cap and not self._ignores_page

    @property
    def ignores_page(self) -> bool:
        """``True`` if the walk ended because the second page was the same as the first.

        The server ignores ``page``, unless exactly one page of items was inserted in between.
        """
        return self._ignores_page

    def pages_to_request(self, window: int) -> tuple[range, range]:
        """Return the pages that exist, as far as known, and those that may.

        Args:
            window: most pages of both kinds, the next one included.

        Returns:
            The next page and those after it up to the last one; then, where pages are full and
            have no ``Link``, as many further pages as were full so far.
        """
        page = self.next_page
        if page is None:
            return range(0), range(0)
        end, last = page, self.last_page or self._predicted_last
        is_numbered = self.is_numbered and not self._stale_pages
        if last is not None and is_numbered:
            end = min(max(end, min(last, page + window - 1)), self._reachable())
        possible = end
        if (last is None or last < page) and is_numbered:
            possible = min(page + min(self._full_pages, window - 1), self._reachable())
        return range(page, end + 1), range(end + 1, possible + 1)

    def halve_page_size(self) -> bool:
        """Continue with pages of half the size; return ``False`` if that is not possible.

        It is not after ``MAX_HALVINGS`` times in a row, with pages of one item, or with a cursor.
        GitHub sometimes fails at a page that it cannot put together in time.
        """
        if self.per_page < 2 or self._cursor is not None or self._halvings == MAX_HALVINGS:
            return False
        if self.next_page is not None and self.next_page > self._first_of_size:
            # The server's pages may be smaller than requested: not per_page, but their size.
            self._offset = max(self._offset, (self.next_page - 1) * self._largest)
        self._halvings += 1
        self.per_page //= 2
        self._halved = True
        self.last_page = self._predicted_last = None
        self._full_pages = self._largest = 0
        self.is_end_unconfirmed = False
        self.next_page = self._first_of_size = self._offset // self.per_page + 1
        self._overlaps = self._offset % self.per_page > 0 or self._offset > self._start
        return True

    def confirm_end(self) -> None:
        """Accept that the short page before ``next_page`` was the last one."""
        if self.next_page is not None:
            self._end(self.next_page - 1)

    def advance(
        self,
        links: Links | None,
        *,
        size: int,
        new: int,
        repeats_page: bool = False,
        sends_link: bool | None = None,
        links_may_be_stale: bool = False,
        will_be_cached: bool = False,
    ) -> None:
        """Accept the response for ``next_page``.

        Args:
            links: its ``Link`` header; ``None`` if it has none.
            size: number of its items.
            new: number of its items that no earlier page of this walk had.
            repeats_page: whether it has the same items as the page before it.
            sends_link: whether the server sends ``Link`` with this operation, if known.
            links_may_be_stale: whether the links are those of an earlier response with the same
                body.
            will_be_cached: whether a later run may get the links from the cache. A full last page
                may then have a page after it, which is requested to be cached too.

        Raises:
            InvalidResponse: the links lead in a circle or never end, or pages stay larger than
                requested after ``halve_page_size``.
        """
        page = self.next_page
        if page is None:
            return
        if self._halved and size > self.per_page > 0:
            raise InvalidResponse(f"page {page}: {size} items where {self.per_page} were requested")
        is_full = self._is_full(size)
        self._count(page, size, new, is_full=is_full)
        self.next_page = page + 1
        if links is not None:
            self._full_pages = 0
        if will_be_cached and links is not None and links.next is None and is_full:
            links = None
        if links is not None:
            self._follow(links, page, size, is_full=is_full, links_may_be_stale=links_may_be_stale)
        elif self._cursor is not None:
            self._end(page)  # After a cursor there is no page number to continue with.
        elif not (self.last_page is not None and page < self.last_page):  # Else a lost header.
            self._continue_or_end(page, size, repeats_page, sends_link, is_full=is_full)
        self._stop_at_cap()

    def advance_unchanged(self, known: KnownPage, *, repeats_page: bool = False) -> None:
        """Accept a 304 for ``next_page``: the same items as in an earlier pass."""
        page = self.next_page
        if page is None:
            return
        is_full = self._is_full(known.size)
        self._count(page, known.size, known.size, is_full=is_full)
        self.next_page, self._cursor = page + 1, known.cursor
        if not known.has_next:
            self._end(page)
        elif repeats_page:
            self._end_if_page_is_ignored(page)
        self._stop_at_cap()

    def _count(self, page: int, size: int, new: int, *, is_full: bool) -> None:
        if not is_full:
            self._full_pages = 0
        elif new and self._responses:
            self._full_pages += 1
        self._responses += 1
        self._previous_size, self._size = self._size, size
        self._nonempty += size > 0
        self._largest = max(self._largest, size)
        self._halvings = 0
        self._new_items += new
        # Smaller pages start within the page before them.
        self.changed = self.changed or (new < size and not self._overlaps)
        self._overlaps = False
        self._stale_pages = 0 if new else self._stale_pages + 1
        self.is_end_unconfirmed = False
        if self._stale_pages > MAX_STALE_PAGES:
            raise InvalidResponse(
                f"Link: page {page} is not the last, but {MAX_STALE_PAGES} pages had no new item"
            )

    def _is_full(self, size: int) -> bool:
        """Return whether the page to accept is full: as large as the server's pages are.

        That is the largest one so far, once a second page shows that there are more.
        """
        if self._nonempty + (size > 0) > 1 or not self.per_page:
            return size >= max(self._largest, 1)
        return size >= self.per_page

    def _follow(
        self, links: Links, page: int, size: int, *, is_full: bool, links_may_be_stale: bool
    ) -> None:
        if links.last_page is not None and not links_may_be_stale:
            self.changed = self.changed or self.last_page not in (None, links.last_page)
            self._predicted_last = None
        self.last_page = links.last_page or self.last_page
        self._cursor = None
        if links.next is None:
            is_before_last = self.last_page is not None and page < self.last_page
            # GitHub sends no Link on the only page, so that one without `next` proves nothing.
            is_doubtful = page == self._first_page and is_full and links.last_page is None
            if not (size and is_before_last) and not (is_doubtful and not links.prev):
                self._end(page)
        elif links.next_page is None:
            if links.next in self._cursors:
                raise InvalidResponse(f"Link: {links.next[:200]!r} leads in a circle")
            self._cursors.add(links.next)
            self._cursor = links.next
        elif links.next_page <= page:
            raise InvalidResponse(f"Link: page {page} names page {links.next_page} as the next")
        else:
            self._template = links.next

    def _continue_or_end(
        self, page: int, size: int, repeats_page: bool, sends_link: bool | None, *, is_full: bool
    ) -> None:
        if repeats_page:
            self._end_if_page_is_ignored(page)
        if self.next_page is None:
            return
        if size == 0:
            self._end(page)
        elif is_full and self.per_page:
            pass  # A full page without Link is never the end.
        elif sends_link or self._new_items == self._expected:
            self._end(page)
        else:
            self.is_end_unconfirmed = sends_link is None

    def _end_if_page_is_ignored(self, page: int) -> None:
        if page == self._first_page + 1 and not self._halved:
            self.changed, self._ignores_page = False, True
            self._end(page)

    def _end(self, page: int) -> None:
        self.changed = self.changed or (self.last_page is not None and page < self.last_page)
        if self._expected is not None and self._new_items < self._expected:
            self.changed = True
        self.next_page, self.last_page = None, page
        self.is_end_unconfirmed, self._cursor = False, None

    def _stop_at_cap(self) -> None:
        if self.next_page is not None and self.next_page > self._reachable():
            self.truncated_at_cap = True
            self.next_page = None

    def _reachable(self) -> int:
        return CAP // self.per_page if self._capped and self.per_page else sys.maxsize
