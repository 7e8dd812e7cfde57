"""Files through which a step of a GitHub Actions job shows and passes on its results.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["append_step_outputs", "append_step_summary"]


def append_step_summary(text: str) -> str | None:
    """Append Markdown to the summary of the job, inside GitHub Actions.

    Returns:
        The reason if it could not be written, else ``None``.
    """
    return _append("GITHUB_STEP_SUMMARY", text)


def append_step_outputs(counts: Mapping[str, int]) -> str | None:
    """Set outputs of the step, inside GitHub Actions.

    Returns:
        The reason if they could not be written, else ``None``.
    """
    return _append("GITHUB_OUTPUT", "".join(f"{name}={count}\n" for name, count in counts.items()))


def _append(variable: str, text: str) -> str | None:
    path = os.environ.get(variable)
    if path:
        try:
            with open(path, "a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            return f"{variable}: {path}: cannot be written: {error.strerror or error}"
    return None
