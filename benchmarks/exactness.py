"""Which tool gets a P95 verdict right when the truth lies close to the limit: `python -m benchmarks.exactness`.

Every distribution is made with a fixed seed and scaled so that its true P95 (nearest rank, of the sorted values)
lies within 10 % of the limit. The same values then go through our recorder and verdict, through Locust's own
statistics (which round), and into a histogram with prometheus-client's default buckets that is read as
Prometheus' histogram_quantile does (which interpolates). Exits with 1 when our verdict is wrong once.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, inf
from typing import Any

from locust.stats import RequestStats, StatsEntry
from prometheus_client import Histogram

from exporters.recorder import Recorder
from swarmscope.histogram import fine_bounds
from swarmscope.measurements import RequestKey, Window
from swarmscope.targets import Kind, Target
from swarmscope.verdict import Status, judge

SAMPLES = 10_000
QUANTILE = Fraction(95, 100)
DEFAULT_BOUNDS = tuple(float(bound) for bound in Histogram.DEFAULT_BUCKETS)
KEY = RequestKey("GET", "/exact")

Draw = Callable[[random.Random], float]


@dataclass(frozen=True, slots=True)
class Distribution:
    """A form of response times, a limit, and where the true P95 lies in relation to it."""

    name: str
    limit_ms: Decimal
    p95_ms: float
    draw: Draw


@dataclass(frozen=True, slots=True)
class Row:
    """What the truth is and what each tool says; times in milliseconds."""

    name: str
    limit_ms: float
    true_p95: float
    truth: bool
    swarmscope: bool
    locust_p95: float
    locust: bool
    prometheus_p95: float
    prometheus: bool
    default_buckets: tuple[int, ...]
    """Cumulative counts at DEFAULT_BOUNDS, for a cross-check with a real Prometheus."""


def _normal(rng: random.Random) -> float:
    return max(0.1, rng.gauss(60, 15))


def _narrow(rng: random.Random) -> float:
    return max(0.1, rng.gauss(95, 2))


def _lognormal(rng: random.Random) -> float:
    return rng.lognormvariate(0, 0.6)


def _pareto(rng: random.Random) -> float:
    return rng.paretovariate(1.3)


def _bimodal(rng: random.Random) -> float:
    return rng.gauss(20, 2) if rng.random() < 0.93 else rng.gauss(400, 12)


def _two_steps(rng: random.Random) -> float:
    return 12.0 if rng.random() < 0.9 else 100.0


def _uniform(rng: random.Random) -> float:
    return rng.uniform(1, 100)


def _exponential(rng: random.Random) -> float:
    return rng.expovariate(1)


def _stalls(rng: random.Random) -> float:
    return rng.expovariate(1 / 8) if rng.random() < 0.948 else rng.uniform(90, 2000)


def _limit(milliseconds: str) -> Decimal:
    return Decimal(milliseconds)


DISTRIBUTIONS: tuple[Distribution, ...] = tuple(
    Distribution(f"{name}, P95 {p95:g} ms", _limit(limit), p95, draw)
    for name, limit, p95, draw in (
        ("normal", "100", 91.0, _normal),
        ("normal", "100", 99.6, _normal),
        ("normal", "100", 100.4, _normal),
        ("narrow normal", "100", 104.6, _narrow),
        ("narrow normal", "100", 95.3, _narrow),
        ("lognormal", "100", 99.0, _lognormal),
        ("lognormal", "100", 102.0, _lognormal),
        ("lognormal", "100", 109.0, _lognormal),
        ("pareto", "100", 98.5, _pareto),
        ("pareto", "100", 103.9, _pareto),
        ("bimodal", "100", 96.0, _bimodal),
        ("bimodal", "100", 101.0, _bimodal),
        ("two steps, at the limit", "100", 100.0, _two_steps),
        ("two steps, just over", "100", 100.001, _two_steps),
        ("uniform", "100", 104.999, _uniform),
        ("exponential", "100", 100.2, _exponential),
        ("rare stalls", "100", 94.0, _stalls),
        ("normal", "500", 455.0, _normal),
        ("normal", "500", 499.0, _normal),
        ("normal", "500", 504.6, _normal),
        ("lognormal", "500", 501.0, _lognormal),
        ("lognormal", "500", 497.0, _lognormal),
        ("pareto", "500", 504.0, _pareto),
        ("bimodal", "500", 503.0, _bimodal),
        ("bimodal", "500", 480.0, _bimodal),
        ("two steps, at the limit", "500", 500.0, _two_steps),
        ("two steps, just over", "500", 500.004, _two_steps),
        ("exponential", "500", 545.0, _exponential),
        ("rare stalls", "500", 496.0, _stalls),
        # Limits that are no default bucket's bound, where interpolation decides.
        ("normal", "200", 196.0, _normal),
        ("narrow normal", "200", 199.0, _narrow),
        ("narrow normal", "200", 204.0, _narrow),
        ("lognormal", "200", 203.0, _lognormal),
        ("pareto", "200", 201.0, _pareto),
        ("bimodal", "200", 205.0, _bimodal),
        ("normal", "300", 298.0, _normal),
        ("narrow normal", "300", 304.0, _narrow),
        ("bimodal", "300", 309.0, _bimodal),
        ("narrow normal", "104.6", 104.6, _narrow),
        ("lognormal", "104.6", 104.7, _lognormal),
    )
)


def values_of(distribution: Distribution, seed: int = 1) -> list[float]:
    """SAMPLES response times in milliseconds whose nearest-rank P95 is the distribution's, in random order."""
    rng = random.Random(f"{distribution.name} {distribution.limit_ms} {seed}")
    raw = [distribution.draw(rng) for _ in range(SAMPLES)]
    middle = nearest_rank(raw)
    # The value at the rank itself is set, not scaled: 100.0 must be 100.0 and not 100.00000000000001.
    return [distribution.p95_ms if value == middle else value / middle * distribution.p95_ms for value in raw]


