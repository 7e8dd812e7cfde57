"""Random packages, policies and crash points: plan, apply, crash, resume, undo."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import pytest
from attrs import field, frozen
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ghpkg_async import VersionRef
from ghpkg_async.cleanup import Policy
from ghpkg_async.cleanup import plan as make_plan
from ghpkg_async.cleanup._journal import Journal

from .sites import NOW, Site, digest_of, image, index, new_site

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from typing import Any

    from ghpkg_async.cleanup import Plan

pytestmark = pytest.mark.slow

TAGS: Final = ("pr-2", "pr-3", "pr-4", "main-1", "main-2", "v1.0", "stable", "edge")


class Crashed(Exception):
    """Simulated end of the process."""


@frozen
class Pushed:
    """A manifest with its tags.

    Attributes:
        body: body of the manifest.
        tags: tags of the manifest.
        needs: digests of its children and of the manifest that an annotation names.
        subjects: digests that the manifest refers to, by its ``subject`` or its tag.
        age: days since the push.
    """

    body: bytes
    tags: tuple[str, ...]
    needs: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()
    age: int = field(kw_only=True)
    digest: str = field(init=False)

    @digest.default
    def _digest(self) -> str:
        return digest_of(self.body)

    @property
    def is_tagged_image(self) -> bool:
        return any(not tag.startswith("sha256-") for tag in self.tags)


@st.composite
def packages(draw: st.DrawFn) -> list[Pushed]:
    """Generate manifests that refer to earlier ones: indexes, signatures, annotations.

    No index contains a manifest with such an annotation: a part of an index that stays is not read,
    and what its annotations name is not protected.
    """
    mentioning: set[str] = set()
    pushed = [Pushed(image("old"), ("pr-1",), age=90), Pushed(image("new"), ("latest",), age=2)]
    free = draw(st.permutations(TAGS))
    for number in range(draw(st.integers(2, 12))):
        earlier = st.sampled_from(pushed[1:])
        kind = draw(st.sampled_from(["image", "index", "index", "subject", "helper", "mention"]))
        tags = [free.pop() for _ in range(draw(st.integers(0, 2))) if free]
        needs: set[str] = set()
        subjects: set[str] = set()
        body = image(f"v{number}")
        if kind == "index":
            possible = [each for each in pushed[1:] if each.digest not in mentioning]
            parts = draw(st.lists(st.sampled_from(possible), min_size=1, max_size=3, unique=True))
            body = index(*(part.body for part in parts))
            needs = {part.digest for part in parts}
        elif kind == "subject":
            subjects = {draw(earlier).digest}
            body = image(f"v{number}", subject=min(subjects))
        elif kind == "helper":
            subjects = {draw(earlier).digest}
            tags.append(f"{min(subjects).replace(':', '-')}.v{number}")
        elif kind == "mention":
            needs = {draw(earlier).digest}
            body = image(f"v{number}", annotations={"base": min(needs), "name": f"v{number}"})
            mentioning.add(digest_of(body))
        if all(body != other.body for other in pushed):
            age = draw(st.sampled_from([0, 3, 40, 90]))
            pushed.append(Pushed(body, tuple(tags), frozenset(needs), frozenset(subjects), age=age))
    return pushed


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    limits: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
        [{"all": True}, {"older-than": "20d"}, {"keep-newest": 1}]
    )
    tagged = {"name": "tagged", "tags": [draw(st.sampled_from(["*", "pr-*", "re:[pm].*"]))]}
    untagged = {"name": "untagged", "untagged": True}
    rules = [tagged | draw(limits), untagged | draw(limits)]
    if draw(st.booleans()):
        rules.append({"name": "orphans", "orphaned": True})
    return Policy.from_dict({"guard": {"max-deletes": ["100%", 1000]}, "rule": rules})


@frozen
class Crash:
    """A crash at the nth call of a method, before or after its work."""

    owner: type
    method: str
    at: int
    after: bool

    def install(self, patch: pytest.MonkeyPatch) -> None:
        real: Callable[..., Awaitable[object]] = getattr(self.owner, self.method)
        calls: Iterator[int] = iter(range(1, 1000))

        async def crashing(*arguments: object) -> object:
            is_last = next(calls) == self.at
            if is_last and not self.after:
                raise Crashed
            result = await real(*arguments)
            if is_last:
                raise Crashed
            return result

        patch.setattr(self.owner, self.method, crashing)


def crashes(request: str) -> st.SearchStrategy[Crash]:
    return st.builds(
        lambda owner, at, after: Crash(
            owner, request if owner is VersionRef else "append_durably", at, after
        ),
        st.sampled_from([VersionRef, Journal]),
        st.sampled_from([2, 1, 3, 4]),
        st.booleans(),
    )


async def run_with_crash(crash: Crash, run: Callable[[], Awaitable[Any]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        crash.install(patch)
        try:
            await run()
        except Crashed:
            event(f"crashed in {crash.method}")


def assert_nothing_breaks(
    package: Mapping[str, Pushed], remaining: set[str], staying: set[str]
) -> None:
    """Check that no version that stays lost a needed version (I1) or its referrer (I2).

    Args:
        package: manifests before the cleanup, by digest.
        remaining: digests of the versions that exist now.
        staying: digests of the versions that the plan does not delete.
    """
    assert staying <= remaining
    for digest in staying:
        assert package[digest].needs & package.keys() <= remaining, "a version lost what it needs"
    lost = package.keys() - remaining
    for digest in lost:
        assert not package[digest].subjects & staying, "a version lost its referrer"


def assert_invariants(site: Site, package: Mapping[str, Pushed], plan: Plan) -> None:
    """Check the package after the plan was applied; I1 to I6 are the invariants of a cleanup."""
    deleted = {each.version for each in plan.deletions}
    remaining = {digest for digest, _ in site.state()}
    assert remaining == package.keys() - deleted
    assert_nothing_breaks(package, remaining, remaining)
    if any(each.is_tagged_image for each in package.values()):
        assert any(package[digest].is_tagged_image for digest in remaining), "I3"
    for each in plan.deletions:
        assert package[each.version].tags == each.tags, "I4"
        assert package[each.version].age > 0, "min-age"
    assert len(deleted) <= 1000, "I5"
    read = {path.rpartition("/")[2] for path in site.registry.reads}
    assert deleted <= read, "I6"


def carried_out(site: Site, method: str) -> list[str]:
    """Return paths of the requests with status 204, which changed the package, in order."""
    return [
        each.path for each in site.github.requests if each.method == method and each.status == 204
    ]


def fill(site: Site, package: list[Pushed]) -> None:
    for number, each in enumerate(package):
        site.push(str(number), each.body, *each.tags)
        version = site.versions[str(number)]
        version.created_at = version.updated_at = NOW - timedelta(days=each.age)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    pushed=packages(),
    policy=policies(),
    while_applying=crashes("delete"),
    while_undoing=crashes("restore"),
)
async def test_a_crashed_cleanup_breaks_nothing_deletes_once_and_is_undone(
    empty_site: Site,
    pushed: list[Pushed],
    policy: Policy,
    while_applying: Crash,
    while_undoing: Crash,
) -> None:
    site = new_site(empty_site.github, empty_site.registry)
    site.github.api.rate_limits = False  # Shrinking sends more requests than an hour allows.
    site.github.requests.clear()
    site.registry.requests.clear()
    site.registry.manifests.clear()
    fill(site, pushed)
    package, before = {each.digest: each for each in pushed}, site.state()
    async with site.client() as client:
        plan = await make_plan(client, ["acme"], policy, registry_url=site.registry.url)
    assert plan.complete
    if not plan.deletions:
        event("nothing to delete")
        return
    staying = package.keys() - {each.version for each in plan.deletions}
    with TemporaryDirectory() as folder:
        journal = Path(folder, "plan.journal.jsonl")
        await run_with_crash(while_applying, lambda: site.apply(plan, journal))
        assert_nothing_breaks(package, {digest for digest, _ in site.state()}, staying)
        assert (await site.apply(plan, journal)).complete
        assert_invariants(site, package, plan)
        deletes = carried_out(site, "DELETE")
        assert len(deletes) == len(set(deletes)) == len(plan.deletions)

        await run_with_crash(while_undoing, lambda: site.undo(journal))
        assert (await site.undo(journal)).complete
        assert site.state() == before
        restores = carried_out(site, "POST")
        assert len(restores) == len(set(restores)) == len(plan.deletions)
