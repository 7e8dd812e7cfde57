"""Changes between two audits, and listings that cannot be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async.audit import Baseline, Change, Comparer, Comparison, ListingKey
from tests.support.records import complete_listing, done, failure, package

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ghpkg_async.audit import Record


def compared(old: Iterable[Record], new: Iterable[Record]) -> Comparison:
    comparer = Comparer(Baseline.of(old))
    for record in new:
        comparer.add(record)
    return comparer.comparison()


def listing(**packages: tuple[str, int | None]) -> list[Record]:
    entries: list[Record] = [
        package(name=name, visibility=visibility, version_count=count)
        for name, (visibility, count) in packages.items()
    ]
    return [*entries, done(count=len(entries))]


def test_added_removed_and_changed_packages_are_changes() -> None:
    old = listing(a=("private", 1), b=("private", 5), c=("internal", 3), d=("public", 2))
    new = listing(b=("public", 5), c=("internal", 4), d=("public", 1), e=("public", 1))
    assert set(compared(old, new).changes) == {
        Change("gone", "acme", "npm", "a", "private", None),
        Change("visibility", "acme", "npm", "b", "private", "public"),
        Change("grown", "acme", "npm", "c", 3, 4),
        Change("shrunk", "acme", "npm", "d", 2, 1),
        Change("new", "acme", "npm", "e", None, "public"),
    }


def test_visibility_and_versions_may_change_at_once() -> None:
    changes = compared(listing(a=("private", 1)), listing(a=("public", 2)))
    assert [each.kind for each in changes.changes] == ["visibility", "grown"]
    assert changes.of_kind("grown")[0].after == 2


def test_a_count_that_one_of_the_two_does_not_know_is_no_change() -> None:
    known, unknown = listing(a=("private", 3)), listing(a=("private", None))
    for old, new in ((known, unknown), (unknown, known), (unknown, unknown)):
        assert compared(old, new) == Comparison((), ())


def test_a_soft_deleted_package_is_neither_added_nor_removed() -> None:
    there: list[Record] = [package(name="deleted_a", soft_deleted=True), done(count=1)]
    assert compared(listing(), there) == Comparison((), ())
    assert compared(there, listing()) == Comparison((), ())


def test_the_same_name_of_another_type_or_owner_is_another_package() -> None:
    old = [
        *complete_listing("acme", "npm", "a"),
        *complete_listing("acme", "maven"),
        *complete_listing("octo", "npm"),
    ]
    new = [
        *complete_listing("acme", "npm"),
        *complete_listing("acme", "maven", "a"),
        *complete_listing("octo", "npm", "a"),
    ]
    told = {(each.kind, each.owner, each.package_type) for each in compared(old, new).changes}
    assert told == {("gone", "acme", "npm"), ("new", "acme", "maven"), ("new", "octo", "npm")}


def test_owners_are_the_same_in_any_case_and_written_as_they_are_now() -> None:
    changes = compared(
        complete_listing("ACME", "npm", "a", "b"), complete_listing("Acme", "npm", "b")
    )
    assert changes.changes == (Change("gone", "Acme", "npm", "a", "private", None),)


def test_packages_of_a_listing_that_failed_later_are_not_removed() -> None:
    old = [*complete_listing("acme", "npm", "a"), *complete_listing("octo", "npm", "b")]
    new = [failure("acme", "npm"), failure("octo")]
    changes = compared(old, new)
    assert changes.changes == ()
    assert changes.not_compared == (ListingKey("acme", "npm"), ListingKey("octo", "npm"))


def test_packages_of_a_listing_that_failed_earlier_are_not_added() -> None:
    changes = compared([failure("acme", "npm")], complete_listing("acme", "npm", "a"))
    assert changes.changes == ()
    assert changes.not_compared == (ListingKey("acme", "npm"),)


def test_listings_that_the_later_audit_does_not_cover_are_left_out() -> None:
    old = [
        *complete_listing("acme", "npm", "a"),
        *complete_listing("acme", "maven", "b"),
        *complete_listing("octo", "npm", "c"),
    ]
    assert compared(old, complete_listing("acme", "npm", "a")) == Comparison((), ())


NAMED = st.dictionaries(
    st.sampled_from("abcdef"),
    st.tuples(st.sampled_from(["private", "public"]), st.integers(0, 3)),
)


@given(NAMED, NAMED)
def test_the_changes_lead_from_the_one_to_the_other(
    old: dict[str, tuple[str, int]], new: dict[str, tuple[str, int]]
) -> None:
    now = {name: list(known) for name, known in old.items()}
    for change in compared(listing(**old), listing(**new)).changes:
        if change.kind == "gone":
            del now[change.name]
        elif change.kind == "new":
            now[change.name] = [change.after, new[change.name][1]]
        else:
            place = 0 if change.kind == "visibility" else 1
            assert now[change.name][place] == change.before
            now[change.name][place] = change.after
    assert now == {name: list(known) for name, known in new.items()}


@given(NAMED)
def test_an_audit_does_not_differ_from_itself(packages: dict[str, tuple[str, int]]) -> None:
    assert compared(listing(**packages), listing(**packages)) == Comparison((), ())
