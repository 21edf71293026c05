"""The texts of the Prometheus page that do not change from scrape to scrape, and where the numbers go. No I/O.

A page of 5,000 requests has some 200,000 lines; what makes it cheap is that all lines of a request's histogram
are one `%` on one skeleton, shared by the requests of a run, and one replacement of the labels' place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import accumulate
from operator import itemgetter

from prometheus_client.utils import floatToGoString

from swarmscope.measurements import RequestCounts, RequestKey
from swarmscope.names import REQUEST_DURATION, REQUEST_LABELS, RUN_LABELS, Metric

_LABELS_PLACE = "\0"
"""Stands for the labels in a skeleton: in none of its fixed parts, and the numbers cannot contain it."""

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})

go_number: Callable[[float | Decimal], str] = floatToGoString
"""A number as Go prints it (`0.1`, `1.0`, `+Inf`), so that the text of a bound is the text that Prometheus keeps."""


def header(metric: Metric) -> str:
    """The HELP and TYPE lines of a metric family."""
    return (
        f"# HELP {metric.name} {metric.help.translate(_HELP_ESCAPES)}\n# TYPE {metric.name} {metric.type}\n"
    )


def labels_text(names: Sequence[str], values: Sequence[str]) -> str:
    """`run="r1",system="triggers"`, values escaped."""
    return ",".join(f'{name}="{escape(value)}"' for name, value in zip(names, values, strict=True))


def escape(value: str) -> str:
    """A label value as the text format wants it between its quotes."""
    return value.translate(_ESCAPES)


def line(metric: Metric, labels: str, value: float | Decimal) -> str:
    """One sample; `labels` is ready text, "" for none."""
    number = str(value) if type(value) is int else go_number(value)
    return f"{metric.name}{{{labels}}} {number}\n" if labels else f"{metric.name} {number}\n"


class RunTexts:
    """The fixed texts of one run: its labels, its requests' labels and the skeleton of its histograms."""

    def __init__(
        self, run: str, system: str, bounds: Sequence[Decimal], exported_bounds: Sequence[Decimal]
    ) -> None:
        self._run = (run, system)
        self._grids = (tuple(bounds), tuple(exported_bounds))
        self.labels = labels_text(RUN_LABELS, self._run)
        self._requests: dict[RequestKey, str] = {}
        self._histograms: dict[RequestKey, tuple[tuple[int, float], str]] = {}
        """Key → what the counters were, and the text: some 6 kB a request."""
        self._skeleton = _histogram_skeleton(exported_bounds)
        self._exported = _picker([self._grids[0].index(bound) for bound in exported_bounds])
        self._zeros = (0,) * (len(exported_bounds) + 1)

    def fits(self, system: str, bounds: Sequence[Decimal], exported_bounds: Sequence[Decimal]) -> bool:
        """Whether these texts are still those of the run."""
        return self._run[1] == system and self._grids == (tuple(bounds), tuple(exported_bounds))

    def request(self, key: RequestKey) -> str:
        """The labels of a request's series."""
        text = self._requests.get(key)
        if text is None:
            text = self._requests[key] = labels_text(REQUEST_LABELS, (*self._run, *key))
        return text

    def with_labels(self, names: Sequence[str], values: Sequence[str]) -> str:
        """The run's labels with more behind them."""
        return f"{self.labels},{labels_text(names, values)}"

    def histogram(self, key: RequestKey, counts: RequestCounts | None) -> str:
        """All lines of a request's histogram: cumulative at each exported bound, +Inf, sum and count."""
        if counts is None:
            return self._filled(key, (*self._zeros, "0.0", 0))
        # Most of many requests did not happen between two scrapes. A request that did has finished, and
        # if it counts in the histogram it took some time.
        version = (counts.finished, counts.duration_sum)
        written = self._histograms.get(key)
        if written is None or written[0] != version:
            cumulative = tuple(accumulate(counts.buckets))
            timed = cumulative[-1]
            numbers = (*self._exported(cumulative), timed, go_number(counts.duration_sum), timed)
            written = self._histograms[key] = (version, self._filled(key, numbers))
        return written[1]

    def _filled(self, key: RequestKey, numbers: tuple[object, ...]) -> str:
        return (self._skeleton % numbers).replace(_LABELS_PLACE, self.request(key))


def _histogram_skeleton(exported_bounds: Sequence[Decimal]) -> str:
    name = REQUEST_DURATION.name
    les = [*(go_number(bound) for bound in exported_bounds), "+Inf"]
    buckets = "".join(f'{name}_bucket{{{_LABELS_PLACE},le="{le}"}} %d\n' for le in les)
    return f"{buckets}{name}_sum{{{_LABELS_PLACE}}} %s\n{name}_count{{{_LABELS_PLACE}}} %d\n"


def _picker(indexes: Sequence[int]) -> Callable[[Sequence[int]], tuple[int, ...]]:
    """itemgetter, which for a single index would give a number and not a tuple, and for none refuses."""
    if len(indexes) > 1:
        return itemgetter(*indexes)
    return lambda values: tuple(values[index] for index in indexes)
