"""The compact set of ids."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async._paging.seen_ids import SeenIds


class FewSeenIds(SeenIds):
    FEW = 8
    BLOCK = 4


@given(pages=st.lists(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 30), max_size=9)))
def test_seen_ids_are_a_set_however_many(pages: list[list[int]]) -> None:
    few, known = FewSeenIds(), set[int]()
    for page in pages:
        assert few.add(page) == set(page) - known
        known |= set(page)
        assert len(few) == len(known)


def test_many_ids_take_eight_bytes_each() -> None:
    seen = SeenIds()
    for start in range(200_000, 0, -100):
        assert len(seen.add(range(start, start - 100, -1))) == 100
    assert len(seen) == 200_000
    assert seen.add([5, 200_001]) == {200_001}
    assert not seen._few
    assert all(len(block) <= seen.BLOCK for block in seen._blocks)
    assert {block.itemsize for block in seen._blocks} == {8}
