"""Immutable records of cleanup plans, one JSON object a line; ``record`` is the type.

``plan``
    The first line: format version, times, URLs, and the policy in its normalized form.
``package``
    Counts of one package, and the reason if the plan leaves it out.
``delete``
    A version to delete.
``held``
    A version that a rule selects and something else keeps.
``end``
    The last line: counts and hashes.

A field without a value is left out, never null, and no field has two types. Times are like
``2020-05-19T22:19:11Z``.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, Literal, TypeAlias, TypeVar

import attrs
import msgspec

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "FORMAT",
    "PLAN_CODEC",
    "Deletion",
    "Group",
    "Held",
    "PackageKey",
    "PackagePlan",
    "PlanEnd",
    "PlanHeader",
    "PlanRecord",
    "PlannedVersion",
    "RecordCodec",
    "Role",
]

FORMAT: Final = 1
"""Version of the format of plans and journals; another number means another meaning."""

R = TypeVar("R")

Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]

Role: TypeAlias = Literal["root", "child", "referrer"]
"""``root``: an image that a rule selected. ``child``: part of an index of the group.
``referrer``: a signature, attestation or other artifact about a version of the group."""

PackageKey: TypeAlias = tuple[str, str, str]
"""Owner, type and name of a package."""


@attrs.frozen(kw_only=True)
class PlanHeader:
    """The first record of a plan.

    Attributes:
        format: version of the file's format.
        created_at: time of planning, by the server's clock.
        expires_at: time from which the plan must not be applied.
        base_url: root of the API.
        registry_url: root of the registry.
        owners: as passed to the plan.
        policy: the policy as a mapping, with its defaults and with files of digests resolved.
        policy_sha256: hash of ``policy`` as canonical JSON.
    """

    format: int = FORMAT
    created_at: Moment
    expires_at: Moment
    base_url: str
    registry_url: str
    owners: tuple[str, ...]
    policy: dict[str, Any] = attrs.field(hash=False)
    policy_sha256: str


@attrs.frozen(kw_only=True)
class PackagePlan:
    """Counts of one package.

    Attributes:
        owner: as passed to the plan: ``acme``, ``user:octocat``, ``me``.
        package_type: like ``container``.
        name: full name, slashes included; empty if the owner's packages of this type cannot be
            listed.
        versions: number of versions listed.
        tagged: number of versions with a tag.
        images: number of images: versions that rules apply to.
        kept: number of images that stay.
        deletes: number of versions to delete.
        held: number of ``held`` records.
        complete: every version was listed and every manifest read. If false, the plan deletes
            nothing of this package.
        reason: why the package is not complete.
        over_limit: description of the limit that the deletions exceed.
        missing: digests of listed versions that the registry does not have.
        broken: digests of indexes that name manifests which are not versions of the package.
    """

    owner: str
    package_type: str
    name: str
    versions: Count = 0
    tagged: Count = 0
    images: Count = 0
    kept: Count = 0
    deletes: Count = 0
    held: Count = 0
    complete: bool = True
    reason: str | None = None
    over_limit: str | None = None
    missing: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

    @property
    def key(self) -> PackageKey:
        """Owner, type and name."""
        return self.owner, self.package_type, self.name


@attrs.frozen(kw_only=True)
class PlannedVersion:
    """A version that a rule selects.

    Attributes:
        owner: as passed to the plan: ``acme``, ``user:octocat``, ``me``.
        package_type: like ``container``.
        name: full name of the package, slashes included.
        id: id of the version.
        version: name of the version; of a container, its digest.
        tags: tags of the version when it was listed.
        created_at: creation time of the version.
        updated_at: time of the version's last change.
        group: name of the group's first root. A group is deleted as a whole or not at all.
        role: position in the group.
        rule: name of the rule that selected the group's root.
        reason: one sentence for people.
    """

    owner: str
    package_type: str
    name: str
    id: int
    version: str
    tags: tuple[str, ...] = ()
    created_at: Moment
    updated_at: Moment
    group: str
    role: Role
    rule: str
    reason: str

    @property
    def package(self) -> PackageKey:
        """Owner, type and name of the package."""
        return self.owner, self.package_type, self.name


@attrs.frozen(kw_only=True)
class Deletion(PlannedVersion):
    """A version to delete; its attributes are those of `PlannedVersion`."""


@attrs.frozen(kw_only=True)
class Held(PlannedVersion):
    """A version that a rule selects and something else keeps.

    ``group`` is the version itself, and ``reason`` names the cause: a protected tag, an index that
    contains it, the keep of another rule.

    Attributes:
        image: name of the image to delete that it is a part of, or about, if there is one.
    """

    image: str | None = None


@attrs.frozen(kw_only=True)
class PlanEnd:
    """The last record of a plan.

    Attributes:
        packages: number of packages.
        incomplete: number of packages that the plan leaves out.
        images: number of images to delete.
        deletes: number of versions to delete.
        held: number of versions held.
        over_limit: description of the limit that the deletions of all packages exceed.
        groups: hash of each group's lines, in the order of the groups.
        sha256: hash of this record and of all lines except those of groups.
    """

    packages: Count
    incomplete: Count
    images: Count
    deletes: Count
    held: Count
    over_limit: str | None = None
    groups: tuple[str, ...] = ()
    sha256: str


@attrs.frozen
class Group:
    """Versions that are deleted together, in the order of their deletion: roots first.

    Attributes:
        package: owner, type and name of the package.
        name: name of the first root.
        deletions: the versions.
    """

    package: PackageKey
    name: str
    deletions: tuple[Deletion, ...]


PlanRecord: TypeAlias = PlanHeader | PackagePlan | Deletion | Held | PlanEnd


class RecordCodec(Generic[R]):
    """Encode attrs classes as lines of JSON, and decode them.

    Args:
        types: the class of each value of ``record``.
    """

    def __init__(self, types: Mapping[str, type[R]]) -> None:
        self._types = types
        self._layouts = {
            record_type: (name, [field.name for field in attrs.fields(record_type)])  # type: ignore[arg-type]
            for name, record_type in types.items()
        }

    def encode(self, record: R) -> bytes:
        """Encode a record as a line of JSON, including the line feed."""
        name, layout = self._layouts[type(record)]
        fields = msgspec.to_builtins(record)
        line = {key: fields[key] for key in layout if fields[key] is not None}
        return msgspec.json.encode({"record": name, **line}) + b"\n"

    def decode(self, line: bytes) -> R:
        """Decode a line that `encode` encoded.

        Raises:
            ConfigurationError: the line is not one of the records; the message does not name the
                file or the line.
        """
        try:
            fields = msgspec.json.decode(line, type=dict[str, Any])
            return msgspec.convert(fields, self._types[fields["record"]])
        except (KeyError, TypeError):
            reason = f"`record` is not one of {', '.join(self._types)}"
        except RecursionError:
            reason = "nested too deeply"
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            reason = str(error)
        raise ConfigurationError(reason)


PLAN_CODEC: Final = RecordCodec[PlanRecord](
    {
        "plan": PlanHeader,
        "package": PackagePlan,
        "delete": Deletion,
        "held": Held,
        "end": PlanEnd,
    }
)
