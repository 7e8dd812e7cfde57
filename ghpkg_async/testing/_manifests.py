"""Manifests of container images: media types, digests and bodies.

https://github.com/opencontainers/image-spec
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

INDEX: Final = "application/vnd.oci.image.index.v1+json"
IMAGE: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
CACHE_CONFIG: Final = "application/vnd.buildkit.cacheconfig.v0"
ATTESTATION: Final = "application/vnd.in-toto+json"
SIGNATURE: Final = "application/vnd.dev.cosign.simplesigning.v1+json"


def digest_of(content: bytes) -> str:
    """Return the digest of a manifest or blob, ``sha256:`` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def encode(manifest: Mapping[str, Any]) -> bytes:
    """Return the body of a manifest."""
    return json.dumps(manifest, separators=(",", ":")).encode()


def image_manifest(seed: str, *, layer_type: str = LAYER) -> dict[str, Any]:
    """Return the manifest of an image for one platform.

    Args:
        seed: Each seed has a digest of its own.
        layer_type: Media type of the layer.
    """
    return {
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": descriptor(CONFIG, f"{seed} config"),
        "layers": [descriptor(layer_type, f"{seed} layer")],
    }


def index_manifest(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the manifest of an index, from the descriptors of its entries."""
    return {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries)}


def descriptor(media_type: str, seed: str) -> dict[str, Any]:
    """Return the descriptor of a made-up blob; each seed has a digest of its own."""
    content = seed.encode()
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}
