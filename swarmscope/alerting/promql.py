"""The pieces of PromQL that all rules are made of: exact differences of counters, guards, numbers. No I/O.

Everything reads alike in Prometheus 2.42 and 3.x: no range selector's edge decides anything (3.x leaves the left
edge out), and `le` is written as both store it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal

from prometheus_client.utils import floatToGoString

from swarmscope import names
from swarmscope.names import Phase
from swarmscope.targets.match import quote

_go_number: Callable[[float], str] = floatToGoString

SCRAPE_GAP = "3s"
"""How old a sample may be and still count as the present one.

A scrape that fails (a page slower than the scrape timeout of 1 s) marks every series stale: a plain selector would
then answer nothing, and an alert that has been pending for 6 of 7 seconds would start over. `last_over_time`
bridges two failed scrapes in a row.
"""
INACTIVE_PHASES = (Phase.READY, Phase.STOPPING, Phase.DONE)
"""Phases in which no load is being made; every other one, a stage's own name included, is active."""
PER_RUN = "on (run, system)"
BY_RUN = "by (run, system)"


def selector(metric: str, *matchers: str) -> str:
    """`metric{a="b",c="d"}`; empty matchers are left out."""
    inside = ",".join(matcher for matcher in matchers if matcher)
    return f"{metric}{{{inside}}}" if inside else metric


def equals(label: str, value: str) -> str:
    """The matcher `label="value"`."""
    return f"{label}={quote(value)}"


def one_of(label: str, values: Iterable[str], negated: bool = False) -> str:
    """The matcher `label=~"a|b"` for exactly these values."""
    alternatives = "|".join(re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", value) for value in values)
    return f"{label}{'!~' if negated else '=~'}{quote(alternatives)}"


def latest(series: str, ago: str = "") -> str:
    """The last sample of each series, now or `ago` (`5s`), failed scrapes bridged."""
    return f"last_over_time({series}[{SCRAPE_GAP}]{f' offset {ago}' if ago else ''})"


def counted(series: str, window: str) -> str:
    """How much each counter rose over the window: an exact difference, where `increase` would extrapolate.

    A series that was not there at the window's beginning counts from zero.
    """
    return f"{latest(series)} - ({latest(series, window)} or 0 * {latest(series)})"


def sum_counted(series: str, window: str) -> str:
    """`counted`, added up per run, on lines of its own."""
    rise = counted(series, window).replace(" - (", "\n  - (", 1)
    return f"sum {BY_RUN} (\n  {rise}\n)"


def steady_window(system: str, window: str) -> str:
    """Seconds between the counters' two samples by the exporter's own clock, while the run was steady throughout.

    The sample at the window's beginning is asked for by itself: it makes a window that Prometheus did not see
    begin (just started, or the run is younger) worth nothing, rather than counting from zero.
    """
    steady = selector(names.RUN_PHASE.name, equals("system", system), equals("phase", Phase.STEADY))
    seconds = selector(names.STEADY_SECONDS.name, equals("system", system))
    return (
        f"max {BY_RUN} ({latest(seconds)} - {latest(seconds, window)})\n"
        f"and {PER_RUN} (min_over_time({steady}[{window}]) == 1)\n"
        f"and {PER_RUN} ({latest(steady, window)} == 1)"
    )


def under_profiles(system: str, profiles: Iterable[str]) -> str:
    """The runs of a system under one of these load profiles."""
    return latest(selector(names.RUN_INFO.name, equals("system", system), one_of("profile", profiles)))


def in_phase(*phases: Phase, ago: str = "") -> str:
    """The runs that are, or were `ago`, in one of these phases."""
    series = selector(names.RUN_PHASE.name, one_of("phase", phases))
    return f"({latest(series, ago)} == 1)"


def duration(seconds: Decimal) -> str:
    """A duration in Prometheus' notation, exactly: `5s`, `2500ms`."""
    milliseconds = seconds * 1000
    if seconds <= 0 or milliseconds != milliseconds.to_integral_value():
        raise ValueError(f"{plain(seconds)} s is not a positive whole number of milliseconds")
    if seconds == seconds.to_integral_value():
        return f"{int(seconds)}s"
    return f"{int(milliseconds)}ms"


def plain(number: Decimal) -> str:
    """A number as people write it: no exponent, no trailing zeros, no float's leftovers."""
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def whole_ratio(ratio: Decimal) -> tuple[int, int]:
    """A ratio as two whole numbers, the second a power of ten: 0.05 → (5, 100), 0.001 → (1, 1000)."""
    exponent = ratio.normalize().as_tuple().exponent
    power = 10 ** max(2, -int(exponent))
    return int(ratio * power), power


def le(bound: Decimal) -> str:
    """The matcher of a bucket bound, written as the exporter and Prometheus 3.x write it: `le="0.1"`, `le="1.0"`."""
    return equals("le", _go_number(float(bound)))
