"""Smoke run of `python -m benchmarks`, with the installed clients."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TABLES = (
    "CPU time a page of 100",
    "500 packages, 5 ms a response",
    "4 organizations, 24 listings, one of 600, 2 ms a response",
    "No `Link` at all, 5 ms a response, 2 ms where all are listed at once",
    "Memory: 7,000 versions streamed",
    "Start",
    "Time by items: versions, 1 ms a response",
    "Time by latency: 400 packages",
    "Requests",
)


def benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def rows(report: str, title: str) -> dict[str, dict[str, str]]:
    """Return the rows of the first table below a title, by their first cell and by column."""
    section = report.partition(f"## {title}\n")[2]
    table = section[section.index("|") :].partition("\n\n")[0].splitlines()
    header, _, *body = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table)
    return {cells[0]: dict(zip(header, cells, strict=True)) for cells in body}


@pytest.fixture(scope="module")
def report() -> str:
    run = benchmarks("--quick")
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_every_table_is_there(report: str) -> None:
    assert tuple(re.findall(r"^## (.*)$", report, re.MULTILINE)) == TABLES
    for title in TABLES:
        assert rows(report, title)


def test_each_client_lists_all_packages(report: str) -> None:
    faults = [line for line in report.splitlines() if line.startswith("| ghpkg-async |")]
    assert faults
    assert not [line for line in faults if re.search("raises|incomplete|wrong", line)]


def test_this_client_sends_the_fewest_requests(report: str) -> None:
    for workload, cells in rows(report, "Requests").items():
        taken, fewest = int(cells["ghpkg-async"]), int(cells["fewest"])
        speculative = 15 if "no `Link` at all" in workload else 0
        assert fewest <= taken <= fewest + speculative


def test_a_client_with_wrong_results_is_reported(report: str) -> None:
    silent = rows(report, "Requests")["250 packages, no `Link` at all"]

    assert silent["aiohttp + json.loads"] == "incomplete: 100 of 250"


def test_a_client_that_is_not_installed_is_reported(report: str) -> None:
    cell = rows(report, "Requests")["500 packages"]["PyGithub"]

    assert (cell == "not installed") == (find_spec("github") is None)


def test_plot(tmp_path: Path) -> None:
    picture = tmp_path / "benchmarks.png"

    run = benchmarks("--quick", "--only", "cpu", "--plot", str(picture))

    assert run.returncode == 0, run.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
