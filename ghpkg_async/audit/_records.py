"""Immutable audit records, and the schema of the files they are written to.

A record is a JSON object; ``record`` is its kind:

``audit``
    The first line of a file: ``schema_version``, ``base_url``, ``owners``, ``package_types``,
    ``with_versions`` (whether each package's versions were listed), ``started_at``.
``package``
    ``owner``, ``package_type``, ``name``, ``id``, ``visibility``, ``version_count`` (absent:
    unknown), ``created_at``, ``updated_at``, ``html_url``, ``repository`` (its full name; absent:
    linked to none), ``soft_deleted`` and ``versions``: absent where they were not listed, else
    ``count``, ``newest`` and ``oldest`` (creation times; absent without versions), ``tagged`` and
    ``untagged`` (absent for types without tags).
``conflict``
    A package in conflict since the Docker migration: the same fields without ``versions``.
``failure``
    A listing that failed: ``owner``; ``listing`` (``"packages"`` or ``"docker_conflicts"``; absent:
    all listings of the owner) with its ``package_type``; ``name`` if listing this package's
    versions failed; ``reason``, one of `REASONS`; ``message``; and, if the response has them,
    ``status``, ``authorization_url``, ``organizations``, ``granted``, ``required``, ``retry_at``.
``done``
    Follows the last record of a complete listing: ``owner``, ``listing``, ``package_type`` (absent
    for conflicts) and ``count``, the number of its records.

A field without a value is left out, never null, and no field has two types, so that readers which
infer a schema (DuckDB, Polars, pandas, Arrow) find one. Times are like ``2020-05-19T22:19:11Z``.
``owner`` is written as passed to the audit: ``acme``, ``user:octocat``, ``me``. Later
versions with the same ``schema_version`` may add fields and kinds of records; readers ignore what
they do not know.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias

import attrs
import msgspec

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence


__all__ = [
    "REASONS",
    "SCHEMA_VERSION",
    "AuditHeader",
    "ConflictEntry",
    "Entry",
    "FailureEntry",
    "ListingDone",
    "ListingKey",
    "ListingKind",
    "PackageEntry",
    "Reason",
    "Record",
    "VersionsSummary",
    "from_record",
    "fullest_first",
    "listing_key",
    "to_line",
    "to_record",
]

SCHEMA_VERSION: Final = 2
"""The version of the records' schema; another number means that fields changed their meaning."""


Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]

ListingKind: TypeAlias = Literal["packages", "docker_conflicts"]
"""Kind of a listing."""

Reason: TypeAlias = Literal[
    "not_found",
    "sso_required",
    "sso_partial",
    "insufficient_scope",
    "forbidden",
    "unauthorized",
    "rate_limited",
    "server_error",
    "no_connection",
    "timeout",
    "invalid_response",
    "cap_reached",
    "unstable",
    "refused",
]
"""Why something could not be listed.

``sso_partial``: it was listed, without the organizations named. ``no_connection``: no response.
``cap_reached``: GitHub does not list further pages. ``unstable``: others changed it faster than it
could be listed. ``refused``: any other error response.
"""

REASONS: Final[tuple[str, ...]] = (*Reason.__args__,)  # type: ignore[attr-defined]


@attrs.frozen
class ListingKey:
    """Identity of one listing of one owner, which an audit completes and resumes as a whole.

    Attributes:
        owner: the owner as passed to the audit; compared ignoring case.
        package_type: the type listed; ``None`` for the Docker conflicts.
    """

    owner: str = attrs.field(eq=str.lower)
    package_type: str | None

    @property
    def listing(self) -> ListingKind:
        """Kind of a listing."""
        return "docker_conflicts" if self.package_type is None else "packages"

    def __str__(self) -> str:
        return f"{self.owner} {self.package_type or 'Docker conflicts'}"


