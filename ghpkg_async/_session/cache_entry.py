"""Entries of the cache: their keys, their stored form, and the digest that authenticates them."""

from __future__ import annotations

import hmac
import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import attrs
from multidict import CIMultiDict

from .bodies import MAX_BODY_BYTES

if TYPE_CHECKING:
    from multidict import MultiMapping

__all__ = ["Entry", "Key", "stored_headers"]

STORED_HEADERS: Final = ("Content-Encoding", "Link", "X-GitHub-SSO")
"""The response headers that the library reads of a 200."""


@attrs.frozen
class Key:
    """Address of one cached response. It reveals no token.

    Attributes:
        address: primary key of the entry.
        secret: key of the digest that authenticates the entry.
    """

    address: bytes
    secret: bytes = attrs.field(repr=False)

    @classmethod
    def of(cls, token: str, *parts: str, identity: str = "") -> Key:
        """Return the key of a response.

        Args:
            token: the token of the request, ``""`` if anonymous.
            parts: the URL and the request headers that the response depends on.
            identity: used instead of ``token``, if not empty: the same for all tokens of a
                rotating token source.
        """
        owner = f"identity\0{identity}" if identity else f"token\0{token}"
        secret = blake2b(owner.encode("utf-8", "surrogatepass"), digest_size=32).digest()
        address = blake2b("\0".join(parts).encode(), key=secret, person=b"key", digest_size=32)
        return cls(address.digest(), secret)


@attrs.frozen
class Entry:
    """A stored 200 response.

    Attributes:
        etag: value for ``If-None-Match``.
        headers: names and values of those `STORED_HEADERS` that the response had.
        body: the body as received, still compressed.
        was_last: a listing proved that no page followed this response's page.
    """

    etag: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = attrs.field(repr=False)
    was_last: bool = False

    @classmethod
    def of(cls, headers: MultiMapping[str], body: bytes, *, was_last: bool) -> Entry | None:
        """Return the entry of a response; ``None`` if it is too large or its ETag unusable."""
        etag = headers.get("ETag", "")
        if not etag or not etag.isascii() or not etag.isprintable() or len(body) > MAX_BODY_BYTES:
            return None
        return cls(etag, stored_headers(headers), body, was_last)

    @classmethod
    def unpack(cls, key: Key, digest: object, head: object, body: object) -> Entry | None:
        """Return the entry that `pack` made these values of, and no other."""
        if not (isinstance(digest, bytes) and isinstance(head, bytes) and isinstance(body, bytes)):
            return None
        if not hmac.compare_digest(_digest(key, head, body), digest):
            return None
        etag, headers, was_last = json.loads(head)
        return cls(etag, tuple(map(tuple, headers)), body, was_last)

    def pack(self, key: Key) -> tuple[bytes, bytes, bytes]:
        """Return digest, head and body, the values to store."""
        # ASCII, so that a header that is not UTF-8 is stored as well.
        head = json.dumps([self.etag, self.headers, self.was_last]).encode()
        return _digest(key, head, self.body), head, self.body

    def updated(self, headers: MultiMapping[str]) -> CIMultiDict[str]:
        """Return the headers of this response after a 304 with ``headers``.

        The 304's own headers replace the stored ones, except ``Content-Encoding``, which
        describes the stored body, and ``ETag``, which was sent.
        """
        merged = CIMultiDict(headers)
        merged.popall("Content-Encoding", None)
        merged.extend([(name, value) for name, value in self.headers if name not in merged])
        merged["ETag"] = self.etag
        return merged


def stored_headers(headers: MultiMapping[str]) -> tuple[tuple[str, str], ...]:
    """Return names and values of those `STORED_HEADERS` that a response has."""
    return tuple((name, value) for name in STORED_HEADERS for value in headers.getall(name, ()))


def _digest(key: Key, head: bytes, body: bytes) -> bytes:
    message = b"".join((key.address, len(head).to_bytes(8, "big"), head, body))
    return hmac.digest(key.secret, message, "sha256")
