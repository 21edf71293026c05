from decimal import Decimal

import msgpack
import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporters.in_flight import InFlight
from exporters.page import render
from exporters.recorder import Recorder
from exporters.report_merger import SILENT_SECONDS
from exporters.run_view import ExporterCounters
from exporters.scenario_metrics import MOST_SERIES, ScenarioMetrics
from exporters.worker_reports import ReportMerger, ReportWriter
from swarmscope.histogram import fine_bounds

BOUNDS = fine_bounds([Decimal("0.3")])
GAUGES = {"locust_connections"}


class Worker:
    """A process that counts messages and connections, and reports as Locust carries it."""

    def __init__(self):
        self.metrics = ScenarioMetrics()
        self.messages = self.metrics.declare(
            "counter", "messages_total", "Messages.", ("direction",), [("in",), ("out",)]
        )
        self.open = self.metrics.declare("gauge", "connections", "Open connections.", (), ())
        self.writer = ReportWriter(Recorder(BOUNDS), InFlight(lambda: 0.0), None, self.metrics)
        self.writer.start_run("r1")

    def report(self, complete=False):
        return msgpack.unpackb(msgpack.packb(self.writer.write(complete)), strict_map_key=False)


def test_series_that_are_named_exist_at_zero_and_a_run_starts_there():
    worker = Worker()
    zero = {
        ("locust_messages_total", "in"): 0,
        ("locust_messages_total", "out"): 0,
        ("locust_connections",): 0,
    }
    assert worker.metrics.read() == zero
    worker.messages.add(3, "in")
    worker.open.add(2)
    worker.open.add(-1)
    assert worker.metrics.read() == zero | {("locust_messages_total", "in"): 3, ("locust_connections",): 1}
    worker.metrics.start_run()
    assert worker.metrics.read() == zero


def test_a_master_adds_up_its_workers_and_their_restarts():
    merger = ReportMerger("r1", len(BOUNDS))
    first, second, reborn = Worker(), Worker(), Worker()
    first.messages.add(5, "in")
    first.open.set(7)
    second.messages.add(1, "in")
    second.open.set(2)
    merger.apply("w1", first.report(), now=0.0)
    merger.apply("w2", second.report(), now=0.0)
    assert merger.scenario(GAUGES, now=1.0) == {
        ("locust_messages_total", "in"): 6,
        ("locust_messages_total", "out"): 0,
        ("locust_connections",): 9,
    }
    reborn.messages.add(10, "in")
    reborn.open.set(1)
    merger.apply("w1", reborn.report(), now=2.0)
    merged = merger.scenario(GAUGES, now=2.0)
    assert merged["locust_messages_total", "in"] == 16  # what the first life counted was counted
    assert merged["locust_connections",] == 3  # but its connections are gone


def test_a_repeated_report_and_a_silent_worker_change_no_counter():
    merger = ReportMerger("r1", len(BOUNDS))
    worker = Worker()
    worker.messages.add(5, "out")
    worker.open.set(4)
    report = worker.report()
    merger.apply("w1", report, now=0.0)
    merger.apply("w1", report, now=0.0)
    merged = merger.scenario(GAUGES, now=SILENT_SECONDS + 1)
    assert merged["locust_messages_total", "out"] == 5
    assert merged["locust_connections",] == 0


def test_the_page_shows_them_after_swarmscopes_own(run_view):
    worker = Worker()
    worker.messages.add(5, "in")
    view = run_view(
        scenario_metrics=[each.metric for each in worker.metrics.metrics],
        scenario_values=worker.metrics.read(),
    )
    families = list(
        text_string_to_metric_families("".join(render([view, run_view(run="2")], ExporterCounters())))
    )
    messages, connections = families[-2:]
    assert (messages.name, messages.type, messages.documentation) == (
        "locust_messages",
        "counter",
        "Messages.",
    )
    run = {"run": "triggers-1", "system": "triggers"}
    assert [(sample.labels, sample.value) for sample in messages.samples] == [
        (run | {"direction": "in"}, 5.0),
        (run | {"direction": "out"}, 0.0),
    ]
    assert [(sample.labels, sample.value) for sample in connections.samples] == [(run, 0.0)]


def test_label_values_are_bounded():
    metrics = ScenarioMetrics()
    leaks = metrics.declare("counter", "leaks_total", "Leaks.", ("tenant",), ())
    for number in range(MOST_SERIES + 50):
        leaks.add(1, f"t{number}")
    assert len(metrics.read()) == MOST_SERIES + 1
    assert leaks.value("other") == 50


@pytest.mark.parametrize(
    ("kind", "name", "labels", "reason"),
    [
        ("counter", "messages", (), "'messages' is no name for a counter"),
        ("gauge", "open_total", (), "'open_total' is no name for a gauge"),
        ("gauge", "Open", (), "'Open' is no name for a gauge"),
        ("gauge", "users", (), "locust_users is a metric of Swarmscope's own"),
        ("gauge", "open", ("run",), "locust_open: 'run' is no label of its own"),
        ("gauge", "known", ("other",), "locust_known is declared twice, and not alike"),
    ],
)
def test_a_wrong_declaration_is_refused(kind, name, labels, reason):
    metrics = ScenarioMetrics()
    metrics.declare("gauge", "known", "Help.", (), ())
    assert metrics.declare("gauge", "known", "Help.", (), ()) is metrics.metrics[0]
    with pytest.raises(ValueError, match=reason):
        metrics.declare(kind, name, "Help.", labels, ())


def test_wrong_use_is_refused():
    worker = Worker()
    with pytest.raises(ValueError, match="cannot go back"):
        worker.messages.add(-1, "in")
    with pytest.raises(ValueError, match="takes 1 label values, got 0"):
        worker.messages.add(1)
    with pytest.raises(ValueError, match="is a counter: add to it"):
        worker.messages.set(1, "in")
