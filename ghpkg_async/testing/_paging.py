"""Pages of a listing and the ``Link`` header. Pure.

https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlencode

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")

PER_PAGE: Final = 30
MAX_PER_PAGE: Final = 100


@attrs.frozen
class Window:
    """One page of a listing: its number, from 1, and the page size."""

    number: int
    per_page: int

    @classmethod
    def asked(cls, query: Mapping[str, str]) -> Window:
        """Return the page that a query string asks for.

        Defaults apply to a value that is not a number or below 1; ``per_page`` is at most 100.
        """
        number = _positive(query.get("page"), 1)
        return cls(number, min(_positive(query.get("per_page"), PER_PAGE), MAX_PER_PAGE))

    def cut(self, items: Sequence[T]) -> Sequence[T]:
        """Return the items on this page."""
        start = (self.number - 1) * self.per_page
        return items[start : start + self.per_page]

    def pages(self, total: int) -> int:
        """Return the number of pages that ``total`` items fill."""
        return -(-total // self.per_page)

    def relations(self, total: int, *, single_page: bool) -> dict[str, int]:
        """Return the page number of each relation in this page's ``Link`` header.

        Args:
            total: Number of items in the listing.
            single_page: A listing that fits one page has ``first`` and ``last``; else it has no
                relations on page 1.
        """
        last = self.pages(total)
        if self.number == 1 and last <= 1:
            return {"first": 1, "last": 1} if single_page else {}
        if last == 0:
            return {"last": 0}  # Recorded from an organization without packages.
        relations = {}
        if self.number > 1:
            relations["prev"] = min(self.number - 1, last)
        if self.number < last:
            relations["next"] = self.number + 1
        if self.number != last:
            relations["last"] = last
        if self.number > 1:
            relations["first"] = 1
        return relations


def link_header(url: str, query: Mapping[str, str], relations: Mapping[str, int]) -> str:
    """Return a ``Link`` header, empty if there are no relations.

    Args:
        url: The listing's URL without its query.
        query: The query; ``page`` is replaced where it is, or appended.
        relations: The page number of each relation.
    """
    return ", ".join(
        f'<{url}?{urlencode({**query, "page": page})}>; rel="{relation}"'
        for relation, page in relations.items()
    )


def _positive(text: str | None, default: int) -> int:
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 9:
        return default
    return int(text) or default
