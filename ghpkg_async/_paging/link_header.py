"""The ``Link`` header of a listing's response.

https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

import attrs
from yarl import URL

from .._session.urls import is_sendable, parse_server_url, same_origin
from ..errors import InvalidResponse

__all__ = ["PAGE_PARAMETER", "Links", "parse_link_header"]

PAGE_PARAMETER: Final = re.compile(r"(?<=[?&])page=(\d+)(?=&|$)")

_LINK: Final = re.compile(r"<([^<>]*)>([^<]*)")
_PARAMETER: Final = re.compile(r';\s*([\w*-]+)\s*=\s*("[^"]*"|[^\s;,"]*)')
_PAGE_RELATIONS: Final = frozenset({"next", "last", "first", "prev"})


@attrs.frozen(eq=False, repr=False)
class Links:
    """The page relations of one ``Link`` header.

    Attributes:
        next: URL of the next page, or ``None`` if the header has no such relation.
        next_page: page number in that URL, if it has one.
        last_page: page number in the URL of the last page, if there is one.
        prev: whether the header has a previous page.
    """

    next: str | None
    next_page: int | None
    last_page: int | None
    prev: bool = False


def parse_link_header(header: str, origin: str) -> Links | None:
    """Parse a ``Link`` header; return ``None`` if it has no page relation.

    Args:
        header: the field's value, several lines joined with commas.
        origin: scheme, host and port that the links must have.

    Raises:
        InvalidResponse: the next or last page is on another origin.
    """
    targets: dict[str, str] = {}
    for target, parameters in _LINK.findall(header):
        for relation in _relations(parameters):
            if relation in _PAGE_RELATIONS:
                targets.setdefault(relation, target)
    if not targets:
        return None
    for relation in ("next", "last"):
        if relation in targets:
            _check_origin(targets[relation], origin)
    following = targets.get("next")
    return Links(
        following, _page_number(following), _page_number(targets.get("last")), "prev" in targets
    )


def _relations(parameters: str) -> list[str]:
    for name, value in _PARAMETER.findall(parameters):
        if name.lower() == "rel":
            relations: str = value.strip('"').lower()
            return relations.split()
    return []


def _page_number(url: str | None) -> int | None:
    page = PAGE_PARAMETER.search(url) if url else None
    return int(page[1]) if page and len(page[1]) < 10 else None


def _check_origin(target: str, origin: str) -> None:
    if target.startswith(f"{origin}/") and is_sendable(target):
        return
    with suppress(ValueError):
        if same_origin(URL(origin), parse_server_url(target)):
            return
    raise InvalidResponse(f"Link: {target[:200]!r} is not on {origin}")
