"""The long soak: `python -m tests.soak --seconds 600 --seed 7 --tasks 40`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from tests.soak.soak import soak


def main() -> int:
    """Run a soak, print its report, and return 1 if it found problems, else 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--tasks", type=int, default=40)
    parser.add_argument("--concurrency", type=int, default=12)
    arguments = parser.parse_args()
    report = asyncio.run(soak(**vars(arguments), progress=lambda line: print(line, flush=True)))
    print(report)
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
