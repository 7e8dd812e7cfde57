"""Builders of container packages: versions, manifests, and the decision about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import attrs

from ghpkg_async.cleanup._decide import Decision, decide_container, decide_versions
from ghpkg_async.cleanup._graph import ListedVersion, VersionGraph
from ghpkg_async.cleanup._manifests import Descriptor, Manifest
from ghpkg_async.cleanup._policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NOW: Final = datetime(2026, 11, 1, tzinfo=UTC)
IMAGE: Final = "application/vnd.oci.image.manifest.v1+json"
INDEX: Final = "application/vnd.oci.image.index.v1+json"
LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"
APP: Final = ("acme", "container", "app")


def digest(name: str) -> str:
    """Return the digest for a manifest name used in a test."""
    return f"sha256:{sha256(name.encode()).hexdigest()}"


def helper_tag(name: str, suffix: str = "") -> str:
    """Return the tag of an artifact, such as a signature, that refers to a manifest."""
    return digest(name).replace(":", "-") + suffix


def policy(rules: str, guard: str = "") -> Policy:
    """Return a policy, by default without protected tags and without a minimum age."""
    for key, default in (("protect-tags", "[]"), ("min-age", '"0s"')):
        if key not in guard:
            guard += f"\n{key} = {default}"
    return Policy.from_toml(f"[guard]\n{guard}\n[[rule]]\n{rules}")


ALL: Final = 'name = "all"\ntags = ["*"]\nall = true'
UNTAGGED: Final = 'name = "untagged"\nuntagged = true'


@attrs.define
class App:
    """Container package built by method calls; each added version has a greater id."""

    versions: list[ListedVersion] = attrs.field(factory=list)
    manifests: dict[str, Manifest] = attrs.field(factory=dict)
    names: dict[str, str] = attrs.field(factory=dict)
    missing: set[str] = attrs.field(factory=set)

    def add(
        self,
        name: str,
        *tags: str,
        parts: Iterable[str] = (),
        subject: str | None = None,
        mentions: Iterable[str] = (),
        age: float = 100,
        part_type: str = IMAGE,
        media_type: str | None = None,
    ) -> App:
        """Add a version with its manifest; ``age`` is in days."""
        parts = tuple(parts)
        time = NOW - timedelta(days=age)
        self.versions.append(ListedVersion(len(self.versions) + 1, digest(name), tags, time, time))
        self.manifests[digest(name)] = Manifest(
            digest(name),
            media_type or (INDEX if parts else IMAGE),
            children=tuple(Descriptor(digest(part), part_type) for part in parts),
            subject=subject and digest(subject),
            mentions=tuple(map(digest, mentions)),
        )
        self.names[digest(name)] = name
        return self

    def image(self, name: str, *tags: str, age: float = 100) -> App:
        """Add a multi-platform image with two attestations: five versions."""
        parts = [f"{name}/{part}" for part in ("amd64", "arm64", "amd64-att", "arm64-att")]
        for part in parts:
            self.add(part, age=age)
        return self.add(name, *tags, parts=parts, age=age)

    def graph(self, *, read_all: bool = False) -> VersionGraph:
        """Return the graph with the manifests that must be read."""
        graph = VersionGraph(self.versions)
        for name in self.missing:
            graph.add_missing(digest(name))
        while unread := graph.next_to_read():
            for each in unread:
                graph.add(self.manifests[each])
        if read_all:
            for manifest in self.manifests.values():
                graph.add(manifest)
        return graph

    def decide(self, policy: Policy, now: datetime = NOW) -> Decision:
        """Return the decision, with all manifests that it needs read."""
        graph = self.graph()
        while (decision := decide_container(graph, APP, policy, now)).unread:
            for each in decision.unread:
                graph.add(self.manifests[each])
        return decision

    def deleted(self, policy: Policy) -> list[str]:
        """Return names of the versions to delete, in the order of deletion."""
        return [self.names[each.version] for each in self.decide(policy).deletions]

    def held(self, policy: Policy) -> dict[str, str]:
        """Return the reasons of the held versions, by name."""
        return {self.names[each.version]: each.reason for each in self.decide(policy).held}


def npm(*names: str, ages: Sequence[float] = (), policy: Policy) -> dict[str, Any]:
    """Decide about an npm package; return the deleted versions, and the held ones with reasons."""
    times = [NOW - timedelta(days=age) for age in ages or [100] * len(names)]
    versions = [
        ListedVersion(i, name, (), time, time)
        for i, (name, time) in enumerate(zip(names, times, strict=True), 1)
    ]
    decision = decide_versions(versions, ("acme", "npm", "lib"), policy, NOW)
    return {
        "deleted": [each.version for each in decision.deletions],
        "held": {each.version: each.reason for each in decision.held},
    }
