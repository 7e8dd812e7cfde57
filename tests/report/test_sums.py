"""Computation of the numbers that the figures and charts show."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import attrs
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async.audit import AuditReport, Change, Comparison, ListingKey
from ghpkg_async.audit._report.sums import (
    AGES,
    Growth,
    ages,
    by_owner_and_type,
    growth,
    ordered_types,
    unfinished,
    visibilities,
)
from tests.report.rig import audit, ends
from tests.support.records import NOW, failure, header, package

if TYPE_CHECKING:
    from ghpkg_async.audit import Record


def test_ages_end_where_staleness_begins() -> None:
    def place(**age: int) -> int:
        return ages([package(updated_at=NOW - timedelta(**age))], NOW).index(1)

    assert [place(days=days) for days in (0, 30, 90, 180, 365, 730)] == [0, 0, 1, 2, 3, 4]
    assert [place(days=days, seconds=1) for days in (30, 90, 180, 365, 730)] == [1, 2, 3, 4, 5]
    # The package's time is in the future, as with a clock that is ahead.
    assert place(days=-3) == 0


@given(st.lists(st.integers(-(10**4), 10**5)))
def test_every_package_has_an_age(days: list[int]) -> None:
    packages = [package(updated_at=NOW - timedelta(days=each)) for each in days]
    counts = ages(packages, NOW)
    assert len(counts) == len(AGES)
    assert sum(counts) == len(packages)


def test_owners_are_ordered_by_size_and_types_as_requested() -> None:
    packages = [
        package(owner="small", package_type="npm"),
        package(owner="large", package_type="cargo"),
        package(owner="large", package_type="container"),
    ]
    found = by_owner_and_type(packages)
    assert list(found) == ["large", "small"]
    assert found["large"] == {"cargo": 1, "container": 1}
    assert ordered_types(["container", "docker", "npm"], found) == ["container", "npm", "cargo"]


def test_visibilities_are_those_of_github() -> None:
    assert visibilities([]) == {"public": 0, "internal": 0, "private": 0}
    packages = [package(visibility=each) for each in ("private", "secret", "other", "private")]
    assert visibilities(packages) == {"public": 0, "internal": 0, "private": 2, "other": 2}


def test_growth_is_by_owner() -> None:
    comparison = Comparison(
        (
            Change("new", "a", "npm", "1", None, "public"),
            Change("visibility", "c", "npm", "1", "private", "public"),
            Change("gone", "b", "npm", "2", "private", None),
            Change("grown", "b", "npm", "3", 4, 10),
            Change("shrunk", "b", "npm", "4", 10, 7),
        ),
        (),
    )
    assert growth(comparison) == {"b": Growth(gone=1, added=6, removed=3), "a": Growth(new=1)}
    assert list(growth(comparison)) == ["b", "a"]


def test_listings_without_a_record_are_unfinished() -> None:
    head = header("acme", "Lost", "late", package_types=("npm", "docker"))
    records: list[Record] = [
        *ends(["acme"], ["npm", "docker"]),
        failure(owner="acme", listing="docker_conflicts"),
        failure(owner="lost"),
        *ends(["late"], ["docker"]),
    ]
    report = AuditReport.of(head, records)
    assert unfinished(report) == [ListingKey("late", "npm"), ListingKey("late", None)]
    assert unfinished(audit(package())) == []
    assert unfinished(attrs.evolve(audit(), done=frozenset())) == [ListingKey("acme", "npm")]
