"""Plays Grafana for the tests: chooses variables, asks a dashboard's queries, and merges answers into tables.

What Grafana does to the text of a query is in swarmscope/dashboards/asking.py.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swarmscope.dashboards import asking
from swarmscope.dashboards.asking import Shown
from swarmscope.edge.prometheus_api import QueryRefused

FOLDER = Path(__file__).resolve().parents[2] / "grafana" / "dashboards"


def shipped(uid):
    return json.loads((FOLDER / f"{uid.removeprefix('swarmscope-')}.generated.json").read_text())


@dataclass
class Answers:
    """What a dashboard's queries answered at one moment."""

    shown: Shown
    series: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def empty(self) -> list[str]:
        return [where for where, found in self.series.items() if not any(map(has_value, found))]


def has_value(series):
    values = [series["value"]] if "value" in series else series["values"]
    return any(not math.isnan(float(value)) for _, value in values)


def choose(site, dashboard, start, end, wanted):
    """The variables' values: those wanted where they are offered, else the first, or all, as Grafana chooses."""
    values, several = {}, set()
    for each in asking.variables(dashboard):
        # Asked once means at the present, or, in some versions of Grafana, at the dashboard's own time: both must do.
        at = (
            [(start, end)]
            if not each.is_asked_once
            else [(time.time() - 6 * 3600, time.time()), (start, end)]
        )
        offers = [offered(site, Shown(*times, values, frozenset(several)), each) for times in at]
        assert all(offer == offers[0] for offer in offers), (each.name, offers)
        assert offers[0], f"variable {each.name} offers nothing"
        if each.is_several:
            several.add(each.name)
            values[each.name] = offers[0]
        else:
            chosen = wanted.get(each.name)
            assert chosen is None or chosen in offers[0], (each.name, chosen, offers[0])
            values[each.name] = chosen or offers[0][0]
    return Shown(start, end, values, frozenset(several))


def offered(site, shown, variable):
    query = shown.filled(variable.query)
    inside = query.partition("(")[2].removesuffix(")")
    if query.startswith("label_values("):
        selector, _, label = inside.rpartition(",")
        found = site.label_values(selector, label.strip(), shown.start, shown.end)
    else:
        assert query.startswith("query_result("), query
        found = asking.result_lines(site.prometheus.query(inside, math.ceil(shown.end)))
    return asking.options(found, variable.regex)


def ask(site, dashboard, shown, keep=lambda query: True):
    answers = Answers(shown)
    for query in filter(keep, asking.queries(dashboard)):
        for one in repeated(query, shown):
            expr = one.filled(query.expr)
            try:
                if query.is_instant:
                    found = site.prometheus.query(expr, shown.end)
                else:
                    found = site.prometheus.query_range(expr, shown.start, shown.end, shown.step)
            except QueryRefused as error:
                answers.errors[query.where] = f"{error.message}: {expr}"
                break
            answers.series.setdefault(query.where, []).extend(found)
    return answers


def repeated(query, shown):
    if not query.repeats:
        yield shown
        return
    for value in shown.values[query.repeats]:
        yield Shown(shown.start, shown.end, {**shown.values, query.repeats: value}, shown.several)


def complaints(page, answers, is_over=False):
    """What is wrong with a dashboard's answers: errors, and silence where the page promises an answer."""
    silent = [
        f"{where}: no answer"
        for where in answers.empty
        if not page.allows_no_answer(where) and not (is_over and page.is_over_with_the_run(where))
    ]
    return [f"{where}: {error}" for where, error in answers.errors.items()] + silent


def value(answers, where, **labels):
    """The last value of the one series with these labels; without any when there is no such series."""
    found = [
        series
        for series in answers.series[where]
        if all(series["metric"].get(key) == wanted for key, wanted in labels.items())
    ]
    if not found:
        return None
    (series,) = found
    return float((series.get("value") or series["values"][-1])[1])


def merged(series_of_queries):
    """What Grafana's `merge` makes of the answers: rows that agree in the labels that all queries have."""
    frames = []
    for letter, found in series_of_queries.items():
        labels = {key for series in found for key in series["metric"]}
        frames.append(
            (labels, [{**series["metric"], f"Value #{letter}": series["value"][1]} for series in found])
        )
    key = set.intersection(*(labels for labels, _ in frames if labels))
    rows: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for _, found in frames:
        for row in found:
            same = rows.setdefault(tuple(row.get(label, "") for label in sorted(key)), [])
            fits = [one for one in same if all(one.get(name, text) == text for name, text in row.items())]
            for one in fits:
                one.update(row)
            if not fits:
                same.append(dict(row))
    return [row for same in rows.values() for row in same]


def table(answers, title):
    return merged({
        where.rpartition(" ")[2]: found
        for where, found in answers.series.items()
        if where.rpartition(" ")[0] == title and found
    })  # fmt: skip
