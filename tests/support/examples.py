"""Number of examples of property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import settings


def examples(count: int, **options: Any) -> settings:
    """Return settings for `count` examples, or for a quarter in a run without the slow tests."""
    return settings(max_examples=count * settings().max_examples // 100, **options)
