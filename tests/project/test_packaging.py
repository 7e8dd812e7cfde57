"""Metadata of the distribution, and its description for a package index."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import ghpkg_async

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
README = (ROOT / "README.md").read_text()


def test_the_version_is_that_of_the_distribution() -> None:
    assert ghpkg_async.__version__ == version("ghpkg-async")


def test_the_urls_are_pages_of_github() -> None:
    urls = PYPROJECT["project"]["urls"].values()
    assert all(url.startswith("https://docs.github.com/en/rest/packages/") for url in urls)


def test_the_readme_has_no_relative_link_or_picture() -> None:
    prose = re.sub(r"^```.*?^```$", "", README, flags=re.DOTALL | re.MULTILINE)
    inline = re.findall(r"\]\(([^)]*)\)", prose)
    references = re.findall(r"^\[[^\]]*\]: *(\S+)", prose, re.MULTILINE)
    attributes = re.findall(r"(?:src|href)=[\"']?([^\"'>\s]+)", prose)
    targets = inline + references + attributes
    assert targets
    assert [target for target in targets if not re.match("https://|#", target)] == []


@pytest.mark.parametrize("name", ["bench", "test"])
def test_a_dependency_group_is_the_extra_of_its_name(name: str) -> None:
    extra = map(Requirement, PYPROJECT["project"]["optional-dependencies"][name])
    group = map(Requirement, PYPROJECT["dependency-groups"][name])
    assert set(group) == {each for each in extra if each.name != PYPROJECT["project"]["name"]}
