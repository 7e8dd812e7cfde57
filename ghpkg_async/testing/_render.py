"""JSON bodies of GitHub's responses."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import attrs

from ._times import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._behavior import Behavior
    from ._packages import Namespace, Package, Repository, Version

_OWNER_LINKS: Final = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
"""Paths below an owner's URL, in the order of GitHub's examples."""

_REPOSITORY_LINKS: Final = {
    "forks_url": "/forks",
    "keys_url": "/keys{/key_id}",
    "collaborators_url": "/collaborators{/collaborator}",
    "teams_url": "/teams",
    "hooks_url": "/hooks",
    "issue_events_url": "/issues/events{/number}",
    "events_url": "/events",
    "assignees_url": "/assignees{/user}",
    "branches_url": "/branches{/branch}",
    "tags_url": "/tags",
    "blobs_url": "/git/blobs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "trees_url": "/git/trees{/sha}",
    "statuses_url": "/statuses/{sha}",
    "languages_url": "/languages",
    "stargazers_url": "/stargazers",
    "contributors_url": "/contributors",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "commits_url": "/commits{/sha}",
    "git_commits_url": "/git/commits{/sha}",
    "comments_url": "/comments{/number}",
    "issue_comment_url": "/issues/comments{/number}",
    "contents_url": "/contents/{+path}",
    "compare_url": "/compare/{base}...{head}",
    "merges_url": "/merges",
    "archive_url": "/{archive_format}{/ref}",
    "downloads_url": "/downloads",
    "issues_url": "/issues{/number}",
    "pulls_url": "/pulls{/number}",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "labels_url": "/labels{/name}",
    "releases_url": "/releases{/id}",
    "deployments_url": "/deployments",
}
"""Paths below a repository's URL, in the order of GitHub's examples."""


@attrs.define
class Renderer:
    """Renderer of bodies for one API version of one imitated GitHub.

    Args:
        api: URL of the API without a trailing slash, for the ``url`` fields.
        html: URL of the site, for the ``html_url`` fields.
        has_downloads: Repositories have ``has_downloads``, removed in API version 2026-03-10.
        behavior: Imitated GitHub.
    """

    api: str
    html: str
    has_downloads: bool
    behavior: Behavior
    # Cached because owners and repositories are immutable and nine tenths of a page's bytes.
    _owners: dict[int, str] = attrs.field(factory=dict, init=False, repr=False)
    _repositories: dict[int, str] = attrs.field(factory=dict, init=False, repr=False)

    def packages(self, packages: Iterable[Package]) -> bytes:
        """Return the body of a listing of packages."""
        counted = self.behavior.counts_in_listings
        return _list(self._package(package, counted=counted) for package in packages)

    def package(self, package: Package) -> bytes:
        """Return the body of a package."""
        return self._package(package, counted=True).encode()

    def versions(self, versions: Iterable[Version]) -> bytes:
        """Return the body of a listing of versions."""
        return _list(self._version(version) for version in versions)

    def version(self, version: Version) -> bytes:
        """Return the body of a version."""
        return self._version(version).encode()

    def _package(self, package: Package, *, counted: bool) -> str:
        text = _dump(
            {
                "id": package.id,
                "name": package.name,
                "package_type": package.package_type,
                **({"version_count": len(package.versions())} if counted else {}),
                "visibility": package.visibility,
                "url": self._package_url(package),
                "created_at": timestamp(package.created_at),
                "updated_at": timestamp(package.updated_at),
                "html_url": self._package_html_url(package),
            }
        )
        text = f'{text[:-1]},"owner":{self._owner_text(package.owner)}'
        if package.repository is not None:
            text += f',"repository":{self._repository_text(package.repository)}'
        return f"{text}}}"

    def _version(self, version: Version) -> str:
        package = version.package
        page = self._package_html_url(package)
        metadata: dict[str, Any] = {"package_type": package.package_type}
        if package.package_type in ("container", "docker"):
            metadata[package.package_type] = {"tags": version.tags}
        if package.package_type == "container":
            html_url = f"{page.replace('/package/', '/', 1)}/{version.id}"
        else:
            html_url = f"{page}?version={quote(version.name, safe='')}"
        optional = {
            "license": version.license,
            "description": version.description,
            "deleted_at": version.deleted_at and timestamp(version.deleted_at),
        }
        return _dump(
            {
                "id": version.id,
                "name": version.name,
                "url": f"{self._package_url(package)}/versions/{version.id}",
                "package_html_url": page,
                "created_at": timestamp(version.created_at),
                "updated_at": timestamp(version.updated_at),
                "html_url": html_url,
                **{name: value for name, value in optional.items() if value is not None},
                "metadata": metadata,
            }
        )

    def _package_url(self, package: Package) -> str:
        return (
            f"{self.api}/{_owner_path(package)}/packages/{package.package_type}/{_segment(package)}"
        )

    def _package_html_url(self, package: Package) -> str:
        if package.repository is not None and package.package_type != "container":
            return f"{self.html}/{_full_name(package.repository)}/packages/{package.id}"
        kind = package.package_type
        return f"{self.html}/{_owner_path(package)}/packages/{kind}/package/{_segment(package)}"

    def _owner_text(self, owner: Namespace) -> str:
        if owner.id not in self._owners:
            self._owners[owner.id] = _dump(self._owner(owner))
        return self._owners[owner.id]

    def _owner(self, owner: Namespace) -> dict[str, Any]:
        url = f"{self.api}/users/{owner.login}"
        return {
            "login": owner.login,
            "id": owner.id,
            "node_id": _node_id(owner.type, owner.id),
            "avatar_url": f"https://avatars.githubusercontent.com/u/{owner.id}?v=4",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.html}/{owner.login}",
            **{name: url + path for name, path in _OWNER_LINKS.items()},
            "type": owner.type,
            **({"user_view_type": "public"} if self.behavior.user_view_type else {}),
            "site_admin": False,
        }

    def _repository_text(self, repository: Repository) -> str:
        if repository.id not in self._repositories:
            self._repositories[repository.id] = _dump(self._repository(repository))
        return self._repositories[repository.id]

    def _repository(self, repository: Repository) -> dict[str, Any]:
        full_name = _full_name(repository)
        url = f"{self.api}/repos/{full_name}"
        return {
            "id": repository.id,
            "node_id": _node_id("Repository", repository.id),
            "name": repository.name,
            "full_name": full_name,
            "private": repository.private,
            "owner": self._owner(repository.owner),
            "html_url": f"{self.html}/{full_name}",
            "description": None,
            "fork": False,
            "url": url,
            **{name: url + path for name, path in _REPOSITORY_LINKS.items()},
            "default_branch": "main",
            "visibility": "private" if repository.private else "public",
            "archived": False,
            "topics": [],
            **({"has_downloads": True} if self.has_downloads else {}),
        }


def error(message: str, documentation_url: str, status: int | None) -> bytes:
    """Return the body of an error; without ``status`` if that is ``None``."""
    body = {"message": message, "documentation_url": documentation_url}
    return _dump(body if status is None else {**body, "status": str(status)}).encode()


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _list(items: Iterable[str]) -> bytes:
    return f"[{','.join(items)}]".encode()


def _owner_path(package: Package) -> str:
    owner = package.owner
    return f"{'orgs' if owner.type == 'Organization' else 'users'}/{owner.login}"


def _segment(package: Package) -> str:
    return quote(package.name, safe="")


def _full_name(repository: Repository) -> str:
    return f"{repository.owner.login}/{repository.name}"


def _node_id(kind: str, number: int) -> str:
    """Return a node id in GitHub's older format: base64 of the kind's length, kind and id."""
    return base64.b64encode(f"0{len(kind)}:{kind}{number}".encode()).decode()
