"""Bodies of responses, within one bound: compressed and decompressed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from isal import isal_zlib
from isal.igzip_lib import IsalError

from ..errors import InvalidResponse

if TYPE_CHECKING:
    import aiohttp

__all__ = ["GzipBuffer", "read_raw_body"]

MAX_BODY_BYTES: Final = 8 * 2**20
"""A page of 100 packages, each with its repository, has less than 1 MiB. The densest JSON that is
valid, tags of one letter, takes 20 times its size in memory once it is decoded."""

_TOO_LARGE: Final = (
    f"the body is larger than {MAX_BODY_BYTES // 2**20} MiB; a listing with a smaller per_page has "
    "smaller bodies"
)
_GZIP: Final = 16 + 15  # zlib's way to say: a gzip header, and the largest window.
_PIECE: Final = 256 * 2**10
_SMALLEST: Final = 2**20


async def read_raw_body(response: aiohttp.ClientResponse) -> bytes:
    """Read the body, still compressed; raises `InvalidResponse` beyond the bound."""
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            response.close()
            raise InvalidResponse(_TOO_LARGE)
        chunks.append(chunk)
    return b"".join(chunks)


class GzipBuffer:
    """Room to inflate bodies into, one after the other.

    Memory fresh from the system costs more time than inflating does, so it is kept.
    """

    def __init__(self) -> None:
        self._room = bytearray()

    def inflate(self, raw_body: bytes, encoding: str) -> bytes | memoryview:
        """Return the decompressed body; the next call invalidates the view.

        Raises:
            InvalidResponse: the body is neither plain nor gzip, is truncated, or is too large.
        """
        encoding = encoding.strip().lower()
        if not raw_body or encoding in ("", "identity"):
            return raw_body
        if encoding != "gzip":
            raise InvalidResponse(f"the body is encoded as {encoding[:40]!r}, not as asked")
        try:
            return self._gunzip(raw_body)
        except IsalError as error:  # type: ignore[misc]  # Its stub declares a value, not a class.
            reason = str(error)
        raise InvalidResponse(f"the body is not gzip: {reason}")

    def _gunzip(self, raw_body: bytes) -> bytes | memoryview:
        inflater, size, start = isal_zlib.decompressobj(wbits=_GZIP), 0, 0
        chunk, piece = b"", b""
        while not inflater.eof:
            self._put(piece, size - len(piece))
            if not chunk and len(piece) < _PIECE:  # The chunk is used up.
                if start >= len(raw_body):
                    break
                chunk, start = raw_body[start : start + _PIECE], start + _PIECE
            piece = inflater.decompress(chunk, _PIECE)
            chunk = inflater.unconsumed_tail
            size += len(piece)
        if not inflater.eof or inflater.unused_data or start < len(raw_body):
            raise InvalidResponse("the body's gzip stream does not end where the body does")
        if size == len(piece):
            return piece  # Nothing to join.
        self._put(piece, size - len(piece))
        return memoryview(self._room)[:size]

    def _put(self, piece: bytes, offset: int) -> None:
        end = offset + len(piece)
        if end > MAX_BODY_BYTES:
            self._room = bytearray()
            raise InvalidResponse(_TOO_LARGE)
        if end > len(self._room):
            # Never resized: views of the old one may still be in use.
            larger = bytearray(max(2 * len(self._room), end, _SMALLEST))
            larger[:offset] = memoryview(self._room)[:offset]
            self._room = larger
        self._room[offset:end] = piece
