"""Package of images in the embedded GitHub and a registry, and cleanup plans for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from attrs import define, evolve, field

from ghpkg_async import GitHubPackages
from ghpkg_async.cleanup import _apply as apply_module
from ghpkg_async.cleanup import _undo as undo_module
from ghpkg_async.cleanup._plan_file import Plan
from ghpkg_async.cleanup._policy import Policy
from ghpkg_async.cleanup._records import Deletion, PackagePlan, PlanHeader
from ghpkg_async.testing import EmbeddedGitHub, World

from .registries import ScriptedRegistry, digest_of, image, index

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ghpkg_async.cleanup._apply_result import ApplyResult
    from ghpkg_async.cleanup._undo import UndoResult
    from ghpkg_async.testing import Package, Received, Version

TOKEN: Final = "ghp_Qf7ZkW2mXr9LbT4vNc8HsJ1yPd6GaE3uRo5K"
NOW: Final = datetime.now(UTC).replace(microsecond=0)
OLD: Final = NOW - timedelta(days=90)
POLICY: Final = {"rule": [{"name": "all", "tags": ["*"], "all": True}]}


@define
class Site:
    """GitHub and its registry with the container package `app` of the organization `acme`."""

    github: EmbeddedGitHub
    registry: ScriptedRegistry
    package: Package
    versions: dict[str, Version] = field(factory=dict)

    def push(self, name: str, body: bytes | None = None, *tags: str) -> str:
        """Push a manifest and register it under a name for the test; return its digest."""
        body = image(name) if body is None else body
        digest = self.registry.push("acme/app", body)
        self.versions[name] = self.package.version(digest, tags=tags, created_at=OLD)
        return digest

    def push_image(self, name: str, *tags: str) -> None:
        """Push an index `name` with the children `name-amd64` and `name-arm64`."""
        children = [image(f"{name}-{platform}") for platform in ("amd64", "arm64")]
        for platform, body in zip(("amd64", "arm64"), children, strict=True):
            self.push(f"{name}-{platform}", body)
        self.push(name, index(*children), *tags)

    def plan(self, *groups: str | Iterable[str], **header: Any) -> Plan:
        """Plan to delete groups of versions by name, the first of each as root.

        A string is the name of an index and includes its two children.
        """
        deletions: list[Deletion] = []
        for group in groups:
            names = (
                [group, f"{group}-amd64", f"{group}-arm64"] if isinstance(group, str) else [*group]
            )
            root = self.versions[names[0]]
            for name in names:
                version = self.versions[name]
                deletions.append(
                    Deletion(
                        owner="acme",
                        package_type="container",
                        name="app",
                        id=version.id,
                        version=version.name,
                        tags=version.tags,
                        created_at=version.created_at,
                        updated_at=version.updated_at,
                        group=root.name,
                        role="root" if version is root else "child",
                        rule="all",
                        reason="selected by the test",
                    )
                )
        policy = Policy.from_dict(POLICY)
        return Plan(
            header=evolve(
                PlanHeader(
                    created_at=NOW,
                    expires_at=NOW + timedelta(days=1),
                    base_url=self.github.url,
                    registry_url=self.registry.url,
                    owners=("acme",),
                    policy=policy.to_dict(),
                    policy_sha256=policy.sha256,
                ),
                **header,
            ),
            packages=(
                PackagePlan(
                    owner="acme",
                    package_type="container",
                    name="app",
                    versions=len(self.versions),
                    images=20,
                    kept=20 - len(groups),
                    deletes=len(deletions),
                ),
            ),
            deletions=tuple(deletions),
        )

    def client(self, **options: Any) -> GitHubPackages:
        options = {"points_per_minute": None, "max_retries": 1} | options
        return GitHubPackages(TOKEN, base_url=self.github.url, **options)

    async def undo(self, journal: Path, **options: Any) -> UndoResult:
        async with self.client() as client:
            return await undo_module.undo(client, journal, **options)

    async def apply(self, plan: Plan, journal: Path, **options: Any) -> ApplyResult:
        async with self.client() as client:
            return await apply_module.apply(
                client, plan, journal=journal, registry_url=self.registry.url, **options
            )

    def later(self, time: timedelta) -> None:
        """Move the server's clock forward."""
        self.github.faults.clock_skew += time.total_seconds()

    @property
    def active(self) -> set[str]:
        """Names of the versions that are not deleted."""
        return {name for name, version in self.versions.items() if version.deleted_at is None}

    @property
    def deletes(self) -> list[str]:
        """Names of the versions that DELETEs were received for, in order."""
        return [self._name(each) for each in self.github.requests if each.method == "DELETE"]

    @property
    def restores(self) -> list[str]:
        """Names of the versions that restores were received for, in order."""
        return [self._name(each) for each in self.github.requests if each.method == "POST"]

    def _name(self, received: Received) -> str:
        version_id = int(received.path.removesuffix("/restore").rpartition("/")[2])
        return next(name for name, each in self.versions.items() if each.id == version_id)

    def state(self) -> set[tuple[str, tuple[str, ...]]]:
        """Return digest and tags of every version that is not deleted."""
        return {(each.name, each.tags) for each in self.package.versions()}


def new_site(github: EmbeddedGitHub, registry: ScriptedRegistry) -> Site:
    """Create the package, without versions, in the embedded GitHub."""
    github.api.world = world = World(
        lambda: datetime.now(UTC) + timedelta(seconds=github.faults.clock_skew)
    )
    world.token(TOKEN, login="octocat")
    package = world.org("acme").package("container", "app", visibility="public", created_at=OLD)
    return Site(github, registry, package)


def ids_of(site: Site, names: Iterable[str]) -> list[int]:
    return [site.versions[name].id for name in names]


__all__ = ["NOW", "OLD", "TOKEN", "Site", "digest_of", "ids_of", "image", "index", "new_site"]
