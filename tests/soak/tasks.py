"""Tasks of a soak: list, get, delete and restore, and check the results."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from attrs import define, field

from ghpkg_async import ConnectionFailed, GitHubPackages, ListingUnstable, NotFound, ServerError
from tests.soak.model import Before, Item

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable

    from ghpkg_async import Package, PackageVersion
    from ghpkg_async._namespaces import Namespace
    from ghpkg_async._refs import PackageRef
    from ghpkg_async.testing import Package as RealPackage
    from ghpkg_async.testing import World

#: Errors that a call may raise after its last retry.
GAVE_UP = (ServerError, ConnectionFailed)
#: One worker in this number of workers uses the second client.
SECOND = 4
PAGE_SIZES = (10, 30, 100)
#: Seconds for which the server may still process a request after its call ended.
UNDER_WAY = 0.1


@define
class Shared:
    """Objects that all tasks share.

    Attributes:
        still_ids: version ids of the package that does not change, in the server's order.
        versions: versions of the package ``busy``, of which each task changes some.
        packages: all packages of the owner, including unchanging ones.
        problems: descriptions of errors.
        actions: number of actions, by name and outcome.
    """

    still_ids: list[int]
    versions: list[Item] = field(factory=list)
    packages: list[Item] = field(factory=list)
    problems: list[str] = field(factory=list)
    actions: Counter[str] = field(factory=Counter)


@define
class Worker:
    """Task of a soak.

    Args:
        shared: objects shared with the other workers.
        acme: namespace of the packages, through the worker's client.
        random: source of the worker's decisions.
        app: package whose versions only this worker changes.
        own: versions of `app`, except the oldest one, which is never deleted.
        seen: items that only this worker changes, while other workers list them.
    """

    shared: Shared
    acme: Namespace
    random: Random
    app: PackageRef
    own: list[Item]
    seen: list[Item]

    @property
    def mine(self) -> list[Item]:
        """All items that only this worker changes."""
        return self.own + self.seen

    async def run(self, until: float) -> None:
        """Run random actions, one after the other, until a time."""
        actions = {
            self.list_still: 2,
            self.list_packages: 2,
            self.list_busy: 3,
            self.list_and_delete: 3,
            self.list_and_restore: 3,
            self.get: 9,
            self.change_own: 10,
            self.change_shared: 10,
        }
        while asyncio.get_running_loop().time() < until:
            (action,) = self.random.choices([*actions], [*actions.values()])
            name = action.__name__
            # The server may carry out a cancelled write later, while other workers list its item.
            impatient = self.random.random() < 0.05
            try:
                async with asyncio.timeout(self.random.uniform(0, 0.3) if impatient else None):
                    await action()
            except (*GAVE_UP, ListingUnstable) as error:
                name += f", {type(error).__name__}"
            except TimeoutError:
                name += ", cancelled"
            except Exception as error:
                self.problem(f"{name}: {type(error).__name__}: {error}")
            self.shared.actions[name] += 1
            await self.settle()

    def problem(self, what: str) -> None:
        self.shared.problems.append(what)

    async def list_still(self) -> None:
        """List versions that no worker changes; check that all are listed, in order."""
        per_page = self.random.choice(PAGE_SIZES)
        ids = await _ids(self.acme.package("npm", "still").versions(per_page=per_page))
        if ids != self.shared.still_ids:
            self.problem(f"{len(ids)} versions were listed wrongly, {per_page} a page")

    async def list_packages(self) -> None:
        """List packages while both clients delete and restore some."""
        before = Before.of(self.shared.packages)
        per_page = self.random.choice(PAGE_SIZES)
        ids = await _ids(self.acme.packages("npm", per_page=per_page, consistent=True))
        self.judge("packages", before.judge(ids))

    async def list_busy(self) -> None:
        """List versions while both clients delete and restore some."""
        before = Before.of(self.shared.versions)
        state = self.random.choice(("active", "deleted"))
        per_page = self.random.choice(PAGE_SIZES)
        listing = self.acme.package("npm", "busy").versions(
            state="active" if state == "active" else "deleted",
            per_page=per_page,
            consistent=True,
        )
        self.judge(f"{state} versions", before.judge(await _ids(listing), state=state))

    async def list_and_delete(self) -> None:
        """List active versions, and delete some of them during the listing."""
        await self._list_and_change("active")

    async def list_and_restore(self) -> None:
        """List deleted versions, and restore some of them during the listing."""
        await self._list_and_change("deleted")

    async def _list_and_change(self, state: str) -> None:
        by_id = {item.real.id: item for item in self.own}
        expected = {each for each, item in by_id.items() if item.active == (state == "active")}
        found = []
        listing = self.app.versions(state="active" if state == "active" else "deleted", per_page=5)
        async for version in listing:
            found.append(version.id)
            if version.id in by_id and self.random.random() < 0.4:
                await self._change(by_id[version.id])
        anchor = [each for each in found if each not in by_id]
        if sorted(found) != sorted([*expected, *anchor]) or len(anchor) != (state == "active"):
            self.problem(f"{state}, changed in the loop: {sorted(found)} for {sorted(expected)}")

    async def get(self) -> None:
        """Get an item; check that it is present or deleted as expected."""
        item = self.random.choice(self.mine)
        if await _is_there(item) != item.active:
            self.problem(f"{item.path} is {'missing' if item.active else 'there'}")

    async def change_own(self) -> None:
        """Delete or restore a version of the worker's own package."""
        await self._change(self.random.choice(self.own))

    async def change_shared(self) -> None:
        """Delete or restore a package or a version that other workers may be listing."""
        await self._change(self.random.choice(self.seen))

    async def _change(self, item: Item) -> None:
        if item.active:
            with item.change("DELETE"):
                await item.ref.delete()
        else:
            with item.change("POST"):
                await item.ref.restore()

    async def settle(self) -> None:
        """Determine the outcome of each pending change by a request for its item."""
        for item in (item for item in self.mine if item.pending):
            await asyncio.sleep(UNDER_WAY)
            while item.pending:
                try:
                    there = await _is_there(item)
                except GAVE_UP:
                    continue
                item.settle(done=there != item.active)

    def judge(self, what: str, problems: Iterable[str]) -> None:
        self.shared.problems += [f"{what}: {problem}" for problem in problems]