@attrs.frozen
class VersionsSummary:
    """Summary of a package's versions.

    Attributes:
        count: number of versions.
        newest: creation time of the newest; ``None`` without versions.
        oldest: creation time of the oldest; ``None`` without versions.
        tagged: number of versions with a tag; ``None`` for types without tags.
        untagged: number of versions without a tag; ``None`` for types without tags.
    """

    count: int
    newest: Moment | None = None
    oldest: Moment | None = None
    tagged: int | None = None
    untagged: int | None = None


@attrs.frozen(kw_only=True)
class PackageEntry:
    """A package of an audited owner.

    Attributes:
        owner: the owner as passed to the audit: ``acme``, ``user:octocat``, ``me``.
        package_type: the type, like ``"container"``.
        name: the name; may contain slashes.
        id: GitHub's id of the package.
        visibility: ``"public"``, ``"private"`` or ``"internal"``.
        version_count: number of versions; ``None``: neither in the response nor counted.
        created_at: when it was created.
        updated_at: when it last changed.
        html_url: its page on GitHub.
        repository: the full name of the repository it is linked to; ``None``: linked to none.
        soft_deleted: whether the name begins with ``deleted_``: GitHub's mark of a deleted package
            that can still be restored. Its versions are not listed, no rule finds it, and sums
            and comparisons leave it out.
        versions: summary of its versions; ``None``: they were not listed.
    """

    owner: str
    package_type: str
    name: str
    id: int
    visibility: str
    version_count: int | None = None
    created_at: Moment
    updated_at: Moment
    html_url: str
    repository: str | None = None
    soft_deleted: bool = False
    versions: VersionsSummary | None = None


@attrs.frozen(kw_only=True)
class ConflictEntry:
    """A package in conflict since the migration to the Container registry.

    The attributes are those of `PackageEntry`. The listing of Docker packages may contain it too:
    there are then two entries.
    """

    owner: str
    package_type: str
    name: str
    id: int
    visibility: str
    version_count: int | None = None
    created_at: Moment
    updated_at: Moment
    html_url: str
    repository: str | None = None
    soft_deleted: bool = False


@attrs.frozen(kw_only=True)
class FailureEntry:
    """Listing or package that an audit could not list, with the reason.

    Attributes:
        owner: the owner as passed to the audit.
        listing: the kind of listing; ``None``: all listings of the owner.
        package_type: the type listed; ``None`` for conflicts, and for a whole owner.
        name: the package whose versions could not be listed; ``None``: the listing itself.
        reason: one of `REASONS`.
        message: the error message, for people.
        status: the HTTP status, if there was a response.
        authorization_url: page to authorize the token for single sign-on.
        organizations: ids of the organizations that a partial listing lacks.
        granted: the scopes the token has, where it lacks one.
        required: the scopes it needs, where it lacks one.
        retry_at: when a rate limit ends.
    """

    owner: str
    listing: ListingKind | None = None
    package_type: str | None = None
    name: str | None = None
    reason: str
    message: str
    status: int | None = None
    authorization_url: str | None = None
    organizations: tuple[str, ...] = ()
    granted: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    retry_at: Moment | None = None


@attrs.frozen(kw_only=True)
class ListingDone:
    """Marker that follows the last record of a complete listing.

    Attributes:
        owner: the owner as passed to the audit.
        listing: the kind of listing.
        package_type: the type listed; ``None`` for conflicts.
        count: number of records of the listing.
    """

    owner: str
    listing: ListingKind
    package_type: str | None = None
    count: int


def listings_of(owner: str, package_types: Iterable[str]) -> list[ListingKey]:
    """Return one listing for each type; ``docker`` adds the Docker conflicts."""
    types = list(package_types)
    listings = [ListingKey(owner, package_type) for package_type in types]
    return [*listings, ListingKey(owner, None)] if "docker" in types else listings


