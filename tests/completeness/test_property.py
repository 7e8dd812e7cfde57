"""Under random changes, each item present throughout is listed once, or an error is raised."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

import ghpkg_async
from ghpkg_async import ConnectionFailed, GitHubPackages, GitHubPackagesError, ServerError
from tests.completeness.server import (
    Collection,
    Fault,
    Item,
    Request,
    Server,
    absent,
    always,
    recorded,
)
from tests.support.examples import examples
from tests.support.virtual import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghpkg_async import Listing, Package, PackageVersion
    from ghpkg_async._namespaces import Namespace

State: TypeAlias = Literal["active", "deleted"]
What: TypeAlias = Literal["versions", "packages"]
LINKS = {"absent": absent, "recorded": recorded, "always": always}
NAMES: dict[str, Callable[[GitHubPackages], Namespace]] = {
    "org": lambda gh: gh.org("acme"),
    "user": lambda gh: gh.user("acme"),
    "me": lambda gh: gh.me(),
}
MILLISECOND = 0.001
STRANGER = 2
"""Number of a writer that is no client of this library; clients are 0 and 1."""


@attrs.frozen
class Change:
    """Deletions of items, or restorations of deleted ones, one after the other.

    Attributes:
        at: start, in milliseconds.
        by: number of the client, or `STRANGER`.
        items: item ids, modulo the number of items plus 1; `STRANGER` inserts an item for 0.
        owner: namespace through which the client addresses the owner, a key of `NAMES`.
        patience: milliseconds after which the caller cancels each change; 0 for never.
    """

    at: int
    by: int
    items: tuple[int, ...]
    owner: str = "org"
    patience: int = 0


@attrs.frozen
class Lister:
    """Listing of a schedule.

    Attributes:
        at: start, in milliseconds.
        by: number of the client.
        per_page: page size.
        owner: namespace through which the client addresses the owner, a key of `NAMES`.
        state: state of the listed versions.
        every: divisor of the ids of items to delete or restore in the loop; 0 for no item.
        patience: milliseconds after which the listing is cancelled; 0 for never.
    """

    at: int
    by: int
    per_page: int
    owner: str = "org"
    state: State = "active"
    every: int = 0
    patience: int = 0


@attrs.frozen
class Schedule:
    """All events of an example.

    Attributes:
        what: type of the listed items.
        total: number of items at the beginning, including deleted ones.
        deleted: divisor of the ids of items deleted at the beginning; 0 for no item.
        listers: listings.
        changes: changes.
        faults: faults by index of their request in order of arrival.
        link: style of the ``Link`` headers.
        odd: one unusual behavior of the server, or ``""``. Lost links and small pages exclude
            each other: if the server sends links, a short page without links ends a listing.
        lag: maximum of the milliseconds by which reads are behind writes.
        concurrency: limit of requests in flight for each client.
        seed: seed of the server.
    """

    what: What
    total: int
    listers: tuple[Lister, ...]
    changes: tuple[Change, ...] = ()
    faults: dict[int, Fault] = attrs.field(factory=dict)
    deleted: int = 0
    link: str = "recorded"
    odd: str = ""
    lag: int = 0
    concurrency: int = 4
    seed: int = 0

    def others_change(self, client: int) -> bool:
        """Return whether another client changes anything."""
        changers = {x.by for x in self.changes} | {x.by for x in self.listers if x.every}
        return bool(changers - {client})


names = st.sampled_from(["org", "user", "me"])
moments = st.integers(0, 150)
patience = st.one_of(st.just(0), st.just(0), st.integers(5, 100))
changes = st.builds(
    Change,
    at=moments,
    by=st.integers(0, STRANGER),
    items=st.lists(st.integers(0, 60), min_size=1, max_size=12).map(tuple),
    owner=names,
    patience=patience,
)
listers = st.builds(
    Lister,
    at=st.integers(0, 60),
    by=st.integers(0, 1),
    per_page=st.integers(1, 9),
    owner=names,
    state=st.sampled_from(["active", "active", "deleted"]),
    every=st.integers(0, 4),
    patience=patience,
)
faults = st.builds(
    Fault,
    status=st.sampled_from([None, None, 502]),
    drop=st.booleans(),
    done=st.booleans(),
    delay=st.sampled_from([0.0, 0.02, 0.1, 1.5]),
)
schedules = st.builds(
    Schedule,
    what=st.sampled_from(["versions", "packages"]),
    total=st.integers(0, 60),
    deleted=st.integers(0, 4),
    listers=st.lists(listers, min_size=1, max_size=3).map(tuple),
    changes=st.lists(changes, max_size=6).map(tuple),
    faults=st.dictionaries(st.integers(0, 60), faults, max_size=5),
    link=st.sampled_from(sorted(LINKS)),
    odd=st.sampled_from(["", "", "links get lost", "small pages", "no etags"]),
    lag=st.sampled_from([0, 0, 5, 50]),
    concurrency=st.integers(1, 6),
    seed=st.integers(0, 3),
)


@attrs.define
class Play:
    """Execution of a schedule."""

    schedule: Schedule
    server: Server
    collection: Collection
    clients: list[GitHubPackages]

    async def run(self) -> None:
        """Start all changes and listings of the schedule, and wait for them."""
        async with asyncio.TaskGroup() as group:
            for change in self.schedule.changes:
                group.create_task(self._change(change))
            for lister in self.schedule.listers:
                group.create_task(self._list_with_patience(lister))

    async def _change(self, change: Change) -> None:
        await asyncio.sleep(change.at * MILLISECOND)
        for number in change.items:
            item = number % (self.schedule.total + 1)
            if change.by == STRANGER:
                await asyncio.sleep(5 * MILLISECOND)
                self._change_as_stranger(item)
            elif item:
                await self._toggle(change.by, change.owner, item, change.patience)

    def _change_as_stranger(self, item: int) -> None:
        if item == 0:
            new = 1000 + len(self.collection.ever(0.0))
            visibility = "private" if self.schedule.what == "packages" else None
            name = f"p{new % 60:06}-{new}"  # Sorts among the names of the other packages.
            self.collection.insert(Item(new, name, visibility=visibility))
        elif not self.collection.delete(item):
            self.collection.restore(item)

    async def _toggle(self, client: int, owner: str, item: int, patience: int) -> None:
        """Delete an item if present, else restore it; ignore the client's errors and timeouts."""
        namespace = NAMES[owner](self.clients[client])
        if self.schedule.what == "versions":
            package = namespace.package("npm", "app")
            delete, restore = package.version(item).delete, package.version(item).restore
        else:
            ref = namespace.package("npm", f"p{item:06}")
            delete, restore = ref.delete, ref.restore
        with suppress(GitHubPackagesError, TimeoutError):
            async with asyncio.timeout(patience * MILLISECOND if patience else None):
                await (delete() if item in self.collection else restore())

    async def _list_with_patience(self, lister: Lister) -> None:
        await asyncio.sleep(lister.at * MILLISECOND)
        with suppress(TimeoutError):
            async with asyncio.timeout(lister.patience * MILLISECOND or None):
                await self._list(lister)

    async def _list(self, lister: Lister) -> None:
        present = lister.state == "active" or self.schedule.what == "packages"
        loop = asyncio.get_running_loop()
        began, listed = loop.time() - self.schedule.lag * MILLISECOND, []
        error: GitHubPackagesError | None = None
        try:
            async for item in self._listing(lister):
                listed.append(item.id)
                if lister.every and item.id % lister.every == 0:
                    await self._toggle(lister.by, lister.owner, item.id, 0)
        except GitHubPackagesError as raised:
            error = raised
        repeated = {item_id for item_id in listed if listed.count(item_id) > 1}
        assert not repeated, f"{lister}: {repeated} repeated in {listed}"
        strange = {*listed} - self.collection.ever(began, present=present)
        assert not strange, f"{lister}: {strange} never there"
        if error is None:
            missing = self.collection.throughout(began, present=present) - {*listed}
            assert not missing, f"{lister}: {missing} missing in {listed}"
        else:
            self._judge(lister, error)

    def _listing(self, lister: Lister) -> Listing[Package] | Listing[PackageVersion]:
        namespace = NAMES[lister.owner](self.clients[lister.by])
        consistent = self.schedule.others_change(lister.by)
        if self.schedule.what == "packages":
            return namespace.packages("npm", per_page=lister.per_page, consistent=consistent)
        return namespace.package("npm", "app").versions(
            state=lister.state, per_page=lister.per_page, consistent=consistent
        )

    def _judge(self, lister: Lister, error: GitHubPackagesError) -> None:
        """Fail unless a change or a fault of the schedule explains the error."""
        explained = {
            ghpkg_async.ListingUnstable: self.schedule.changes
            or any(x.every for x in self.schedule.listers),
            ConnectionFailed: self.schedule.faults,
            ServerError: self.schedule.faults,
        }
        for error_type, cause in explained.items():
            if isinstance(error, error_type) and cause:
                return
        raise AssertionError(f"{lister}: unexplained error") from error


