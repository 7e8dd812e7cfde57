"""Description of one listing: its requests, and the decoding of their responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._codec import Buffer, DecodedPage
    from .._paging.link_support import LinkSupport
    from .._paging.mutations import MutationTracker
    from .._paging.paginator import Paginator

__all__ = ["Identified", "ListingSpec"]


class Identified(Protocol):
    """Item with an id that no other item of its listing has."""

    @property
    def id(self) -> int:
        """The id."""


T = TypeVar("T", bound=Identified)


@attrs.frozen(eq=False, repr=False)
class ListingSpec(Generic[T]):
    """The requests of a listing and the decoding of its responses.

    Attributes:
        item_type: class of the items, for a listing that has none.
        paginator: makes the paginator of a first pass.
        decode: decodes a page.
        collection: name under which the client's own writes to it are recorded.
        mutations: records of the client's own writes.
        link_support: evidence of whether the server sends ``Link`` with this operation.
        beyond_cap: makes the listings that together have the items beyond the cap.
        beyond_cap_has: whether the listings of ``beyond_cap`` have all of some items. One with an
            unknown visibility is in none of them, so that the listing cannot be complete.
    """

    item_type: type[T]
    paginator: Callable[[], Paginator]
    decode: Callable[[Buffer], DecodedPage[T]]
    collection: str
    mutations: MutationTracker
    link_support: LinkSupport
    beyond_cap: Callable[[], Sequence[ListingSpec[T]]] | None = None
    beyond_cap_has: Callable[[list[T]], bool] = lambda _items: True
