"""The pages of earlier passes over a listing, in a few bytes each."""

from __future__ import annotations

from array import array

import attrs

__all__ = ["KnownPage", "KnownPages"]

_FIELDS = 5


@attrs.frozen(eq=False)
class KnownPage:
    """A page of an earlier pass, for a conditional request.

    Attributes:
        etag: sent as ``If-None-Match``; empty if the response had none.
        size: its number of items.
        fingerprint: hash of its items' ids, for servers that send no ETag.
        response: its number among the responses of the listing.
        has_next: whether there may be a page after it.
        cursor: URL of the next page, where that has no page number.
    """

    etag: str
    size: int
    fingerprint: int
    response: int
    has_next: bool
    cursor: str | None = None


class KnownPages:
    """The latest `KnownPage` of each key.

    A listing may be longer than memory, so that the pages are kept in arrays: small objects that
    live as long as the listing, among many that live for a page, would keep those pages' memory.
    """

    def __init__(self) -> None:
        self._rows: dict[int | str, int] = {}
        self._fields = array("q")
        self._etags = bytearray()
        self._cursors: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: int | str) -> KnownPage | None:
        """Return the page with a key, if there is one."""
        row = self._rows.get(key)
        if row is None:
            return None
        size, fingerprint, response, has_next, end = self._fields[
            row * _FIELDS : (row + 1) * _FIELDS
        ]
        etag = self._etags[self._fields[row * _FIELDS - 1] if row else 0 : end].decode("ascii")
        return KnownPage(etag, size, fingerprint, response, bool(has_next), self._cursors.get(row))

    def add(self, key: int | str, page: KnownPage) -> None:
        """Add a page, in the place of one with the same key. Its ETag is ASCII."""
        row = len(self._fields) // _FIELDS
        self._etags += page.etag.encode("ascii")
        self._fields.extend(
            (page.size, page.fingerprint, page.response, page.has_next, len(self._etags))
        )
        if page.cursor is not None:
            self._cursors[row] = page.cursor
        self._rows[key] = row
