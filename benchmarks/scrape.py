"""What a scrape costs: CPU at 50, 500 and 5,000 request names, and what the load feels of it.

python -m benchmarks.scrape          about 90 seconds
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from statistics import median

from prometheus_client import generate_latest

from benchmarks.scrape_pages import a_view, registry_of
from exporters.page import Page
from exporters.run_view import ExporterCounters

SIZES = (50, 500, 5000)
P99_BAR = 1.15
CPU_BAR_MS = 100.0
"""For rendering 5,000 names that all changed."""
NOISE = 1.15
"""A control further than this from 1 says that the machine was busy with something else."""

_RENDER_ROW = "{:>6} {:>8} {:>6} {:>8} {:>11} {:>13} {:>8} {:>16} {:>6}"
_LOAD_ROW = "{:<44} {:>6} {:>5} {:>9} {:>8} {:>6} {:>8} {:>7} {:>9}"


def main() -> None:
    """Print both tables, each with its bar; exit with 1 when one is missed."""
    held = [rendering(), load()]
    sys.exit(0 if all(held) else 1)


def rendering() -> bool:
    """CPU of one page, beside prometheus-client's generate_latest with the very same series; whether the bar held."""
    print("CPU of one page, ms, without its pauses (median); by how many names had requests since the last")
    print(
        _RENDER_ROW.format(
            "names",
            "lines",
            "MB",
            "gzip MB",
            "all changed",
            "none changed",
            "gzip",
            "generate_latest",
            "ratio",
        )
    )
    changed = 0.0
    for names in SIZES:
        changed = _rendering_row(names)
    print(
        f"bar: {SIZES[-1]:,} names in at most {CPU_BAR_MS:.0f} ms: {_verdict(changed, CPU_BAR_MS)}\n",
        flush=True,
    )
    return changed <= CPU_BAR_MS


def _rendering_row(names: int) -> float:
    view, page, counters = a_view(names), Page(), ExporterCounters()

    def ours() -> int:
        return sum(len(piece) for piece in page.render([view], counters, 0.0, 0))

    def count_up() -> None:
        for request in view.counts.values():
            request.duration_sum += 0.001

    pieces = list(page.render([view], counters, 0.0, 0))
    registry = registry_of(view)
    assert _samples(generate_latest(registry).decode()) == _samples("".join(pieces)), "not the same series"
    changed, same = _cpu_ms(ours, 5, before=count_up), _cpu_ms(ours, 5)
    theirs = _cpu_ms(lambda: generate_latest(registry), 3)
    print(
        _RENDER_ROW.format(
            names,
            f"{sum(piece.count(chr(10)) for piece in pieces):,}",
            f"{sum(map(len, pieces)) / 1e6:.1f}",
            f"{_gzip(pieces) / 1e6:.2f}",
            f"{changed:.1f}",
            f"{same:.1f}",
            f"{_cpu_ms(lambda: _gzip(pieces), 5):.1f}",
            f"{theirs:.0f}",
            f"{theirs / changed:.0f}x",
        )
    )
    return changed


def load() -> bool:
    """P99 that a real Locust load measures, with a scrape every second and without; whether no bar was missed."""
    print(
        "P99 of a FastHttpUser load, ms, 5,000 names on the page, windows with a scrape every second and without"
    )
    print(
        _LOAD_ROW.format(
            "50 users, service answers in 10 ms",
            "req/s",
            "CPU",
            "without",
            "with",
            "ratio",
            "control",
            "rate",
            "scrape s",
        )
    )
    bars = [
        _load_row("20 requests per second each", 26, "--per-user=20"),
        _load_row("as many as they can", 18, "--per-user=0"),
    ]
    _load_row("20 each, page by generate_latest instead", 10, "--per-user=20", "--rival")
    missed = False
    for title, ratio, control in bars:
        told = _verdict(ratio, P99_BAR)
        if not 1 / NOISE <= control <= NOISE:
            told = (
                f"{ratio:.2f}, inconclusive: two sides without any scrape differ by as much ({control:.2f})"
            )
        else:
            missed = missed or ratio > P99_BAR
        print(f"bar: P99 with scrapes at most {P99_BAR} times without, {title}: {told}")
    return not missed


def _load_row(title: str, seconds: int, *options: str) -> tuple[str, float, float]:
    command = [sys.executable, "-m", "benchmarks.scrape_load", f"--seconds={seconds}", *options]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, timeout=seconds + 60
    )
    result = json.loads(done.stdout.splitlines()[-1])
    print(
        _LOAD_ROW.format(
            title,
            f"{result['rate']:.0f}",
            f"{result['cpu_ratio']:.0%}",
            f"{result['p99_without']:.1f}",
            f"{result['p99_with']:.1f}",
            f"{result['ratio']:.2f}",
            f"{result['control']:.2f}",
            f"{result['rate_ratio']:.2f}",
            f"{result['scrape_seconds']:.2f}",
        ),
        flush=True,
    )
    return title, float(result["ratio"]), float(result["control"])


def _verdict(value: float, bar: float) -> str:
    return f"{value:.2f}, {'pass' if value <= bar else 'FAIL'}"


def _cpu_ms(work: Callable[[], object], times: int, before: Callable[[], object] = int) -> float:
    taken = []
    for _ in range(times):
        before()
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return median(taken) * 1000


def _gzip(pieces: list[str]) -> int:
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    return sum(len(compressor.compress(piece.encode())) for piece in pieces) + len(compressor.flush())


def _samples(text: str) -> int:
    return sum(not line.startswith("#") for line in text.splitlines())


if __name__ == "__main__":
    main()
