"""Every example response of the reference pages decodes without loss."""

from __future__ import annotations

import inspect
import json
import pickle
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async import (
    ConfigurationError,
    InvalidResponse,
    Owner,
    Package,
    PackageVersion,
    Repository,
    from_dict,
    to_dict,
)
from ghpkg_async._codec import PackageListDecoder, decode_package, decode_version, decode_versions
from ghpkg_async.models import PackageVersionMetadata
from tests.support.reference import ALL_EXAMPLES, examples

PACKAGE: dict[str, Any] = next(
    example for route, example in ALL_EXAMPLES if route.startswith("dotcom /user/packages/{")
)
VERSION: dict[str, Any] = next(example for route, example in ALL_EXAMPLES if "/versions/{" in route)
IDS = [route for route, _ in ALL_EXAMPLES]


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def decode(route: str, example: Any) -> list[Any]:
    body = encoded(example)
    if isinstance(example, dict):
        return [decode_version(body) if "/versions/" in route else decode_package(body)]
    return list((decode_versions if "/versions" in route else PackageListDecoder())(body).items)


def objects(example: Any) -> list[dict[str, Any]]:
    return example if isinstance(example, list) else [example]


def test_the_pages_hold_the_examples_of_all_their_get_operations() -> None:
    assert len(examples("enterprise-server-page.txt")) == 15
    assert len(examples("dotcom-page.txt")) == 9


@pytest.mark.parametrize(("route", "example"), ALL_EXAMPLES, ids=IDS)
def test_an_example_response_decodes_without_loss(route: str, example: Any) -> None:
    assert [to_dict(item) for item in decode(route, example)] == objects(example)


@pytest.mark.parametrize(("route", "example"), ALL_EXAMPLES, ids=IDS)
def test_an_example_response_is_restored_from_its_dict(route: str, example: Any) -> None:
    for item in decode(route, example):
        assert from_dict(type(item), json.loads(json.dumps(to_dict(item)))) == item


def test_owner_and_repository_hold_every_field_of_the_examples() -> None:
    package = decode_package(encoded(PACKAGE))
    assert package.owner is not None
    assert package.repository is not None
    assert len(to_dict(package.owner)) == 18
    assert len(to_dict(package.repository)) == 46
    assert package.repository.owner == package.owner


def test_the_models_hold_every_documented_field() -> None:
    from tests.support.reference import DATA

    documented: dict[str, set[str]] = {}
    for section in (DATA / "contract.md").read_text().split("\n## ")[1:]:
        title, _, rest = section.partition("\n")
        rows = [line.split("|")[1] for line in rest.splitlines() if line.startswith("|")]
        documented[title.split()[0]] = set(rows[2:])
    for schema, model in {
        "package": Package,
        "package-version": PackageVersion,
        "simple-user": Owner,
        "nullable-minimal-repository": Repository,
    }.items():
        assert documented[schema] == {field.name for field in attrs.fields(model)}


def test_fields_github_adds_are_ignored() -> None:
    package = decode_package(encoded({**PACKAGE, "sparkles": {"of": ["tomorrow"]}}))
    assert to_dict(package) == PACKAGE


@pytest.mark.parametrize(
    ("field", "value"), [("package_type", "cargo"), ("visibility", "internal")]
)
def test_unknown_enum_values_are_kept(field: str, value: str) -> None:
    [package] = PackageListDecoder()(encoded([{**PACKAGE, field: value}])).items
    assert getattr(package, field) == value


@pytest.mark.parametrize("field", ["owner", "repository"])
def test_owner_and_repository_may_be_null_or_absent(field: str) -> None:
    absent = {key: value for key, value in PACKAGE.items() if key != field}
    for body in (absent, {**PACKAGE, field: None}):
        [package] = PackageListDecoder()(encoded([body])).items
        assert getattr(package, field) is None
        assert getattr(decode_package(encoded(body)), field) is None


def test_a_listing_may_leave_out_how_many_versions_a_package_has() -> None:
    absent = {key: value for key, value in PACKAGE.items() if key != "version_count"}
    [listed] = PackageListDecoder()(encoded([absent])).items
    for package in (listed, decode_package(encoded(absent))):
        assert package.version_count is None
        assert to_dict(package) == absent
        assert from_dict(Package, absent) == package


