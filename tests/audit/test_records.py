"""The schema of records is stable and readable with other tools."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async import ConfigurationError
from ghpkg_async.audit import SCHEMA_VERSION, VersionsSummary, from_record, to_record
from ghpkg_async.audit import _records as records
from ghpkg_async.audit._records import ListingKey, fullest_first, listing_key, to_line
from tests.audit.rig import HEADER, RECORDS
from tests.support.records import NOW, conflict, done, failure, package

if TYPE_CHECKING:
    from ghpkg_async.audit import Record


@given(RECORDS)
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    line = to_line(record)
    assert line.count(b"\n") == 1
    assert from_record(json.loads(line)) == record


def test_the_header_is_read_as_it_was_written() -> None:
    assert from_record(json.loads(to_line(HEADER))) == HEADER


def test_a_package_has_the_documented_fields() -> None:
    summary = VersionsSummary(3, NOW, datetime(2020, 5, 19, 22, 19, 11, tzinfo=UTC), 2, 1)
    assert to_record(package(versions=summary)) == {
        "record": "package",
        "owner": "acme",
        "package_type": "npm",
        "name": "left",
        "id": 1,
        "visibility": "private",
        "version_count": 1,
        "created_at": "2026-01-15T12:00:00Z",
        "updated_at": "2026-01-15T12:00:00Z",
        "html_url": "https://github.com/orgs/acme/packages",
        "repository": "acme/left",
        "soft_deleted": False,
        "versions": {
            "count": 3,
            "newest": "2026-01-15T12:00:00Z",
            "oldest": "2020-05-19T22:19:11Z",
            "tagged": 2,
            "untagged": 1,
        },
    }


def test_fields_without_a_value_are_left_out() -> None:
    bare = VersionsSummary(0)
    entry = package(version_count=None, repository=None, versions=bare)
    assert to_record(entry).keys() == {
        *("record", "owner", "package_type", "name", "id", "visibility", "created_at"),
        *("updated_at", "html_url", "soft_deleted", "versions"),
    }
    assert to_record(entry)["versions"] == {"count": 0}
    assert to_record(failure()).keys() == {"record", "owner", "reason", "message"}
    assert to_record(done(package_type=None)).keys() == {"record", "owner", "listing", "count"}


def test_an_audit_of_no_owners_has_an_empty_list_of_owners() -> None:
    assert to_record(attrs.evolve(HEADER, owners=()))["owners"] == []


def types_of(value: object, place: str = "") -> set[tuple[str, str]]:
    """Return pairs of path and type for all parts of a JSON value."""
    if isinstance(value, dict):
        return {(place, "object")} | {
            each for key, part in value.items() for each in types_of(part, f"{place}.{key}")
        }
    if isinstance(value, list):
        return {(place, "list")} | {each for part in value for each in types_of(part, f"{place}[]")}
    return {(place, type(value).__name__)}


@given(st.lists(RECORDS))
def test_no_key_has_two_types_and_none_is_null(records: list[Record]) -> None:
    lines = [json.loads(to_line(each)) for each in (HEADER, *records)]
    types = {each for line in lines for each in types_of(line)}
    assert len(dict(types)) == len(types)
    assert "NoneType" not in dict(types).values()


def test_the_package_with_the_most_fields_is_first() -> None:
    summary = VersionsSummary(1, NOW, NOW)
    bare, counted, full = (
        package(name="bare", version_count=None, repository=None),
        package(name="counted", repository=None),
        package(name="full", versions=summary),
    )
    assert fullest_first([done(), bare, counted, full]) == [done(), full, bare, counted]
    assert fullest_first([bare, bare]) == [bare, bare]
    assert fullest_first([done(), failure()]) == [done(), failure()]


def test_the_first_line_has_the_schema_and_the_arguments() -> None:
    assert to_record(HEADER) == {
        "record": "audit",
        "base_url": "https://api.github.com",
        "owners": ["acme", "user:octocat"],
        "package_types": ["npm", "container", "docker"],
        "with_versions": False,
        "started_at": "2026-01-15T12:00:00Z",
        "schema_version": SCHEMA_VERSION,
    }


@pytest.mark.parametrize("record", [package(), conflict(), failure(), done(), HEADER])
def test_every_field_that_is_written_is_documented(record: Record) -> None:
    documentation = records.__doc__ or ""
    for field in to_record(record):
        assert f"``{field}``" in documentation, field


@pytest.mark.parametrize("record", [package(), conflict(), failure(), done(), HEADER])
def test_a_later_versions_fields_are_ignored(record: Record) -> None:
    assert from_record({**to_record(record), "invented": [1]}) == record


def test_a_later_versions_records_are_ignored() -> None:
    assert from_record({"record": "invented"}) is None
    assert from_record({"no": "record"}) is None


@pytest.mark.parametrize("change", [{"name": None}, {"id": "1"}, {"created_at": "2026-01-15"}])
def test_a_record_with_a_wrong_value_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=r"^record: not a whole 'package'"):
        from_record({**to_record(package()), **change})


def test_records_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        package().name = "other"  # type: ignore[misc]


def test_a_record_has_the_key_of_its_listing() -> None:
    assert listing_key(package(owner="Acme")) == ListingKey("acme", "npm")
    assert (
        listing_key(conflict()) == listing_key(done(package_type=None)) == ListingKey("acme", None)
    )
    assert (
        listing_key(failure(package_type="npm")) == listing_key(done()) == ListingKey("acme", "npm")
    )
    assert listing_key(failure()) is None
