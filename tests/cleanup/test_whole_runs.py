"""Random packages and policies: plan, apply with an interruption, resume, undo."""

from __future__ import annotations

import json
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from ghpkg_async import VersionRef
from ghpkg_async.cleanup import Policy
from ghpkg_async.cleanup import plan as make_plan
from ghpkg_async.cleanup._journal import Journal

from .sites import NOW, Site, image, index

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from typing import Any

pytestmark = pytest.mark.slow

TAGS = (*(f"pr-{number}" for number in range(6)), "main-1", "main-2", "v1.0", "latest", "edge")


class Interrupted(Exception):
    """Stands for the end of the process."""


def fill(site: Site, random: Random) -> None:
    """Push images, indexes that share parts, indexes of indexes, and signatures."""
    bodies: list[bytes] = []
    tags = list(TAGS)
    random.shuffle(tags)
    for number in range(random.randint(8, 20)):
        name = f"v{number}"
        if bodies and random.random() < 0.5:
            parts = random.sample(bodies, random.randint(1, min(3, len(bodies))))
            body = index(*parts) if random.random() < 0.8 else image(name, mention=str(number))
        elif bodies and random.random() < 0.4:
            subject = random.choice(bodies)
            digest = site.registry.push("acme/app", subject)
            body = image(name, subject=digest)
        else:
            body = image(name)
        if body in bodies:
            continue
        bodies.append(body)
        own = [tags.pop() for _ in range(random.choice((0, 0, 1, 1, 2))) if tags]
        if random.random() < 0.15:
            signed = site.registry.push("acme/app", random.choice(bodies[:-1] or bodies))
            own.append(f"{signed.replace(':', '-')}.sig{number}")  # A tag is on one version.
        site.push(name, body, *own)
        age = NOW - timedelta(days=random.randint(2, 90))
        site.versions[name].created_at = site.versions[name].updated_at = age


def policy(random: Random) -> Policy:
    rules: list[dict[str, Any]] = [
        {"name": "tagged", "tags": [random.choice(("pr-*", "main-*", "*"))]}
        | random.choice(({"all": True}, {"older-than": "20d"}, {"keep-newest": 1})),
        {"name": "untagged", "untagged": True, "older-than": random.choice(("2d", "30d"))},
    ]
    return Policy.from_dict({"guard": {"max-deletes": ["100%", 1000]}, "rule": rules})


def links(site: Site) -> dict[str, set[str]]:
    """Digests that each version needs, by its digest, as far as they are versions."""
    names = {version.name for version in site.versions.values()}
    found = {}
    for (_, digest), body in site.registry.manifests.items():
        manifest = json.loads(body)
        found[digest] = {each["digest"] for each in manifest.get("manifests", ())} & names
    return found


def interrupt(
    monkeypatch: pytest.MonkeyPatch, owner: type, method: str, random: Random, *, after: bool
) -> None:
    """Raise at a random call of a method, before or after it."""
    real: Callable[..., Awaitable[object]] = getattr(owner, method)
    left = random.randint(1, 6)

    async def interrupted(*arguments: object) -> object:
        nonlocal left
        left -= 1
        if left == 0 and not after:
            raise Interrupted
        result = await real(*arguments)
        if left == 0:
            raise Interrupted
        return result

    monkeypatch.setattr(owner, method, interrupted)


@pytest.mark.parametrize("seed", range(30))
async def test_apply_breaks_nothing_deletes_once_and_undo_is_the_identity(
    empty_site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    random, site = Random(seed), empty_site  # noqa: S311
    fill(site, random)
    needed, before = links(site), site.state()
    journal = tmp_path / "plan.journal.jsonl"
    async with site.client() as client:
        plan = await make_plan(client, ["acme"], policy(random), registry_url=site.registry.url)
    assert plan.complete
    with monkeypatch.context() as patched:
        owner, method = random.choice(
            ((Journal, "append_durably"), (VersionRef, "delete"), (VersionRef, "delete"))
        )
        interrupt(patched, owner, method, random, after=random.random() < 0.5)
        try:
            await site.apply(plan, journal)
        except Interrupted:
            remaining = {digest for digest, _ in site.state()}
            assert all(needed[digest] <= remaining for digest in kept(site, plan.deletions))
    result = await site.apply(plan, journal)
    assert result.complete, result
    remaining = {digest for digest, _ in site.state()}
    assert remaining == {digest for digest, _ in before} - {each.version for each in plan.deletions}
    assert all(needed[digest] & {d for d, _ in before} <= remaining for digest in remaining)
    done = [
        each.path for each in site.github.requests if each.method == "DELETE" and each.status == 204
    ]
    assert len(done) == len(set(done)) == len(plan.deletions)
    if plan.deletions:
        undone = await site.undo(journal)
        assert undone.complete, [each.message for each in undone.outcomes.values()]
    assert site.state() == before


def kept(site: Site, deletions: Any) -> set[str]:
    planned = {each.version for each in deletions}
    return {version.name for version in site.package.versions()} - planned
