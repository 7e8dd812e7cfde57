"""Registry manifests: parse a body into digests. No I/O.

Image manifests and indexes: https://github.com/opencontainers/image-spec
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import attrs

from ..errors import InvalidResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ACCEPT",
    "LEAF_TYPES",
    "MAX_MANIFEST_BYTES",
    "Descriptor",
    "Manifest",
    "Unreadable",
    "UnreadableReason",
    "is_digest",
    "parse_manifest",
]

MAX_MANIFEST_BYTES: Final = 4 * 1024 * 1024
"""Size of the largest manifest that is parsed, the limit of the OCI distribution specification."""

LEAF_TYPES: Final = frozenset(
    {
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    }
)
"""Media types of manifests without children: declared so by an index, they need not be read."""

ACCEPT: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.artifact.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.docker.distribution.manifest.v1+json",
)
"""Known media types of manifests, for the ``Accept`` header: without them a registry may convert
or hide an index."""

UnreadableReason: TypeAlias = Literal["missing", "refused", "failed", "invalid"]
"""``missing``: 404. ``refused``: 401 or 403. ``failed``: no response, 5xx or rate limit after all
retries. ``invalid``: the body is too large, has another digest, or is not a manifest."""

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_MAX_INT: Final = 2**63 - 1


@attrs.frozen
class Descriptor:
    """Entry of an index: a manifest, or a blob in indexes of build caches.

    Attributes:
        digest: like ``sha256:`` and 64 hexadecimal digits.
        media_type: as declared by the index; ``None`` if it declares none.
        platform: like ``linux/arm64/v8``; ``unknown/unknown`` for BuildKit's attestations;
            ``None`` if the index names none.
    """

    digest: str
    media_type: str | None = None
    platform: str | None = None

    @property
    def is_leaf(self) -> bool:
        """The index declares a manifest without children."""
        return self.media_type in LEAF_TYPES

    @property
    def is_manifest(self) -> bool:
        """The entry is a manifest, and not a blob."""
        return self.media_type is None or self.media_type in ACCEPT


@attrs.frozen
class Manifest:
    """Digests and sizes of one manifest.

    Attributes:
        digest: digest of the body.
        media_type: ``mediaType`` of the body, else the response's ``Content-Type``, else ``""``.
        artifact_type: type of an artifact: ``artifactType`` of the body, or ``None``.
        children: entries of ``manifests``, in order.
        subject: digest of the manifest that this one describes, like a signature its image.
        mentions: every other digest that occurs in the body, sorted.
        size: bytes of the config and the layers, as declared.
    """

    digest: str
    media_type: str = ""
    artifact_type: str | None = None
    children: tuple[Descriptor, ...] = ()
    subject: str | None = None
    mentions: tuple[str, ...] = ()
    size: int = 0

    @property
    def is_opaque(self) -> bool:
        """The media type is unknown, and with it the meaning of the fields."""
        return self.media_type not in ACCEPT


@attrs.frozen
class Unreadable:
    """A manifest that could not be read.

    Attributes:
        digest: digest that was requested.
        reason: category of the failure.
        message: description for people.
    """

    digest: str
    reason: UnreadableReason
    message: str


def is_digest(text: str) -> bool:
    """Return whether the text is ``sha256:`` and 64 lower-case hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


def parse_manifest(body: bytes, digest: str, content_type: str | None = None) -> Manifest:
    """Parse the body of a manifest.

    Args:
        body: the decompressed body.
        digest: the digest it was requested by.
        content_type: media type of the response, for bodies without ``mediaType``.

    Raises:
        InvalidResponse: the body is larger than `MAX_MANIFEST_BYTES`, has another digest, is not a
            JSON object, repeats a key, or declares children or a subject without a SHA-256 digest.
    """
    if len(body) > MAX_MANIFEST_BYTES:
        raise InvalidResponse(
            f"manifest {digest}: {len(body):,} bytes are more than {MAX_MANIFEST_BYTES:,}"
        )
    actual = f"sha256:{sha256(body).hexdigest()}"
    if actual != digest:
        raise InvalidResponse(f"manifest {digest}: the body has the digest {actual}")
    try:
        fields = json.loads(body.decode(), object_pairs_hook=_unique)
        if not isinstance(fields, dict):
            raise ValueError("not a JSON object")
        return _manifest(digest, fields, content_type)
    except RecursionError:
        reason = "nested too deeply"
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is not UTF-8"
    except ValueError as error:
        reason = str(error)
    raise InvalidResponse(f"manifest {digest}: {reason}")


def _manifest(digest: str, fields: dict[str, Any], content_type: str | None) -> Manifest:
    subject = fields.pop("subject", None)
    children = tuple(map(_descriptor, _entries(fields, "manifests")))
    # Encoded again, because digests in the body may be written with escapes.
    mentions = set(_DIGEST.findall(json.dumps(fields, ensure_ascii=False)))
    blobs = [*_entries(fields, "layers"), *_entries(fields, "blobs"), fields.get("config")]
    return Manifest(
        digest,
        _text(fields.get("mediaType")) or content_type or "",
        _text(fields.get("artifactType")),
        children,
        None if subject is None else _digest_of(subject, "subject"),
        tuple(sorted(mentions.difference(child.digest for child in children))),
        min(sum(map(_size, blobs)), _MAX_INT),
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse repeated keys: other readers may take the first value where this one has the last."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key is repeated")
    return fields


def _entries(fields: Mapping[str, Any], key: str) -> list[Any]:
    entries = fields.get(key)
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise ValueError(f"{key} is not an array")
    return entries


def _descriptor(entry: Any) -> Descriptor:
    return Descriptor(
        _digest_of(entry, "manifests"),
        _text(entry.get("mediaType")),
        _platform(entry.get("platform")),
    )


def _digest_of(entry: Any, key: str) -> str:
    digest = entry.get("digest") if isinstance(entry, dict) else None
    if not isinstance(digest, str) or not is_digest(digest):
        raise ValueError(f"{key} has an entry without a SHA-256 digest")
    return digest


def _platform(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    parts = (value.get(key) for key in ("os", "architecture", "variant"))
    return "/".join(part for part in parts if isinstance(part, str) and part) or None


def _size(blob: Any) -> int:
    size = blob.get("size") if isinstance(blob, dict) else None
    return size if type(size) is int and 0 <= size <= _MAX_INT else 0


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
