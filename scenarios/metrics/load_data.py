"""Prepares the database that is load tested directly.

    python -m scenarios.metrics.load_data --rows 10M --database postgresql://user@host/load

May be stopped and started again: it goes on where it was. The address may be in DATABASE_URL instead.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from scenarios.metrics.dataset.loader import load
from scenarios.metrics.dataset.schema import INDEX, KEY, READY, ROWS, SCHEMA, STATISTICS
from scenarios.metrics.dataset.state import where
from swarmscope.errors import ExitCode, SwarmscopeError

DATABASE_VARIABLE = "DATABASE_URL"
MOST_ROWS = 1_000_000_000
LINE_SECONDS = 5.0
"""How often a line is written where there is no terminal."""
_FACTORS = {"": 1, "k": 1_000, "m": 1_000_000}
_WORDS = {
    "tables": "making the tables",
    ROWS: "copying rows",
    KEY: "making the key",
    INDEX: "making the index",
    STATISTICS: "gathering statistics",
    READY: "ready",
}


def row_count(text: str) -> int:
    """A number of rows as people write it: 100k, 1M, 2.5M, 10_000_000."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([km]?)", text.strip().lower().replace("_", "").replace(",", ""))
    rows = float(match[1]) * _FACTORS[match[2]] if match else 0
    if not 1 <= rows <= MOST_ROWS or rows != int(rows):
        raise argparse.ArgumentTypeError(
            f'expected a number of rows such as 100k, 1M or 10M, at most 1000M, got "{text}"'
        )
    return int(rows)


@contextmanager
def _shown(console: Console, rows: int) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on a terminal, else a line now and then."""
    if not console.is_terminal:
        yield _lines(console, time.monotonic)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} rows"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(_WORDS["tables"], total=rows)
        yield lambda step, copied, _: bar.update(task, description=_WORDS[step], completed=copied)


def _lines(console: Console, clock: Callable[[], float]) -> Callable[[str, int, int], None]:
    last: tuple[str, float] = ("", 0.0)

    def tell(step: str, copied: int, rows: int) -> None:
        nonlocal last
        if step != last[0] or clock() >= last[1] + LINE_SECONDS:
            last = (step, clock())
            console.print(f"{_WORDS[step]}: {copied:,} of {rows:,} rows")

    return tell


def main(arguments: Sequence[str] | None = None) -> int:
    """Load, and say what there is then; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scenarios.metrics.load_data",
        description="Prepares the database that is load tested directly; goes on where it was stopped.",
    )
    parser.add_argument(
        "--rows", type=row_count, default="1M", help="events to prepare: 100k, 1M, 10M (default 1M)"
    )
    parser.add_argument("--database", default="", metavar="URL", help=f"default: {DATABASE_VARIABLE}")
    parser.add_argument("--seed", type=int, default=1, help="other seed, other rows (default 1)")
    parser.add_argument("--replace", action="store_true", help=f"drop the schema {SCHEMA} first")
    options = parser.parse_args(arguments)
    url = options.database or os.environ.get(DATABASE_VARIABLE, "")
    if not url:
        parser.error(f"which database? --database URL, or {DATABASE_VARIABLE}")
    started, console = time.monotonic(), Console(highlight=False, soft_wrap=True)
    try:
        with _shown(console, options.rows) as progress:
            load(url, options.rows, options.seed, replace=options.replace, progress=progress)
        with psycopg.connect(url) as connection:
            row = connection.execute(
                "SELECT pg_size_pretty(sum(pg_total_relation_size(c.oid))::bigint)"
                " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE n.nspname = %s AND c.relkind = 'r'",
                [SCHEMA],
            ).fetchone()
    except SwarmscopeError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except psycopg.Error as error:
        # The driver's own words name user and host, never the password.
        sys.stderr.write(f"{where(url)}: {' '.join(str(error).split()) or type(error).__name__}\n")
        return ExitCode.SERVICE_UNREACHABLE
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on from here\n")
        return ExitCode.INTERRUPTED
    size = row[0] if row else "?"
    console.print(f"{options.rows:,} events in {where(url)}: {size}, {time.monotonic() - started:.0f} s")
    return ExitCode.PASS


if __name__ == "__main__":
    sys.exit(main())