async def _ids(listing: AsyncIterable[Package | PackageVersion]) -> list[int]:
    return [item.id async for item in listing]


async def _is_there(item: Item) -> bool:
    try:
        await item.ref.get()
    except NotFound:
        return False
    return True


def workers(
    gh: GitHubPackages, second: GitHubPackages, world: World, *, tasks: int, seed: int
) -> list[Worker]:
    """Create packages and versions on the server, and return the workers that use them.

    Args:
        gh: client of most workers.
        second: client of the other workers; its changes are unknown to `gh`.
        world: state of the server.
        tasks: number of workers.
        seed: seed of the workers' decisions.
    """
    acme = world.org("acme")
    still = acme.package("npm", "still", versions=230)
    busy = acme.package("npm", "busy", versions=tasks * 4 + 1)
    org = gh.org("acme")
    shared = Shared(
        [version.id for version in still.versions()],
        packages=[_package(org, still), _package(org, busy)],
    )
    found = []
    for number in range(tasks):
        org = (second if number % SECOND == 0 else gh).org("acme")
        # No worker changes the oldest version, as a package's last version cannot be deleted.
        own = acme.package("npm", f"own-{number}", versions=25)
        whole = acme.package("npm", f"whole-{number}", versions=1)
        packages = [_package(org, own), _package(org, whole)]
        slice_ = busy.versions()[number * 4 : number * 4 + 4]
        theirs = [_version(org.package("npm", "busy"), version) for version in slice_]
        app = org.package("npm", own.name)
        versions = [_version(app, version) for version in own.versions()[:-1]]
        shared.versions += theirs
        shared.packages += packages
        random = Random(f"{seed} {number}")  # noqa: S311  (reproducible, not secret)
        found.append(Worker(shared, org, random, app, versions, [*theirs, packages[1]]))
    return found


def _package(org: Namespace, real: RealPackage) -> Item:
    return Item(org.package("npm", real.name), real, f"/orgs/acme/packages/npm/{real.name}")


def _version(app: PackageRef, real: object) -> Item:
    from ghpkg_async.testing import Version

    assert isinstance(real, Version)
    path = f"/orgs/acme/packages/npm/{app.name}/versions/{real.id}"
    return Item(app.version(real.id), real, path)
