"""The tasks of a soak: list, get, delete and restore, and check the results."""

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

#: The errors that a call may raise after all its attempts.
GAVE_UP = (ServerError, ConnectionFailed)
#: One worker in so many belongs to the second client.
SECOND = 4
PAGE_SIZES = (10, 30, 100)
#: How long a request that was left alone may still be under way, in seconds.
UNDER_WAY = 0.1


@define
class Shared:
    """The objects that all tasks share.

    Attributes:
        still_ids: The versions' ids of the package that does not change, in the server's order.
        versions: The versions of the package of which every task has its own.
        packages: Every package there is to list; those that do not change too.
        problems: What went wrong.
        actions: What was done how often.
    """

    still_ids: list[int]
    versions: list[Item] = field(factory=list)
    packages: list[Item] = field(factory=list)
    problems: list[str] = field(factory=list)
    actions: Counter[str] = field(factory=Counter)


@define
class Worker:
    """One task.

    Args:
        shared: What it has in common with the others.
        acme: The owner of the packages, by the worker's client.
        random: Where its decisions come from.
        app: A package only it changes.
        own: That package's versions, but for the one that stays.
        seen: What it alone changes while others list it.
    """

    shared: Shared
    acme: Namespace
    random: Random
    app: PackageRef
    own: list[Item]
    seen: list[Item]

    @property
    def mine(self) -> list[Item]:
        """Everything it alone changes."""
        return self.own + self.seen

    async def run(self, until: float) -> None:
        """Does one thing after the other."""
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
            # Cancelled writes may be carried out later, while others list what they change.
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
        """Lists what nobody changes: all of it, in order."""
        per_page = self.random.choice(PAGE_SIZES)
        ids = await _ids(self.acme.package("npm", "still").versions(per_page=per_page))
        if ids != self.shared.still_ids:
            self.problem(f"{len(ids)} versions were listed wrongly, {per_page} a page")

    async def list_packages(self) -> None:
        """List packages, some of which both clients delete and restore."""
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
        """Deletes some of what it lists, while it lists it."""
        await self._list_and_change("active")

    async def list_and_restore(self) -> None:
        """Restores some of what it lists, while it lists it."""
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
        """Gets one thing, which is there or not."""
        item = self.random.choice(self.mine)
        if await _is_there(item) != item.active:
            self.problem(f"{item.path} is {'missing' if item.active else 'there'}")

    async def change_own(self) -> None:
        """Deletes or restores a version of a package of its own."""
        await self._change(self.random.choice(self.own))

    async def change_shared(self) -> None:
        """Deletes or restores what others may be listing: a package, or a version of one."""
        await self._change(self.random.choice(self.seen))

    async def _change(self, item: Item) -> None:
        if item.active:
            with item.change("DELETE"):
                await item.ref.delete()
        else:
            with item.change("POST"):
                await item.ref.restore()

    async def settle(self) -> None:
        """Finds out what became of changes that it does not know the outcome of."""
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
    """Fill the world, and make tasks that work on it.

    Args:
        gh: The client of most of them.
        second: The client of the others, whose changes the first one is not told of.
        world: The server's state.
        tasks: How many tasks.
        seed: What the tasks do follows from it.
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
        # The oldest version is nobody's: the last one cannot be deleted.
        own = acme.package("npm", f"own-{number}", versions=25)
        whole = acme.package("npm", f"whole-{number}", versions=1)
        packages = [_package(org, own), _package(org, whole)]
        slice_ = busy.versions()[number * 4 : number * 4 + 4]
        theirs = [_version(org.package("npm", "busy"), version) for version in slice_]
        app = org.package("npm", own.name)
        versions = [_version(app, version) for version in own.versions()[:-1]]
        shared.versions += theirs
        shared.packages += packages
        random = Random(f"{seed} {number}")  # noqa: S311  (to be had again, not to be secret)
        found.append(Worker(shared, org, random, app, versions, [*theirs, packages[1]]))
    return found


def _package(org: Namespace, real: RealPackage) -> Item:
    return Item(org.package("npm", real.name), real, f"/orgs/acme/packages/npm/{real.name}")


def _version(app: PackageRef, real: object) -> Item:
    from ghpkg_async.testing import Version

    assert isinstance(real, Version)
    path = f"/orgs/acme/packages/npm/{app.name}/versions/{real.id}"
    return Item(app.version(real.id), real, path)
