"""``python -m benchmarks.budget``: one process's request rate relative to a token's rate limit.

Audits 60 organizations of 2,000 packages each, without pacing, on the server of the benchmarks.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from time import perf_counter
from typing import Final

from ghpkg_async import GitHubPackages

from .clients import TOKEN
from .control import Control, serving
from .data import Listing

LISTINGS: Final = [Listing(f"org-{number}", 2_000) for number in range(60)]
LATENCIES: Final = (0.0, 0.08)
A_TOKEN: Final = 5_000 / 3_600
"""Requests a second of a user's token: 5,000 an hour."""
A_MINUTE: Final = 900 / 60
"""Points a second of the secondary rate limit, 900 a minute; a GET costs one point."""


async def requests_a_second(base_url: str) -> float:
    """Return the requests a second of one client that lists everything."""
    async with GitHubPackages(TOKEN, base_url=base_url, points_per_minute=None) as gh:
        audit = gh.audit([each.org for each in LISTINGS], package_types=["container"])
        began = perf_counter()
        async with aclosing(audit.batches()) as batches:
            async for _ in batches:
                pass
        return gh.stats.requests / (perf_counter() - began)


def main() -> None:
    """Print the table in Markdown."""
    print("| latency | requests/s | x 5,000 an hour | x 900 points a minute |\n|---|---|---|---|")
    with serving(LISTINGS) as base_url:
        for latency in LATENCIES:
            Control(base_url).reset(latency=latency)
            rate = max(asyncio.run(requests_a_second(base_url)) for _ in range(3))
            cells = f"{rate:.0f} | {rate / A_TOKEN:.0f} | {rate / A_MINUTE:.0f}"
            print(f"| {latency * 1000:g} ms | {cells} |")


if __name__ == "__main__":
    main()
