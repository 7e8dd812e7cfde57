"""Convert models to and from JSON-ready dicts with cattrs."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import attrs

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cattrs.preconf.json import JsonConverter

__all__ = ["from_dict", "to_dict"]

T = TypeVar("T")

_CREDENTIAL: Final = "temp_clone_token"


def to_dict(value: Any) -> dict[str, Any]:
    """Return the JSON-ready dict of a model: documented names, times like ``2020-05-19T22:19:11Z``.

    Optional fields that are ``None`` are left out, as GitHub leaves them out. So is
    ``temp_clone_token``, which is a credential.

    Args:
        value: an instance of a class of `ghpkg_async.models`.
    """
    _check_model(type(value), "value")
    return cast("dict[str, Any]", _converter().unstructure(value))


def from_dict(kind: type[T], mapping: Mapping[str, Any]) -> T:
    """Return the model of a dict that `to_dict` made. Unknown keys are ignored.

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
def _converter() -> JsonConverter:
    # Imported on first use: listings do not need it, and importing it takes as long as the client.
    from cattrs.gen import make_dict_unstructure_fn, override
    from cattrs.preconf.json import make_converter

    converter = make_converter()

    def without_absent(model: type[Any]) -> Any:
        absent = {
            field.name: override(omit_if_default=True, omit=field.name == _CREDENTIAL or None)
            for field in attrs.fields(model)
            if field.default is None
        }
        return make_dict_unstructure_fn(model, converter, **absent)  # type: ignore[arg-type]

    def exact(value: Any, scalar: type[Any]) -> Any:
        if type(value) is not scalar:
            raise ValueError(f"expected {scalar.__name__}, got {value!r}")
        return value

    for scalar in (str, int, bool):
        converter.register_structure_hook(scalar, exact)
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