def test_the_metadata_of_a_version_may_be_empty() -> None:
    version = decode_version(encoded({**VERSION, "metadata": {}}))
    assert version.metadata == PackageVersionMetadata()
    assert version.tags == ()
    assert to_dict(version)["metadata"] == {}


@pytest.mark.parametrize("key", ["tag", "tags"])
def test_docker_metadata_has_tag_or_tags(key: str) -> None:
    metadata = {"package_type": "docker", "docker": {key: ["latest", "1"]}}
    version = decode_version(encoded({**VERSION, "metadata": metadata}))
    assert version.tags == ("latest", "1")
    assert to_dict(version)["metadata"] == metadata


def test_versions_without_tags_have_none() -> None:
    untagged = {"package_type": "container", "container": {"tags": []}}
    for metadata in ({"package_type": "npm"}, untagged):
        assert decode_version(encoded({**VERSION, "metadata": metadata})).tags == ()
    bare = {key: value for key, value in VERSION.items() if key != "metadata"}
    assert decode_version(encoded(bare)).tags == ()


def test_a_clone_token_shows_in_no_repr() -> None:
    repository = {**PACKAGE["repository"], "temp_clone_token": "AB3CD"}
    package = decode_package(encoded({**PACKAGE, "repository": repository}))
    assert package.repository is not None
    assert package.repository.temp_clone_token == "AB3CD"
    assert "AB3CD" not in repr(package) + repr(package.repository) + str(package.repository)


def test_a_clone_token_is_in_no_dict() -> None:
    repository = {**PACKAGE["repository"], "temp_clone_token": "AB3CD"}
    package = decode_package(encoded({**PACKAGE, "repository": repository}))
    assert package.repository is not None
    for dictionary in (to_dict(package)["repository"], to_dict(package.repository)):
        assert "temp_clone_token" not in dictionary
        assert dictionary["full_name"] == PACKAGE["repository"]["full_name"]


def test_models_are_values() -> None:
    one, other = decode_package(encoded(PACKAGE)), decode_package(encoded(PACKAGE))
    assert one == other
    assert hash(one) == hash(other)
    assert one != decode_package(encoded({**PACKAGE, "id": 1}))
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        one.name = "other"  # type: ignore[misc]


def test_a_repr_is_readable() -> None:
    assert repr(decode_version(encoded(VERSION))).startswith("PackageVersion(id=836, name='sha256:")
    assert "None" not in repr(decode_package(encoded(PACKAGE)))


def test_times_are_aware() -> None:
    package = decode_package(encoded(PACKAGE))
    assert package.created_at == datetime(2019, 10, 20, 14, 17, 14, tzinfo=UTC)
    with pytest.raises(InvalidResponse, match=r"created_at"):
        decode_package(encoded({**PACKAGE, "created_at": "2019-10-20T14:17:14"}))


def test_a_listing_shares_the_parts_its_packages_repeat() -> None:
    decoder = PackageListDecoder()
    other = {**PACKAGE, "owner": {**PACKAGE["owner"], "login": "other"}}
    first, second, third = decoder(encoded([PACKAGE, PACKAGE, other])).items
    [fourth] = decoder(encoded([PACKAGE])).items
    assert first.owner is second.owner is fourth.owner
    assert first.repository is fourth.repository
    assert first.repository is not None
    assert first.repository.owner == Owner(**PACKAGE["repository"]["owner"])
    assert type(first.repository) is Repository
    assert third.owner != first.owner
    assert type(first) is Package
    assert [to_dict(each) for each in (first, third)] == [PACKAGE, other]


def test_a_listing_of_many_repositories_keeps_only_recent_ones() -> None:
    decoder = PackageListDecoder()
    page, next_page = (
        [{**PACKAGE, "repository": {**PACKAGE["repository"], "id": start + n}} for n in range(100)]
        for start in (0, 100)
    )
    first, again, _, later = (
        decoder(encoded(packages)).items for packages in (page, page, next_page, page)
    )
    assert again[0].repository is first[0].repository
    assert later[0].repository is not first[0].repository
    for packages in (first, again, later):
        assert [to_dict(package) for package in packages] == page


