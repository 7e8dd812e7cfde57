"""Read the manifests of a package into its graph, for plans and before they are applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InvalidResponse
from ._manifests import Unreadable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable

    from ._graph import VersionGraph
    from ._registry import Registry

__all__ = ["GraphReader"]


class GraphReader:
    """Reads the manifests of one package.

    A package with a manifest that cannot be read must not be cleaned up. The exception is a
    manifest that the registry does not have: images that lost a part would block every cleanup.

    Args:
        registry: sends the manifests.
        login: login of the package's owner.
        name: name of the package.
        graph: gets the manifests.
        list_digests: lists the package again; returns the names of its versions.
    """

    def __init__(
        self,
        registry: Registry,
        login: str,
        name: str,
        graph: VersionGraph,
        list_digests: Callable[[], Awaitable[Collection[str]]],
    ) -> None:
        self._registry = registry
        self._login = login
        self._name = name
        self._graph = graph
        self._list_digests = list_digests
        self._confirmed: set[int] = set()

    async def read(self, digests: Iterable[str]) -> None:
        """Read manifests.

        Raises:
            InvalidResponse: one cannot be read, for another reason than a 404.
        """
        outcomes = await self._registry.read(self._login, self._name, [*digests])
        for outcome in outcomes.values():
            if not isinstance(outcome, Unreadable):
                self._graph.add(outcome)
            elif outcome.reason == "missing":
                self._graph.add_missing(outcome.digest)
            else:
                raise InvalidResponse(f"manifest {outcome.digest}: {outcome.message}")

    async def read_links(self) -> None:
        """Read the manifests whose links the graph needs; request missing ones twice.

        Raises:
            InvalidResponse: one cannot be read, or the package changed since its listing.
        """
        while True:
            while digests := self._graph.next_to_read():
                await self.read(digests)
            missing = self._graph.missing - self._confirmed
            if not missing:
                return
            await self._confirm_missing(missing)

    async def _confirm_missing(self, missing: Collection[int]) -> None:
        """Request missing manifests again, after a fresh listing.

        Raises:
            InvalidResponse: the registry has no manifest of the package at all, so it is probably
                the wrong one or the token may not pull; or a version is not listed any more.
        """
        graph = self._graph
        if not await self._registry.has_any(self._login, self._name, graph.newest_read()):
            raise InvalidResponse(
                f"the registry has no manifest of {self._login}/{self._name}: check the registry's "
                "URL, and that the token may pull the package"
            )
        digests = [graph.versions[i].name for i in sorted(missing)]
        listed = await self._list_digests()
        if gone := [digest for digest in digests if digest not in listed]:
            raise InvalidResponse(f"version {gone[0]} was deleted meanwhile; try again")
        await self.read(digests)
        self._confirmed |= self._graph.missing
