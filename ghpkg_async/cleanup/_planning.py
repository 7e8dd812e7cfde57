"""Plan a cleanup: list the packages that rules apply to, read manifests, decide. Writes nothing."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import attrs

from .._client import session_of
from .._owners import namespace_of, parse_owner, unique
from .._session.hooks import call_hook
from ..errors import BadRequest, ClientClosed, ConfigurationError, GitHubPackagesError
from ..models import PACKAGE_TYPES
from ..tables._shapes import SOFT_DELETED_PREFIX
from ._decide import Decision, decide_container, decide_versions
from ._errors import first_of
from ._evaluate import PatternUse
from ._graph import ListedVersion, VersionGraph
from ._plan_file import Plan
from ._preflight import preflight
from ._reading import GraphReader
from ._records import PackagePlan, PlanHeader
from ._registry import Registry, registry_url_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from .._client import GitHubPackages
    from .._owners import OwnerName
    from ..models import Package
    from ._policy import Policy
    from ._records import PackageKey

__all__ = ["plan"]

EXPIRES_AFTER: Final = timedelta(hours=24)
"""Age from which a plan cannot be applied: tags move without a trace in listings."""
PACKAGES_AT_ONCE: Final = 4
"""Packages that are read at once. Each may hold the versions of a large package in memory."""


async def plan(
    client: GitHubPackages,
    owners: Iterable[str],
    policy: Policy,
    *,
    registry_url: str | None = None,
    cache: str | os.PathLike[str] | None = None,
    on_package: Callable[[Decision], object] | None = None,
) -> Plan:
    """Decide about the versions of many packages; nothing is changed.

    A package whose versions or manifests cannot all be read is left out of the plan as a whole, and
    the others are planned. Packages that no rule applies to are not read, nor are deleted packages
    that GitHub lists under a name that begins with ``deleted_``.

    Args:
        client: sends the requests.
        owners: like ``acme``, ``user:octocat`` and ``me``.
        policy: the rules and guards.
        registry_url: root of the registry; ``None`` derives it from the client's base URL.
        cache: file for manifests, so that the next plan reads only new ones; ``None`` for no cache.
        on_package: called with the `Decision` about each package as soon as it is made;
            exceptions that it raises are logged.

    Raises:
        ConfigurationError: an owner's name is not one, or a keep or protect pattern of the policy
            matches no tag of any package: it is probably misspelled.
        GitHubPackagesError: the server did not respond at all.
    """
    names = _parse_owners(owners)
    async with AsyncExitStack() as stack:
        clock = await preflight(client)
        registry = await stack.enter_async_context(Registry(client, url=registry_url, cache=cache))
        run = _Run(client, registry, policy, clock.now(), on_package)
        await run.plan(names)
        base_url = session_of(client).base_url
        header = PlanHeader(
            created_at=run.now,
            expires_at=run.now + EXPIRES_AFTER,
            base_url=str(base_url),
            registry_url=registry_url or str(registry_url_of(base_url)),
            owners=tuple(map(str, names)),
            policy=policy.to_dict(),
            policy_sha256=policy.sha256,
        )
        return run.result(header)


def _parse_owners(owners: Iterable[str]) -> list[OwnerName]:
    if isinstance(owners, str):
        raise ConfigurationError(f"owners: {owners!r} is one owner; pass a list of them")
    names = unique(map(parse_owner, owners))
    if not names:
        raise ConfigurationError("owners: the list is empty")
    return names


class _Run:
    """One run of `plan`."""

    def __init__(
        self,
        client: GitHubPackages,
        registry: Registry,
        policy: Policy,
        now: datetime,
        on_package: Callable[[Decision], object] | None,
    ) -> None:
        self.now = now
        self._client = client
        self._registry = registry
        self._policy = policy
        self._on_package = on_package
        self._patterns = PatternUse(policy)
        self._decisions: dict[PackageKey, Decision] = {}

    def result(self, header: PlanHeader) -> Plan:
        """Return the plan.

        Raises:
            ConfigurationError: a keep or protect pattern matches no tag of any package.
        """
        decisions = list(self._decisions.values())
        complete = all(decision.package.complete for decision in decisions)
        # A package that could not be listed may have the tag.
        if complete and (problems := self._patterns.problems()):
            raise ConfigurationError(
                f"policy: {'; '.join(problems)} in any package listed; correct or remove it"
            )
        return Plan.of(
            header,
            [decision.package for decision in decisions],
            [deletion for decision in decisions for deletion in decision.deletions],
            [held for decision in decisions for held in decision.held],
        )

    async def plan(self, owners: Iterable[OwnerName]) -> None:
        """Decide about every package of the owners."""
        waiting: list[tuple[OwnerName, Package]] = []
        wanted = {package_type for rule in self._policy.rules for package_type in rule.types}
        for owner in owners:
            for package_type in PACKAGE_TYPES:
                if package_type in wanted:
                    waiting += [
                        (owner, package) for package in await self._list(owner, package_type)
                    ]
        packages = iter(waiting)

        async def plan_some() -> None:
            for owner, package in packages:
                await self._plan_package(owner, package)

        # Reserved now: the plan has the order of the listings, not that of the responses.
        for owner, package in waiting:
            key = _key(owner, package)
            self._decisions[key] = Decision(package=_left_out(key, "not read"))
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(PACKAGES_AT_ONCE):
                    tasks.create_task(plan_some())
        except BaseExceptionGroup as errors:
            raise first_of(errors) from None

    async def _list(self, owner: OwnerName, package_type: str) -> list[Package]:
        """List the packages that rules apply to, sorted by name; none if they cannot be listed."""
        key = (str(owner), package_type, "")
        packages: Sequence[Package] = ()
        try:
            packages = await namespace_of(self._client, owner).packages(package_type)
        except ClientClosed:
            raise
        except BadRequest as error:
            # GitHub refuses a workflow's GITHUB_TOKEN to list containers, but not to get one.
            names = self._policy.package_names(package_type)
            if names is not None:
                results = [await self._get(owner, package_type, name) for name in sorted(names)]
                packages = [package for package in results if package is not None]
            else:
                reason = f"packages cannot be listed: {error}. To get them one by one, name them "
                reason += "in each rule without wildcards"
                self._settle(Decision(package=_left_out(key, reason)))
        except GitHubPackagesError as error:
            self._settle(Decision(package=_left_out(key, f"packages cannot be listed: {error}")))
        return sorted(
            (
                package
                for package in packages
                if not package.name.startswith(SOFT_DELETED_PREFIX)
                and self._policy.applies_to(package_type, package.name)
            ),
            key=lambda package: package.name,
        )

    async def _get(self, owner: OwnerName, package_type: str, name: str) -> Package | None:
        """Get a package by its name; leave it out of the plan if that fails."""
        try:
            return await namespace_of(self._client, owner).package(package_type, name).get()
        except ClientClosed:
            raise
        except GitHubPackagesError as error:
            key = (str(owner), package_type, name)
            self._settle(Decision(package=_left_out(key, str(error))))
            return None

    async def _plan_package(self, owner: OwnerName, package: Package) -> None:
        key = _key(owner, package)
        try:
            decision = await self._decide(owner, package, key)
        except ClientClosed:
            raise
        except GitHubPackagesError as error:
            decision = Decision(package=_left_out(key, str(error)))
        self._settle(decision)

    def _settle(self, decision: Decision) -> None:
        if self._on_package is not None:
            call_hook("on_package", self._on_package, decision)
        # Reasons of kept versions are for the hook: a plan of all packages has no room for them.
        self._decisions[decision.package.key] = attrs.evolve(decision, kept=())

    async def _decide(self, owner: OwnerName, package: Package, key: PackageKey) -> Decision:
        versions = await self._versions(owner, package)
        if package.package_type != "container":
            return decide_versions(versions, key, self._policy, self.now)
        self._patterns.add(package.name, versions)
        login = package.owner.login if package.owner is not None else owner.login
        graph = VersionGraph(versions)

        async def list_digests() -> set[str]:
            return {version.name for version in await self._versions(owner, package)}

        reader = GraphReader(self._registry, login, package.name, graph, list_digests)
        while True:
            await reader.read_links()
            decision = decide_container(graph, key, self._policy, self.now)
            if not decision.unread:
                return decision
            await reader.read(decision.unread)

    async def _versions(self, owner: OwnerName, package: Package) -> list[ListedVersion]:
        listing = namespace_of(self._client, owner).package(package).versions()
        return [ListedVersion.of(version) async for version in listing]


def _key(owner: OwnerName, package: Package) -> PackageKey:
    return str(owner), package.package_type, package.name


def _left_out(key: PackageKey, reason: str) -> PackagePlan:
    owner, package_type, name = key
    return PackagePlan(
        owner=owner, package_type=package_type, name=name, complete=False, reason=reason
    )
