"""Panels as all dashboards want them: same data source, legends, tooltips, heights and colours. No I/O.

Colours are of the Okabe-Ito palette, which people who are blind to red or green can tell apart; a limit is dashed and
a status is also a word, so that nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.builders import (
    common,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    RangeMap,
    RegexMap,
    SpecialValueMap,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PINK, SKY, YELLOW, GREY = "#CC79A7", "#56B4E9", "#F0E442", "#8E8E8E"

STATUS_COLOURS = {
    "pass": GREEN,
    "fail": RED,
    "invalid": ORANGE,
    "no_data": GREY,
}


def query(
    expr: str,
    legend: str = "",
    ref: str = "A",
    *,
    instant: bool = False,
    as_table: bool = False,
    heat: bool = False,
) -> prometheus.Dataquery:
    """One query; `legend` in Grafana's `{{label}}` form."""
    made = prometheus.Dataquery().expr(expr).ref_id(ref).datasource(SOURCE)
    made = made.legend_format("{{le}}" if heat else legend or "__auto")
    if as_table or heat:
        made = made.format(PromQueryFormat.HEATMAP if heat else PromQueryFormat.TABLE)
    return made.instant() if instant else made.range()


def _queries(panel: Any, queries: Sequence[tuple[str, str]]) -> Any:
    for number, (expr, legend) in enumerate(queries):
        panel = panel.with_target(query(expr, legend, chr(ord("A") + number)))
    return panel


