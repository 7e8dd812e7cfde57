"""Hypothesis strategies for audit records, and hooks of the embedded server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web
from hypothesis import strategies as st

from ghpkg_async.audit import (
    ConflictEntry,
    FailureEntry,
    ListingDone,
    PackageEntry,
    VersionsSummary,
)
from ghpkg_async.audit._records import REASONS
from ghpkg_async.testing import World
from tests.support.records import NOW, header

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable


TOKEN = "ghp_audit"
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
COUNTS = st.integers(0, 2**40)
OWNERS = st.sampled_from(["acme", "user:octocat", "me", "Octo-Org"])
TYPES = st.sampled_from(["npm", "container", "docker", "cargo"])
# All characters of JSON strings: formulas, quotes, line ends, escapes, other scripts.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NAMES = st.one_of(st.sampled_from(["=1+1", "@scope/pkg", "-x", "'quoted", "a,b", "a\nb"]), TEXTS)

SUMMARIES = st.builds(
    VersionsSummary,
    count=COUNTS,
    newest=st.none() | MOMENTS,
    oldest=st.none() | MOMENTS,
    tagged=st.none() | COUNTS,
    untagged=st.none() | COUNTS,
)
_LISTED = {
    "owner": OWNERS,
    "package_type": TYPES,
    "name": NAMES,
    "id": COUNTS,
    "visibility": st.sampled_from(["public", "private", "internal", "secret"]),
    "version_count": st.none() | COUNTS,
    "created_at": MOMENTS,
    "updated_at": MOMENTS,
    "html_url": st.just("") | TEXTS,
    "repository": st.none() | NAMES,
    "soft_deleted": st.booleans(),
}
PACKAGES = st.builds(PackageEntry, **_LISTED, versions=st.none() | SUMMARIES)
CONFLICTS = st.builds(ConflictEntry, **_LISTED)
_WORDS = st.lists(st.text("abc:123", min_size=1, max_size=8), max_size=3).map(tuple)
FAILURES = st.builds(
    FailureEntry,
    owner=OWNERS,
    listing=st.sampled_from([None, "packages", "docker_conflicts"]),
    package_type=st.none() | TYPES,
    name=st.none() | NAMES,
    reason=st.sampled_from(REASONS),
    message=st.just("") | TEXTS,
    status=st.none() | st.integers(200, 599),
    authorization_url=st.none() | TEXTS,
    organizations=_WORDS,
    granted=_WORDS,
    required=_WORDS,
    retry_at=st.none() | MOMENTS,
)
DONE = st.builds(
    ListingDone,
    owner=OWNERS,
    listing=st.just("packages"),
    package_type=TYPES,
    count=COUNTS,
)
RECORDS = st.one_of(PACKAGES, CONFLICTS, FAILURES, DONE)

HEADER = header("acme", "user:octocat", package_types=("npm", "container", "docker"))


def listed(name: str, **fields: Any) -> dict[str, Any]:
    """Return the JSON of a container in a GitHub.com listing, which has no ``version_count``."""
    url = f"https://api.github.com/orgs/acme/packages/container/{name}"
    times = dict.fromkeys(("created_at", "updated_at"), "2025-12-01T08:00:00Z")
    return {
        "id": sum(name.encode()),
        "name": name,
        "package_type": "container",
        "visibility": "private",
        "url": url,
        "html_url": url,
        **times,
        **fields,
    }


def listing_containers(*packages: dict[str, Any]) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Return a hook that responds to the listing of acme's containers with the given packages."""
    return responding(lambda request: request.path == "/orgs/acme/packages", data=list(packages))


def new_world() -> World:
    world = World(lambda: NOW)
    world.token(TOKEN, login="octocat", limit=10**9)
    return world


def responding(
    matches: Callable[[web.BaseRequest], bool], **response: Any
) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Return a hook that responds to matching requests and leaves others to the server."""

    async def hook(
        request: web.BaseRequest, carry_out: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        return web.json_response(**response) if matches(request) else await carry_out()

    return hook


def identities(records: Iterable[Any]) -> list[tuple[object, ...]]:
    """Return the identifying fields of each record, sorted."""
    return sorted(
        (
            type(record).__name__,
            record.owner,
            str(record.package_type),
            str(getattr(record, "listing", "")),
            str(getattr(record, "name", "")),
        )
        for record in records
    )
