"""``python -m benchmarks``: measures everything, and prints the tables in Markdown."""

from __future__ import annotations

import argparse
from pathlib import Path

from .measure import imports, pages_ahead, run
from .plot import can_draw, draw
from .report import Report
from .workloads import FULL, QUICK, workloads


def main() -> None:
    """Run the parts of the benchmark that the command line selects."""
    parts = tuple(workloads(QUICK, 1))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run: small, and one round")
    parser.add_argument("--only", choices=parts, action="append", help="run this part; repeatable")
    parser.add_argument("--rounds", type=_whole, metavar="N", help="interleaved rounds")
    parser.add_argument(
        "--repositories",
        type=_whole,
        default=20,
        metavar="N",
        help="distinct repositories on a page of 100 packages (default: 20)",
    )
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw the results")
    arguments = parser.parse_args()
    if arguments.plot and not can_draw():
        parser.error("--plot needs matplotlib: pip install ghpkg-async[bench]")
    scale = QUICK if arguments.quick else FULL
    rounds = arguments.rounds or scale.rounds
    report = Report(scale, arguments.repositories)
    for part, group in workloads(scale, arguments.repositories).items():
        if arguments.only and part not in arguments.only:
            continue
        report.parts[part] = {
            label: results for workload in group for label, results in run(workload, rounds).items()
        }
        if part == "memory":
            report.ahead = pages_ahead(scale.slow_pages)
        if part == "start":
            report.imports = imports(scale.imports_a_round * rounds)
    print(report.markdown())
    if arguments.plot:
        draw(report, arguments.plot)


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return number


if __name__ == "__main__":
    main()
