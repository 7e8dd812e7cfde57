"""Decode response bodies into models with msgspec."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar, cast

import attrs
import msgspec

from .errors import InvalidResponse
from .models import Int64, Owner, Package, PackageVersion, Repository, model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "DecodedPage",
    "PackageListDecoder",
    "decode_package",
    "decode_version",
    "decode_versions",
]

T = TypeVar("T")
Buffer: TypeAlias = bytes | memoryview

_MAX_DECODED = 128
_KEY = 64
_ABSENT = msgspec.Raw(b"null")


# Decode-only subclasses; instances are re-classed to `Package` and `Repository` after decoding.
_raw = attrs.frozen(kw_only=True, slots=False, repr=False, eq=False, init=False)


@model
@_raw
class _RawPackage(Package):
    """A package whose owner and repository, which repeat along a listing, are not decoded yet."""

    owner: msgspec.Raw = _ABSENT  # type: ignore[assignment]
    repository: msgspec.Raw = _ABSENT  # type: ignore[assignment]


@model
@_raw
class _RawRepository(Repository):
    """A repository whose owner, usually the package's own, is not decoded yet."""

    owner: msgspec.Raw  # type: ignore[assignment]


@cache
def _decoder(item_type: Any) -> msgspec.json.Decoder[Any]:
    # Made on first use: making decoders takes longer than the rest of an import.
    return msgspec.json.Decoder(item_type)


def decode_package(body: Buffer) -> Package:
    """Decode a package; raise `InvalidResponse` with the JSON path of the mistake."""
    return cast("Package", _decode(Package, body))


def decode_version(body: Buffer) -> PackageVersion:
    """Decode a version; raise `InvalidResponse` with the JSON path of the mistake."""
    return cast("PackageVersion", _decode(PackageVersion, body))


def decode_versions(body: Buffer) -> DecodedPage[PackageVersion]:
    """Decode a page of versions; raise `InvalidResponse` if it is not a JSON array."""
    return _decode_page(PackageVersion, body)


class _Identified(Protocol):
    @property
    def id(self) -> int: ...


Item = TypeVar("Item", bound=_Identified)


@attrs.frozen(eq=False, repr=False)
class DecodedPage(Generic[Item]):
    """The elements of a page.

    Attributes:
        items: those that could be decoded, in order.
        invalid: for the others, by index in the array, the reason.
    """

    items: list[Item]
    invalid: Mapping[int, str] = attrs.field(factory=dict)
    _invalid_ids: Mapping[int, int] = attrs.field(factory=dict)

    @property
    def ids(self) -> list[int]:
        """One number for each element, in order; negative for one without a readable id."""
        ids = [item.id for item in self.items]
        for index, number in self._invalid_ids.items():
            ids.insert(index, number)
        return ids


def _decode_page(item_type: type[Item], body: Buffer) -> DecodedPage[Item]:
    """Decode the elements one by one if the page cannot be decoded at once."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return DecodedPage(_decoder(list[item_type]).decode(body))  # type: ignore[valid-type]
    items, invalid, ids = [], {}, {}
    for index, element in enumerate(cast("list[msgspec.Raw]", _decode(list[msgspec.Raw], body))):
        try:
            items.append(_decode(item_type, memoryview(element), path=f"$[{index}]"))
        except InvalidResponse as error:
            invalid[index] = str(error)
            ids[index] = _id_of(element)
    return DecodedPage(items, invalid, ids)


@attrs.frozen
class _OnlyId:
    id: Int64


def _id_of(element: msgspec.Raw) -> int:
    with suppress(InvalidResponse):
        return cast("_OnlyId", _decode(_OnlyId, memoryview(element))).id
    digest = blake2b(memoryview(element), digest_size=7).digest()
    return -1 - int.from_bytes(digest, "big")


class _DecodeCache(Generic[T]):
    """Decoded values of the objects that listings repeat.

    The key is the beginning of the bytes, which are then compared whole: hashing a whole repository
    takes a quarter of the time of decoding it.
    """

    def __init__(self, decode: Callable[[msgspec.Raw], T]) -> None:
        self._decode = decode
        self._known: dict[bytes, tuple[msgspec.Raw, T]] = {}
        self._last: tuple[msgspec.Raw, T] | None = None

    def __len__(self) -> int:
        return len(self._known)

    def decoded(self, part: msgspec.Raw) -> T:
        """Return the decoded value; most often the bytes are those of the call before."""
        last = self._last
        if last is not None and last[0] == part:
            return last[1]
        key = bytes(memoryview(part)[:_KEY])
        known = self._known.get(key)
        if known is None or known[0] != part:
            if len(self._known) == _MAX_DECODED:
                self._known.clear()
            known = self._known[key] = part.copy(), self._decode(part)
        self._last = known
        return known[1]


class PackageListDecoder:
    """Decodes the pages of listings; equal owners and repositories are one object."""

    def __init__(self) -> None:
        self._owners: _DecodeCache[Owner | None] = _DecodeCache(_decoder(Owner | None).decode)
        self._repositories = _DecodeCache(self._repository)

    def __call__(self, body: Buffer) -> DecodedPage[Package]:
        """Decode a page of packages; raise `InvalidResponse` if it is not a JSON array."""
        owner, repository = self._owners.decoded, self._repositories.decoded
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raw: list[_RawPackage] = _decoder(list[_RawPackage]).decode(body)
            for package in raw:
                fields = package.__dict__
                fields["owner"] = owner(package.owner)
                fields["repository"] = repository(package.repository)
                _retype(package, Package)
            return DecodedPage(cast("list[Package]", raw))
        return _decode_page(Package, body)

    def _repository(self, part: msgspec.Raw) -> Repository | None:
        raw: _RawRepository | None = _decoder(_RawRepository | None).decode(part)
        if raw is None:
            return None
        owner = self._owners.decoded(raw.owner)
        if owner is None:
            raise msgspec.ValidationError("Expected `object`, got `null` - at `$.owner`")
        raw.__dict__["owner"] = owner
        _retype(raw, Repository)
        return raw


def _retype(instance: object, item_type: type) -> None:
    object.__setattr__(instance, "__class__", item_type)  # Frozen classes refuse assignment.


def _decode(item_type: Any, body: Buffer, *, path: str = "$") -> Any:
    try:
        return _decoder(item_type).decode(body)
    except RecursionError:
        reason = "nested too deeply"
    except UnicodeDecodeError:
        reason = _utf_8_error(body)
    except msgspec.DecodeError as error:
        reason = str(error).replace("`$", f"`{path}")
    if path != "$" and path not in reason:
        reason = f"{reason} - at `{path}`"
    # Not from within the handler: a UnicodeDecodeError holds the whole body.
    raise InvalidResponse(f"the body does not have the documented schema: {reason}")


def _utf_8_error(body: Buffer) -> str:
    try:
        bytes(body).decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start} is not UTF-8"
    return "not UTF-8"
