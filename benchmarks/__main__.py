"""Prints every table of what Swarmscope costs: `make bench`, or `python -m benchmarks [name …]`.

Each part runs in a process of its own, as Locust patches the one that it is imported into.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

PARTS = {
    "cost_per_request": 480,
    "worker_reports": 90,
    "scrape": 240,
    "exactness": 60,
    "reference_triggers": 60,
    "database": 240,
    "websocket": 200,
    "cloudwatch_push": 300,
}
"""Module → seconds after which it is given up."""


def run(part: str) -> bool:
    """Run one part; says whether it ended well, that is, within its bars and its time."""
    sys.stdout.write(f"\n== {part}: python -m benchmarks.{part}\n")
    sys.stdout.flush()
    try:
        ended = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{part}"],
            cwd=Path(__file__).parents[1],
            timeout=PARTS[part],
            check=False,
        )
    except subprocess.TimeoutExpired:
        sys.stdout.write(f"MISSED: not done after {PARTS[part]} s\n")
        return False
    return ended.returncode == 0


def main() -> int:
    """Run the wanted parts one after another; 1 when a bar was missed."""
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0]
    )
    arguments.add_argument("part", nargs="*", help=f"which of them: {', '.join(PARTS)} (all)")
    wanted = arguments.parse_args().part or list(PARTS)
    unknown = [part for part in wanted if part not in PARTS]
    if unknown:
        arguments.error(f"unknown part {unknown[0]!r}: there are {', '.join(PARTS)}")
    since = time.monotonic()
    failed = [part for part in wanted if not run(part)]
    sys.stdout.write(f"\n{time.monotonic() - since:.0f} s. ")
    sys.stdout.write(f"Bars missed in: {', '.join(failed)}\n" if failed else "All bars held.\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