def lines(
    title: str,
    description: str,
    unit: str,
    *queries: tuple[str, str],
    span: int = 12,
    height: int = 8,
    stacked: bool = False,
    least: float | None = 0,
    most: float | None = None,
    no_value: str = "",
) -> timeseries.Panel:
    """Lines over time; each query is (PromQL, legend)."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .span(span)
        .height(height)
        .line_width(1.5)
        .fill_opacity(25 if stacked else 5)
        .show_points(kinds.VisibilityMode.NEVER)
        # A gap is a missing measurement: it is never bridged.
        .span_nulls(False)
        .color_scheme(build.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .tooltip(
            common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(kinds.SortOrder.DESCENDING)
        )
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(kinds.LegendDisplayMode.TABLE)
            .placement(kinds.LegendPlacement.BOTTOM)
            .calcs(["lastNotNull", "max"])
        )
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A"))
    if least is not None:
        panel = panel.min(least)
    if most is not None:
        panel = panel.max(most)
    if no_value:
        panel = panel.no_value(no_value)
    return _queries(panel, queries)  # type: ignore[no-any-return]


def colour(panel: Any, regexp: str, value: str, *, dashed: bool = False, **more: Any) -> Any:
    """Give the series whose name matches a colour of its own; a limit is dashed and has no fill."""
    properties = [DynamicConfigValue("color", {"mode": "fixed", "fixedColor": value})]
    if dashed:
        properties += [
            DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [10, 10]}),
            DynamicConfigValue("custom.lineWidth", 2),
            DynamicConfigValue("custom.fillOpacity", 0),
            DynamicConfigValue("custom.stacking", {"mode": "none", "group": "limits"}),
        ]
    properties += [DynamicConfigValue(key.replace("__", "."), each) for key, each in more.items()]
    return panel.override_by_regexp(f"/{regexp}/", properties)


def with_limits(panel: Any) -> Any:
    """Draw the series named `limit …` as dashed lines."""
    return colour(panel, "^limit", RED, dashed=True)


def on_the_right(panel: Any, regexp: str, unit: str) -> Any:
    """Give the series whose name matches an axis of its own, to the right."""
    return panel.override_by_regexp(
        f"/{regexp}/",
        [
            DynamicConfigValue("unit", unit),
            DynamicConfigValue("custom.axisPlacement", "right"),
            DynamicConfigValue("custom.fillOpacity", 0),
            DynamicConfigValue("min", 0),
        ],
    )


def number(
    title: str,
    description: str,
    unit: str,
    expr: str,
    *,
    span: int = 3,
    height: int = 4,
    warn: float | None = None,
    no_value: str = "no data",
    named: bool = False,
    legend: str = "",
    colours: Mapping[str, str] | None = None,
) -> stat.Panel:
    """One number, or with `named` the names of the series that answer (a verdict, a phase)."""
    steps = [Threshold(value=None, color=BLUE)]
    if warn is not None:
        steps.append(Threshold(value=warn, color=RED))
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .span(span)
        .height(height)
        .no_value(no_value)
        .graph_mode(kinds.BigValueGraphMode.NONE)
        .color_mode(kinds.BigValueColorMode.VALUE)
        .thresholds(build.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
        .with_target(query(expr, legend, instant=True))
    )
    if named:
        panel = panel.text_mode(kinds.BigValueTextMode.NAME)
    for name, value in (colours or {}).items():
        panel = panel.override_by_name(
            name, [DynamicConfigValue("color", {"mode": "fixed", "fixedColor": value})]
        )
    return panel


def heat(title: str, description: str, expr: str, *, span: int = 24, height: int = 9) -> heatmap.Panel:
    """Response times as a heatmap, from the exported buckets themselves."""
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit("short")
        .span(span)
        .height(height)
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit("s"))
        .color(
            heatmap.HeatmapColorOptions()
            .mode(HeatmapColorMode.SCHEME)
            .scheme("Viridis")
            .steps(64)
            .exponent(0.5)
        )
        .cell_gap(0)
        .with_target(query(expr, heat=True))
    )


def rows(
    title: str,
    description: str,
    columns: Sequence[tuple[str, str, str, str]],
    *,
    joined_by: Sequence[str],
    span: int = 24,
    height: int = 9,
    sort: str = "",
    labels: Mapping[str, str] | None = None,
    links: Mapping[str, str] | None = None,
) -> table.Panel:
    """A table; each column is (title, unit, PromQL, mapping) where mapping is "" or `status`.

    All queries keep the labels `joined_by`, which become the first columns.
    """
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .span(span)
        .height(height)
        .unit("short")
        .no_value("no data")
        .cell_height(kinds.TableCellHeight.SM)
    )
    renamed = dict(labels or {})
    hidden = {"Time": True}
    for position, (name, unit, expr, mapping) in enumerate(columns):
        ref = chr(ord("A") + position)
        panel = panel.with_target(query(expr, ref=ref, instant=True, as_table=True))
        value = f"Value #{ref}"
        renamed[value] = name
        properties = [DynamicConfigValue("unit", unit)]
        if mapping == "status":
            properties += [
                DynamicConfigValue("mappings", _STATUS),
                DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
            ]
        panel = panel.override_by_name(name, properties)
    for name, url in (links or {}).items():
        panel = panel.override_by_name(
            name, [DynamicConfigValue("links", [{"title": "Open", "url": url, "targetBlank": False}])]
        )
    order = {name: index for index, name in enumerate(joined_by)}
    panel = panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    panel = panel.with_transformation(
        DataTransformerConfig(
            id_val="organize",
            options={"excludeByName": hidden, "renameByName": renamed, "indexByName": order},
        )
    )
    if sort:
        panel = panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(True)])
    return panel


_STATUS: list[ValueMap | RangeMap | RegexMap | SpecialValueMap] = [
    ValueMap(
        options={
            "0": ValueMappingResult(text="missed", color=RED, index=0),
            "1": ValueMappingResult(text="met", color=GREEN, index=1),
        }
    ),
]


def states(
    title: str, description: str, expr: str, legend: str, *, span: int = 24, height: int = 8
) -> statetimeline.Panel:
    """When something was so (1) and when not (0)."""
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit("short")
        .span(span)
        .height(height)
        .mappings(_STATUS)
        .merge_values(True)
        .show_value(kinds.VisibilityMode.NEVER)
        .color_scheme(build.FieldColor().mode(FieldColorModeId.FIXED).fixed_color(GREY))
        .with_target(query(expr, legend))
    )
