"""The parts of an audit on a cluster, and the tokens and points of each part."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghpkg_async import ConfigurationError
from ghpkg_async.audit.cluster import audit_on
from ghpkg_async.audit.cluster._plan import (
    Budget,
    Job,
    budgets,
    divided,
    parted,
    parts_for,
    unique_tokens,
)
from tests.audit.rig import HEADER

SECRET = "ghp_thesecretofthisjob"
LOGINS = st.from_regex(r"(user:)?[a-z][a-z0-9]{0,8}", fullmatch=True)


@settings(deadline=None)
@given(st.integers(1, 10**6), st.integers(1, 50))
def test_shares_are_together_the_whole_and_nearly_equal(total: int, among: int) -> None:
    if total < among:
        with pytest.raises(ConfigurationError, match=rf"^points_per_minute: {total} cannot"):
            divided("points_per_minute", total, among)
        return
    shares = divided("points_per_minute", total, among)
    assert len(shares) == among
    assert sum(shares) == total
    assert min(shares) >= 1
    assert max(shares) - min(shares) <= 1


@settings(deadline=None)
@given(
    parts=st.integers(1, 40),
    tokens=st.integers(1, 10),
    points=st.none() | st.integers(40, 2000),
    concurrency=st.integers(40, 100),
)
def test_each_token_is_spent_whole_by_the_parts_that_share_it(
    parts: int, tokens: int, points: int | None, concurrency: int
) -> None:
    shares = budgets(parts, tokens, Budget(points, concurrency))
    assert len(shares) == parts
    for token in range(min(parts, tokens)):
        of_token = [share for number, share in enumerate(shares) if number % tokens == token]
        assert sum(share.concurrency for share in of_token) == concurrency
        if points is None:
            assert {share.points_per_minute for share in of_token} == {None}
        else:
            assert sum(share.points_per_minute or 0 for share in of_token) == points


def test_independent_tokens_have_whole_budgets_and_a_shared_one_is_divided() -> None:
    assert budgets(2, 2, Budget(900, 16)) == [Budget(900, 16)] * 2
    assert budgets(2, 1, Budget(901, 15)) == [Budget(451, 8), Budget(450, 7)]
    assert budgets(3, 2, Budget(900, 16)) == [Budget(450, 8), Budget(900, 16), Budget(450, 8)]


@pytest.mark.parametrize(
    ("budget", "named"),
    [(Budget(2, 16), "points_per_minute"), (Budget(None, 2), "concurrency")],
)
def test_too_little_for_the_parts_is_refused(budget: Budget, named: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{named}: 2 cannot be divided among 3 parts"):
        budgets(3, 1, budget)


@pytest.mark.parametrize(
    ("workers", "tokens", "budget", "parts"),
    [
        (8, 1, Budget(900, 16), 8),
        (8, 1, Budget(900, 3), 3),
        (8, 1, Budget(2, 16), 2),
        (8, 2, Budget(None, 3), 6),
        (2, 5, Budget(900, 16), 5),
        (0, 1, Budget(900, 16), 1),
    ],
)
def test_as_many_parts_as_workers_or_tokens(
    workers: int, tokens: int, budget: Budget, parts: int
) -> None:
    assert parts_for(workers, tokens, budget) == parts
    assert len(budgets(parts, tokens, budget)) == parts


@settings(deadline=None)
@given(st.lists(LOGINS, unique=True, max_size=30), st.integers(1, 9), st.randoms())
def test_an_owner_s_part_depends_on_its_name_alone(
    owners: list[str], count: int, random: Any
) -> None:
    parts = parted(owners, count)
    assert all(parts)
    assert sorted(owner for part in parts for owner in part) == sorted(owners)
    for part in parts:
        assert [owner for owner in owners if owner in part] == list(part)
    some = random.sample(owners, random.randint(0, len(owners)))
    kept = [set(part) & set(some) for part in parts]
    assert [set(part) for part in parted(some, count)] == [each for each in kept if each]


def test_the_part_of_an_owner_is_stable_across_releases() -> None:
    owners = ("acme", "octo-org", "user:octocat", "nobody-at-all")
    assert parted(owners, 2) == [("octo-org", "user:octocat", "nobody-at-all"), ("acme",)]
    assert parted(owners, 3) == [("acme", "user:octocat"), ("octo-org", "nobody-at-all")]


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2"])
def test_an_invalid_number_of_parts_is_refused(count: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^parts: "):
        parted(["acme"], count)


def test_a_token_given_twice_is_one() -> None:
    assert unique_tokens(["a", "b", "a"]) == ["a", "b"]
    assert unique_tokens(None) == [None]


def test_a_job_shows_no_token_and_keeps_it() -> None:
    job = Job(
        key="ghpkg-audit-1",
        path="/shared/part-00000-of-00001.parquet",
        header=HEADER,
        token=SECRET,
        budget=Budget(900, 16),
        options={"user_agent": "x"},
    )
    there = pickle.loads(pickle.dumps(job))  # noqa: S301
    assert there == job
    assert there.token == SECRET
    for shown in (repr(job), repr(there), str(there), f"{[there]}", job.key, repr(job.client())):
        assert SECRET not in shown
    assert "part-00000" in repr(there)


def test_without_distributed_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    cluster: Any = object()
    with pytest.raises(ConfigurationError, match=r"^cluster: .*ghpkg-async\[dask\]"):
        audit_on(cluster, ["acme"], "/nowhere")


@pytest.mark.slow
def test_importing_the_module_loads_neither_distributed_nor_pyarrow() -> None:
    code = (
        "import json, sys, ghpkg_async.audit.cluster\n"
        "print(json.dumps([each.partition('.')[0] for each in sys.modules]))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=30)  # noqa: S603
    loaded = set(json.loads(ran.stdout))
    assert "ghpkg_async" in loaded
    assert not loaded & {"distributed", "dask", "pyarrow", "pandas", "numpy"}
