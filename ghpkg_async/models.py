"""What GitHub answers, as immutable values.

Fields bear the documented JSON names. A field the documentation calls optional or nullable is
``None`` when the server left it out; fields unknown to this version are ignored, and enum values
are plain strings, so what GitHub adds tomorrow decodes today.

The schemas: https://docs.github.com/en/rest/packages/packages
"""

from __future__ import annotations

from datetime import datetime
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    TypeAlias,
    TypeVar,
    dataclass_transform,
    get_args,
)

import attrs
from msgspec import Meta

__all__ = [
    "PACKAGE_TYPES",
    "CodeOfConduct",
    "ContainerMetadata",
    "DockerMetadata",
    "License",
    "Owner",
    "Package",
    "PackageType",
    "PackageVersion",
    "PackageVersionMetadata",
    "Permissions",
    "Repository",
    "State",
    "Visibility",
]

PackageType: TypeAlias = Literal["npm", "maven", "rubygems", "docker", "nuget", "container"]
"""The package types documented today. Answers may hold others."""
Visibility: TypeAlias = Literal["public", "private", "internal"]
"""Who may see a package."""
State: TypeAlias = Literal["active", "deleted"]
"""Whether a version is there or can be restored."""

PACKAGE_TYPES: Final[tuple[PackageType, ...]] = get_args(PackageType)
"""Every documented package type, in the documentation's order."""

Timestamp: TypeAlias = Annotated[datetime, Meta(tz=True)]

_T = TypeVar("_T")


def _unshown() -> Any:
    return attrs.field(repr=False)


def _optional(*, shown: bool = True, hashed: bool = True) -> Any:
    return attrs.field(default=None, repr=shown, hash=None if hashed else False)


def _readable_repr(self: Any) -> str:
    shown = (
        f"{name}={value!r}"
        for name in type(self).__repr_fields__
        if (value := getattr(self, name)) is not None
    )
    return f"{type(self).__name__}({', '.join(shown)})"


@dataclass_transform(
    kw_only_default=True, frozen_default=True, field_specifiers=(attrs.field, _unshown, _optional)
)
def model(cls: type[_T]) -> type[_T]:
    """An immutable attrs class whose absent optional fields cost nothing.

    Their default stays readable on the class, so a decoder need not set it on each object: a
    repository has 51 such fields, and setting them takes longer than decoding the other 46.
    """
    made = attrs.frozen(cls, kw_only=True, slots=False, repr=False)
    fields = attrs.fields(made)  # type: ignore[arg-type]
    for field in fields:
        if field.default is not attrs.NOTHING:
            setattr(made, field.name, field.default)
    made.__repr_fields__ = tuple(field.name for field in fields if field.repr)  # type: ignore[attr-defined]
    made.__repr__ = _readable_repr  # type: ignore[method-assign]
    return made


@model
class Owner:
    """The account a package or a repository belongs to."""

    login: str
    id: int
    node_id: str = _unshown()
    avatar_url: str = _unshown()
    gravatar_id: str | None = _unshown()
    url: str = _unshown()
    html_url: str = _unshown()
    followers_url: str = _unshown()
    following_url: str = _unshown()
    gists_url: str = _unshown()
    starred_url: str = _unshown()
    subscriptions_url: str = _unshown()
    organizations_url: str = _unshown()
    repos_url: str = _unshown()
    events_url: str = _unshown()
    received_events_url: str = _unshown()
    type: str
    site_admin: bool = _unshown()
    name: str | None = _optional()
    email: str | None = _optional(shown=False)
    starred_at: str | None = _optional(shown=False)
    user_view_type: str | None = _optional(shown=False)


@model
class Permissions:
    """What the token's user may do with a repository."""

    admin: bool | None = _optional()
    maintain: bool | None = _optional()
    push: bool | None = _optional()
    triage: bool | None = _optional()
    pull: bool | None = _optional()


@model
class License:
    """A repository's license."""

    key: str | None = _optional()
    name: str | None = _optional()
    spdx_id: str | None = _optional()
    url: str | None = _optional()
    node_id: str | None = _optional(shown=False)


@model
class CodeOfConduct:
    """A repository's code of conduct."""

    key: str
    name: str
    url: str
    html_url: str | None = _optional()
    body: str | None = _optional(shown=False)


