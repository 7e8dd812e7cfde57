"""What the server lists: made by rule, so that who lists it can be checked."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

PER_PAGE: Final = 100
CAP: Final = 10_000
"""The API lists no package beyond ``page * per_page``, as GitHub does."""

_WORDS: Final = (
    "account", "agent", "api", "archive", "audit", "auth", "batch", "billing", "bridge", "build",
    "cache", "cart", "catalog", "checkout", "client", "cluster", "config", "console", "core",
    "crawler", "customer", "dashboard", "data", "delivery", "deploy", "device", "directory",
    "email", "event", "export", "feature", "feed", "file", "forecast", "gateway", "graph", "health",
    "identity", "image", "import", "index", "ingest", "inventory", "invoice", "job", "ledger",
    "library", "loader", "log", "mail", "map", "market", "media", "message", "metric", "mobile",
    "model", "monitor", "notify", "order", "partner", "payment", "platform", "policy", "portal",
    "price", "product", "profile", "proxy", "queue", "report", "router", "runner", "scheduler",
    "schema", "search", "secret", "service", "session", "shipping", "site", "state", "storage",
    "stream", "sync", "tax", "template", "tenant", "token", "tracker", "user", "video", "web",
    "webhook", "worker",
)  # fmt: skip
_BEGINNING: Final = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Listing:
    """One listing: packages, or the versions of the package ``name``.

    Attributes:
        org: the organization.
        size: how many items it has.
        package_type: the type of its packages.
        name: the package whose versions are listed; ``None`` lists packages.
        repositories: distinct repositories on a page of 100 packages.
    """

    org: str
    size: int
    package_type: str = "container"
    name: str | None = None
    repositories: int = 20

    @property
    def collection(self) -> str:
        """The path on the server."""
        if self.name is None:
            return f"/orgs/{self.org}/packages"
        return f"/orgs/{self.org}/packages/{self.package_type}/{quote(self.name, safe='')}/versions"

    @property
    def target(self) -> str:
        """Path and query of the first page, of 100 items."""
        kind = f"package_type={self.package_type}&" if self.name is None else ""
        return f"{self.collection}?{kind}per_page={PER_PAGE}"

    @property
    def fewest_requests(self) -> int:
        """The requests that nobody can list it with less of."""
        return max(1, -(-self.size // PER_PAGE))

    def id(self, index: int) -> int:
        """The id of an item: of packages in no order, of versions from the newest on."""
        if self.name is None:
            return 1_000_000 + index * 7_919_317 % 99_999_989
        return 900_000_000 - 37 * index

    def ids(self) -> int:
        """The sum of all its ids."""
        return sum(map(self.id, range(self.size)))

    def page(self, number: int, per_page: int) -> bytes:
        """A page's JSON, as compact as GitHub's."""
        indexes = range((number - 1) * per_page, min(number * per_page, self.size))
        make = self._package if self.name is None else self._version
        return json.dumps([make(index) for index in indexes], separators=(",", ":")).encode()

    def _package(self, index: int) -> dict[str, Any]:
        org, kind, id_ = self.org, self.package_type, self.id(index)
        name = _name(index)
        page, place = divmod(index, PER_PAGE)
        return {
            "id": id_,
            "name": name,
            "package_type": kind,
            "owner": _owner(org),
            "version_count": 1 + index * 7 % 400,
            "visibility": "public" if index % 3 else "private",
            "url": f"https://api.github.com/orgs/{org}/packages/{kind}/{name}",
            "created_at": _time(index * 977 % 2_800_000),
            "updated_at": _time(index * 977 % 2_800_000 + 31_337),
            "repository": _repository(org, page * self.repositories + place % self.repositories),
            "html_url": f"https://github.com/orgs/{org}/packages/{kind}/package/{name}",
        }

    def _version(self, index: int) -> dict[str, Any]:
        id_, package = self.id(index), f"{self.package_type}/{self.name}"
        html = f"https://github.com/orgs/{self.org}/packages/{package}"
        tags = [f"1.{index // 10}.{index % 10}", "latest"][: 2 if index == 0 else 1 - index % 3 % 2]
        return {
            "id": id_,
            "name": f"sha256:{_digest(str(id_)).hex()}",
            "url": f"https://api.github.com/orgs/{self.org}/packages/{package}/versions/{id_}",
            "package_html_url": html,
            "created_at": _time(2_900_000 - 13 * index),
            "updated_at": _time(2_900_061 - 13 * index),
            "html_url": f"{html}/{id_}",
            "metadata": {"package_type": self.package_type, "container": {"tags": tags}},
        }


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _name(index: int) -> str:
    """A name of three words and a number; no two indexes share one."""
    digest = _digest(str(index))
    words = (_WORDS[byte % len(_WORDS)] for byte in digest[:3])
    return f"{'-'.join(words)}-{index}"


def _time(minutes: int) -> str:
    return (_BEGINNING + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _owner(login: str) -> dict[str, Any]:
    api = f"https://api.github.com/users/{login}"
    return {
        "login": login,
        "id": 9919,
        "node_id": "MDEyOk9yZ2FuaXphdGlvbjk5MTk=",
        "avatar_url": "https://avatars.githubusercontent.com/u/9919?v=4",
        "gravatar_id": "",
        "url": api,
        "html_url": f"https://github.com/{login}",
        **{f"{part}_url": f"{api}/{path}" for part, path in _OWNER_URLS.items()},
        "type": "Organization",
        "site_admin": False,
    }


def _repository(org: str, number: int) -> dict[str, Any]:
    name = _name(7 * number + 3)
    api = f"https://api.github.com/repos/{org}/{name}"
    return {
        "id": 216_219_492 + 977 * number,
        "node_id": f"R_{b64encode(_digest(name)[:9]).decode()}",
        "name": name,
        "full_name": f"{org}/{name}",
        "private": False,
        "owner": _owner(org),
        "html_url": f"https://github.com/{org}/{name}",
        "description": f"The {name.replace('-', ' ')} of {org}, and what it is built with",
        "fork": False,
        "url": api,
        **{f"{part}_url": f"{api}/{path}" for part, path in _REPOSITORY_URLS.items()},
    }


_OWNER_URLS: Final = {
    "followers": "followers",
    "following": "following{/other_user}",
    "gists": "gists{/gist_id}",
    "starred": "starred{/owner}{/repo}",
    "subscriptions": "subscriptions",
    "organizations": "orgs",
    "repos": "repos",
    "events": "events{/privacy}",
    "received_events": "received_events",
}
_REPOSITORY_URLS: Final = {
    "forks": "forks",
    "keys": "keys{/key_id}",
    "collaborators": "collaborators{/collaborator}",
    "teams": "teams",
    "hooks": "hooks",
    "issue_events": "issues/events{/number}",
    "events": "events",
    "assignees": "assignees{/user}",
    "branches": "branches{/branch}",
    "tags": "tags",
    "blobs": "git/blobs{/sha}",
    "git_tags": "git/tags{/sha}",
    "git_refs": "git/refs{/sha}",
    "trees": "git/trees{/sha}",
    "statuses": "statuses/{sha}",
    "languages": "languages",
    "stargazers": "stargazers",
    "contributors": "contributors",
    "subscribers": "subscribers",
    "subscription": "subscription",
    "commits": "commits{/sha}",
    "git_commits": "git/commits{/sha}",
    "comments": "comments{/number}",
    "issue_comment": "issues/comments{/number}",
    "contents": "contents/{+path}",
    "compare": "compare/{base}...{head}",
    "merges": "merges",
    "archive": "{archive_format}{/ref}",
    "downloads": "downloads",
    "issues": "issues{/number}",
    "pulls": "pulls{/number}",
    "milestones": "milestones{/number}",
    "notifications": "notifications{?since,all,participating}",
    "labels": "labels{/name}",
    "releases": "releases{/id}",
    "deployments": "deployments",
}

OWNER_FIELDS: Final = tuple(_owner("acme"))
REPOSITORY_FIELDS: Final = tuple(_repository("acme", 0))
PACKAGE_FIELDS: Final = tuple(Listing("acme", 1)._package(0))
VERSION_FIELDS: Final = tuple(Listing("acme", 1, name="app")._version(0))
METADATA_FIELDS: Final = ("package_type", "container")
