"""Docstrings, comments and names of tests are free of idioms and of headless clauses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
OPENERS: Final = re.compile(
    r"(what|whether|how|whatever|who|whoever|where|that|those|they|it|its|so|such)\b",
    re.IGNORECASE,
)
IDIOMS: Final = re.compile(
    r"\b(what|tells?|told|comes?|came|goes|went|stands?|nobody|somebody|whoever|gives? back|"
    r"lets? through|under way|is none|are none|meanwhile|makes? ready|no news|in its place|"
    r"each of them|as it is|as it came)\b",
    re.IGNORECASE,
)
DOCSTRING: Final = re.compile(r'^ *r?"""([A-Z`*].*?)"""', re.MULTILINE | re.DOTALL)
COMMENT: Final = re.compile(r"(?:^|  ) *#[#: ]*(.*)", re.MULTILINE)
TEST: Final = re.compile(r"def test_(\w+)")


def found(pattern: re.Pattern[str], directory: str) -> list[str]:
    """Return what the pattern's group matches in the modules of a directory."""
    paths = sorted((ROOT / directory).rglob("*.py"))
    return [text for path in paths for text in pattern.findall(path.read_text())]


@pytest.fixture(scope="module", params=["ghpkg_async", "tests", "benchmarks"])
def prose(request: pytest.FixtureRequest) -> list[str]:
    return [*found(DOCSTRING, request.param), *found(COMMENT, request.param)]


def test_headless_clauses_are_rare(prose: list[str]) -> None:
    assert [text for text in prose if OPENERS.match(text)][5:] == []


def test_idioms_are_rare(prose: list[str]) -> None:
    words = sum(len(text.split()) for text in prose)
    idioms = [idiom for text in prose for idiom in IDIOMS.findall(text)]
    assert 1000 * len(idioms) / words <= 1.5, sorted(idioms)


def test_names_of_tests_state_a_behaviour_without_idioms() -> None:
    names = [name.replace("_", " ") for name in found(TEST, "tests")]
    assert [name for name in names if OPENERS.match(name) or IDIOMS.search(name)] == []
