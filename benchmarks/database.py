"""What loading PostgreSQL directly gives on this machine: the data, a minute's load, and a server killed in it.

Run by `python -m benchmarks.database`; 10 M rows by `--rows 10M`. Starts a server of its own unless --database names
one (which is then not killed). Bars: 1,000 rows per second or more, queries below 100 ms on average, no acknowledged
row missing or doubled.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from reference.running_postgresql import PostgreSQLServer, running_postgresql
from scenarios.metrics import load_data

ROOT = Path(__file__).parents[1]
USERS = {"InsertUser": 50, "BatchInsertUser": 2, "QueryUser": 15, "MixedUser": 8}
"""As in profile `database`: a thousand single inserts per second and as many in batches, some 65 queries per second."""
QUERIES = ("dashboard", "join", "tenant events")
LEAST_ROWS_PER_SECOND = 1000
LONGEST_QUERY_AVERAGE = 0.1
EDGE_SECONDS = 3
"""Of a run's beginning and end that its rate leaves out: users start and stop."""
SETTINGS = ("fsync=on", "shared_buffers=1GB", "max_wal_size=4GB")
END_SECONDS = 90
_ACKNOWLEDGED = re.compile(
    r"([\d,]+) rows were acknowledged: ([\d,]+) stored, ([\d,]+) missing, ([\d,]+) doubled, ([\d,]+) unverified"
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run did."""

    rows_per_second: float
    worst_second: int
    averages: Mapping[str, float]
    """Statement → mean response time in seconds, the wait for a connection included."""
    requests: Mapping[str, int]
    failures: Mapping[str, int]
    acknowledged: int
    stored: int
    missing: int
    doubled: int
    unverified: int

    @property
    def query_average(self) -> float:
        """Mean response time of all queries, in seconds."""
        count = sum(self.requests.get(name, 0) for name in QUERIES)
        total = sum(self.averages.get(name, 0.0) * self.requests.get(name, 0) for name in QUERIES)
        return total / count if count else float("inf")

    @property
    def kept(self) -> bool:
        """Whether all that was acknowledged is there, exactly once."""
        return 0 < self.acknowledged == self.stored


def ask(url: str, query: str, *parameters: object) -> list[tuple[object, ...]]:
    """Rows of a query about the load data."""
    with psycopg.connect(url, autocommit=True, options="-c search_path=swarmscope_load") as connection:
        return connection.execute(query.encode(), parameters).fetchall()


@contextmanager
def users(url: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Locust with all four kinds of user; what it says is in the files `stats` and `log` of the folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST")}
    chosen = [json.dumps({"user_class_name": name, "fixed_count": count}) for name, count in USERS.items()]
    with (
        tempfile.TemporaryDirectory() as folder,
        (Path(folder) / "log").open("w") as log,
        (Path(folder) / "stats").open("w") as stats,
    ):
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "locust", "-f", "scenarios/metrics/database_users.py"),
                *("--headless", "--json", "-u", str(sum(USERS.values())), "-r", "100"),
                *("--config-users", *chosen),
            ],
            cwd=ROOT, env=environment | {"DATABASE_URL": url}, stdout=stats, stderr=log, text=True,
        )  # fmt: skip
        try:
            yield process, Path(folder)
        finally:
            process.kill()
            process.wait()


def measure(url: str, seconds: float, server: PostgreSQLServer | None = None, away: float = 0.0) -> Measured:
    """Load a prepared database for some seconds; with `server`, kill that half-way and leave it away for a while."""
    since = int(str(ask(url, "SELECT coalesce(max(id), 0) FROM metric_events")[0][0]))
    with users(url) as (process, folder):
        deadline = time.monotonic() + 60
        while not ask(url, "SELECT 1 FROM metric_events WHERE id > %s LIMIT 1", since):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "log").read_text())
            time.sleep(0.1)
        if server is None:
            time.sleep(seconds)
        else:
            time.sleep(seconds / 2)
            server.kill()
            time.sleep(away)
            server.start()
            time.sleep(seconds / 2)
        process.terminate()
        process.wait(END_SECONDS)
        log, stats = (folder / "log").read_text(), json.loads((folder / "stats").read_text())
    per_second = [
        int(str(rows))
        for (rows,) in ask(
            url,
            "SELECT count(*) FROM metric_events WHERE id > %s AND writer IS NOT NULL"
            " GROUP BY date_trunc('second', recorded_at) ORDER BY date_trunc('second', recorded_at)",
            since,
        )
    ][EDGE_SECONDS:-EDGE_SECONDS]
    found = _ACKNOWLEDGED.search(log)
    if found is None or not per_second:
        raise RuntimeError(log)
    return Measured(
        sum(per_second) / len(per_second),
        min(per_second),
        {row["name"]: row["total_response_time"] / row["num_requests"] / 1000 for row in stats},
        {row["name"]: row["num_requests"] for row in stats},
        {row["name"]: row["num_failures"] for row in stats},
        *(int(number.replace(",", "")) for number in found.groups()),
    )


def show(title: str, ran: Measured) -> bool:
    """Print a run; whether its rows are all there."""
    print(f"\n{title}: {ran.rows_per_second:,.0f} rows/s (worst second {ran.worst_second:,}), ", end="")
    print(f"queries {1000 * ran.query_average:.1f} ms on average")
    for name in sorted(ran.requests):
        print(f"  {name:<14} {ran.requests[name]:>7,} {1000 * ran.averages[name]:>8.1f} ms", end="")
        print(f" {ran.failures[name]:>5,} failed")
    print(f"  acknowledged {ran.acknowledged:,}: {ran.stored:,} stored, {ran.missing:,} missing, ", end="")
    print(f"{ran.doubled:,} doubled, {ran.unverified:,} unverified")
    return ran.kept


def main() -> int:
    """Run all of it; 1 when a bar was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", default="1M")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--database", default="", help="instead of a server of our own; it is not killed")
    options = parser.parse_args()
    if options.database:
        if load_data.main(["--rows", options.rows, "--database", options.database]):
            return 1
        ran = measure(options.database, options.seconds)
        return 0 if show("load", ran) and _holds(ran) else 1
    with running_postgresql(*SETTINGS) as server:
        url = server.new_database()
        if load_data.main(["--rows", options.rows, "--database", url]):
            return 1
        ran = measure(url, options.seconds)
        kept = show("load", ran)
        killed = measure(url, options.seconds, server, away=3.0)
        kept = show("killed half-way, away for 3 s", killed) and kept
        survived = sum(killed.failures.values()) > 0
        return 0 if kept and survived and _holds(ran) else 1


def _holds(ran: Measured) -> bool:
    return ran.rows_per_second >= LEAST_ROWS_PER_SECOND and ran.query_average < LONGEST_QUERY_AVERAGE


if __name__ == "__main__":
    sys.exit(main())
