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


def test_a_page_that_is_unchanged_after_the_next_was_read_leaves_no_gap() -> None:
    coverage = covered([[6, 5], [4, 3], [2, 1]])
    coverage.start_pass()
    for response in range(3):
        coverage.repeat(response)
    coverage.end_pass(last_is_short=False)
    assert coverage.is_complete


def test_a_page_that_changed_is_evidence_of_its_items_only() -> None:
    coverage = covered([[6, 5], [4, 3], [2, 1]])
    coverage.start_pass()
    coverage.repeat(0)
    coverage.add([3, 2])
    coverage.add([1])
    coverage.end_pass(last_is_short=False)
    assert coverage.is_complete


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), total=st.integers(0, 40), per_page=st.integers(1, 12))
def test_no_item_is_missing_where_coverage_is_complete(
    seed: int, total: int, per_page: int
) -> None:
    """Each response shows one state; items are removed and inserted between responses."""
    random = Random(seed)  # noqa: S311
    items = list(range(1000, 1000 + 10 * total, 10))
    throughout, seen, coverage = set(items), set[int](), Coverage()
    for _ in range(6):
        coverage.start_pass()
        page = 0
        while True:
            for _ in range(random.randrange(3)):
                if items and random.random() < 0.5:
                    throughout.discard(items.pop(random.randrange(len(items))))
                else:
                    items = sorted({*items, random.randrange(990, 1000 + 10 * total)})
            response = items[page * per_page : (page + 1) * per_page]
            seen.update(response)
            coverage.add(response)
            page += 1
            if len(response) < per_page:
                break
        coverage.end_pass(last_is_short=False)
        if coverage.is_complete:
            assert throughout <= seen
            return
