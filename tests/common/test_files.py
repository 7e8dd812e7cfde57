"""Drafts of output files do not follow symbolic links, and only their owner opens locks."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from ghpkg_async import ConfigurationError
from ghpkg_async._files import AtomicFile, FileLock
from ghpkg_async.audit._outputs import open_output
from tests.audit.rig import HEADER
from tests.support.records import package

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=[".jsonl", ".csv", ".parquet"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"audit{request.param}"


def write(path: Path) -> None:
    with closing(open_output(path, HEADER)) as output:
        output.begin()
        output.write([package()])


def commit(path: Path, content: bytes = b"new") -> None:
    file = AtomicFile(path)
    file.file.write(content)
    file.commit()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def test_a_foreign_part_file_is_untouched(path: Path) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(b"a download under way")
    write(path)
    write(path)
    assert part.read_bytes() == b"a download under way"


def test_a_run_that_only_refuses_removes_nothing(path: Path) -> None:
    path.write_bytes(b"not an audit\n")
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(b"")
    with pytest.raises(ConfigurationError, match="not an audit's output"):
        open_output(path, HEADER)
    assert sorted(path.parent.iterdir()) == sorted([path, part])


def test_an_empty_file_that_was_there_before_stays(path: Path) -> None:
    path.touch()
    open_output(path, HEADER).close()
    assert [*path.parent.iterdir()] == [path]


def test_no_draft_is_written_through_a_symbolic_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / "audit.csv.part").symlink_to(victim)
    write(tmp_path / "audit.csv")
    assert victim.read_bytes() == b"precious"


def test_a_draft_is_created_exclusively(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    monkeypatch.setattr("ghpkg_async._files.secrets.token_hex", lambda _bytes: "guessed")
    (tmp_path / ".audit.csv.guessed.part").symlink_to(victim)
    with pytest.raises(ConfigurationError, match=r"audit\.csv: cannot be written: File exists"):
        AtomicFile(tmp_path / "audit.csv")
    assert victim.read_bytes() == b"precious"


def test_two_drafts_of_a_file_have_different_names(tmp_path: Path) -> None:
    first, second = AtomicFile(tmp_path / "audit"), AtomicFile(tmp_path / "audit")
    assert len(list(tmp_path.iterdir())) == 2
    first.discard()
    second.file.write(b"second")
    second.commit()
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("audit", b"second")]


@pytest.mark.parametrize("before", [0o600, 0o640, 0o444 | stat.S_IWUSR])
def test_a_replaced_file_keeps_its_mode_and_its_draft_is_owner_only(
    tmp_path: Path, before: int
) -> None:
    path = tmp_path / "audit"
    path.touch()
    path.chmod(before)
    with umask(0):
        file = AtomicFile(path)
        (draft,) = {*tmp_path.iterdir()} - {path}
        assert mode(draft) == 0o600
        file.commit()
    assert mode(path) == before


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_new_file_has_the_mode_that_the_umask_leaves(path: Path, mask: int) -> None:
    with umask(mask):
        write(path)
    assert mode(path) == 0o666 & ~mask


def test_a_symbolic_link_stays_and_leads_to_the_new_file(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    commit(link)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_failed_write_leaves_the_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    path.write_bytes(b"old")
    file = AtomicFile(path)
    with pytest.raises(OSError, match="disk"), file.discard_on_error():
        raise OSError("disk full")
    file.commit()
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("audit", b"old")]


def test_a_reader_cannot_block_an_audit(path: Path) -> None:
    write(path)
    with path.open("rb") as reader:
        fcntl.flock(reader, fcntl.LOCK_EX)
        write(path)


def test_only_the_owner_can_open_the_lock(tmp_path: Path) -> None:
    with umask(0):
        lock = FileLock(tmp_path / "audit.csv")
    (file,) = tmp_path.iterdir()
    assert mode(file) == 0o600
    lock.release()
    assert not [*tmp_path.iterdir()]


def test_one_process_at_a_time_writes_a_file_under_any_name(path: Path) -> None:
    link = path.with_name(f"link{path.suffix}")
    link.symlink_to(path)
    with closing(open_output(path, HEADER)):
        for name in (path, link):
            with pytest.raises(ConfigurationError, match="another process is writing it"):
                open_output(name, HEADER)
    open_output(link, HEADER).close()


def test_the_lock_of_a_killed_process_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    (tmp_path / ".audit.csv.lock").touch(0o600)
    write(path)
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("kind", ["file", "link", "fifo"])
def test_a_lock_file_of_another_program_is_refused_and_left_alone(
    tmp_path: Path, kind: str
) -> None:
    lock, victim = tmp_path / ".audit.csv.lock", tmp_path / "victim"
    victim.write_bytes(b"precious")
    if kind == "file":
        lock.write_bytes(b"123\n")
    elif kind == "link":
        lock.symlink_to(victim)
    else:
        os.mkfifo(lock)
    with pytest.raises(ConfigurationError, match=r"audit\.csv: cannot be "):
        FileLock(tmp_path / "audit.csv")
    assert lock.is_symlink() or lock.is_fifo() or lock.read_bytes() == b"123\n"
    assert victim.read_bytes() == b"precious"


def test_a_lock_file_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".audit.csv.lock").touch(0o600)
    monkeypatch.setattr("ghpkg_async._files.os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ConfigurationError, match="belongs to another user or program"):
        FileLock(tmp_path / "audit.csv")


def abandoned_draft(path: Path) -> Path:
    """Create the draft that a killed process leaves beside a file; return its path."""
    draft = path.with_name(f".{path.name}.0123456789abcdef.part")
    draft.write_bytes(b"half of an audit")
    return draft


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_next_audit_removes_the_draft_of_a_killed_one(tmp_path: Path, suffix: str) -> None:
    path, other = tmp_path / f"a[1]{suffix}", abandoned_draft(tmp_path / f"b{suffix}")
    abandoned_draft(path)
    write(path)
    assert {*tmp_path.iterdir()} == {path, other}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_draft_of_a_running_audit_stays(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"audit{suffix}"
    with closing(open_output(path, HEADER)) as output:
        output.begin()
        with pytest.raises(ConfigurationError, match="another process is writing it"):
            open_output(path, HEADER)
        output.write([package()])
    assert [*tmp_path.iterdir()] == [path]


def test_without_locks_every_draft_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("ghpkg_async._files.fcntl.flock", flock)
    path = tmp_path / "audit.csv"
    draft = abandoned_draft(path)
    write(path)
    assert {*tmp_path.iterdir()} == {path, draft}


def test_a_lock_is_released_once(tmp_path: Path) -> None:
    first = FileLock(tmp_path / "audit.csv")
    first.release()
    second = FileLock(tmp_path / "audit.csv")
    first.release()
    with pytest.raises(ConfigurationError, match="another process"):
        FileLock(tmp_path / "audit.csv")
    second.release()