@model
class Repository:
    """The repository a package is linked to."""

    id: int
    node_id: str = _unshown()
    name: str = _unshown()
    full_name: str
    private: bool
    owner: Owner = _unshown()
    html_url: str = _unshown()
    description: str | None = _unshown()
    fork: bool = _unshown()
    url: str = _unshown()
    forks_url: str = _unshown()
    keys_url: str = _unshown()
    collaborators_url: str = _unshown()
    teams_url: str = _unshown()
    hooks_url: str = _unshown()
    issue_events_url: str = _unshown()
    events_url: str = _unshown()
    assignees_url: str = _unshown()
    branches_url: str = _unshown()
    tags_url: str = _unshown()
    blobs_url: str = _unshown()
    git_tags_url: str = _unshown()
    git_refs_url: str = _unshown()
    trees_url: str = _unshown()
    statuses_url: str = _unshown()
    languages_url: str = _unshown()
    stargazers_url: str = _unshown()
    contributors_url: str = _unshown()
    subscribers_url: str = _unshown()
    subscription_url: str = _unshown()
    commits_url: str = _unshown()
    git_commits_url: str = _unshown()
    comments_url: str = _unshown()
    issue_comment_url: str = _unshown()
    contents_url: str = _unshown()
    compare_url: str = _unshown()
    merges_url: str = _unshown()
    archive_url: str = _unshown()
    downloads_url: str = _unshown()
    issues_url: str = _unshown()
    pulls_url: str = _unshown()
    milestones_url: str = _unshown()
    notifications_url: str = _unshown()
    labels_url: str = _unshown()
    releases_url: str = _unshown()
    deployments_url: str = _unshown()
    git_url: str | None = _optional(shown=False)
    ssh_url: str | None = _optional(shown=False)
    clone_url: str | None = _optional(shown=False)
    mirror_url: str | None = _optional(shown=False)
    svn_url: str | None = _optional(shown=False)
    homepage: str | None = _optional(shown=False)
    language: str | None = _optional(shown=False)
    forks_count: int | None = _optional(shown=False)
    stargazers_count: int | None = _optional(shown=False)
    watchers_count: int | None = _optional(shown=False)
    size: int | None = _optional(shown=False)
    default_branch: str | None = _optional(shown=False)
    open_issues_count: int | None = _optional(shown=False)
    is_template: bool | None = _optional(shown=False)
    topics: tuple[str, ...] | None = _optional(shown=False)
    has_issues: bool | None = _optional(shown=False)
    has_projects: bool | None = _optional(shown=False)
    has_wiki: bool | None = _optional(shown=False)
    has_pages: bool | None = _optional(shown=False)
    has_downloads: bool | None = _optional(shown=False)
    has_discussions: bool | None = _optional(shown=False)
    has_pull_requests: bool | None = _optional(shown=False)
    pull_request_creation_policy: str | None = _optional(shown=False)
    archived: bool | None = _optional()
    disabled: bool | None = _optional()
    visibility: str | None = _optional()
    pushed_at: Timestamp | None = _optional(shown=False)
    created_at: Timestamp | None = _optional(shown=False)
    updated_at: Timestamp | None = _optional(shown=False)
    permissions: Permissions | None = _optional(shown=False)
    role_name: str | None = _optional(shown=False)
    temp_clone_token: str | None = _optional(shown=False)
    delete_branch_on_merge: bool | None = _optional(shown=False)
    subscribers_count: int | None = _optional(shown=False)
    network_count: int | None = _optional(shown=False)
    code_of_conduct: CodeOfConduct | None = _optional(shown=False)
    license: License | None = _optional(shown=False)
    forks: int | None = _optional(shown=False)
    open_issues: int | None = _optional(shown=False)
    watchers: int | None = _optional(shown=False)
    allow_forking: bool | None = _optional(shown=False)
    web_commit_signoff_required: bool | None = _optional(shown=False)
    security_and_analysis: dict[str, Any] | None = _optional(shown=False, hashed=False)
    custom_properties: dict[str, Any] | None = _optional(shown=False, hashed=False)


@model
class Package:
    """A package, as listed and as got by name.

    ``visibility`` may be ``"internal"``, which the documented schema leaves out.
    """

    id: int
    name: str
    package_type: str
    owner: Owner | None = _optional(shown=False)
    version_count: int
    visibility: str
    url: str = _unshown()
    created_at: Timestamp = _unshown()
    updated_at: Timestamp
    repository: Repository | None = _optional(shown=False)
    html_url: str = _unshown()


@model
class ContainerMetadata:
    """What the Container registry knows of a version."""

    tags: tuple[str, ...]


@model
class DockerMetadata:
    """What the Docker registry knows of a version; answers use one of the two names."""

    tag: tuple[str, ...] | None = _optional()
    tags: tuple[str, ...] | None = _optional()


@model
class PackageVersionMetadata:
    """What a version carries beyond its name, by package type."""

    package_type: str
    container: ContainerMetadata | None = _optional()
    docker: DockerMetadata | None = _optional()


@model
class PackageVersion:
    """One version of a package."""

    id: int
    name: str
    url: str = _unshown()
    package_html_url: str = _unshown()
    license: str | None = _optional(shown=False)
    created_at: Timestamp
    updated_at: Timestamp = _unshown()
    deleted_at: Timestamp | None = _optional()
    description: str | None = _optional(shown=False)
    html_url: str | None = _optional(shown=False)
    metadata: PackageVersionMetadata | None = _optional()

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of a container or Docker image; ``()`` for an untagged one and other types."""
        metadata = self.metadata
        if metadata is None:
            return ()
        if metadata.container is not None:
            return metadata.container.tags
        if metadata.docker is not None:
            return metadata.docker.tag or metadata.docker.tags or ()
        return ()
