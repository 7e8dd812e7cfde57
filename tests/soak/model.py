"""Expected state of the server, according to the results of the clients."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ghpkg_async._refs import PackageRef, VersionRef
    from ghpkg_async.testing import Package, Received, Version

Method: TypeAlias = Literal["DELETE", "POST"]


@define(eq=False)
class Item:
    """Version or package that only one task changes; all tasks may read it.

    Attributes:
        ref: reference of the item in the client.
        real: object of the item in the server's state.
        path: path of requests for the item.
        active: presence of the item, according to the client's results.
        begun: number of changes that were started.
        pending: method of the change whose outcome is unknown, or ``None``.
        done: number of successful changes by method, according to the client's results.
    """

    ref: VersionRef | PackageRef
    real: Version | Package
    path: str
    active: bool = True
    begun: int = 0
    pending: Method | None = None
    done: Counter[Method] = field(factory=Counter)

    @contextmanager
    def change(self, method: Method) -> Iterator[None]:
        """Record a change as done after the block; an exception in the block leaves it pending."""
        self.begun += 1
        self.pending = method
        yield
        self.settle(done=True)

    def settle(self, *, done: bool) -> None:
        """Record the outcome of the pending change."""
        if done and self.pending is not None:
            self.done[self.pending] += 1
            self.active = self.pending == "POST"
        self.pending = None


@frozen
class Before:
    """State of items at the beginning of a listing."""

    states: dict[Item, tuple[bool, int]]

    @classmethod
    def of(cls, items: Iterable[Item]) -> Before:
        """Record the state of all items without a pending change."""
        return cls({item: (item.active, item.begun) for item in items if item.pending is None})

    def judge(self, listed: Collection[int], *, state: str = "active") -> Iterator[str]:
        """Yield the errors of a finished listing about items that did not change.

        Args:
            listed: ids that the listing yielded.
            state: requested state of the items.
        """
        counted = Counter(listed)
        for listed_id, times in counted.items():
            if times > 1:
                yield f"{listed_id} was listed {times} times"
        for item, (active, begun) in self.states.items():
            if item.begun == begun and active == (state == "active"):
                if item.real.id not in counted:
                    yield f"{item.path} was not listed, though {state} and untouched"
            elif item.begun == begun and item.real.id in counted:
                yield f"{item.path} was listed, though not {state} and untouched"


class Ledger:
    """Counts of the requests and changes on the server, from its request records."""

    #: Seconds after which a request has been carried out or never will be.
    SETTLED = 2.0

    def __init__(self) -> None:
        self.requests = 0
        self.faults: Counter[str] = Counter()
        self._done: Counter[tuple[str, str]] = Counter()

    def take(self, requests: list[Received], *, until: float) -> None:
        """Count the records of requests that arrived until a time, and remove the records."""
        taken = 0
        for request in requests:
            if request.at > until:
                break
            taken += 1
            self.faults[request.fault or "none"] += 1
            if request.method != "GET" and request.status == 204:
                path = request.path.removesuffix("/restore")
                self._done[request.method, path] += 1
        self.requests += taken
        del requests[:taken]

    def judge(self, items: Iterable[Item]) -> Iterator[str]:
        """Yield the differences between the clients' results and the server's state and counts."""
        for item in items:
            for method in ("DELETE", "POST"):
                told, done = item.done[method], self._done[method, item.path]
                if told != done:
                    yield f"{method} {item.path}: reported {told} times, done {done} times"
            if item.active != (item.real.deleted_at is None):
                was = "there" if item.active else "deleted"
                yield f"{item.path}: reported {was}, and is not"
