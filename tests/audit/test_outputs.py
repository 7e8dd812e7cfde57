"""Output files: round trips, repair of incomplete ones, and protection of other files."""

from __future__ import annotations

import csv
import json
import resource
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import attrs
import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async import ConfigurationError
from ghpkg_async.audit import (
    SCHEMA_VERSION,
    ConflictEntry,
    FailureEntry,
    ListingDone,
    ListingKey,
    PackageEntry,
    VersionsSummary,
)
from ghpkg_async.audit._outputs import JsonlFile, open_output, read_records
from ghpkg_async.audit._outputs.columns import COLUMNS
from ghpkg_async.audit._records import to_line
from tests.audit.rig import HEADER, RECORDS
from tests.support.examples import examples
from tests.support.records import NOW, complete_listing, conflict, done, failure, package

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ghpkg_async.audit import Record

SUFFIXES = [".jsonl", ".csv", ".parquet"]
LISTINGS: list[list[Record]] = [
    complete_listing("acme", "npm", "a", "b", "c"),
    [conflict(), done(package_type=None, count=1)],
    complete_listing("acme", "container"),
    [package("d", owner="user:octocat"), failure("user:octocat", "npm")],
    complete_listing("user:octocat", "container", "e"),
]


@pytest.fixture(params=SUFFIXES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"audit{request.param}"


def write(path: Path, records: Sequence[Record]) -> None:
    output = open_output(path, HEADER)
    output.begin()
    output.write(records)
    output.close()


def test_every_field_of_a_record_has_a_column() -> None:
    fields = {"record"}
    for record_type in (PackageEntry, ConflictEntry, FailureEntry, ListingDone):
        fields |= {field.name for field in attrs.fields(record_type)}
    summary = {f"versions_{field.name}" for field in attrs.fields(VersionsSummary)}
    assert {column.name for column in COLUMNS} == fields - {"versions"} | summary


@examples(60)
@given(records=st.lists(RECORDS, max_size=8), suffix=st.sampled_from(SUFFIXES))
def test_records_are_read_as_they_were_written(records: list[Record], suffix: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"audit{suffix}"
        write(path, records)
        there = list(read_records(path))
        if suffix == ".jsonl":  # The file starts with the package that has most fields.
            there.sort(key=str)
            records = sorted(records, key=str)
        assert there == records


def test_nothing_but_the_file_is_left_behind(path: Path) -> None:
    write(path, LISTINGS[0])
    assert list(path.parent.iterdir()) == [path]


def test_opening_changes_nothing(path: Path) -> None:
    open_output(path, HEADER).close()
    assert list(path.parent.iterdir()) == []
    write(path, LISTINGS[0])
    before = path.read_bytes()
    open_output(path, HEADER).close()
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_another_process_keeps_out_of_a_file_being_written(path: Path) -> None:
    output = open_output(path, HEADER)
    output.begin()
    with pytest.raises(ConfigurationError, match="another process is writing it"):
        open_output(path, HEADER)
    output.close()
    open_output(path, HEADER).close()


def test_a_file_that_is_something_else_is_refused_and_left_alone(path: Path) -> None:
    for content in (b"name,price\nx,1\n", b'{"a": 1}\n', b"PAR1", b"not ours\n"):
        path.write_bytes(content)
        with pytest.raises(ConfigurationError, match="it is not an audit's output") as caught:
            open_output(path, HEADER)
        assert str(path) in str(caught.value)
        assert path.read_bytes() == content
        with pytest.raises(ConfigurationError):
            list(read_records(path))


@pytest.mark.parametrize("where", ["missing/audit", ".", "audit.txt"])
def test_an_unwritable_output_is_refused_by_its_path(
    tmp_path: Path, path: Path, where: str
) -> None:
    target = tmp_path / (where if "." in where[1:] else f"{where}{path.suffix}")
    if where == ".":
        target = path
        target.mkdir()
    with pytest.raises(ConfigurationError) as caught:
        open_output(target, HEADER)
    assert str(caught.value).startswith(f"{target}: ")


def test_another_schema_is_refused(path: Path) -> None:
    header = attrs.evolve(HEADER, schema_version=999)
    if path.suffix == ".csv":
        write(path, LISTINGS[0])
        path.write_text(path.read_text().replace(f",{SCHEMA_VERSION}\n", ",999\n"))
    else:
        output = open_output(path, header)
        output.begin()
        output.close()
    with pytest.raises(ConfigurationError, match=r"schema_version is '?999"):
        open_output(path, HEADER)
    with pytest.raises(ConfigurationError, match=r"schema_version is '?999"):
        list(read_records(path))


def resumed(path: Path) -> Iterator[tuple[JsonlFile, list[Record]]]:
    output = JsonlFile(path, HEADER)
    output.begin()
    yield output, list(output.kept())
    output.close()


@examples(150)
@given(st.data())
def test_wherever_it_is_torn_each_listing_is_there_whole_or_not_at_all(data: st.DataObject) -> None:
    records = [record for listing in LISTINGS for record in listing]
    raw = to_line(HEADER) + b"".join(map(to_line, records))
    cut = data.draw(st.integers(0, len(raw)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "audit.jsonl"
        path.write_bytes(raw[:cut])
        output = JsonlFile(path, HEADER)
        output.begin()
        kept = list(output.kept())
        lines = raw[:cut].count(b"\n") - 1
        expected = [
            listing
            for number, listing in enumerate(LISTINGS)
            if sum(map(len, LISTINGS[: number + 1])) <= lines
            and isinstance(listing[-1], ListingDone)
        ]
        assert kept == [record for listing in expected for record in listing]
        # Appending the missing listings makes the file complete, without duplicates.
        for listing in LISTINGS:
            if listing not in expected:
                output.write(listing)
        output.close()
        assert sorted(map(str, read_records(path))) == sorted(map(str, records))
        assert all(json.loads(line) for line in path.read_bytes().splitlines())
        assert list(Path(folder).iterdir()) == [path]


def test_mixed_listings_are_taken_apart(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    lines: list[Record] = [
        package(name="a"),
        package("b", owner="user:octocat"),
        package(name="c"),
        done(count=2),
        package("d", owner="user:octocat"),
    ]
    path.write_bytes(b"".join(map(to_line, [HEADER, *lines])))
    for output, kept in resumed(path):
        assert output.done == {ListingKey("acme", "npm")}
        assert kept == [lines[0], lines[2], lines[3]]


def test_a_listing_that_lacks_a_record_is_not_done(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(to_line(HEADER) + to_line(package()) + to_line(done(count=2)))
    for output, kept in resumed(path):
        assert not output.done
        assert not kept


def test_an_output_resumes_with_the_same_owners_in_any_order_and_case(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    write(path, LISTINGS[0])
    header = attrs.evolve(HEADER, owners=("user:Octocat", "ACME"))
    output = JsonlFile(path, header)
    assert output.done == {ListingKey("acme", "npm")}
    output.close()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"owners": ("acme",)}, "owners"),
        ({"package_types": ("npm",)}, "package types"),
        ({"with_versions": True}, "--versions"),
        ({"base_url": "https://ghe.example/api/v3"}, "--base-url"),
    ],
)
def test_an_output_of_another_audit_is_not_resumed(
    tmp_path: Path, asked: dict[str, object], told: str
) -> None:
    path = tmp_path / "audit.jsonl"
    write(path, LISTINGS[0])
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=f"an audit with other {told}"):
        open_output(path, attrs.evolve(HEADER, **asked))  # type: ignore[arg-type]
    assert path.read_bytes() == before


def test_an_invalid_line_in_the_middle_raises_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    write(path, LISTINGS[0])
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b'{"record":"pack\n'
    path.write_bytes(b"".join(lines))
    with pytest.raises(ConfigurationError, match="line 3"):
        open_output(path, HEADER)
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@scope/pkg", "\uff1d1", "'=1"])
def test_a_cell_that_begins_like_a_formula_begins_with_an_apostrophe(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "audit.csv"
    write(path, [package(name=name, repository=name)])
    with path.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["name"] == row["repository"] == f"'{name}"
    assert next(read_records(path)).name == name  # type: ignore[union-attr]


FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"
SEPARATORS = ",;\t|:^~ \r\n"
DROPPED = {*map(chr, range(0x21)), *map(chr, range(0x7F, 0xA1)), *'\ufeff\u200b\u2028\u3000"'}


def cells_of(text: str) -> Iterator[str]:
    """Yield the cells a spreadsheet may parse, without the leading characters it may drop."""
    for separator in SEPARATORS:
        rows = csv.reader(text.splitlines(), delimiter=separator) if separator not in "\r\n" else ()
        for row in (text.split(separator), *rows):
            yield from (cell.lstrip("".join(DROPPED)) for cell in row)


@pytest.mark.parametrize("before", [*sorted({*DROPPED, *SEPARATORS}), '";"', ";\x00", "';", "\t'"])
def test_no_text_of_a_table_is_a_formula_with_any_separator(tmp_path: Path, before: str) -> None:
    path = tmp_path / "audit.csv"
    names = [f"{start}{before}{sign}1+1" for start in ("", "x") for sign in FORMULA]
    write(path, [package(name=name) for name in names])
    found = [cell for cell in cells_of(path.read_bytes().decode()) if cell[:1] in [*FORMULA]]
    assert not found
    assert [record.name for record in read_records(path)] == names  # type: ignore[union-attr]


@examples(200)
@given(st.lists(st.text(st.sampled_from([*FORMULA, *SEPARATORS, *"\"'\x00ab/."])), min_size=1))
def test_no_mixture_of_separators_and_quotes_is_a_formula(names: list[str]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "audit.csv"
        write(path, [package(name=f"x{name}", repository=name or None) for name in names])
        found = [cell for cell in cells_of(path.read_bytes().decode()) if cell[:1] in [*FORMULA]]
        assert not found
        records = list(read_records(path))
    assert [record.repository or "" for record in records] == names  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["team/app", "a-b_c.d", "my--app", "x/@scope", "it's", "1.0+a=b"])
def test_an_ordinary_cell_is_unchanged(tmp_path: Path, name: str) -> None:
    path = tmp_path / "audit.csv"
    write(path, [package(name=name)])
    with path.open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == [name]


@pytest.mark.parametrize("name", ["audit.csv", "audit.parquet"])
def test_an_earlier_table_stays_until_the_new_one_is_whole(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write(path, LISTINGS[0])
    output = open_output(path, HEADER)
    output.begin()
    output.write(LISTINGS[1])
    assert list(read_records(path)) == LISTINGS[0]
    output.finish()
    output.close()
    assert list(read_records(path)) == LISTINGS[1]


@pytest.mark.parametrize("name", ["audit.csv", "audit.parquet"])
def test_an_audit_that_has_not_ended_replaces_no_earlier_table(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with closing(open_output(path, HEADER)) as output:
        output.begin()
        output.write(LISTINGS[0])
    assert list(read_records(path)) == LISTINGS[0], "there was no earlier table"
    with closing(open_output(path, HEADER)) as output:
        output.begin()
        output.write(LISTINGS[1])
    assert list(read_records(path)) == LISTINGS[0]
    assert [each.name for each in tmp_path.iterdir()] == [name]


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Limit the size of files, so that larger writes fail as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def one_by_one(path: Path, records: Sequence[Record]) -> None:
    with closing(open_output(path, HEADER)) as output:
        output.begin()
        for record in records:
            output.write([record])


MANY = [package(name=f"{number}-{number**50}") for number in range(5_000)]


@pytest.mark.parametrize("size", [0, 20_000, 100_000])
@pytest.mark.parametrize("name", ["audit.csv", "audit.parquet"])
def test_a_table_that_the_disk_has_no_room_for_leaves_the_earlier_one(
    tmp_path: Path, name: str, size: int
) -> None:
    path = tmp_path / name
    write(path, LISTINGS[0])
    with room_for(size), pytest.raises(OSError, match="too large"):
        one_by_one(path, MANY)
    assert list(tmp_path.iterdir()) == [path]
    assert list(read_records(path)) == LISTINGS[0]


@pytest.mark.parametrize("before", [0, 3_000])
def test_a_number_no_table_has_room_for_leaves_the_earlier_one(tmp_path: Path, before: int) -> None:
    path = tmp_path / "audit.parquet"
    write(path, LISTINGS[0])
    with pytest.raises((OverflowError, ValueError)):
        one_by_one(path, [*MANY[:before], package(version_count=2**70), *MANY[before:]])
    assert list(tmp_path.iterdir()) == [path]
    assert list(read_records(path)) == LISTINGS[0]


def test_lines_that_the_disk_has_room_for_stay(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    records = [*LISTINGS[0], *MANY]
    with room_for(20_000), pytest.raises(OSError, match="too large"):
        one_by_one(path, records)
    there = list(read_records(path))
    assert 0 < len(there) < len(records)
    assert there == records[: len(there)]


def test_a_failed_write_raises_once(path: Path) -> None:
    output = open_output(path, HEADER)
    output.begin()
    with room_for(20_000):
        with pytest.raises(OSError, match="too large"):
            for record in MANY:
                output.write([record])
        output.close()


def test_a_number_that_cannot_be_written_raises_once(tmp_path: Path) -> None:
    output = open_output(tmp_path / "audit.parquet", HEADER)
    output.begin()
    with pytest.raises((OverflowError, ValueError)):
        output.write([*MANY, package(version_count=2**70)])
    output.close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_while_copying_kept_records_leaves_the_file_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    names = [str(number) for number in range(500)]
    write(
        path,
        [*complete_listing("acme", "npm", *names), package("not done", package_type="maven")],
    )
    before = path.read_bytes()
    with room_for(100), pytest.raises(OSError, match="too large"):
        one_by_one(path, MANY)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


def test_a_full_disk_while_appending_leaves_the_file_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    write(path, [*LISTINGS[0], package(name="of a listing that is not done")])
    before = path.read_bytes()
    with room_for(100), pytest.raises(OSError, match="too large"):
        one_by_one(path, MANY)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


def test_parquet_is_typed(tmp_path: Path) -> None:
    from pyarrow import parquet

    path = tmp_path / "audit.parquet"
    write(path, [package(), failure(organizations=("1", "2"))])
    table = parquet.read_table(path)
    assert str(table.schema.field("created_at").type) == "timestamp[us, tz=UTC]"
    assert str(table.schema.field("version_count").type) == "int64"
    assert table.column("organizations").to_pylist()[1] == ["1", "2"]
    assert json.loads(table.schema.metadata[b"ghpkg_audit"])["schema_version"] == SCHEMA_VERSION


def test_a_missing_pyarrow_is_named_in_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r'pip install "ghpkg-async\[parquet\]"'):
        open_output(tmp_path / "audit.parquet", HEADER)


def test_other_tools_read_lines_and_tables_alike(tmp_path: Path) -> None:
    summary = VersionsSummary(3, NOW, NOW, 2, 1)
    records: list[Record] = [
        package(name="unknown", version_count=None, repository=None),
        package(name="known", version_count=3, versions=summary),
        done(count=2),
        failure("user:octocat"),
    ]
    query = "SELECT name, version_count, soft_deleted, repository FROM '{}' WHERE record='package'"
    expected = {("unknown", None, False, None), ("known", 3, False, "acme/left")}
    for name in ("audit.jsonl", "audit.parquet"):
        write(tmp_path / name, records)
        with duckdb.connect() as database:
            assert set(database.sql(query.format(tmp_path / name)).fetchall()) == expected
    lines = pl.read_ndjson(tmp_path / "audit.jsonl", infer_schema_length=3)
    packages = lines.filter(pl.col("record") == "package")
    columns = ("name", "version_count", "soft_deleted", "repository")
    assert set(packages.select(columns).rows()) == expected
