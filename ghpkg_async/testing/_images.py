"""Manifests of container images, and images pushed into a package. Pure.

https://github.com/opencontainers/image-spec
https://docs.docker.com/build/metadata/attestations/attestation-storage/
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._packages import Package, Version

INDEX: Final = "application/vnd.oci.image.index.v1+json"
IMAGE: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
CACHE_CONFIG: Final = "application/vnd.buildkit.cacheconfig.v0"
ATTESTATION: Final = "application/vnd.in-toto+json"
SIGNATURE: Final = "application/vnd.dev.cosign.simplesigning.v1+json"


def digest_of(content: bytes) -> str:
    """Return the digest of a manifest or blob, `sha256:` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def encode(manifest: Mapping[str, Any]) -> bytes:
    """Return the body of a manifest."""
    return json.dumps(manifest, separators=(",", ":")).encode()


def image_manifest(seed: str, *, layer_type: str = LAYER) -> dict[str, Any]:
    """Return the manifest of an image for one platform.

    Args:
        seed: Images of other seeds have other digests.
        layer_type: The media type of its layer.
    """
    return {
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": _blob(CONFIG, f"{seed} config"),
        "layers": [_blob(layer_type, f"{seed} layer")],
    }


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
        platforms: One child for each, such as `linux/arm64`.
        attestations: Push an attestation beside each child.
        shared: Children of other images that the index names too.
        seed: Images of other seeds, tags or packages have other digests.
        **version: Further arguments of `Package.version`, such as `created_at`, for all of them.

    Returns:
        The index.
    """
    tags = tuple(tags)
    seed = f"{package.owner.login}/{package.name} {' '.join(tags)} {seed}"
    entries = [_descriptor(child) for child in shared]
    for platform in platforms:
        child = package.push(image_manifest(f"{seed} {platform}"), **version)
        entries.append({**_descriptor(child), "platform": _platform(platform)})
        if attestations:
            statement = image_manifest(f"{seed} {platform} provenance", layer_type=ATTESTATION)
            entries.append(
                {
                    **_descriptor(package.push(statement, **version)),
                    "annotations": {
                        "vnd.docker.reference.digest": child.name,
                        "vnd.docker.reference.type": "attestation-manifest",
                    },
                    "platform": _platform("unknown/unknown"),
                }
            )
    return package.push(_index(entries), tags=tags, **version)


def push_signature(image: Version, **version: Any) -> Version:
    """Push a signature of a version, tagged `sha256-<digest>.sig`, as cosign does.

    Args:
        image: The signed version.
        **version: Further arguments of `Package.version`.
    """
    manifest = image_manifest(f"{image.name} signature", layer_type=SIGNATURE)
    tag = f"{image.name.replace(':', '-')}.sig"
    return image.package.push(manifest, tags=[tag], **version)


def push_build_cache(package: Package, *, tags: Iterable[str], **version: Any) -> Version:
    """Push a cache of BuildKit: an index whose entries are blobs, not versions.

    Args:
        package: A container package.
        tags: Tags of the cache, such as `buildcache`.
        **version: Further arguments of `Package.version`.
    """
    tags = tuple(tags)
    seed = f"{package.owner.login}/{package.name} {' '.join(tags)}"
    entries = [_blob(LAYER, f"{seed} {number}") for number in range(3)]
    entries.append(_blob(CACHE_CONFIG, f"{seed} config"))
    return package.push(_index(entries), tags=tags, **version)


def _index(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}


def _blob(media_type: str, seed: str) -> dict[str, Any]:
    content = seed.encode()
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def _descriptor(version: Version) -> dict[str, Any]:
    if version.manifest is None:
        raise ValueError(f"{version.name} has no manifest, and cannot be part of an index")
    media_type = json.loads(version.manifest)["mediaType"]
    return {"mediaType": media_type, "digest": version.name, "size": len(version.manifest)}


def _platform(text: str) -> dict[str, str]:
    system, _, architecture = text.partition("/")
    return {"architecture": architecture, "os": system}
