"""Parsing of manifests: digests in bodies of every kind, and rejected bodies."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from ghpkg_async import InvalidResponse
from ghpkg_async.cleanup._manifests import MAX_MANIFEST_BYTES, Descriptor, Manifest, parse_manifest

INDEX = "application/vnd.oci.image.index.v1+json"
IMAGE = "application/vnd.oci.image.manifest.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest(name: str) -> str:
    return f"sha256:{sha256(name.encode()).hexdigest()}"


def parse(fields: Any, content_type: str | None = None) -> Manifest:
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return parse_manifest(body, f"sha256:{sha256(body).hexdigest()}", content_type)


def test_index_has_its_entries_with_their_platforms() -> None:
    manifest = parse(
        {
            "mediaType": INDEX,
            "manifests": [
                {
                    "mediaType": IMAGE,
                    "digest": digest("arm"),
                    "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"},
                },
                {"mediaType": INDEX, "digest": digest("nested")},
            ],
        }
    )
    assert manifest.children == (
        Descriptor(digest("arm"), IMAGE, "linux/arm64/v8"),
        Descriptor(digest("nested"), INDEX),
    )
    assert [child.is_leaf for child in manifest.children] == [True, False]
    assert not manifest.is_opaque


def test_image_has_subject_and_declared_size_and_mentions_its_blobs() -> None:
    manifest = parse(
        {
            "mediaType": IMAGE,
            "artifactType": "application/vnd.example",
            "config": {"digest": digest("config"), "size": 7},
            "layers": [{"mediaType": LAYER, "digest": digest("layer"), "size": 100}],
            "subject": {"mediaType": IMAGE, "digest": digest("subject")},
        }
    )
    assert manifest.subject == digest("subject")
    assert manifest.size == 107
    assert manifest.artifact_type == "application/vnd.example"
    assert set(manifest.mentions) == {digest("config"), digest("layer")}


def test_oci_artifact_counts_its_blobs() -> None:
    manifest = parse(
        {
            "mediaType": "application/vnd.oci.artifact.manifest.v1+json",
            "blobs": [{"digest": digest("blob"), "size": 3}],
        }
    )
    assert (manifest.size, manifest.is_opaque) == (3, False)


@pytest.mark.parametrize(
    "config_type",
    ["application/vnd.cncf.helm.config.v1+json", "application/vnd.buildkit.cacheconfig.v0"],
    ids=["Helm chart", "build cache with image-manifest=true"],
)
def test_artifact_in_an_image_manifest_is_known_and_has_no_children(config_type: str) -> None:
    config = {"mediaType": config_type, "digest": digest("config"), "size": 7}
    manifest = parse({"mediaType": IMAGE, "config": config, "layers": [{"size": 100}]})
    assert not manifest.is_opaque
    assert (manifest.children, manifest.size) == ((), 107)


def test_docker_schema_1_is_known_and_mentions_its_layers() -> None:
    body = {"schemaVersion": 1, "fsLayers": [{"blobSum": digest("layer")}]}
    manifest = parse(body, "application/vnd.docker.distribution.manifest.v1+prettyjws")
    assert not manifest.is_opaque
    assert (manifest.children, manifest.mentions) == ((), (digest("layer"),))


@pytest.mark.parametrize(
    "fields",
    [
        {"annotations": {"base": digest("other")}},
        {"annotations": {digest("other"): ""}},
        {"annotations": {"text": f"built from app@{digest('other')}, yesterday"}},
        {"tomorrow": [[{"deep": digest("other")}]]},
        {"config": {"subject": digest("other")}},
        json.dumps({"annotations": {"base": digest("other")}})
        .replace("sha256:", "sha256\\u003a")
        .encode(),
    ],
    ids=["annotation", "key", "within a text", "unknown field", "not its subject", "escaped"],
)
def test_digest_anywhere_in_the_body_is_a_mention(fields: Any) -> None:
    assert parse(fields).mentions == (digest("other"),)


def test_digest_of_the_subject_is_not_a_mention() -> None:
    manifest = parse({"subject": {"digest": digest("image"), "annotations": {"a": digest("b")}}})
    assert manifest.mentions == ()


@pytest.mark.parametrize("fields", [{}, {"manifests": None}, {"manifests": [], "subject": None}])
def test_absent_lists_are_empty(fields: Any) -> None:
    manifest = parse(fields)
    assert (manifest.children, manifest.subject, manifest.size) == ((), None, 0)


def test_media_type_of_the_response_serves_bodies_without_one() -> None:
    assert parse({}, INDEX).media_type == INDEX
    assert parse({"mediaType": IMAGE}, INDEX).media_type == IMAGE
    assert parse({}).is_opaque
    assert parse({"mediaType": "application/vnd.tomorrow"}).is_opaque


def test_index_may_name_a_digest_twice() -> None:
    entry = {"mediaType": IMAGE, "digest": digest("arm")}
    assert len(parse({"manifests": [entry, entry]}).children) == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value"),
        (b'{"manifests": [', "Expecting value"),
        (b"[]", "not a JSON object"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"manifests": [], "manifests": []}', "a key is repeated"),
        (b'{"manifests": {}}', "manifests is not an array"),
        (b'{"manifests": [{}]}', "manifests has an entry without a SHA-256 digest"),
        (b'{"manifests": ["sha256:"]}', "manifests has an entry without a SHA-256 digest"),
        (b'{"manifests": [{"digest": 1}]}', "manifests has an entry without a SHA-256 digest"),
        (b'{"layers": 1}', "layers is not an array"),
        (b'{"subject": "x"}', "subject has an entry without a SHA-256 digest"),
    ],
)
def test_body_that_is_no_manifest_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidResponse, match=reason):
        parse(body)


@pytest.mark.parametrize("other", ["sha512:" + "0" * 128, "sha256:" + "A" * 64, "sha256:00"])
def test_child_with_another_kind_of_digest_is_refused(other: str) -> None:
    with pytest.raises(InvalidResponse, match="without a SHA-256 digest"):
        parse({"manifests": [{"digest": other}]})


def test_body_with_another_digest_is_refused() -> None:
    with pytest.raises(InvalidResponse, match="the body has the digest sha256:44136fa355b3678a"):
        parse_manifest(b"{}", digest("requested"))


def test_body_over_the_limit_is_refused_without_parsing() -> None:
    with pytest.raises(InvalidResponse, match=r"4,194,305 bytes are more than 4,194,304"):
        parse(b" " * (MAX_MANIFEST_BYTES + 1))


@pytest.mark.parametrize("size", [-1, True, "5", 2**80, None])
def test_absurd_sizes_count_as_none(size: Any) -> None:
    assert parse({"layers": [{"size": size}, {"size": 2}, "no layer"]}).size == 2
