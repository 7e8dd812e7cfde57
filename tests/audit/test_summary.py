"""Totals of an audit."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async import ConfigurationError
from ghpkg_async.audit import AuditReport, SummaryBuilder, SummaryRow
from tests.audit.rig import HEADER
from tests.support.records import NOW, complete_listing, conflict, done, failure, package

if TYPE_CHECKING:
    from random import Random

    from ghpkg_async.audit import Record


def test_a_summary_counts_by_owner_and_type_in_the_order_of_the_arguments() -> None:
    records = [
        failure("user:octocat"),
        conflict(),
        package(name="a", visibility="public", version_count=3),
        package(name="b", visibility="internal", updated_at=NOW - timedelta(days=1)),
        done(count=2),
        *complete_listing("acme", "container"),
    ]
    summary = SummaryBuilder(HEADER)
    for record in records:
        summary.add(record)
    assert summary.rows() == [
        SummaryRow("acme", "npm", packages=2, public=1, internal=1, versions=4, updated_at=NOW),
        SummaryRow("acme", "container"),
        SummaryRow("acme", "docker", conflicts=1),
        SummaryRow("user:octocat", None, failures=1),
    ]


@pytest.mark.parametrize(
    ("counts", "text", "phrase"),
    [
        ([], "0", "0 versions"),
        ([0, 1], "1", "1 version"),
        ([700, 2000], "2,700", "2,700 versions"),
        ([700, None], "at least 700", "at least 700 versions"),
        ([None, 0], "at least 0", "at least 0 versions"),
        ([None, None], "-", "versions not counted"),
    ],
)
def test_a_total_of_versions_counts_the_packages_without_a_count(
    counts: list[int | None], text: str, phrase: str
) -> None:
    total = AuditReport.of(HEADER, [package(version_count=each) for each in counts]).total
    assert (total.versions_text, total.versions_phrase) == (text, phrase)


def test_soft_deleted_packages_are_counted_by_themselves() -> None:
    gone = package(name="deleted_a", visibility="public", version_count=None, soft_deleted=True)
    total = AuditReport.of(HEADER, [package(), gone]).total
    assert (total.packages, total.public, total.versions, total.uncounted) == (1, 0, 1, 0)
    assert total.soft_deleted == 1


@given(st.randoms(use_true_random=False))
def test_a_report_does_not_depend_on_the_order_of_listings(random: Random) -> None:
    listings: list[list[Record]] = [
        complete_listing("acme", "npm", "a", "b"),
        complete_listing("acme", "container", "c"),
        [conflict(), done(package_type=None, count=1)],
        [failure("user:octocat")],
    ]
    expected = AuditReport.of(HEADER, [each for listing in listings for each in listing])
    random.shuffle(listings)
    assert AuditReport.of(HEADER, [each for one in listings for each in one]) == expected
    assert [each.name for each in expected.packages] == ["a", "b", "c"]
    assert [each.name for each in expected.conflicts] == ["old"]
    assert [each.owner for each in expected.failures] == ["user:octocat"]
    assert AuditReport.of(HEADER, expected.records()) == expected


def test_a_report_finds_and_compares() -> None:
    old = AuditReport.of(HEADER, complete_listing("acme", "npm", "a"))
    new = AuditReport.of(HEADER, [package(name="a", visibility="public"), done(count=1)])
    found = new.findings(["visibility_widened", "stale:3"], now=NOW, compared_to=old)
    assert [(each.rule, each.detail) for each in found] == [
        ("visibility_widened", "private, now public")
    ]
    assert [each.kind for each in new.compare(old).changes] == ["visibility"]


@pytest.mark.parametrize("rule", ["untagged:3", "visibility_widened"])
def test_a_report_refuses_a_rule_it_has_nothing_for(rule: str) -> None:
    with pytest.raises(ConfigurationError, match=f"rules: {rule} needs"):
        AuditReport.of(HEADER, []).findings([rule], now=NOW)
