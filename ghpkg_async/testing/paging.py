"""Which part of a listing a request asks for, and the `Link` header that goes with it. Pure.

https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")

PER_PAGE = 30
MAX_PER_PAGE = 100


@frozen
class Window:
    """Page `number` of those that hold `per_page` items each."""

    number: int
    per_page: int

    @classmethod
    def asked(cls, query: Mapping[str, str]) -> Window:
        """What a query string asks for.

        What is no number, or below 1, counts as not given, and `per_page` over 100 as 100.
        """
        number = _positive(query.get("page"), 1)
        return cls(number, min(_positive(query.get("per_page"), PER_PAGE), MAX_PER_PAGE))

    def cut(self, items: Sequence[T]) -> Sequence[T]:
        """The items on this page."""
        start = (self.number - 1) * self.per_page
        return items[start : start + self.per_page]

    def pages(self, total: int) -> int:
        """How many pages `total` items fill."""
        return -(-total // self.per_page)

    def link(self, total: int, url: str, query: Mapping[str, str]) -> str | None:
        """The `Link` header, or `None` when everything fits on one page.

        Args:
            total: How many items there are.
            url: The listing's URL without its query.
            query: The query as asked; it comes back with another `page`.
        """
        last = self.pages(total)
        if last <= 1:
            return None
        relations = {}
        if self.number > 1:
            relations["prev"] = min(self.number - 1, last)
        if self.number < last:
            relations["next"] = self.number + 1
        if self.number != last:
            relations["last"] = last
        if self.number > 1:
            relations["first"] = 1
        return ", ".join(
            f'<{url}?{urlencode({**query, "page": page})}>; rel="{relation}"'
            for relation, page in relations.items()
        )


def _positive(text: str | None, default: int) -> int:
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 9:
        return default
    return int(text) or default
