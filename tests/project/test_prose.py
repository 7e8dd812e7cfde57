"""Docstrings, comments and names of tests are free of idioms and of headless clauses."""

from __future__ import annotations

import ast
import re
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

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
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
DOCUMENTED: Final = (ast.Module, ast.ClassDef, *FUNCTIONS)


def texts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, DOCUMENTED) and (docstring := ast.get_docstring(node)):
            yield docstring
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.string.lstrip("#: ")


def names_of_tests(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, FUNCTIONS) and node.name.startswith("test_"):
            yield node.name.removeprefix("test_").replace("_", " ")


@pytest.fixture(scope="module", params=["ghpkg_async", "tests", "benchmarks"])
def prose(request: pytest.FixtureRequest) -> list[str]:
    return [text for path in sorted((ROOT / request.param).rglob("*.py")) for text in texts(path)]


def test_headless_clauses_are_rare(prose: list[str]) -> None:
    assert [text for text in prose if OPENERS.match(text)][5:] == []


def test_idioms_are_rare(prose: list[str]) -> None:
    words = sum(len(text.split()) for text in prose)
    idioms = [idiom for text in prose for idiom in IDIOMS.findall(text)]
    assert 1000 * len(idioms) / words <= 1.5, sorted(idioms)


def test_names_of_tests_state_a_behaviour_without_idioms() -> None:
    names = [
        name for path in sorted((ROOT / "tests").rglob("*.py")) for name in names_of_tests(path)
    ]
    assert [name for name in names if OPENERS.match(name) or IDIOMS.search(name)] == []
