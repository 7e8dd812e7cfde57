"""Conversion of a world to JSON-ready data and back.

The data holds the arguments of the methods that build a world, so a file can be written by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ._times import timestamp

if TYPE_CHECKING:
    from ._packages import Namespace, Package, Version
    from ._tokens import Owners, Token


class Builder(Protocol):
    """Part of ``World`` that ``read`` uses; the data gives the arguments of the methods."""

    restores_tags: bool

    @property
    def org(self) -> Callable[..., Namespace]: ...

    @property
    def user(self) -> Callable[..., Namespace]: ...

    @property
    def token(self) -> Callable[..., Token]: ...


def owner_to_json(owner: Namespace) -> dict[str, Any]:
    """Return an owner, with its repositories and packages, as JSON-ready data."""
    return {
        "login": owner.login,
        "type": owner.type,
        "id": owner.id,
        **({"sso": True} if owner.sso else {}),
        "repositories": [
            {"name": repository.name, "id": repository.id, "private": repository.private}
            for repository in owner.repositories.values()
        ],
        "packages": [_package(package) for package in owner.all_packages()],
    }


def _package(package: Package) -> dict[str, Any]:
    return _without_none(
        {
            "package_type": package.package_type,
            "name": package.name,
            "id": package.id,
            "visibility": package.visibility,
            "repository": package.repository and package.repository.name,
            "docker_conflict": package.docker_conflict or None,
            "created_at": timestamp(package.created_at),
            "updated_at": timestamp(package.updated_at),
            "deleted_at": package.deleted_at and timestamp(package.deleted_at),
            "versions": [_version(version) for version in package.all_versions()],
        }
    )


def _version(version: Version) -> dict[str, Any]:
    return _without_none(
        {
            "name": version.name,
            "id": version.id,
            "tags": list(version.tags) or None,
            "downloads": version.downloads or None,
            "created_at": timestamp(version.created_at),
            "updated_at": timestamp(version.updated_at),
            "deleted_at": version.deleted_at and timestamp(version.deleted_at),
            "license": version.license,
            "description": version.description,
            "manifest": version.manifest and version.manifest.decode(),
        }
    )


def token_to_json(token: Token) -> dict[str, Any]:
    """Return a token, in plain text, as JSON-ready data."""
    return {
        "value": token.value,
        "login": token.login,
        "scopes": list(token.scopes),
        "admin": _names(token.admin),
        "sees": _names(token.sees),
        "sso": _names(token.sso),
        "limit": token.limit,
        **({"kind": token.kind} if token.kind != "classic" else {}),
    }


def _names(owners: Owners) -> bool | list[str]:
    return owners if isinstance(owners, bool) else sorted(owners)


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def read(world: Builder, source: Path | str | Mapping[str, Any]) -> None:
    """Add the owners and tokens of JSON data to a world.

    Args:
        world: The world to fill.
        source: Path of a JSON file, or its decoded contents.

    Raises:
        ValueError: if the contents are invalid; the message names the place.
        OSError: if the file cannot be read.
    """
    with _locating("the file"):
        data = source
        if not isinstance(data, Mapping):
            data = json.loads(Path(data).read_text(encoding="utf-8"))
        _only(data, "owners", "tokens", "restores_tags")
        world.restores_tags = data.get("restores_tags", world.restores_tags)
        for where, fields in _each(data, "owners"):
            with _locating(where):
                _read_owner(world, dict(fields), where)
        for where, fields in _each(data, "tokens"):
            with _locating(where):
                world.token(**fields)


def _read_owner(world: Builder, fields: dict[str, Any], where: str) -> None:
    _only(fields, "login", "type", "id", "sso", "repositories", "packages")
    packages, repositories = fields.pop("packages", []), fields.pop("repositories", [])
    kind = fields.pop("type", "Organization")
    if kind not in ("Organization", "User"):
        raise ValueError(f"type is {kind!r}, not Organization or User")
    owner = world.user(**fields) if kind == "User" else world.org(**fields)
    for within, repository in _each({"repositories": repositories}, "repositories", where):
        with _locating(within):
            owner.repository(**repository)
    for within, package in _each({"packages": packages}, "packages", where):
        with _locating(within):
            owner.package(**package)


class _LocatedError(ValueError):
    """Error whose message already names the place."""


@contextmanager
def _locating(where: str) -> Iterator[None]:
    """Put the place in front of the messages of invalid data."""
    try:
        yield
    except _LocatedError:
        raise
    except (TypeError, ValueError) as error:
        raise _LocatedError(f"{where}: {error}") from error


def _only(data: Any, *known: str) -> None:
    if not isinstance(data, Mapping):
        raise TypeError("must be an object")
    if unknown := sorted(set(data) - set(known)):
        raise ValueError(f"unknown {', '.join(unknown)}; known are {', '.join(known)}")


def _each(data: Mapping[str, Any], key: str, where: str = "") -> Iterator[tuple[str, Any]]:
    items = data.get(key, [])
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise TypeError(f"{key} must be a list")
    for index, item in enumerate(items):
        yield f"{where}{'.' if where else ''}{key}[{index}]", item
