"""The parts of a client that its namespaces and references share."""

from __future__ import annotations

import re
from copy import copy
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote

from ._codec import PackageListDecoder
from ._listing.listing import Listing
from ._paging.link_support import LinkSupport
from ._paging.mutations import MutationTracker
from .errors import ConfigurationError
from .models import Package, PackageVersion

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._codec import Buffer
    from ._listing.spec import ListingSpec
    from ._session.session import Session

__all__ = [
    "Context",
    "check_one_of",
    "deleted_from",
    "has_control_characters",
    "packages_collection",
    "segment",
    "versions_collection",
]

T = TypeVar("T")
Item = TypeVar("Item", Package, PackageVersion)

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Context:
    """State that a client's namespaces and references share: session, writes, ``Link`` evidence."""

    def __init__(self, session: Session, concurrency: int) -> None:
        self.session = session
        self.concurrency = concurrency
        self.mutations: MutationTracker = MutationTracker()
        self.decode_packages: PackageListDecoder = PackageListDecoder()
        self._link_support: dict[tuple[str, str], LinkSupport] = {}

    def over(self, session: Session) -> Context:
        """Return a context that shares everything with this one but the session."""
        context = copy(self)
        context.session = session
        return context

    def is_of_same_client(self, other: Context) -> bool:
        """Return whether both belong to one client and its `GitHubPackages.with_options` views."""
        return self.mutations is other.mutations

    def link_support(self, operation: str, root: str) -> LinkSupport:
        """Return the evidence of whether an operation sends ``Link``, for orgs, users or user."""
        return self._link_support.setdefault((operation, root.split("/")[1]), LinkSupport())

    def listing(self, spec: ListingSpec[Item], *, consistent: bool) -> Listing[Item]:
        """A listing that fetches as far ahead as the client's concurrency allows."""
        return Listing(self.session, spec, window=self.concurrency, consistent=consistent)

    async def get(self, path: str, decode: Callable[[Buffer], T]) -> T:
        """Send a GET and return the decoded response."""
        session = self.session
        with session.call():
            response = await session.get(session.url(path))
            return response.read(decode)

    async def delete(self, path: str, *collections: str) -> None:
        """Delete the resource of a path; listings of the collections learn of the write."""
        with self.mutations.record(*collections):
            await self.session.delete(self.session.url(path))


def segment(value: str, argument: str) -> str:
    """Percent-encode a name as one path segment.

    Raises:
        ConfigurationError: no segment can carry the name: it is empty, ``.`` or ``..`` (which
            would lead elsewhere), or it holds control characters.
    """
    if not isinstance(value, str):
        raise ConfigurationError(f"{argument}: {value!r} is not a string")
    if value in ("", ".", "..") or has_control_characters(value):
        raise ConfigurationError(
            f"{argument}: {value!r} cannot be a name: it is empty, a path of dots, or holds "
            "control characters"
        )
    return quote(value, safe="")


def has_control_characters(text: str) -> bool:
    """Return whether a text has control characters, or lone surrogates."""
    return _CONTROL.search(text) is not None


def check_one_of(value: object, allowed: tuple[str, ...], argument: str) -> None:
    """Raise `ConfigurationError` unless an argument is one of these values or ``None``."""
    if value is not None and value not in allowed:
        raise ConfigurationError(f"{argument}: {value!r} is not one of {', '.join(allowed)}")


def packages_collection(package_type: str) -> str:
    """Return the name under which writes to the packages of a type are recorded.

    It has no owner, since ``/user`` and ``/users/LOGIN`` list the same packages. Every write that
    inserts or deletes packages, or changes their order, must record this name.
    """
    return package_type.lower()


def versions_collection(package_type: str, name: str) -> str:
    """Return the name under which writes to the active versions of a package are recorded."""
    return f"{package_type}/{name}".lower()


def deleted_from(collection: str) -> str:
    """Return the name under which writes to the deleted items of a collection are recorded."""
    return f"{collection}?state=deleted"
