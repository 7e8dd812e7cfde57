"""Bytes to models, and models to and from JSON-ready dicts.

Bytes go straight into the models with msgspec; dicts and files go through cattrs.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar, cast

import attrs
import msgspec

from .errors import ConfigurationError, InvalidResponse
from .models import Int64, Owner, Package, PackageVersion, Repository, model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cattrs import Converter

__all__ = [
    "DecodedPage",
    "PackageListDecoder",
    "decode_package",
    "decode_version",
    "decode_versions",
    "from_dict",
    "to_dict",
]

T = TypeVar("T")
Buffer: TypeAlias = bytes | memoryview

_PARTS_KEPT = 128
_KEY = 64
_CREDENTIAL = "temp_clone_token"
_ABSENT = msgspec.Raw(b"null")


# Nobody makes or compares these: each becomes what it stands for.
_on_wire = attrs.frozen(kw_only=True, slots=False, repr=False, eq=False, init=False)


@model
@_on_wire
class _PackageOnWire(Package):
    """A package as it arrives: the two parts that repeat along a listing are still bytes."""

    owner: msgspec.Raw = _ABSENT  # type: ignore[assignment]
    repository: msgspec.Raw = _ABSENT  # type: ignore[assignment]


@model
@_on_wire
class _RepositoryOnWire(Repository):
    """A repository as it arrives: its owner, most often the package's own, is still bytes."""

    owner: msgspec.Raw  # type: ignore[assignment]


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    # Made on first use: what takes most time about it is not paid for by an import.
    return msgspec.json.Decoder(kind)


def decode_package(body: Buffer) -> Package:
    """One package; raises `InvalidResponse` with the place in the document that is wrong."""
    return cast("Package", _decode(Package, body))


def decode_version(body: Buffer) -> PackageVersion:
    """One version; raises `InvalidResponse` with the place in the document that is wrong."""
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
            items.append(_decode(item_type, memoryview(element), place=f"$[{index}]"))
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


class _Parts(Generic[T]):
    """What the parts that a listing repeats decode to.

    They are found by how they begin, and then compared whole: hashing all of a repository would
    take as long as a quarter of decoding it.
    """

    def __init__(self, decode: Callable[[msgspec.Raw], T]) -> None:
        self._decode = decode
        self._known: dict[bytes, tuple[msgspec.Raw, T]] = {}
        self._last: tuple[msgspec.Raw, T] | None = None

    def __len__(self) -> int:
        return len(self._known)

    def decoded(self, part: msgspec.Raw) -> T:
        """What a part decodes to; most often it is the same as in the package before."""
        last = self._last
        if last is not None and last[0] == part:
            return last[1]
        key = bytes(memoryview(part)[:_KEY])
        known = self._known.get(key)
        if known is None or known[0] != part:
            if len(self._known) == _PARTS_KEPT:
                self._known.clear()
            known = self._known[key] = part.copy(), self._decode(part)
        self._last = known
        return known[1]


class PackageListDecoder:
    """Decodes the pages of one listing; what its packages share is decoded once, and shared."""

    def __init__(self) -> None:
        self._owners: _Parts[Owner | None] = _Parts(_decoder(Owner | None).decode)
        self._repositories = _Parts(self._repository)

    def __call__(self, body: Buffer) -> DecodedPage[Package]:
        """Decode a page of packages; raise `InvalidResponse` if it is not a JSON array."""
        owner, repository = self._owners.decoded, self._repositories.decoded
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            arrived: list[_PackageOnWire] = _decoder(list[_PackageOnWire]).decode(body)
            for package in arrived:
                fields = package.__dict__
                fields["owner"] = owner(package.owner)
                fields["repository"] = repository(package.repository)
                _become(package, Package)
            return DecodedPage(cast("list[Package]", arrived))
        return _decode_page(Package, body)

    def _repository(self, part: msgspec.Raw) -> Repository | None:
        arrived: _RepositoryOnWire | None = _decoder(_RepositoryOnWire | None).decode(part)
        if arrived is None:
            return None
        owner = self._owners.decoded(arrived.owner)
        if owner is None:
            raise msgspec.ValidationError("Expected `object`, got `null` - at `$.owner`")
        arrived.__dict__["owner"] = owner
        _become(arrived, Repository)
        return arrived


