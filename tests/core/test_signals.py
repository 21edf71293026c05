"""The catalogue of signals: complete, unambiguous, and told as it is in docs/signals.md."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

from swarmscope.plots import signal_plots
from swarmscope.quantities import UNKNOWN
from swarmscope.report.recommendations import range_in_words
from swarmscope.run_result import MeasuredSignal
from swarmscope.run_signals import client_signals, signals_of, target_signal
from swarmscope.signals import GENERATOR_SIGNALS, SERVER_SIGNALS, Area, Signal
from swarmscope.targets import Alerting, Kind, Moment, Profile, System, Target

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "signals.md"
P95 = Target("p95", Kind.P95, Decimal("0.1"), "100ms", request="POST /events")
FLOOR = Target("rate", Kind.RPS, Decimal(10), "10", request="*")
QUERY = Target(
    "pool", Kind.MIN, Decimal("0.9"), "0.9", query='min(x{run="$run"}[$window])', description="Of the pool."
)
AT_END = Target("rows", Kind.MAX, Decimal(0), "0", query="lost", at=Moment.END)
ELSEWHERE = Target("other", Kind.P95, Decimal(1), "1s", request="*", profiles=("peak",))
PROFILES = {"quick": Profile("quick", users=5), "peak": Profile("peak", users=50)}
SYSTEM = System(
    "shop", "Shop", (P95, FLOOR, QUERY, AT_END, ELSEWHERE), PROFILES, "quick", alerting=Alerting(Decimal(7))
)


def measured(signal: Signal, *values: float) -> MeasuredSignal:
    points = tuple((float(second), value) for second, value in enumerate(values))
    return MeasuredSignal(
        signal.id,
        signal.title,
        signal.unit,
        str(signal.area),
        signal.limit,
        signal.is_floor,
        signal.points_to,
        points,
    )


def test_the_document_lists_every_signal_with_its_range() -> None:
    table = DOCUMENT.read_text().partition("<!-- signals -->")[2].partition("<!-- /signals -->")[0]
    rows = [
        f"| {signal.title} | {range_in_words(measured(signal)) or UNKNOWN} | {signal.points_to or UNKNOWN} |"
        for signal in (*SERVER_SIGNALS, *GENERATOR_SIGNALS)
    ]
    assert table.strip().splitlines()[2:] == rows


def test_a_run_has_its_own_targets_among_its_signals_and_no_others() -> None:
    signals = {signal.id: signal for signal in signals_of(SYSTEM, PROFILES["quick"])}
    assert len(signals) == len(signals_of(SYSTEM, PROFILES["quick"]))  # no two of one name
    assert {name for name in signals if name.startswith(("client-", "target-"))} == {
        "client-oldest",
        "client-p95",
        "target-pool",
    }
    pool = signals["target-pool"]
    # The window is that of the target's alert; the run is filled in when it is asked.
    assert pool.query == 'min(x{run="$run"}[7s])'
    assert (pool.limit, pool.is_floor, pool.area, pool.points_to) == (0.9, True, Area.TARGET, "Of the pool.")
    assert signals["client-p95"].limit == 0.1
    assert 'method="POST",name="/events"' in signals["client-p95"].query


def test_what_has_a_range_says_what_leaving_it_means() -> None:
    for signal in (*SERVER_SIGNALS, *GENERATOR_SIGNALS):
        assert bool(signal.points_to) is (signal.limit is not None), signal.id


def test_rates_are_taken_over_the_runs_own_step() -> None:
    for signal in (*SERVER_SIGNALS, *client_signals((P95,), 5)):
        assert set(re.findall(r"\[([^\]]+)\]", signal.query)) <= {"$over"}, signal.id


def test_each_plot_stands_beside_the_users_response_time() -> None:
    shown = {signal.id: measured(signal, 0.1, 0.2) for signal in signals_of(SYSTEM, PROFILES["quick"])}
    plots = {plot.id: plot for plot in signal_plots(tuple(shown.values()))}
    assert set(plots) == {f"signals-{name}" for name in ("time", "cpu", "pool", "database", "work", "memory")}
    for plot in plots.values():
        users = plot.series[-1]
        assert (users.label, users.unit) == ("users' response time, p95", None if plot.unit == "s" else "s")
    assert plots["signals-cpu"].limits == (("healthy below", 0.7), ("healthy below", 0.8))
    assert plots["signals-database"].limits == (("healthy above", 0.95),)
    assert signal_plots((measured(SERVER_SIGNALS[0]),)) == ()


def test_a_server_side_target_keeps_a_run_placeholder_for_later() -> None:
    assert target_signal(QUERY, "5s").query == 'min(x{run="$run"}[5s])'
