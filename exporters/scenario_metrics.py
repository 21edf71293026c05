"""Counters and gauges of a scenario's own, beside its requests: open connections, messages, leaks. No I/O.

A scenario declares them once, when its module is imported, and counts wherever it likes:

    LEAKS = counter("tenant_leaks_total", "Answers that held another tenant's data.")
    OPEN = gauge("websocket_connections", "Open WebSocket connections.")
    MESSAGES = counter("websocket_messages_total", "Messages by direction.", ("direction",), [("in",), ("out",)])

    LEAKS.add()
    OPEN.add(1); OPEN.add(-1)
    MESSAGES.add(12, "in")

They appear on the exporter's page as `locust_<name>` with the labels run and system before their own, summed over
workers, and targets ask for them with `run="$run"`. Times belong in Locust's `request` event: they become histograms.
In plain Locust they just count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from exporters.run_view import SeriesKey
from swarmscope.names import METRICS, NAMESPACE, OTHER, RUN_LABELS, Metric

MOST_SERIES = 200
"""Label values of one metric; more are folded into `other`."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class ScenarioMetric:
    """One counter or gauge with its series."""

    def __init__(self, metric: Metric, values: Iterable[Sequence[str]]) -> None:
        self.metric = metric
        self.is_counter = metric.type == "counter"
        self._own = len(metric.labels) - len(RUN_LABELS)
        self._known = tuple(tuple(value) for value in values) or ((),) * (not self._own)
        self._values: dict[tuple[str, ...], float] = dict.fromkeys(self._known, 0.0)

    def add(self, amount: float = 1.0, *labels: str) -> None:
        """Count up, or down for a gauge; raises ValueError for a wrong number of labels or a counter's negative."""
        if labels not in self._values:
            labels = self._accept(labels)
        if amount < 0 and self.is_counter:
            raise ValueError(f"{self.metric.name} is a counter and cannot go back by {amount}")
        self._values[labels] += amount

    def set(self, value: float, *labels: str) -> None:
        """Set a gauge; over several workers the page shows the sum."""
        if self.is_counter:
            raise ValueError(f"{self.metric.name} is a counter: add to it")
        if labels not in self._values:
            labels = self._accept(labels)
        self._values[labels] = value

    def value(self, *labels: str) -> float:
        """What this process has counted in this run."""
        return self._values.get(labels, 0.0)

    def start_run(self) -> None:
        """Zero everything."""
        self._values = dict.fromkeys(self._known, 0.0)

    def read(self) -> dict[SeriesKey, float]:
        """Every series of this process by its key."""
        return {(self.metric.name, *labels): value for labels, value in list(self._values.items())}

    def _accept(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(labels) != self._own:
            raise ValueError(f"{self.metric.name} takes {self._own} label values, got {len(labels)}")
        if len(self._values) >= MOST_SERIES:
            labels = (OTHER,) * self._own
        self._values.setdefault(labels, 0.0)
        return labels


class ScenarioMetrics:
    """Every metric that the imported scenarios have declared."""

    def __init__(self) -> None:
        self._declared: dict[str, ScenarioMetric] = {}

    def declare(
        self, kind: str, name: str, help_text: str, labels: Sequence[str], values: Iterable[Sequence[str]]
    ) -> ScenarioMetric:
        """A new metric, or the one that was declared the same way before; raises ValueError for a wrong name."""
        full = f"{NAMESPACE}_{name}"
        if not _NAME.fullmatch(name) or (kind == "counter") != name.endswith("_total"):
            raise ValueError(
                f"{name!r} is no name for a {kind}: lower case with _, and _total ends counters only"
            )
        if any(metric.name == full for metric in METRICS):
            raise ValueError(f"{full} is a metric of Swarmscope's own")
        wrong = [label for label in labels if not _NAME.fullmatch(label) or label in RUN_LABELS]
        if wrong or not help_text:
            raise ValueError(
                f"{full}: {f'{wrong[0]!r} is no label of its own' if wrong else 'needs a help text'}"
            )
        metric = Metric(full, kind, help_text, (*RUN_LABELS, *labels))
        known = self._declared.get(full)
        if known is not None:
            if known.metric != metric:
                raise ValueError(f"{full} is declared twice, and not alike")
            return known
        declared = self._declared[full] = ScenarioMetric(metric, values)
        return declared

    @property
    def metrics(self) -> tuple[ScenarioMetric, ...]:
        """All of them, in the order of their declaration."""
        return tuple(self._declared.values())

    def start_run(self) -> None:
        """Zero everything, as every run counts from zero."""
        for metric in self._declared.values():
            metric.start_run()

    def read(self) -> dict[SeriesKey, float]:
        """Every series of this process."""
        return {key: value for metric in self._declared.values() for key, value in metric.read().items()}


DECLARED = ScenarioMetrics()
"""What this process' scenarios have declared: their modules are imported once, like Locust's own events."""


def counter(
    name: str, help_text: str, labels: Sequence[str] = (), values: Iterable[Sequence[str]] = ()
) -> ScenarioMetric:
    """Declare a counter (its name ends in _total); series named in `values` exist at 0 from the start."""
    return DECLARED.declare("counter", name, help_text, labels, values)


def gauge(
    name: str, help_text: str, labels: Sequence[str] = (), values: Iterable[Sequence[str]] = ()
) -> ScenarioMetric:
    """Declare a gauge; over workers its values are added up."""
    return DECLARED.declare("gauge", name, help_text, labels, values)
