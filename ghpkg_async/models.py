"""GitHub's packages, versions and their parts, as immutable values.

Fields have the documented JSON names. An optional field is ``None`` if the response does not have
it. Unknown fields are ignored, and enum values are plain strings, so that values which GitHub adds
later decode too.

https://docs.github.com/en/rest/packages/packages
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
    get_args,
)

import attrs
from msgspec import Meta

from ._text import printable

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
"""The package types documented today. Responses may have others."""
Visibility: TypeAlias = Literal["public", "private", "internal"]
"""Visibility of a package: to everyone, its collaborators, or members of the enterprise."""
State: TypeAlias = Literal["active", "deleted"]
"""State of a version: listed, or deleted and restorable for 30 days."""

PACKAGE_TYPES: Final[tuple[PackageType, ...]] = get_args(PackageType)
"""Every documented package type, in the documentation's order."""

Int64: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""Integer of 64 bits with a sign, the largest that every table and data frame holds."""
Timestamp: TypeAlias = Annotated[datetime, Meta(tz=True)]

_T = TypeVar("_T")


def _readable_repr(self: Any) -> str:
    shown = (
        f"{name}={value!r}"
        for name in type(self).__repr_fields__
        if (value := getattr(self, name)) is not None
    )
    return printable(f"{type(self).__name__}({', '.join(shown)})")


def model(cls: type[_T]) -> type[_T]:
    """Give an attrs class a repr without absent fields, and defaults as class attributes.

    A decoder then need not set the defaults on each object: a repository has 51 of them, and
    setting them takes longer than decoding the rest.
    """
    fields = attrs.fields(cls)  # type: ignore[arg-type]
    for field in fields:
        if field.default is not attrs.NOTHING:
            setattr(cls, field.name, field.default)
    cls.__repr_fields__ = tuple(field.name for field in fields if field.repr)  # type: ignore[attr-defined]
    cls.__repr__ = _readable_repr  # type: ignore[method-assign]
    return cls


@model
@attrs.frozen(kw_only=True, slots=False, repr=False)
class Owner:
    """The account a package or a repository belongs to."""

    login: str
    id: Int64
    node_id: str = attrs.field(repr=False)
    avatar_url: str = attrs.field(repr=False)
    gravatar_id: str | None = attrs.field(repr=False)
    url: str = attrs.field(repr=False)
    html_url: str = attrs.field(repr=False)
    followers_url: str = attrs.field(repr=False)
    following_url: str = attrs.field(repr=False)
    gists_url: str = attrs.field(repr=False)
    starred_url: str = attrs.field(repr=False)
    subscriptions_url: str = attrs.field(repr=False)
    organizations_url: str = attrs.field(repr=False)
    repos_url: str = attrs.field(repr=False)
    events_url: str = attrs.field(repr=False)
    received_events_url: str = attrs.field(repr=False)
    type: str
    site_admin: bool = attrs.field(repr=False)
    name: str | None = None
    email: str | None = attrs.field(default=None, repr=False)
    starred_at: str | None = attrs.field(default=None, repr=False)
    user_view_type: str | None = attrs.field(default=None, repr=False)


@model
@attrs.frozen(kw_only=True, slots=False, repr=False)
class Permissions:
    """Permissions of the token's user on a repository."""

    admin: bool | None = None
    maintain: bool | None = None
    push: bool | None = None
    triage: bool | None = None
    pull: bool | None = None


@model
@attrs.frozen(kw_only=True, slots=False, repr=False)
class License:
    """A repository's license."""

    key: str | None = None
    name: str | None = None
    spdx_id: str | None = None
    url: str | None = None
    node_id: str | None = attrs.field(default=None, repr=False)


@model
@attrs.frozen(kw_only=True, slots=False, repr=False)
class CodeOfConduct:
    """A repository's code of conduct."""

    key: str
    name: str
    url: str
    html_url: str | None = None
    body: str | None = attrs.field(default=None, repr=False)


