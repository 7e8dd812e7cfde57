"""Findings: the packages and listings that match a rule."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async import ConfigurationError
from ghpkg_async.audit import FINDING_KINDS, Rule, VersionsSummary, findings_of
from ghpkg_async.audit._findings import counted_rules, widened
from tests.audit.rig import FAILURES, PACKAGES
from tests.support.records import NOW, conflict, failure, package

if TYPE_CHECKING:
    from ghpkg_async.audit import Entry, FailureEntry, PackageEntry

WITH_THRESHOLD = ["stale:30", "many_versions:10", "untagged:3"]
KINDS_WITH_THRESHOLD = [rule.partition(":")[0] for rule in WITH_THRESHOLD]
RULES = [
    Rule.parse(rule)
    for rule in [*sorted(set(FINDING_KINDS) - set(KINDS_WITH_THRESHOLD)), *WITH_THRESHOLD]
]
VISIBILITIES = ["private", "internal", "public"]


def found(entry: Entry, *rules: str, before: str | None = None) -> list[str]:
    parsed = [Rule.parse(rule) for rule in rules] or RULES
    return [each.rule for each in findings_of(entry, parsed, now=NOW, before=before)]


def images(untagged: int | None) -> VersionsSummary:
    return VersionsSummary(9, NOW, NOW, None if untagged is None else 9 - untagged, untagged)


@pytest.mark.parametrize(
    ("entry", "rules"),
    [
        (package(), []),
        (package(visibility="public"), ["public"]),
        (package(visibility="internal"), []),
        (package(repository=None), ["no_repository"]),
        (package(version_count=0), ["empty"]),
        (package(version_count=10), []),
        (package(version_count=11), ["many_versions:10"]),
        (package(version_count=None), []),
        (package(name="deleted_left", visibility="public", version_count=0, soft_deleted=True), []),
        (conflict(name="deleted_image", soft_deleted=True), []),
        (package(updated_at=NOW - timedelta(days=30)), []),
        (package(updated_at=NOW - timedelta(days=30, seconds=1)), ["stale:30"]),
        (package(versions=images(3)), []),
        (package(versions=images(4)), ["untagged:3"]),
        (package(versions=images(None)), []),
        (conflict(), ["docker_conflict"]),
        (failure(), ["unreachable"]),
        (failure(package_type="npm", name="left"), ["unreachable"]),
    ],
)
def test_each_rule_finds_its_packages(entry: Entry, rules: list[str]) -> None:
    assert found(entry) == rules


@pytest.mark.parametrize("before", VISIBILITIES)
@pytest.mark.parametrize("after", VISIBILITIES)
def test_visibility_is_widened_where_more_can_see_it(before: str, after: str) -> None:
    expected = VISIBILITIES.index(after) > VISIBILITIES.index(before)
    assert widened(before, after) is expected
    entry = package(visibility=after)
    assert bool(found(entry, "visibility_widened", before=before)) is expected


def test_a_change_to_an_unknown_visibility_is_no_widening() -> None:
    assert not widened("secret", "public")
    assert not widened(None, "public")


@given(st.one_of(PACKAGES, FAILURES))
def test_a_finding_names_its_package_or_listing(entry: PackageEntry | FailureEntry) -> None:
    for finding in findings_of(entry, RULES, now=NOW, before="private"):
        assert (finding.owner, finding.package_type, finding.name) == (
            entry.owner,
            entry.package_type,
            entry.name,
        )


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_rule_is_parsed_as_it_was_written(rule: Rule) -> None:
    assert Rule.parse(str(rule)) == rule


@pytest.mark.parametrize(
    "text",
    ["", "publik", "public:1", "public:", "stale", "stale:", "stale:x", "stale:-1", "stale:1.5",
     "stale:99999999", "stale:٣", "PUBLIC", "untagged"],
)  # fmt: skip
def test_an_invalid_rule_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^rules: "):
        Rule.parse(text)


def test_a_rule_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^rules: 'publik' is none of .*stale:DAYS"):
        Rule("publik")


def test_rules_about_the_number_of_versions_need_it() -> None:
    assert {rule.kind for rule in RULES if rule.needs_version_count} == {"empty", "many_versions"}
    unknown = package(version_count=None)
    assert not [rule for rule in RULES if rule.needs_version_count and found(unknown, str(rule))]


def test_a_rule_names_the_option_that_an_audit_lacks() -> None:
    nothing = {"versions": False, "has_baseline": False, "conflicts": False}
    needs = {rule.kind: rule.missing_requirement(**nothing) for rule in RULES}
    assert {kind: need for kind, need in needs.items() if need} == {
        "untagged": "versions",
        "visibility_widened": "compare",
        "docker_conflict": "docker",
    }
    everything = dict.fromkeys(nothing, True)
    assert not any(rule.missing_requirement(**everything) for rule in RULES)


def test_an_audit_counts_these_rules_by_default() -> None:
    assert [str(rule) for rule in counted_rules()] == [
        "docker_conflict",
        "public",
        "visibility_widened",
        "no_repository",
        "empty",
        "stale:365",
        "many_versions:500",
        "untagged:100",
    ]
