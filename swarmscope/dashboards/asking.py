"""What Grafana asks Prometheus for a dashboard: its queries with Grafana's variables filled in. No I/O.

The rules are those of Grafana's Prometheus data source: how a value is escaped depends on its variable and on the
format that is asked for, `$__rate_interval` is never shorter than four scrapes, and a variable's options are the lines
of an answer that its regular expression finds something in.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SCRAPE_SECONDS = 1
"""As in the provisioned data source's `timeInterval`."""
MOST_POINTS = 1000
"""About the width of a panel in pixels: a range query has no more points."""
ALL = "$__all"


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a dashboard as its JSON has it."""

    where: str
    """Panel and letter (`Targets A`), or `annotation Phases`."""
    expr: str
    is_instant: bool = False
    is_table: bool = False
    repeats: str = ""
    """The variable whose every value gets a panel of its own."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that is asked of Prometheus."""

    name: str
    query: str
    regex: str
    is_several: bool
    """Whether several of its values can be chosen, or all: these are escaped as regular expressions."""
    is_asked_once: bool
    """Whether it is asked when the dashboard opens, at the present, and not whenever the shown time changes."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is looked at: the time, and the chosen value or values of each variable."""

    start: float
    end: float
    values: Mapping[str, str | Sequence[str]]
    several: frozenset[str] = field(default_factory=frozenset)
    """Variables whose values are escaped as regular expressions."""

    @property
    def step(self) -> int:
        """Seconds between two points."""
        return max(SCRAPE_SECONDS, math.ceil((self.end - self.start) / MOST_POINTS))

    def at(self, end: float) -> Shown:
        """The same choices at another moment."""
        return Shown(self.start, end, self.values, self.several)

    def filled(self, expr: str) -> str:
        """The query with every variable replaced; one that is not known stays, as in Grafana."""
        window = round(self.end - self.start)
        own = {
            "__range": f"{window}s",
            "__range_s": f"{window}",
            "__interval": f"{self.step}s",
            "__rate_interval": f"{max(self.step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)}s",
        }

        def replaced(found: re.Match[str]) -> str:
            name, form = found["bare"] or found["name"], found["form"] or ""
            if name in own:
                return own[name]
            if name not in self.values:
                return found[0]
            return _formatted(self.values[name], form, name in self.several)

        return re.sub(
            r"\$(?P<bare>[A-Za-z_]\w*)|\$\{(?P<name>[A-Za-z_]\w*)(?::(?P<form>\w+))?\}", replaced, expr
        )


def _formatted(value: str | Sequence[str], form: str, is_several: bool) -> str:
    values = [value] if isinstance(value, str) else list(value)
    if form == "regex":
        escaped = [re.sub(r"([\\^$*+?.()|\[\]{}/])", r"\\\1", each) for each in values]
    elif is_several:
        # Twice, because what comes out stands between the quotes of a PromQL string.
        escaped = [
            re.sub(r"([$^*{}\[\]'+?.()|])", r"\\\\\1", each.replace("\\", "\\\\\\\\")) for each in values
        ]
    else:
        escaped = [each.replace("\\", "\\\\").replace('"', '\\"') for each in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def panels(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every panel, those of collapsed rows included."""
    for panel in dashboard.get("panels") or ():
        yield panel
        yield from panels(panel)


def queries(dashboard: Mapping[str, Any]) -> Iterator[Query]:
    """Every query of the panels and annotations."""
    for panel in panels(dashboard):
        for target in panel.get("targets") or ():
            yield Query(
                f"{panel['title']} {target['refId']}",
                target["expr"],
                bool(target.get("instant")),
                target.get("format") == "table",
                panel.get("repeat") or "",
            )
    for annotation in dashboard["annotations"]["list"]:
        yield Query(f"annotation {annotation['name']}", annotation["expr"])


def variables(dashboard: Mapping[str, Any]) -> Iterator[Variable]:
    """Every variable that is asked of Prometheus, in the order in which they depend on each other."""
    for each in dashboard["templating"]["list"]:
        if each["type"] == "query":
            yield Variable(
                each["name"],
                each["query"],
                each.get("regex") or "",
                bool(each.get("multi") or each.get("includeAll")),
                each["refresh"] == 1,
            )


def result_lines(vector: Iterable[Mapping[str, Any]]) -> list[str]:
    """An instant query's answer as the lines that `query_result()` makes of it."""
    lines = []
    for each in vector:
        labels = dict(each["metric"])
        name = labels.pop("__name__", "")
        inside = ",".join(f'{key}="{value}"' for key, value in labels.items())
        time, value = each["value"]
        lines.append(f"{name}{{{inside}}} {value} {time * 1000:.15g}")
    return lines


def options(found: Iterable[str], regex: str) -> list[str]:
    """What a variable offers: of each line what the regular expression catches, or else the line."""
    if not regex:
        return list(dict.fromkeys(found))
    pattern = re.compile(regex.strip("/"))
    caught = (pattern.search(line) for line in found)
    return list(dict.fromkeys(each[each.lastindex or 0] for each in caught if each))
