"""CONTRIBUTING.md: every path in it exists, and pre-commit runs the linters of CI."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / ".github" / "CONTRIBUTING.md").read_text()
PATHS = sorted(
    set(re.findall(r"`((?:ghpkg_async|tests|benchmarks|\.ci|\.github)/[\w./-]*)`", GUIDE))
)


@pytest.mark.parametrize("path", PATHS)
def test_a_path_in_the_guide_exists(path: str) -> None:
    assert (ROOT / path).exists()
    assert (ROOT / path).is_dir() == path.endswith("/")


def test_pre_commit_runs_the_linters_of_ci() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    checks = (ROOT / ".ci" / "run").read_text()
    for linter in ("ruff check", "ruff format", "mypy --strict"):
        assert f".venv/bin/{linter}" in hooks
        assert f".venv/bin/{linter}" in checks
