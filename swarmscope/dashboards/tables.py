"""Tables, made of one instant query for each column. No I/O.

Grafana names the value of query A `Value #A`, but `Value` when only one query answered; each label is a column of its
own. `merge` makes one row of what agrees in the labels that all queries have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grafana_foundation_sdk.builders import barchart, common, table
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue

from swarmscope.dashboards.palette import BLUE, Mappings
from swarmscope.dashboards.parts import SOURCE, legend_table, query, tooltip_of_all


@dataclass(frozen=True, slots=True)
class Column:
    """What one query adds to a table: its value under `title`, or with no title only its labels."""

    title: str
    expr: str
    unit: str = "short"
    mappings: Mappings = field(default_factory=list)
    decimals: int | None = None
    is_hidden: bool = False
    """Not shown, but there for links to use."""


@dataclass(frozen=True, slots=True)
class Label:
    """A label as a column: how it is headed, where its cells lead, what its words mean."""

    name: str
    title: str = ""
    url: str = ""
    mappings: Mappings = field(default_factory=list)
    width: int = 0

    @property
    def header(self) -> str:
        """The column's heading."""
        return self.title or self.name


def rows(
    title: str,
    description: str,
    labels: Sequence[Label],
    columns: Sequence[Column],
    *,
    span: int = 24,
    height: int = 9,
    sort: str = "",
    no_value: str = "no data",
) -> table.Panel:
    """A table with the labels first, then the values, each in the order given; newest or largest of `sort` on top."""
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .span(span)
        .height(height)
        .unit("short")
        .no_value(no_value)
        .cell_height(kinds.TableCellHeight.SM)
        .filterable(False)
    )
    for position, column in enumerate(columns):
        panel = panel.with_target(query(column.expr, ref=_ref(position), instant=True, as_table=True))
        if column.title:
            panel = panel.override_by_name(column.title, _of_value(column))
    for label in labels:
        properties = _of_label(label)
        if properties:
            panel = panel.override_by_name(label.header, properties)
    for each in _merged(labels, columns):
        panel = panel.with_transformation(each)
    return panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(True)]) if sort else panel


def bars(
    title: str,
    description: str,
    unit: str,
    label: Label,
    columns: Sequence[Column],
    *,
    order: str,
    span: int = 12,
    height: int = 9,
) -> barchart.Panel:
    """A bar for each value of a label, in the order of the values of the query `order`."""
    panel = (
        barchart.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .span(span)
        .height(height)
        .x_field(label.header)
        .x_tick_label_rotation(-30)
        .x_tick_label_max_length(24)
        .show_value(kinds.VisibilityMode.NEVER)
        .legend(legend_table())
        .tooltip(tooltip_of_all())
    )
    asked = [Column("", order), *columns]
    for position, column in enumerate(asked):
        panel = panel.with_target(query(column.expr, ref=_ref(position), instant=True, as_table=True))
    for column in columns:
        panel = panel.override_by_name(
            column.title,
            [
                DynamicConfigValue("unit", column.unit),
                DynamicConfigValue("color", {"mode": "fixed", "fixedColor": BLUE}),
            ],
        )
    if label.url:
        panel = panel.override_by_name(label.header, [_link(label.url)])
    merge, organize = _merged([label], asked, keep="Value #A")
    by_order = DataTransformerConfig(
        id_val="sortBy", options={"fields": {}, "sort": [{"field": "Value #A", "desc": False}]}
    )
    without_order = DataTransformerConfig(
        id_val="organize",
        options={"excludeByName": {"Value #A": True}, "renameByName": {}, "indexByName": {}},
    )
    for each in (merge, organize, by_order, without_order):
        panel = panel.with_transformation(each)
    return panel


def _ref(position: int) -> str:
    return chr(ord("A") + position)


def _link(url: str) -> DynamicConfigValue:
    return DynamicConfigValue("links", [{"title": "Open", "url": url, "targetBlank": False}])


def _of_value(column: Column) -> list[DynamicConfigValue]:
    properties = [DynamicConfigValue("unit", column.unit)]
    if column.decimals is not None:
        properties.append(DynamicConfigValue("decimals", column.decimals))
    if column.is_hidden:
        # The former up to Grafana 12.1, the latter since.
        hidden = {"viz": True, "legend": False, "tooltip": False}
        properties += [
            DynamicConfigValue("custom.hidden", True),
            DynamicConfigValue("custom.hideFrom", hidden),
        ]
    return properties + _coloured(column.mappings)


def _of_label(label: Label) -> list[DynamicConfigValue]:
    properties = _coloured(label.mappings)
    if label.url:
        properties.append(_link(label.url))
    if label.width:
        properties.append(DynamicConfigValue("custom.width", label.width))
    return properties


def _coloured(mappings: Mappings) -> list[DynamicConfigValue]:
    if not mappings:
        return []
    return [
        DynamicConfigValue("mappings", mappings),
        DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
    ]


def _merged(
    labels: Sequence[Label], columns: Sequence[Column], keep: str = ""
) -> list[DataTransformerConfig]:
    renamed: dict[str, str] = {label.name: label.header for label in labels if label.title}
    excluded: dict[str, bool] = {"Time": True}
    order: dict[str, int] = {label.name: index for index, label in enumerate(labels)}
    for position, column in enumerate(columns):
        value = f"Value #{_ref(position)}"
        order[value] = len(order)
        if column.title:
            renamed[value] = column.title
        elif value != keep:
            excluded[value] = True
    first = next((column.title for column in columns if column.title), "")
    if first and len(columns) == 1:
        renamed["Value"] = first
    else:
        # Only one query answered, and which one is not told: a row of labels is better than a wrong heading.
        excluded["Value"] = True
    options: Mapping[str, Any] = {
        "excludeByName": excluded,
        "renameByName": renamed,
        "indexByName": order,
    }
    return [
        DataTransformerConfig(id_val="merge", options={}),
        DataTransformerConfig(id_val="organize", options=options),
    ]