def nearest_rank(values: Sequence[float]) -> float:
    """The smallest value with at least 95 % of all values at or under it."""
    return sorted(values)[ceil(QUANTILE * len(values)) - 1]


def histogram_quantile(q: float, bounds: Sequence[float], cumulative: Sequence[int]) -> float:
    """Prometheus' documented interpolation; `bounds` ends with +Inf.

    https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
    """
    rank = q * cumulative[-1]
    index = next(position for position, count in enumerate(cumulative) if count >= rank)
    if index == len(bounds) - 1:
        return bounds[-2]
    below, start = (cumulative[index - 1], bounds[index - 1]) if index else (0, 0.0)
    return start + (bounds[index] - start) * (rank - below) / (cumulative[index] - below)


def examine(distribution: Distribution, seed: int = 1) -> Row:
    """Give one distribution's values to every tool."""
    values = values_of(distribution, seed)
    true_p95 = nearest_rank(values)
    limit_ms = float(distribution.limit_ms)
    locust_p95 = _locust_p95(values)
    buckets = _default_buckets(values)
    prometheus_p95 = histogram_quantile(float(QUANTILE), DEFAULT_BOUNDS, buckets) * 1000
    return Row(
        distribution.name,
        limit_ms,
        true_p95,
        true_p95 <= limit_ms,
        _our_verdict(values, distribution.limit_ms),
        locust_p95,
        locust_p95 <= limit_ms,
        prometheus_p95,
        prometheus_p95 <= limit_ms,
        buckets,
    )


def _our_verdict(values: Sequence[float], limit_ms: Decimal) -> bool:
    """Through the recorder that runs inside Locust and the verdict that makes the exit code."""
    limit = limit_ms / 1000
    bounds = fine_bounds([limit])
    recorder = Recorder(bounds)
    for value in values:
        recorder.on_request(KEY.method, KEY.name, value, 0, exception=None, response=None)
    window = Window(bounds, 60.0, recorder.snapshot(), {KEY: len(values)})
    target = Target("exact", Kind.P95, limit, f"{limit_ms}ms", request=str(KEY))
    return judge([target], window)[0].status is Status.PASS


def _locust_p95(values: Sequence[float]) -> float:
    entry = StatsEntry(RequestStats(), KEY.name, KEY.method)
    for value in values:
        entry.log(value, 0)
    return float(entry.get_response_time_percentile(float(QUANTILE)))


def _default_buckets(values: Sequence[float]) -> tuple[int, ...]:
    counts = [0] * len(DEFAULT_BOUNDS)
    for value in values:
        counts[bisect_left(DEFAULT_BOUNDS, value / 1000)] += 1
    return tuple(sum(counts[: index + 1]) for index in range(len(counts)))


def table(rows: Sequence[Row]) -> str:
    """The rows for people; wrong verdicts are marked."""
    heads = (
        ("limit", 8),
        ("truth", 16),
        ("Swarmscope", 12),
        ("Locust rounded", 20),
        ("histogram_quantile", 24),
    )
    lines = [f"{'distribution':<38}" + "".join(f"{head:>{width}}" for head, width in heads)]
    for row in rows:
        lines.append(
            f"{row.name:<38}{row.limit_ms:>8g}{row.true_p95:>11.3f} {_word(row.truth)}"
            f"{_said(row.swarmscope, row.truth):>12}"
            f"{f'{row.locust_p95:g} {_said(row.locust, row.truth)}':>20}"
            f"{f'{row.prometheus_p95:.1f} {_said(row.prometheus, row.truth)}':>24}"
        )
    wrong = {
        tool: sum(getattr(row, tool) != row.truth for row in rows)
        for tool in ("swarmscope", "locust", "prometheus")
    }
    off = max(abs(row.prometheus_p95 / row.true_p95 - 1) for row in rows)
    lines.append(
        f"wrong verdicts of {len(rows)}: Swarmscope {wrong['swarmscope']}, "
        f"Locust's rounded percentile {wrong['locust']}, "
        f"histogram_quantile on default buckets {wrong['prometheus']} "
        f"(right where the limit is one of their bounds, as 100 and 500 are; its value is off by up to {off:.0%})"
    )
    return "\n".join(lines)


def _word(passes: bool) -> str:
    return "PASS" if passes else "FAIL"


def _said(says: bool, truth: bool) -> str:
    return _word(says) if says == truth else f"{_word(says)} (!)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table (or, for tests, its rows as JSON)."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exactness", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    rows = [examine(distribution, options.seed) for distribution in DISTRIBUTIONS]
    if options.json:
        bounds: list[Any] = ["+Inf" if bound == inf else bound for bound in DEFAULT_BOUNDS]
        print(json.dumps({"bounds": bounds, "rows": [asdict(row) for row in rows]}))
    else:
        print(table(rows))
    return 0 if all(row.swarmscope == row.truth for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
