"""Evidence that a server sends ``Link`` with an operation."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LinkSupport"]

LONGEST_WAIT: Final = 1.0
"""Seconds that one listing waits for the first pages of others."""


class LinkSupport:
    """Evidence of one client about one operation of one kind of owner.

    GitHub sends no ``Link`` with a listing that fits one page, and some servers never send one. A
    short page without it is the end only where the server is known to send it. Without other
    evidence, the page past the end is requested: a server that sends ``Link`` sends it there.

    Attributes:
        sends_link: ``None`` until a response is evidence.
        probing: held by the one listing that requests the page past its end.
    """

    def __init__(self) -> None:
        self.sends_link: bool | None = None
        self.probing: asyncio.Lock = asyncio.Lock()
        self._first_pages: set[asyncio.Future[None]] = set()

    def learn(self, *, sends_link: bool) -> None:
        """Record evidence. One ``Link`` outweighs any number of responses without it."""
        self.sends_link = bool(self.sends_link) or sends_link
        for pending in self._first_pages:
            if not pending.done():
                pending.set_result(None)
        self._first_pages.clear()

    @contextmanager
    def first_page(self) -> Iterator[None]:
        """Announce the request of a first page, whose response may be evidence for others."""
        if self.sends_link is not None:
            yield
            return
        pending: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._first_pages.add(pending)
        try:
            yield
        finally:
            self._first_pages.discard(pending)
            if not pending.done():
                pending.set_result(None)

    async def wait_for_first_pages(self) -> None:
        """Wait for the first pages now in flight, as long as none is evidence."""
        if self.sends_link is None and self._first_pages:
            await asyncio.wait(set(self._first_pages), timeout=LONGEST_WAIT)