def _become(arrived: object, kind: type) -> None:
    object.__setattr__(arrived, "__class__", kind)  # Around what keeps models as they are.


def _decode(kind: Any, body: Buffer, *, place: str = "$") -> Any:
    try:
        return _decoder(kind).decode(body)
    except RecursionError:
        reason = "nested too deeply"
    except UnicodeDecodeError:
        reason = _no_utf_8(body)
    except msgspec.DecodeError as error:
        reason = str(error).replace("`$", f"`{place}")
    if place != "$" and place not in reason:
        reason = f"{reason} - at `{place}`"
    # Not from within the handler: a UnicodeDecodeError holds the whole body.
    raise InvalidResponse(f"the body is not what the API promises: {reason}")


def _no_utf_8(body: Buffer) -> str:
    try:
        bytes(body).decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start} is not UTF-8"
    return "not UTF-8"


def to_dict(value: Any) -> dict[str, Any]:
    """The JSON-ready dict of a model: documented names, times as ``2020-05-19T22:19:11Z``.

    Optional fields that are ``None`` are left out, as GitHub leaves them out. So is
    ``temp_clone_token``, which is a credential.

    Args:
        value: an instance of any class of `ghpkg_async.models`.
    """
    _check_model(type(value), "value")
    return cast("dict[str, Any]", _converter().unstructure(value))


def from_dict(kind: type[T], mapping: Mapping[str, Any]) -> T:
    """The model that `to_dict` made the mapping of. Unknown keys are ignored.

    Args:
        kind: a class of `ghpkg_async.models`, like ``Package``.
        mapping: a JSON-ready mapping with the documented names.

    Raises:
        ConfigurationError: the mapping lacks a required field or holds a wrong value; the message
            names each.
    """
    _check_model(kind, "kind")
    from cattrs import BaseValidationError, transform_error

    try:
        return _converter().structure(mapping, kind)
    except BaseValidationError as error:
        problems = "; ".join(transform_error(error))
        raise ConfigurationError(f"mapping: not a {kind.__name__}: {problems}") from None
    except (TypeError, ValueError, AttributeError):
        raise ConfigurationError(
            f"mapping: not a {kind.__name__}: {type(mapping).__name__} is not a mapping"
        ) from None


def _check_model(kind: type[Any], argument: str) -> None:
    if not (isinstance(kind, type) and attrs.has(kind)):
        raise ConfigurationError(f"{argument}: {kind!r} is not a model of ghpkg_async")


@cache
def _converter() -> Converter:
    # Imported on first use: listings never need it, and it costs more than all the rest here.
    from cattrs import Converter
    from cattrs.gen import make_dict_unstructure_fn, override

    converter = Converter()

    def without_absent(kind: type[Any]) -> Any:
        absent = {
            field.name: override(omit_if_default=True, omit=field.name == _CREDENTIAL or None)
            for field in attrs.fields(kind)
            if field.default is None
        }
        return make_dict_unstructure_fn(kind, converter, **absent)  # type: ignore[arg-type]

    def exact(value: Any, kind: type[Any]) -> Any:
        if type(value) is not kind:
            raise ValueError(f"expected {kind.__name__}, got {value!r}")
        return value

    for kind in (str, int, bool):
        converter.register_structure_hook(kind, exact)
    converter.register_structure_hook(datetime, lambda value, _: _read_time(value))
    converter.register_unstructure_hook(datetime, _write_time)
    converter.register_unstructure_hook_factory(attrs.has, without_absent)
    converter.register_unstructure_hook(tuple, list)
    return converter


def _write_time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _read_time(value: Any) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"expected a time with a time zone, got {value!r}")
    return moment
