"""Clock of everything that waits: the time of the running event loop."""

from __future__ import annotations

import asyncio

__all__ = ["loop_time"]


def loop_time() -> float:
    """Return the time of the running event loop, in seconds that never decrease."""
    return asyncio.get_running_loop().time()
