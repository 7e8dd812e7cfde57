"""`ghpkg notebook` writes the notebook, and overwrites a file only with `--force`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ghpkg_async._cli.app import run
from tests.notebook.test_notebook import SHIPPED

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_notebook_is_written_and_the_next_command_shown(
    tmp_path: Path, capsys: Captured
) -> None:
    assert run(["notebook"]) == 0
    assert (tmp_path / "packages.ipynb").read_bytes() == SHIPPED.read_bytes()
    out, err = capsys.readouterr()
    assert out == "Wrote packages.ipynb. Open it with: jupyter lab packages.ipynb\n"
    assert err == ""


def test_the_notebook_is_written_to_the_given_path(tmp_path: Path, capsys: Captured) -> None:
    assert run(["notebook", "my own.ipynb"]) == 0
    assert (tmp_path / "my own.ipynb").read_bytes() == SHIPPED.read_bytes()
    assert "jupyter lab 'my own.ipynb'\n" in capsys.readouterr().out


def test_an_existing_file_is_kept_without_force(tmp_path: Path, capsys: Captured) -> None:
    mine = tmp_path / "packages.ipynb"
    mine.write_text("my work, and more than the shipped one has. " * 1000)
    before = mine.read_bytes()
    assert run(["notebook"]) == 2
    out, err = capsys.readouterr()
    assert (out, mine.read_bytes()) == ("", before)
    assert err.startswith("ghpkg: FILE: packages.ipynb exists already")
    assert "--force" in err
    assert run(["notebook", "--force"]) == 0
    assert mine.read_bytes() == SHIPPED.read_bytes()


@pytest.mark.parametrize("options", [[], ["--force"]])
@pytest.mark.parametrize("file", ["notes.txt", "notes", ".ipynb", "nowhere/a.ipynb", "dir.ipynb"])
def test_a_file_that_cannot_be_is_named(
    tmp_path: Path, capsys: Captured, file: str, options: list[str]
) -> None:
    (tmp_path / "dir.ipynb").mkdir()
    assert run(["notebook", file, *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ghpkg: FILE: ")
    assert file in err
    assert [each.name for each in tmp_path.iterdir()] == ["dir.ipynb"]


def test_without_its_libraries_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr("ghpkg_async._cli.notebook.find_spec", lambda _name: None)
    assert run(["notebook"]) == 0
    assert 'pip install "ghpkg-async[notebook]"' in capsys.readouterr().err


def test_the_help_has_an_example(capsys: Captured) -> None:
    assert run(["notebook", "--help"]) == 0
    assert "Example: ghpkg notebook" in capsys.readouterr().out
