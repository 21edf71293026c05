"""Asks Prometheus about a run: totals, alerts, plots and server-side measurements, over its HTTP API. I/O.

Made of `requests`, so that inside Locust (where gevent has patched sockets) waiting here blocks nobody.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests

from swarmscope import names
from swarmscope.alerting.alert_names import AlertName
from swarmscope.errors import ComponentFailed
from swarmscope.measurements import RequestKey
from swarmscope.plots import Line, PlotQueries, plot_queries, step_seconds
from swarmscope.run_result import FiredAlert, Plot, RunInfo, Series
from swarmscope.targets import Profile, System, Target
from swarmscope.targets.match import quote
from swarmscope.verdict import QueryValue

LAST_SAMPLES_WITHIN = 900.0
"""How far back the last sample of an ended run is looked for, in seconds: a plain query finds none once its
exporter is gone."""


class PrometheusUnavailable(ComponentFailed):
    """Prometheus does not answer, or not as its API is documented."""


class QueryRefused(PrometheusUnavailable):
    """Prometheus answered that it cannot evaluate the query."""


class PrometheusApi:
    """One Prometheus server. Every method but `ready` raises PrometheusUnavailable when it does not answer."""

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._session = requests.Session()

    def __repr__(self) -> str:
        return f"PrometheusApi({_without_password(self.url)!r})"

    def ready(self) -> bool:
        """Whether it serves queries."""
        try:
            return self._session.get(f"{self.url}/-/ready", timeout=self._timeout).status_code == 200
        except requests.RequestException:
            return False

    def query(self, promql: str, at: float | None = None) -> list[dict[str, Any]]:
        """The series of an instant query's answer, as the API gives them; a scalar as one series without labels."""
        form = {"query": promql} if at is None else {"query": promql, "time": f"{at:.3f}"}
        data = self._ask("POST", "/api/v1/query", form)
        result = data["result"]
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": result}]
        if data["resultType"] == "string":
            raise QueryRefused("the query answers a text, not a number")
        return list(result)

    def query_range(self, promql: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """The series of a range query's answer; times are Unix seconds."""
        form = {"query": promql, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        return list(self._ask("POST", "/api/v1/query_range", form)["result"])

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that are pending or firing now, as the API gives them."""
        return list(self._ask("GET", "/api/v1/alerts", {})["alerts"])

    def last_totals(
        self, run: str, at: float | None = None, within: float = LAST_SAMPLES_WITHIN
    ) -> dict[tuple[RequestKey, str], int]:
        """Finished requests of a run by request and outcome, from the last samples before `at` (default: now)."""
        series = f"last_over_time({names.REQUESTS.name}{{run={quote(run)}}}[{_milliseconds(within)}])"
        # The same page may be scraped by two jobs: that is one count seen twice, not two counts.
        once = f"max by (method, name, outcome, status) ({series})"
        return {
            (RequestKey(labels.get("method", ""), labels.get("name", "")), labels.get("outcome", "")): round(
                value
            )
            for labels, value in _instant(self.query(f"sum by (method, name, outcome) ({once})", at))
        }

    def fired_alerts(self, run: str, start: float, end: float) -> tuple[FiredAlert, ...]:
        """The alerts about this run, or about no run in particular, that fired between two moments, in order."""
        if end <= start:
            return ()
        own = quote(f"{_regex_escape(run)}|")
        # `run=~"x|"` also matches alerts without a run, such as a service that cannot be scraped.
        series = f'ALERTS{{alertstate="firing",alertname!={quote(AlertName.WATCHDOG)},run=~{own}}}'
        found = self.query(f"{series}[{_milliseconds(end - start)}]", end)
        fired = [alert for each in found for alert in _firings(each, end)]
        return tuple(
            sorted(fired, key=lambda alert: (alert.started, alert.name, sorted(alert.labels.items())))
        )

    def plots(self, system: System, profile: Profile, info: RunInfo) -> tuple[Plot, ...]:
        """Every plot of the report of a run, from its start to its stop."""
        totals = self.last_totals(info.run, at=None)
        sent: dict[RequestKey, int] = {}
        for (key, _), number in totals.items():
            sent[key] = sent.get(key, 0) + number
        busiest = [str(key) for key in sorted(sent, key=lambda key: (-sent[key], key)) if "*" not in str(key)]
        queries = plot_queries(system, profile, info.run, info.stopped - info.started, busiest)
        return self.plots_of(queries, info.started, info.stopped)

    def plots_of(self, plots: Sequence[PlotQueries], start: float, end: float) -> tuple[Plot, ...]:
        """The plots with their queries answered, from `start` to `end` (Unix seconds)."""
        step = step_seconds(end - start)
        return tuple(
            Plot(
                plot.id,
                plot.title,
                plot.unit,
                tuple(series for line in plot.lines for series in self._lines(line, start, end, step)),
                plot.limits,
            )
            for plot in plots
        )

    def query_value(self, target: Target, run: str, steady: Sequence[tuple[float, float]]) -> QueryValue:
        """What a server-side target's query answers at the end of the judged window; never raises.

        Of several judged windows (a staged profile) the worst answer counts; a window without an answer makes
        the whole unknown unless another one missed the limit already.
        """
        windows = [(start, end) for start, end in steady if end - start >= 1]
        if not windows:
            return QueryValue(None, "the judged window is shorter than a second, so its query was not asked")
        answers = [self._value_at(substitute(target.query, run, end - start), end) for start, end in windows]
        values = [answer.value for answer in answers if answer.value is not None]
        worst = (min if target.kind.is_floor else max)(values, default=None)
        unknown = next((answer for answer in answers if answer.value is None), None)
        limit = float(target.limit)
        missed = worst is not None and (worst < limit if target.kind.is_floor else worst > limit)
        if unknown is not None and not missed:
            return unknown
        several = f"the worst of {len(windows)} judged windows" if len(windows) > 1 else ""
        return QueryValue(worst, several)

    def _value_at(self, promql: str, at: float) -> QueryValue:
        try:
            answer = self.query(promql, at)
        except QueryRefused as error:
            return QueryValue(None, f"Prometheus refused the query: {error.message}")
        except PrometheusUnavailable as error:
            return QueryValue(None, error.message)
        return _number(answer)

    def _lines(self, line: Line, start: float, end: float, step: int) -> list[Series]:
        return [
            Series(
                f"{line.label} {each['metric'].get(line.by, '')}".strip() if line.by else line.label,
                tuple((float(time), float(value)) for time, value in each["values"] if _is_finite(value)),
                line.unit,
            )
            for each in self.query_range(line.query, start, end, step)
        ]

    def _ask(self, method: str, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        where = f"Prometheus at {_without_password(self.url)}"
        try:
            # By POST, because a URL is too short for a long query.
            response = self._session.request(
                method, self.url + path, data=form or None, timeout=self._timeout
            )
            body = response.json()
        except requests.Timeout as error:
            raise PrometheusUnavailable(f"{where} did not answer within {self._timeout:g} s") from error
        except requests.exceptions.JSONDecodeError as error:
            raise PrometheusUnavailable(
                f"{where} answered {response.status_code} without JSON", "is something else listening there?"
            ) from error
        except requests.RequestException as error:
            # The library's own text names addresses of objects and the URL with its password.
            raise PrometheusUnavailable(f"{where} cannot be reached ({type(error).__name__})") from error
        if isinstance(body, dict) and body.get("status") == "success" and isinstance(body.get("data"), dict):
            return dict(body["data"])
        if isinstance(body, dict) and body.get("error"):
            refused = body.get("errorType") in ("bad_data", "execution")
            raise (QueryRefused if refused else PrometheusUnavailable)(str(body["error"]))
        raise PrometheusUnavailable(f"{where} answered {response.status_code} in another form than its API's")


def substitute(query: str, run: str, window_seconds: float) -> str:
    """A server-side target's query with `$run` and `$window` (whole seconds) filled in."""
    values = {"run": quote(run)[1:-1], "window": f"{math.floor(window_seconds)}s"}
    return re.sub(r"\$(run|window)\b", lambda found: values[found[1]], query)


def _instant(answer: Sequence[Mapping[str, Any]]) -> list[tuple[dict[str, str], float]]:
    return [(each["metric"], float(each["value"][1])) for each in answer]


def _number(answer: Sequence[Mapping[str, Any]]) -> QueryValue:
    """The one number of an instant query's answer, or why there is none."""
    if not answer:
        return QueryValue(None, "the query found no series: the measurement never arrived in Prometheus")
    if len(answer) > 1:
        return QueryValue(
            None, f"the query found {len(answer)} series where one is needed: add sum() or max()"
        )
    if "value" not in answer[0]:
        return QueryValue(None, "the query answers a range, not a number")
    value = float(answer[0]["value"][1])
    if math.isnan(value):
        return QueryValue(None, "the query answered NaN: it divided by zero, or nothing was measured")
    return QueryValue(value)


def _firings(series: Mapping[str, Any], end: float) -> list[FiredAlert]:
    """The stretches during which an alert fired: a pause longer than two evaluations ends one."""
    times = [float(time) for time, _ in series["values"]]
    pauses = sorted(later - earlier for earlier, later in pairwise(times))
    usual = pauses[len(pauses) // 2] if pauses else 1.0
    labels = {
        name: value
        for name, value in series["metric"].items()
        if name not in ("__name__", "alertname", "alertstate")
    }
    stretches = [[times[0], times[0]]]
    for time in times[1:]:
        if time - stretches[-1][1] > 2.5 * usual:
            stretches.append([time, time])
        stretches[-1][1] = time
    return [
        FiredAlert(
            series["metric"].get("alertname", ""), labels, first, None if end - last <= 2.5 * usual else last
        )
        for first, last in stretches
    ]


def _is_finite(value: str) -> bool:
    return math.isfinite(float(value))


def _milliseconds(seconds: float) -> str:
    return f"{math.ceil(seconds * 1000)}ms"


def _regex_escape(text: str) -> str:
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
