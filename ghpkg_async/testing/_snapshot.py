"""A world to JSON-ready data and back.

The data names what the builder's methods take, so that a file can be written by hand, and reading
one is calling them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from ._packages import Package, Version
    from ._world import Namespace, Owners, Token, World


def timestamp(at: datetime) -> str:
    """A time as GitHub writes it, `2020-05-19T22:19:11Z`."""
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"


def write(world: World) -> dict[str, Any]:
    """The world as JSON-ready data."""
    return {
        "owners": [_owner(owner) for owner in world.owners],
        "tokens": [_token(token) for token in world.tokens],
        **({} if world.restores_tags else {"restores_tags": False}),
    }


def _owner(owner: Namespace) -> dict[str, Any]:
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


def _token(token: Token) -> dict[str, Any]:
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


def read(world: World, source: Path | str | Mapping[str, Any]) -> None:
    """Add to the world what the data holds.

    Raises:
        ValueError: the data makes no world; the message says where.
    """
    with _saying("the file"):
        data = source
        if not isinstance(data, Mapping):
            data = json.loads(Path(data).read_text(encoding="utf-8"))
        _only(data, "owners", "tokens", "restores_tags")
        world.restores_tags = data.get("restores_tags", world.restores_tags)
        for where, fields in _each(data, "owners"):
            with _saying(where):
                _read_owner(world, dict(fields), where)
        for where, fields in _each(data, "tokens"):
            with _saying(where):
                world.token(**fields)


def _read_owner(world: World, fields: dict[str, Any], where: str) -> None:
    _only(fields, "login", "type", "id", "sso", "repositories", "packages")
    packages, repositories = fields.pop("packages", []), fields.pop("repositories", [])
    kind = fields.pop("type", "Organization")
    if kind not in ("Organization", "User"):
        raise ValueError(f"type is {kind!r}, not Organization or User")
    owner = world.user(**fields) if kind == "User" else world.org(**fields)
    for within, repository in _each({"repositories": repositories}, "repositories", where):
        with _saying(within):
            owner.repository(**repository)
    for within, package in _each({"packages": packages}, "packages", where):
        with _saying(within):
            owner.package(**package)


class _LocatedError(ValueError):
    """Says where already."""


@contextmanager
def _saying(where: str) -> Iterator[None]:
    try:
        yield
    except _LocatedError:
        raise
    except (TypeError, ValueError) as error:
        raise _LocatedError(f"{where}: {error}") from error


def _only(data: Any, *known: str) -> None:
    if not isinstance(data, Mapping):
        raise TypeError("an object is needed")
    if unknown := sorted(set(data) - set(known)):
        raise ValueError(f"unknown {', '.join(unknown)}; known are {', '.join(known)}")


def _each(data: Mapping[str, Any], key: str, where: str = "") -> Iterator[tuple[str, Any]]:
    items = data.get(key, [])
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise TypeError(f"{key} is no list")
    for number, item in enumerate(items):
        yield f"{where}{'.' if where else ''}{key}[{number}]", item