@attrs.frozen(kw_only=True)
class AuditHeader:
    """Owners and options of an audit.

    Attributes:
        base_url: the root of the API.
        owners: the owners as passed.
        package_types: the types listed.
        with_versions: whether each package's versions were listed.
        started_at: start of the audit, by the clock of this computer.
        schema_version: version of the schema of its records.
    """

    base_url: str
    owners: tuple[str, ...]
    package_types: tuple[str, ...]
    with_versions: bool
    started_at: Moment
    schema_version: int = SCHEMA_VERSION

    @property
    def listings(self) -> list[ListingKey]:
        """The listings of all owners."""
        return [key for owner in self.owners for key in listings_of(owner, self.package_types)]

    def unfinished(
        self, ended: Collection[ListingKey], failed_owners: Collection[str]
    ) -> list[ListingKey]:
        """Return the listings of an interrupted audit that have neither ended nor failed.

        Args:
            ended: the listings that are complete or failed.
            failed_owners: owners that failed as a whole, in lower case.
        """
        return [
            key
            for key in self.listings
            if key not in ended and key.owner.lower() not in failed_owners
        ]


Entry: TypeAlias = PackageEntry | ConflictEntry | FailureEntry
"""Item of an audit."""
Record: TypeAlias = Entry | ListingDone
"""Record of an output file: an entry, or the marker of a complete listing."""

_RECORD_TYPES: Final[Mapping[str, type[AuditHeader | Record]]] = {
    "audit": AuditHeader,
    "package": PackageEntry,
    "conflict": ConflictEntry,
    "failure": FailureEntry,
    "done": ListingDone,
}
_LAYOUTS: Final = {
    record_type: (name, tuple((field.name, field.default) for field in attrs.fields(record_type)))
    for name, record_type in _RECORD_TYPES.items()
}


def to_record(record: AuditHeader | Record, *, times: bool = False) -> dict[str, Any]:
    """Return the JSON-ready mapping of a record: ``record`` first, without ``None`` values.

    Args:
        record: the record.
        times: whether to keep times as datetimes.
    """
    fields = msgspec.to_builtins(record, builtin_types=(datetime,) if times else None)
    name, layout = _LAYOUTS[type(record)]
    mapping: dict[str, Any] = {"record": name}
    for field, default in layout:
        value = fields[field]
        if value is None or value == default == ():
            continue
        if isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, dict):
            value = {key: item for key, item in value.items() if item is not None}
        mapping[field] = value
    return mapping


def fullest_first(records: Sequence[Record]) -> list[Record]:
    """Move the package with the most fields before the other packages.

    Polars infers a schema from the first 100 lines and drops the fields that they lack.
    """
    ordered = list(records)
    packages = [record for record in ordered if isinstance(record, PackageEntry)]
    if packages:
        fullest = max(packages, key=_field_count)
        ordered.remove(fullest)
        ordered.insert(next(n for n, entry in enumerate(records) if entry is packages[0]), fullest)
    return ordered


def _field_count(entry: PackageEntry) -> int:
    versions = () if entry.versions is None else attrs.astuple(entry.versions)
    return sum(value is not None for value in (entry.version_count, entry.repository, *versions))


def to_line(record: AuditHeader | Record) -> bytes:
    """Encode a record as a line of JSON, with its newline."""
    return msgspec.json.encode(to_record(record)) + b"\n"


def from_record(mapping: Mapping[str, Any]) -> AuditHeader | Record | None:
    """Return the record of a mapping made by `to_record`; ``None`` for an unknown kind.

    Raises:
        ConfigurationError: the mapping lacks a field or holds a wrong value.
    """
    name = mapping.get("record")
    record_type = _RECORD_TYPES.get(name) if isinstance(name, str) else None
    if record_type is None:
        return None
    try:
        return msgspec.convert(mapping, record_type)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"record: not a whole {name!r}: {error}") from None


def listing_key(record: Record) -> ListingKey | None:
    """Return the listing of a record; ``None`` for the failure of a whole owner."""
    if isinstance(record, PackageEntry):
        return ListingKey(record.owner, record.package_type)
    if isinstance(record, ConflictEntry):
        return ListingKey(record.owner, None)
    if record.listing is None:
        return None
    return ListingKey(record.owner, record.package_type)
