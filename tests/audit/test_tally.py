"""What an audit comes to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async import ConfigurationError
from ghpkg_async.audit import AuditReport, SummaryRow, Tally
from tests.audit.rig import HEADER, NOW, conflict, done, failure, package, whole

if TYPE_CHECKING:
    from random import Random

    from ghpkg_async.audit import Record


def test_a_summary_counts_by_owner_and_type_in_the_order_asked() -> None:
    records = [
        failure("user:octocat"),
        conflict(),
        package(name="a", visibility="public", version_count=3),
        package(name="b", visibility="internal", updated_at=NOW - timedelta(days=1)),
        done(count=2),
        *whole("acme", "container"),
    ]
    tally = Tally(HEADER)
    for record in records:
        tally.add(record)
    assert tally.rows() == [
        SummaryRow("acme", "npm", 2, 1, 0, 1, 4, 0, 0, NOW),
        SummaryRow("acme", "container"),
        SummaryRow("acme", "docker", conflicts=1),
        SummaryRow("user:octocat", None, failures=1),
    ]


@given(st.randoms(use_true_random=False))
def test_a_report_is_the_same_in_whatever_order_listings_came(random: Random) -> None:
    listings: list[list[Record]] = [
        whole("acme", "npm", "a", "b"),
        whole("acme", "container", "c"),
        [conflict(), done(package_type=None, count=1)],
        [failure("user:octocat")],
    ]
    expected = AuditReport.of(HEADER, [each for listing in listings for each in listing])
    random.shuffle(listings)
    assert AuditReport.of(HEADER, [each for one in listings for each in one]) == expected
    assert [each.name for each in expected.packages] == ["a", "b", "c"]
    assert [each.name for each in expected.conflicts] == ["image"]
    assert [each.owner for each in expected.failures] == ["user:octocat"]
    assert AuditReport.of(HEADER, expected.records()) == expected


def test_a_report_finds_and_compares() -> None:
    old = AuditReport.of(HEADER, whole("acme", "npm", "a"))
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
