"""Evidence that no item is missing between the pages of a listing."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ghpkg_async._paging.coverage import Coverage


def covered(*passes: list[list[int]], last_is_short: bool = False) -> Coverage:
    coverage = Coverage()
    for pages in passes:
        coverage.start_pass()
        for page in pages:
            coverage.add(page)
        coverage.end_pass(last_is_short=last_is_short)
    return coverage


def test_a_single_response_is_complete() -> None:
    assert covered([[3, 2, 1]]).is_complete
    assert covered([[]]).is_complete


def test_a_short_page_before_an_empty_one_is_complete() -> None:
    assert covered([[3, 2], []], last_is_short=True).is_complete
    assert not covered([[3, 2], []]).is_complete


def test_pages_side_by_side_prove_nothing() -> None:
    assert not covered([[6, 5], [4, 3], [2, 1]]).is_complete


def test_responses_that_share_items_leave_no_gap() -> None:
    first = [[6, 5, 4], [3, 2, 1]]
    assert covered(first, [[5, 4, 3], [2, 1]]).is_complete
    assert not covered(first, [[9, 8, 7], [6, 5, 4], [3, 2, 1]]).is_complete


def test_an_item_missed_between_two_pages_is_not_covered() -> None:
    """Item 4 moved from page 2 to page 1 between the responses of the two pages."""
    assert not covered([[6, 5], [3, 2], [1]]).is_complete
    assert covered([[6, 5], [3, 2], [1]], [[5, 4], [3, 2], [1]], [[4, 3], [2, 1]]).is_complete


def another_pass(coverage: Coverage, *responses: int, are_unchanged: bool = True) -> None:
    coverage.start_pass()
    for response in responses:
        coverage.repeat(response, is_unchanged=are_unchanged)
    coverage.end_pass(last_is_short=False)


def test_a_pass_is_unchanged_if_all_its_pages_are() -> None:
    coverage = covered([[6, 5], [4, 3], [2, 1]])
    assert not coverage.is_unchanged
    another_pass(coverage, 0, 1, 2)
    assert coverage.is_unchanged
    another_pass(coverage, 0, 1)
    assert not coverage.is_unchanged
    another_pass(coverage, 0, 1, are_unchanged=False)
    assert not coverage.is_unchanged


def test_pages_with_the_same_ids_as_before_may_have_a_gap_between_them() -> None:
    """Item 3 was deleted before page 2 was read, and in each pass another item was, too."""
    coverage = covered([[6, 5], [2, 1]])
    another_pass(coverage, 0, 1, are_unchanged=False)
    assert not coverage.is_complete


def test_pages_of_another_size_leave_no_gap() -> None:
    assert not covered([[6, 5], [4, 3], [2, 1]], [[6, 5], [4, 3], [2, 1]]).is_complete
    assert covered([[6, 5], [4, 3], [2, 1]], [[6, 5, 4], [3, 2, 1]]).is_complete


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32),
    total=st.integers(0, 40),
    sizes=st.lists(st.integers(1, 12), min_size=2, max_size=6),
)
def test_no_item_is_missing_where_coverage_is_complete(
    seed: int, total: int, sizes: list[int]
) -> None:
    """Pages are read in any order, each at one moment; items come and go between these moments."""
    random = Random(seed)  # noqa: S311
    items = list(range(1000, 1000 + total))
    throughout, seen, coverage = set(items), set[int](), Coverage()
    known: dict[tuple[int, ...], int] = {}
    for per_page in sizes:
        coverage.start_pass()
        pages = list(range(-(-len(items) // per_page) + 1))
        responses = {}
        for page in random.sample(pages, len(pages)):
            for _ in range(random.randrange(3)):
                item = random.randrange(990, 1010 + total)
                throughout.discard(item)
                items = sorted({*items} ^ {item})
            responses[page] = items[page * per_page : (page + 1) * per_page]
        for page in pages:
            ids = responses[page]
            seen.update(ids)
            if (response := known.get(tuple(ids))) is None:
                known[tuple(ids)] = coverage.add(ids)
            else:
                coverage.repeat(response, is_unchanged=False)
            if len(ids) < per_page:
                coverage.end_pass(last_is_short=False)
                break
        if coverage.is_complete:
            assert throughout <= seen
            return
