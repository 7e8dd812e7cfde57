"""Data frames have the same columns for any items, without loss of data."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pandas as pd  # type: ignore[import-untyped,unused-ignore]
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from ghpkg_async import (
    ConfigurationError,
    GitHubPackages,
    Items,
    Package,
    PackageVersion,
    from_dict,
)
from ghpkg_async.audit import PackageEntry
from ghpkg_async.audit._outputs import open_output, read_records
from ghpkg_async.tables import to_arrow, to_pandas, to_polars
from tests.tables.rig import ELSEWHERE, FIRST, LAST, NOON, entry, failure, package, report, version

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ghpkg_async.testing import EmbeddedGitHub

TEXT, NUMBER, TIME = pa.string(), pa.int64(), pa.timestamp("us", tz="UTC")
TEXTS = pa.list_(TEXT)
PACKAGES = {
    "owner": TEXT,
    "package_type": TEXT,
    "name": TEXT,
    "id": NUMBER,
    "visibility": TEXT,
    "version_count": NUMBER,
    "created_at": TIME,
    "updated_at": TIME,
    "html_url": TEXT,
    "repository": TEXT,
}
VERSIONS = {
    "package_type": TEXT,
    "name": TEXT,
    "id": NUMBER,
    "tags": TEXTS,
    "created_at": TIME,
    "updated_at": TIME,
    "deleted_at": TIME,
    "license": TEXT,
    "description": TEXT,
    "html_url": TEXT,
    "package_html_url": TEXT,
}
POLARS = {
    TEXT: pl.String,
    NUMBER: pl.Int64,
    TIME: pl.Datetime("us", "UTC"),
    TEXTS: pl.List(pl.String),
}
DTYPES = {TEXT: "string", NUMBER: "Int64", TIME: "datetime64[us, UTC]", TEXTS: "object"}


@pytest.mark.parametrize(
    ("items", "kind", "columns"),
    [
        ([package()], None, PACKAGES),
        ([], Package, PACKAGES),
        (iter([package()]), None, PACKAGES),
        ((version("a"), version()), None, VERSIONS),
        ([], PackageVersion, VERSIONS),
    ],
)
def test_the_columns_depend_on_the_type_of_the_items(
    items: Any, kind: type | None, columns: dict[str, pa.DataType]
) -> None:
    if not isinstance(items, (list, tuple)):
        items = list(items)
    table = to_arrow(items, kind=kind)
    assert dict(zip(table.schema.names, table.schema.types, strict=True)) == columns
    assert table.num_rows == len(items)
    frame = to_pandas(items, kind=kind)
    assert frame.columns.to_list() == list(columns)
    assert [str(each) for each in frame.dtypes] == [DTYPES[each] for each in columns.values()]
    assert len(frame) == len(items)
    polars = to_polars(items, kind=kind)
    assert polars.columns == list(columns)
    assert polars.dtypes == [POLARS[each] for each in columns.values()]
    assert polars.height == len(items)


def test_a_generator_will_do() -> None:
    assert to_arrow(package(id=each) for each in range(3))["id"].to_pylist() == [0, 1, 2]


async def test_packages_decoded_from_a_response_convert(
    github: EmbeddedGitHub, github_client: GitHubPackages
) -> None:
    github.api.behaves = "documented"
    acme = github.world.org("acme")
    acme.package("npm", "left", repository="tools", versions=2)
    acme.package("npm", "right", visibility="public")
    packages = await github_client.org("acme").packages("npm")
    left, right = sorted(packages.to_arrow().to_pylist(), key=lambda row: str(row["name"]))
    assert (left["owner"], left["repository"], left["version_count"]) == ("acme", "acme/tools", 2)
    assert (right["owner"], right["repository"], right["visibility"]) == ("acme", None, "public")
    assert {each.id: each.updated_at for each in packages} == {
        row["id"]: row["updated_at"] for row in (left, right)
    }
    frame = packages.to_pandas().set_index("name")
    assert frame.loc["left", "repository"] == "acme/tools"
    assert frame.loc["right", "repository"] is pd.NA


def test_tags_are_lists_and_times_are_times() -> None:
    versions = [version("latest", "1.0"), version(), version(metadata=None, deleted_at=ELSEWHERE)]
    table = to_arrow(versions)
    assert table["tags"].to_pylist() == [["latest", "1.0"], [], []]
    assert table["deleted_at"].to_pylist() == [None, None, NOON]
    frame = to_pandas(versions)
    assert frame["tags"].to_list() == [["latest", "1.0"], [], []]
    assert frame["deleted_at"].to_list() == [pd.NaT, pd.NaT, pd.Timestamp(NOON)]
    assert frame["package_type"].to_list() == ["container", "container", pd.NA]
    polars = to_polars(versions)
    assert polars["tags"].to_list() == [["latest", "1.0"], [], []]
    assert polars["deleted_at"].to_list() == [None, None, NOON]


@pytest.mark.parametrize("moment", [FIRST, LAST, ELSEWHERE, NOON.replace(microsecond=1)])
def test_any_time_fits(moment: Any) -> None:
    item = package(updated_at=moment)
    assert to_arrow([item, package()])["updated_at"][0].as_py() == moment
    assert to_pandas([item, package()])["updated_at"][0] == moment
    assert to_polars([item, package()])["updated_at"][0] == moment


@pytest.mark.parametrize("number", [0, -(2**63), 2**63 - 1, 2**53 + 1])
def test_ids_are_exact(number: int) -> None:
    items = [package(id=number), package()]
    assert to_arrow(items)["id"].to_pylist() == [number, 1]
    assert to_pandas(items)["id"].to_list() == [number, 1]
    assert to_polars(items)["id"].to_list() == [number, 1]


def test_a_number_of_versions_that_is_unknown_is_a_missing_whole_number() -> None:
    items = [package(version_count=None), package(version_count=2**53 + 1)]
    assert to_arrow(items)["version_count"].to_pylist() == [None, 2**53 + 1]
    assert to_pandas(items)["version_count"].to_list() == [pd.NA, 2**53 + 1]
    assert to_polars(items)["version_count"].to_list() == [None, 2**53 + 1]


def test_a_report_is_the_table_of_its_parquet_output(tmp_path: Path) -> None:
    whole = report(failure(), failure(owner="acme", granted=("repo",)))
    output = open_output(tmp_path / "a.parquet", whole.header)
    output.begin()
    output.write(list(whole.records()))
    output.close()
    table = whole.to_arrow()
    written = parquet.read_table(tmp_path / "a.parquet")
    assert table.equals(written)
    assert table.schema.metadata == written.schema.metadata
    parquet.write_table(table, tmp_path / "b.parquet")
    assert type(whole).of(whole.header, read_records(tmp_path / "b.parquet")) == whole


def test_a_report_as_a_data_frame() -> None:
    frame = report(failure()).to_pandas()
    assert frame.columns.to_list() == report().to_arrow().column_names
    assert frame["record"].to_list() == ["conflict", "package", "failure", "done"]
    packages = frame[frame["record"] == "package"]
    assert packages["versions_untagged"].to_list() == [2]
    failures = frame[frame["record"] == "failure"]
    assert failures["organizations"].to_list() == [["21955855", "20582480"]]
    assert report(failure()).to_polars()["record"].to_list() == frame["record"].to_list()


def test_records_of_different_kinds_are_one_table() -> None:
    records = [entry(), failure()]
    assert to_arrow(records)["record"].to_pylist() == ["package", "failure"]
    assert to_arrow([], kind=PackageEntry).schema.names == to_arrow(records).schema.names
    assert to_pandas(report().packages)["name"].to_list() == ["team/app"]


def test_a_package_and_an_audited_one_fit_side_by_side() -> None:
    names = to_arrow([package()]).schema.names
    both = to_arrow([entry()]).select(names)
    assert both.schema == to_arrow([package()]).schema


EACH = pytest.mark.parametrize("convert", [to_arrow, to_pandas, to_polars])


@EACH
@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([], "kind: missing"),
        (Items(), "kind: missing"),
        ([1], "items: int is not one of Package, PackageVersion"),
        ("left", "items: 'left' is not a list"),
        (b"left", "items: b'left' is not a list"),
        (None, "items: None is not a list"),
        ({"name": "left"}, "items: str is not one of"),
        ([package(), version()], "items: Package and PackageVersion are rows of different tables"),
        ([package(), entry()], "items: Package and PackageEntry are rows of different tables"),
        ([package(), None], "items: NoneType is not one of"),
    ],
)
def test_items_without_columns_raise_a_helpful_error(
    convert: Callable[..., object], items: Any, told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        convert(items)


@EACH
def test_a_listing_is_to_be_awaited_first(convert: Callable[..., object]) -> None:
    gh = GitHubPackages("")
    for unasked in (gh.me().packages("npm"), gh.audit(["acme"])):
        with pytest.raises(ConfigurationError, match="await a listing or an audit"):
            convert(unasked)


@EACH
@pytest.mark.parametrize("kind", [int, "Package", 5])
def test_a_kind_is_a_model(convert: Callable[..., object], kind: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^kind: "):
        convert([], kind=kind)


@pytest.mark.parametrize(
    ("convert", "column", "value"),
    [
        (to_arrow, "version_count", 2**63),
        (to_pandas, "version_count", 2**63),
        (to_polars, "version_count", 2**63),
        (to_arrow, "version_count", 10**400),
        (to_pandas, "version_count", 10**400),
        (to_polars, "version_count", 10**400),
        (to_arrow, "name", "\ud800"),  # In pandas, this depends on the storage of strings.
    ],
)
def test_a_value_that_fits_no_column_is_named_in_the_error(
    convert: Callable[..., object], column: str, value: Any
) -> None:
    with pytest.raises(ConfigurationError, match=f"does not fit the column '{column}'"):
        convert([package(**{column: value})])


@pytest.mark.parametrize(
    ("library", "extra", "convert"),
    [
        ("pyarrow", "parquet", to_arrow),
        ("pandas", "pandas", to_pandas),
        ("polars", "polars", to_polars),
    ],
)
def test_without_the_library_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, library: str, extra: str, convert: Callable[..., object]
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigurationError) as caught:
        convert([package()])
    assert str(caught.value) == (f'{library} is not installed: pip install "ghpkg-async[{extra}]"')


def test_a_subclass_of_a_model_has_the_columns_of_its_base() -> None:
    class Mine(Package):
        pass

    mine = from_dict(
        Mine,
        {
            "id": 1,
            "name": "left",
            "package_type": "npm",
            "version_count": 3,
            "visibility": "private",
            "url": "",
            "created_at": "2025-06-02T12:00:00Z",
            "updated_at": "2025-06-02T12:00:00Z",
            "html_url": "",
        },
    )
    assert to_arrow([mine, package()])["name"].to_pylist() == ["left", "left"]
