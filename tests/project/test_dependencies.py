"""No dependency version that pyproject.toml allows has a known vulnerability."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
REQUIREMENTS = [
    requirement
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for requirement in map(Requirement, group)
    if requirement.name != PROJECT["name"]
]
# By package: the first version with all known vulnerabilities fixed, and the newest of them.
FIXED = {
    "aiohttp": ("3.14.3", "CVE-2026-69244"),
    "distributed": ("2026.1.1", "CVE-2026-23528"),
    "duckdb": ("1.4.2", "CVE-2025-64429"),
    "jinja2": ("3.1.6", "CVE-2025-27516"),
    "jupyterlab": ("4.6.2", "CVE-2026-73417"),
    "playwright": ("1.55.1", "CVE-2025-59288"),
    "pyarrow": ("23.0.1", "CVE-2026-25087"),
    "pytest": ("9.0.3", "CVE-2025-71176"),
}


def floor(requirement: Requirement) -> Version:
    (lowest,) = (each.version for each in requirement.specifier if each.operator == ">=")
    return Version(lowest)


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_every_dependency_has_a_lowest_version(requirement: Requirement) -> None:
    assert floor(requirement) > Version("0")


@pytest.mark.parametrize("name", FIXED)
def test_no_admitted_version_has_a_known_vulnerability(name: str) -> None:
    fixed, advisory = FIXED[name]
    floors = [floor(each) for each in REQUIREMENTS if each.name.lower() == name]
    assert floors
    assert all(lowest >= Version(fixed) for lowest in floors), advisory