@model
@attrs.frozen(kw_only=True, slots=False, repr=False)
class Repository:
    """The repository a package is linked to."""

    id: Int64
    node_id: str = attrs.field(repr=False)
    name: str = attrs.field(repr=False)
    full_name: str
    private: bool
    owner: Owner = attrs.field(repr=False)
    html_url: str = attrs.field(repr=False)
    description: str | None = attrs.field(repr=False)
    fork: bool = attrs.field(repr=False)
    url: str = attrs.field(repr=False)
    forks_url: str = attrs.field(repr=False)
    keys_url: str = attrs.field(repr=False)
    collaborators_url: str = attrs.field(repr=False)
    teams_url: str = attrs.field(repr=False)
    hooks_url: str = attrs.field(repr=False)
    issue_events_url: str = attrs.field(repr=False)
    events_url: str = attrs.field(repr=False)
    assignees_url: str = attrs.field(repr=False)
    branches_url: str = attrs.field(repr=False)
    tags_url: str = attrs.field(repr=False)
    blobs_url: str = attrs.field(repr=False)
    git_tags_url: str = attrs.field(repr=False)
    git_refs_url: str = attrs.field(repr=False)
    trees_url: str = attrs.field(repr=False)
    statuses_url: str = attrs.field(repr=False)
    languages_url: str = attrs.field(repr=False)
    stargazers_url: str = attrs.field(repr=False)
    contributors_url: str = attrs.field(repr=False)
    subscribers_url: str = attrs.field(repr=False)
    subscription_url: str = attrs.field(repr=False)
    commits_url: str = attrs.field(repr=False)
    git_commits_url: str = attrs.field(repr=False)
    comments_url: str = attrs.field(repr=False)
    issue_comment_url: str = attrs.field(repr=False)
    contents_url: str = attrs.field(repr=False)
    compare_url: str = attrs.field(repr=False)
    merges_url: str = attrs.field(repr=False)
    archive_url: str = attrs.field(repr=False)
    downloads_url: str = attrs.field(repr=False)
    issues_url: str = attrs.field(repr=False)
    pulls_url: str = attrs.field(repr=False)
    milestones_url: str = attrs.field(repr=False)
    notifications_url: str = attrs.field(repr=False)
    labels_url: str = attrs.field(repr=False)
    releases_url: str = attrs.field(repr=False)
    deployments_url: str = attrs.field(repr=False)
    git_url: str | None = attrs.field(default=None, repr=False)
    ssh_url: str | None = attrs.field(default=None, repr=False)
    clone_url: str | None = attrs.field(default=None, repr=False)
    mirror_url: str | None = attrs.field(default=None, repr=False)
    svn_url: str | None = attrs.field(default=None, repr=False)
    homepage: str | None = attrs.field(default=None, repr=False)
    language: str | None = attrs.field(default=None, repr=False)
    forks_count: int | None = attrs.field(default=None, repr=False)
    stargazers_count: int | None = attrs.field(default=None, repr=False)
    watchers_count: int | None = attrs.field(default=None, repr=False)
    size: int | None = attrs.field(default=None, repr=False)
    default_branch: str | None = attrs.field(default=None, repr=False)
    open_issues_count: int | None = attrs.field(default=None, repr=False)
    is_template: bool | None = attrs.field(default=None, repr=False)
    topics: tuple[str, ...] | None = attrs.field(default=None, repr=False)
    has_issues: bool | None = attrs.field(default=None, repr=False)
    has_projects: bool | None = attrs.field(default=None, repr=False)
    has_wiki: bool | None = attrs.field(default=None, repr=False)
    has_pages: bool | None = attrs.field(default=None, repr=False)
    has_downloads: bool | None = attrs.field(default=None, repr=False)
    has_discussions: bool | None = attrs.field(default=None, repr=False)
    has_pull_requests: bool | None = attrs.field(default=None, repr=False)
    pull_request_creation_policy: str | None = attrs.field(default=None, repr=False)
    archived: bool | None = None
    disabled: bool | None = None
    visibility: str | None = None
    pushed_at: Timestamp | None = attrs.field(default=None, repr=False)
    created_at: Timestamp | None = attrs.field(default=None, repr=False)
    updated_at: Timestamp | None = attrs.field(default=None, repr=False)
    permissions: Permissions | None = attrs.field(default=None, repr=False)
    role_name: str | None = attrs.field(default=None, repr=False)
    temp_clone_token: str | None = attrs.field(default=None, repr=False)
    delete_branch_on_merge: bool | None = attrs.field(default=None, repr=False)
    subscribers_count: int | None = attrs.field(default=None, repr=False)
    network_count: int | None = attrs.field(default=None, repr=False)
    code_of_conduct: CodeOfConduct | None = attrs.field(default=None, repr=False)
    license: License | None = attrs.field(default=None, repr=False)
    forks: int | None = attrs.field(default=None, repr=False)
    open_issues: int | None = attrs.field(default=None, repr=False)
    watchers: int | None = attrs.field(default=None, repr=False)
    allow_forking: bool | None = attrs.field(default=None, repr=False)
    web_commit_signoff_required: bool | None = attrs.field(default=None, repr=False)
    security_and_analysis: dict[str, Any] | None = attrs.field(default=None, repr=False, hash=False)
    custom_properties: dict[str, Any] | None = attrs.field(default=None, repr=False, hash=False)