async def _play(schedule: Schedule) -> None:
    requests = 0

    def meddle(_: Request) -> Fault | None:
        nonlocal requests
        requests += 1
        return schedule.faults.get(requests - 1)

    server = Server(
        login="acme",
        latency=(0.004, 0.016),
        lag=(0.0, schedule.lag * MILLISECOND),
        link=LINKS[schedule.link],
        link_loss=0.3 if schedule.odd == "links get lost" else 0.0,
        largest_page=3 if schedule.odd == "small pages" else 100,
        etags=schedule.odd != "no etags",
        meddle=meddle,
        seed=schedule.seed,
    )
    if schedule.what == "versions":
        collection = server.versions(schedule.total)
    else:
        collection = server.packages(schedule.total, order="name")
    if schedule.deleted:
        for number in range(schedule.deleted, schedule.total + 1, schedule.deleted):
            collection.delete(number)
    await asyncio.sleep(1)
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                server.client(concurrency=schedule.concurrency, timeout=1.0, max_retries=2)
            )
            for _ in range(2)
        ]
        await Play(schedule, server, collection, clients).run()


@examples(
    int(os.environ.get("GHPKG_EXAMPLES", "150")),
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(schedules)
@example(
    # Changes of items before page 2, between the reads of page 1 and page 2.
    Schedule("versions", 30, (Lister(0, 0, 5),), (Change(0, STRANGER, (30, 29, 25, 24)),))
)
@example(
    # The second pass ends with a full page that is smaller than the requested page size.
    Schedule(
        "versions",
        10,
        (Lister(0, 0, 7, every=1),),
        link="absent",
        odd="small pages",
        concurrency=1,
    )
)
@example(
    # Page 2 equals page 1, because the client itself restored the item before them.
    Schedule(
        "packages",
        55,
        (Lister(24, 1, 1, "user", every=4), Lister(14, 1, 8, "user", every=1, patience=5)),
        (Change(24, 1, (1,)), Change(14, 1, (1,), "user", patience=5)),
        deleted=3,
        link="absent",
        lag=5,
        concurrency=2,
    )
)
def test_each_item_present_throughout_is_listed_once_or_an_error_is_raised(
    schedule: Schedule,
) -> None:
    run(lambda: _play(schedule), seed=schedule.seed)
