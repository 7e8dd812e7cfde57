"""An awaited listing behaves like a list, except for its display in a notebook."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import sys
from typing import TYPE_CHECKING

import pytest
from IPython.lib.pretty import pretty

from ghpkg_async import GitHubPackages, Package
from ghpkg_async._items import Items
from tests.support.session import InMemorySession
from tests.tables.rig import package, version

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghpkg_async.testing import EmbeddedGitHub


async def test_a_listing_gives_all_its_pages_as_one() -> None:
    session = InMemorySession(list(range(25)))
    items = await session.listing()
    assert type(items) is Items
    assert [each.id for each in items] == session.ids


async def test_an_empty_listing_has_the_columns_of_its_item_type(
    github: EmbeddedGitHub, github_client: GitHubPackages
) -> None:
    owner = github_client.org(github.world.org("acme").login)
    github.world.org("acme").package("npm", "left", versions=1)
    packages = await owner.packages("container")
    conflicts = await owner.docker_conflicts()
    versions = await owner.package("npm", "left").versions(state="deleted")
    assert (packages, conflicts, versions) == ([], [], [])
    assert packages.to_pandas().columns.to_list() == conflicts.to_arrow().column_names
    assert "version_count" in packages.to_arrow().column_names
    assert "tags" in versions.to_arrow().column_names


def test_items_compare_and_print_like_a_list() -> None:
    plain = [package(), package(id=2)]
    items = Items(plain)
    assert items == plain
    assert plain == items
    assert items != plain[:1]
    assert [*items, *plain] == items + plain
    assert repr(items) == repr(plain)
    assert str(items) == str(plain)
    assert pretty(items) == pretty(plain)  # type: ignore[no-untyped-call,unused-ignore]
    assert isinstance(items, list)
    with pytest.raises(TypeError, match="unhashable"):
        hash(items)


def test_items_serialize_as_json() -> None:
    assert json.dumps(Items([1, "a"])) == '[1, "a"]'


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_items_pickle_as_a_list(protocol: int) -> None:
    items = Items([package(), package(id=2)], kind=Package)
    pickled = pickle.dumps(items, protocol)
    assert b"ghpkg_async._items" not in pickled
    loaded = pickle.loads(pickled)  # noqa: S301
    assert type(loaded) is list
    assert loaded == items


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (copy.copy, Items),
        (list.copy, list),
        (lambda items: items.copy(), Items),
        (lambda items: items[:1], Items),
        (lambda items: items[::-1], Items),
        (lambda items: items + items, Items),
        (lambda items: items + [3], Items),  # noqa: RUF005
        (sorted, list),
        (copy.deepcopy, list),
        (lambda items: [3] + items, list),  # noqa: RUF005
    ],
)
def test_slices_sums_and_copies_of_it_are_too(
    made: Callable[[list[int]], list[int]], expected: type
) -> None:
    items = Items([2, 1])
    assert type(made(items)) is expected
    assert made(items) == made([2, 1])


def test_an_empty_slice_keeps_the_item_type() -> None:
    items = Items([package()], kind=Package)
    for empty in (items[5:], items[:0] + items[:0], items[:0].copy()):
        assert "version_count" in empty.to_pandas().columns


@pytest.mark.parametrize("name", ["to_arrow", "to_pandas", "to_polars"])
def test_a_listing_that_was_not_awaited_raises_a_helpful_error(name: str) -> None:
    gh = GitHubPackages("")
    for unasked in (gh.me().packages("npm"), gh.audit(["acme"])):
        with pytest.raises(AttributeError, match=rf"await it first: \(await \.\.\.\)\.{name}\(\)"):
            getattr(unasked, name)
        assert not hasattr(unasked, "to_csv")


def test_there_is_no_more_room_in_it_than_in_a_list() -> None:
    with pytest.raises(AttributeError):
        Items([1]).mine = 2  # type: ignore[attr-defined]


def test_sorted_items_can_be_wrapped_again() -> None:
    items = Items(sorted([version("a"), version("b", id=2)], key=lambda each: -each.id))
    assert [each.id for each in items] == [2, 1]
    shown = items._repr_html_()
    assert shown is not None
    assert "2 versions" in shown


@pytest.mark.slow
async def test_importing_the_package_loads_no_table_library() -> None:
    code = "import sys, ghpkg_async, ghpkg_async.audit; print(*sys.modules)"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    loaded = out.decode().split()
    assert "ghpkg_async._items" in loaded
    heavy = {"pandas", "polars", "pyarrow", "numpy", "rich", "ghpkg_async.tables._display"}
    assert not heavy & set(loaded)