@model
@attrs.frozen(kw_only=True, slots=False, repr=False)
class Package:
    """A package, as listed and as got by name.

    Attributes:
        id: GitHub's number of the package.
        name: may contain slashes, like ``team/app`` or ``@scope/left``.
        package_type: one of `PACKAGE_TYPES`, or one that GitHub adds later.
        owner: the organization or user; ``None``: not in the response.
        version_count: number of active versions; ``None``: not in the response, as in GitHub's
            listings of container packages. Getting the package by name includes it.
        visibility: ``"public"``, ``"private"``, or ``"internal"``, which the documented schema
            leaves out.
        url: of the package in the API.
        created_at: time of creation, in UTC.
        updated_at: time of the last change, in UTC.
        repository: the repository it is linked to; ``None``: linked to none.
        html_url: of its page.
    """

    id: Int64
    name: str
    package_type: str
    owner: Owner | None = attrs.field(default=None, repr=False)
    version_count: Int64 | None = None
    visibility: str
    url: str = attrs.field(repr=False)
    created_at: Timestamp = attrs.field(repr=False)
    updated_at: Timestamp
    repository: Repository | None = attrs.field(default=None, repr=False)
    html_url: str = attrs.field(repr=False)


@model
@attrs.frozen(kw_only=True, slots=False, repr=False)
class ContainerMetadata:
    """Metadata of a container image.

    Attributes:
        tags: its tags, like ``("latest", "1.2.3")``; empty: untagged.
    """

    tags: tuple[str, ...]


@model
@attrs.frozen(kw_only=True, slots=False, repr=False)
class DockerMetadata:
    """Metadata of a Docker image; a response uses one of the two names.

    Attributes:
        tag: its tags.
        tags: its tags.
    """

    tag: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None


@model
@attrs.frozen(kw_only=True, slots=False, repr=False)
class PackageVersionMetadata:
    """Metadata of a version.

    Attributes:
        package_type: like ``"container"``; ``None``: the metadata are empty.
        container: set for container images.
        docker: set for Docker images.
    """

    package_type: str | None = None
    container: ContainerMetadata | None = None
    docker: DockerMetadata | None = None


@model
@attrs.frozen(kw_only=True, slots=False, repr=False)
class PackageVersion:
    """One version of a package.

    Attributes:
        id: GitHub's number of the version; `PackageRef.version` takes it.
        name: a version number like ``1.2.3``; of an image, its digest.
        url: of the version in the API.
        package_html_url: of the package's page.
        license: like ``MIT``; for npm.
        created_at: time of creation, in UTC.
        updated_at: time of the last change, in UTC.
        deleted_at: time of the deletion, in UTC; ``None``: not deleted.
        description: a text, of some types.
        html_url: of the version's page.
        metadata: metadata of its package type, such as the tags of an image.
    """

    id: Int64
    name: str
    url: str = attrs.field(repr=False)
    package_html_url: str = attrs.field(repr=False)
    license: str | None = attrs.field(default=None, repr=False)
    created_at: Timestamp
    updated_at: Timestamp = attrs.field(repr=False)
    deleted_at: Timestamp | None = None
    description: str | None = attrs.field(default=None, repr=False)
    html_url: str | None = attrs.field(default=None, repr=False)
    metadata: PackageVersionMetadata | None = None

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
