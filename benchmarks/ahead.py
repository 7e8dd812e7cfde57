"""Measure how many pages the client prefetches while its consumer is slow.

``python -m benchmarks.ahead BASE_URL LISTING SECONDS`` prints the largest such number.
"""

from __future__ import annotations

import asyncio
import json
import sys

from ghpkg_async import GitHubPackages

from .clients import CONCURRENCY, TOKEN
from .control import Control
from .data import Listing


async def most_ahead(base_url: str, listing: Listing, seconds_a_page: float) -> int:
    """Return the largest number of pages requested but not yet returned to a slow consumer."""
    control, most = Control(base_url), 0
    async with GitHubPackages(
        TOKEN, base_url=base_url, concurrency=CONCURRENCY, points_per_minute=None
    ) as gh:
        package = gh.org(listing.org).package(listing.package_type, str(listing.name))
        async for page in package.versions().pages():
            await asyncio.sleep(seconds_a_page)
            stats = await asyncio.to_thread(control.stats)
            most = max(most, stats.requests - page.number)
    return most


if __name__ == "__main__":
    print(
        asyncio.run(most_ahead(sys.argv[1], Listing(**json.loads(sys.argv[2])), float(sys.argv[3])))
    )
