"""Images, signatures and build caches pushed into a container package.

https://docs.docker.com/build/metadata/attestations/attestation-storage/
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ._manifests import (
    ATTESTATION,
    CACHE_CONFIG,
    LAYER,
    SIGNATURE,
    descriptor,
    image_manifest,
    index_manifest,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._packages import Package, Version


def push_image(
    package: Package,
    *,
    tags: Iterable[str] = (),
    platforms: Iterable[str] = ("linux/amd64", "linux/arm64"),
    attestations: bool = True,
    shared: Iterable[Version] = (),
    seed: str = "",
    **version: Any,
) -> Version:
    """Push an image for several platforms: an index, after its children, as BuildKit does.

    Args:
        package: A container package.
        tags: Tags of the index; the children have none.
        platforms: Platform of each child, such as ``linux/arm64``.
        attestations: Push an attestation for each child.
        shared: Children of other images that the index also refers to.
        seed: Each combination of seed, tags and package has digests of its own.
        **version: Further arguments of ``Package.version``, such as ``created_at``, for all
            versions.

    Returns:
        The version of the index.
    """
    tags = tuple(tags)
    seed = f"{package.owner.login}/{package.name} {' '.join(tags)} {seed}"
    entries = [_version_descriptor(child) for child in shared]
    for platform in platforms:
        child = package.push(image_manifest(f"{seed} {platform}"), **version)
        entries.append({**_version_descriptor(child), "platform": _platform(platform)})
        if attestations:
            statement = image_manifest(f"{seed} {platform} provenance", layer_type=ATTESTATION)
            entries.append(
                {
                    **_version_descriptor(package.push(statement, **version)),
                    "annotations": {
                        "vnd.docker.reference.digest": child.name,
                        "vnd.docker.reference.type": "attestation-manifest",
                    },
                    "platform": _platform("unknown/unknown"),
                }
            )
    return package.push(index_manifest(entries), tags=tags, **version)


def push_signature(image: Version, **version: Any) -> Version:
    """Push a signature of a version, tagged ``sha256-<digest>.sig``, as cosign does.

    Args:
        image: The signed version.
        **version: Further arguments of ``Package.version``.
    """
    manifest = image_manifest(f"{image.name} signature", layer_type=SIGNATURE)
    tag = f"{image.name.replace(':', '-')}.sig"
    return image.package.push(manifest, tags=[tag], **version)


def push_build_cache(package: Package, *, tags: Iterable[str], **version: Any) -> Version:
    """Push a cache of BuildKit: an index whose entries are blobs, not versions.

    Args:
        package: A container package.
        tags: Tags of the cache, such as ``buildcache``.
        **version: Further arguments of ``Package.version``.
    """
    tags = tuple(tags)
    seed = f"{package.owner.login}/{package.name} {' '.join(tags)}"
    entries = [descriptor(LAYER, f"{seed} {number}") for number in range(3)]
    entries.append(descriptor(CACHE_CONFIG, f"{seed} config"))
    return package.push(index_manifest(entries), tags=tags, **version)


def _version_descriptor(version: Version) -> dict[str, Any]:
    if version.manifest is None:
        raise ValueError(f"{version.name} has no manifest, and cannot be part of an index")
    media_type = json.loads(version.manifest)["mediaType"]
    return {"mediaType": media_type, "digest": version.name, "size": len(version.manifest)}


def _platform(text: str) -> dict[str, str]:
    system, _, architecture = text.partition("/")
    return {"architecture": architecture, "os": system}