def test_a_repository_shares_its_owner_with_its_package() -> None:
    page = [
        {
            **PACKAGE,
            "owner": PACKAGE["repository"]["owner"],
            "repository": {**PACKAGE["repository"], "id": number},
        }
        for number in range(3)
    ]
    packages = PackageListDecoder()(encoded(page)).items
    owner = packages[0].owner
    for package in packages:
        assert package.owner is owner
        assert package.repository is not None
        assert package.repository.owner is owner
    assert [to_dict(package) for package in packages] == page


def wrong(*path: str | int, value: Any) -> bytes:
    document = json.loads(encoded([PACKAGE, PACKAGE]))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return encoded(document)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (wrong(1, "created_at", value="yesterday"), r"\$\[1\]\.created_at"),
        (wrong(1, "id", value="1"), r"\$\[1\]\.id"),
        (wrong(1, "version_count", value=2**63), r"\$\[1\]\.version_count"),
        (wrong(1, "owner", "id", value=None), r"\$\[1\]\.owner\.id"),
        (wrong(1, "repository", "owner", value=3), r"\$\[1\]\.repository\.owner"),
        (wrong(1, "repository", "owner", value=None), r"\$\[1\]\.repository\.owner"),
        (wrong(1, "owner", value=[]), r"\$\[1\]\.owner"),
    ],
)
def test_an_element_that_is_malformed_hides_no_other(body: bytes, place: str) -> None:
    page = PackageListDecoder()(body)
    assert len(page.items) == 1
    assert re.search(place, page.invalid[1])
    assert len(page.ids) == 2


def test_an_element_keeps_its_place_among_the_ids() -> None:
    page = decode_versions(encoded([VERSION, {**VERSION, "id": 5, "name": 1}, {"id": "x"}, 3]))
    assert page.ids[:2] == [VERSION["id"], 5]
    assert len({*page.ids}) == 4
    assert min(page.ids[2:]) < max(page.ids[2:]) < 0


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"message": "no list"}', "array"),
        (b"<html>", "malformed"),
        (b"", "truncated"),
        (b"[", "truncated"),
        (b"[" * 100_000, "deeply|Expected"),
        (b'[{"sparkles":' + b"[" * 100_000, "deeply"),
    ],
)
def test_a_malformed_value_is_refused_with_its_path(body: bytes, place: str) -> None:
    with pytest.raises(InvalidResponse, match=place):
        PackageListDecoder()(body)


@pytest.mark.parametrize(
    ("mapping", "names"),
    [
        ({}, "id"),
        ({**VERSION, "id": "836"}, "id"),
        ({**VERSION, "created_at": "2020-05-19T22:19:11"}, "created_at"),
        ({**VERSION, "metadata": {"container": {}}}, "metadata"),
        (5, "int is not a mapping"),
    ],
)
def test_from_dict_refuses_invalid_dicts_with_a_reason(mapping: Any, names: str) -> None:
    with pytest.raises(ConfigurationError, match=names):
        from_dict(PackageVersion, mapping)


def test_to_dict_and_from_dict_take_models_only() -> None:
    with pytest.raises(ConfigurationError, match="value"):
        to_dict({"id": 1})
    with pytest.raises(ConfigurationError, match="kind"):
        from_dict(dict, {})


texts = st.text(st.characters(codec="utf-8"))
times = st.datetimes(
    min_value=datetime(2000, 1, 1),
    max_value=datetime(2100, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)


@given(name=texts, tags=st.lists(texts), created_at=times, deleted_at=st.none() | times)
def test_any_version_is_restored_from_its_dict_and_its_json(
    name: str, tags: list[str], created_at: datetime, deleted_at: datetime | None
) -> None:
    metadata = {"package_type": "container", "container": {"tags": tags}}
    version = from_dict(PackageVersion, {**VERSION, "name": name, "metadata": metadata})
    version = attrs.evolve(version, created_at=created_at, deleted_at=deleted_at)
    assert from_dict(PackageVersion, to_dict(version)) == version
    assert decode_version(encoded(to_dict(version))) == version


def test_a_repr_shows_invisible_characters() -> None:
    package = decode_package(encoded({**PACKAGE, "name": "left\u3164\u200b"}))
    assert r"name='left\u3164\u200b'" in repr(package)


@pytest.mark.parametrize("kind", [Package, PackageVersion, PackageVersionMetadata])
def test_help_describes_every_field(kind: type) -> None:
    documentation = inspect.getdoc(kind) or ""
    for field in attrs.fields(kind):
        assert f"\n    {field.name}: " in documentation
