"""Writes rules, alerts and promtool tests as YAML that reads well and never changes by itself. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import yaml

from swarmscope.alerting.alert_names import AlertName
from swarmscope.document import origin

Rule = dict[str, Any]
"""One rule as Prometheus reads it: `record` or `alert`, `expr`, `for`, `labels`, `annotations`."""

INTERVAL = "1s"
"""How often rules are evaluated; part of the arithmetic in docs/alerting.md."""


def recording(name: str, expr: str, labels: Mapping[str, str] | None = None) -> Rule:
    """A rule that stores what `expr` answers as the series `name`."""
    rule: Rule = {"record": name, "expr": expr}
    return rule | ({"labels": dict(labels)} if labels else {})


def alert(
    name: AlertName,
    expr: str,
    *,
    hold: str = "",
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
) -> Rule:
    """A rule that fires once `expr` has answered something for `hold` (at once without)."""
    rule: Rule = {"alert": name, "expr": expr}
    if hold:
        rule["for"] = hold
    return rule | {"labels": dict(labels), "annotations": dict(annotations)}


def group(name: str, rules: Sequence[Rule]) -> dict[str, Any]:
    """Rules that are evaluated one after the other, each seeing what those before it recorded."""
    return {"name": name, "interval": INTERVAL, "rules": list(rules)}


def rule_file(groups: Sequence[Mapping[str, Any]], source: str, remark: str = "") -> str:
    """The text of a rule file; `source` is what to edit instead of it."""
    return as_yaml({"groups": list(groups)}, origin(source), remark)


def as_yaml(document: Mapping[str, Any], header: str, remark: str = "") -> str:
    """A YAML text with comments on top: where it comes from, and what else a reader should know."""
    comments = [header, *remark.splitlines()]
    return "".join(f"# {line}\n" for line in comments) + yaml.dump(
        _plain(document), Dumper=_Readable, sort_keys=False, allow_unicode=True, width=10_000
    )


def _plain(value: Any) -> Any:
    """YAML's own types for enumeration members, mappings and sequences."""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Mapping):
        return {_plain(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


class _Readable(yaml.SafeDumper):
    """Lists indented under their key; texts of several lines as blocks; nothing abbreviated by anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Readable.add_representer(str, _text)
