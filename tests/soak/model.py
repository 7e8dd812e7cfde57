"""The state that the world must have if the client reported correctly."""

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
    """A version or a package that one task alone changes, while all may read it.

    Attributes:
        ref: What the client calls it.
        real: What it is in the server's world.
        path: Where requests for it go.
        active: Whether it is there, as far as the client told.
        begun: How many changes were begun.
        pending: The change whose outcome is not known.
        done: How often which change was done, as far as the client told.
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
        """Notes a change; whatever ends it early leaves it pending."""
        self.begun += 1
        self.pending = method
        yield
        self.settle(done=True)

    def settle(self, *, done: bool) -> None:
        """Notes what became of the pending change."""
        if done and self.pending is not None:
            self.done[self.pending] += 1
            self.active = self.pending == "POST"
        self.pending = None


@frozen
class Before:
    """The state when a listing began."""

    states: dict[Item, tuple[bool, int]]

    @classmethod
    def of(cls, items: Iterable[Item]) -> Before:
        """The items that nobody is just changing."""
        return cls({item: (item.active, item.begun) for item in items if item.pending is None})

    def judge(self, listed: Collection[int], *, state: str = "active") -> Iterator[str]:
        """Return the errors of a finished listing, concerning the items that did not change.

        Args:
            listed: The ids it gave.
            state: The state it was asked for.
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
    """The actions of the server, from its records, which are removed."""

    #: After so many seconds a request was carried out, or never is.
    SETTLED = 2.0

    def __init__(self) -> None:
        self.requests = 0
        self.faults: Counter[str] = Counter()
        self._done: Counter[tuple[str, str]] = Counter()

    def take(self, requests: list[Received], *, until: float) -> None:
        """Takes over the records of the requests that arrived until then."""
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
        """The differences between the client's results and the server's actions."""
        for item in items:
            for method in ("DELETE", "POST"):
                told, done = item.done[method], self._done[method, item.path]
                if told != done:
                    yield f"{method} {item.path}: reported {told} times, done {done} times"
            if item.active != (item.real.deleted_at is None):
                was = "there" if item.active else "deleted"
                yield f"{item.path}: reported {was}, and is not"
