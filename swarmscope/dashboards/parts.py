"""Panels as all dashboards want them: same data source, legends, tooltips and heights. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import common, heatmap, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from swarmscope.dashboards.palette import BLUE, GREY, RED, Mappings

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
FULL_WIDTH = 24
NOT_SCRAPED = "not scraped"
NOT_RUNNING = "not running"


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


def legend_table(span: int = 12) -> common.VizLegendOptions:
    """Last and largest value of each series: below the panel, or beside it where there is room."""
    is_wide = span == FULL_WIDTH
    return (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(kinds.LegendDisplayMode.TABLE)
        .placement(kinds.LegendPlacement.RIGHT if is_wide else kinds.LegendPlacement.BOTTOM)
        .calcs(["lastNotNull", "max"])
    )


def tooltip_of_all() -> common.VizTooltipOptions:
    """Every series at that moment, largest first."""
    return common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(kinds.SortOrder.DESCENDING)


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
        .show_points(kinds.VisibilityMode.AUTO)
        .point_size(4)
        # A gap is a missing measurement: it is never bridged.
        .span_nulls(False)
        .color_scheme(build.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .tooltip(tooltip_of_all())
        .legend(legend_table(span))
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


def colour(panel: Any, regexp: str, value: str, *, dashed: bool = False) -> Any:
    """Give the series whose name matches a colour of its own; a limit is dashed and has no fill."""
    properties = [DynamicConfigValue("color", {"mode": "fixed", "fixedColor": value})]
    if dashed:
        properties += [
            DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [10, 10]}),
            DynamicConfigValue("custom.lineWidth", 2),
            DynamicConfigValue("custom.fillOpacity", 0),
            DynamicConfigValue("custom.stacking", {"mode": "none", "group": "limits"}),
        ]
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


def _tile(title: str, description: str, unit: str, no_value: str) -> stat.Panel:
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .no_value(no_value)
        .graph_mode(kinds.BigValueGraphMode.NONE)
        .text_mode(kinds.BigValueTextMode.VALUE)
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
    mappings: Mappings | None = None,
) -> stat.Panel:
    """One number, red from `warn` on; with `mappings` it is shown as a word on its colour."""
    steps = [Threshold(value=None, color=BLUE)]
    if warn is not None:
        steps.append(Threshold(value=warn, color=RED))
    panel = (
        _tile(title, description, unit, no_value)
        .span(span)
        .height(height)
        .color_mode(kinds.BigValueColorMode.BACKGROUND if mappings else kinds.BigValueColorMode.VALUE)
        .thresholds(build.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
        .with_target(query(expr, instant=True))
    )
    return panel.mappings(mappings) if mappings else panel


def word(
    title: str,
    description: str,
    expr: str,
    label: str,
    mappings: Mappings,
    *,
    span: int = 3,
    height: int = 4,
    no_value: str = "no data",
) -> stat.Panel:
    """One label's value (a verdict, a phase) of the series that answers; colours come with the words."""
    return (
        _tile(title, description, "string", no_value)
        .span(span)
        .height(height)
        .color_mode(kinds.BigValueColorMode.BACKGROUND)
        .thresholds(
            build.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(value=None, color=GREY)])
        )
        .mappings(mappings)
        .reduce_options(
            common.ReduceDataOptions().calcs(["lastNotNull"]).fields(f"/^{label}$/").values(False)
        )
        .with_target(query(expr, instant=True, as_table=True))
    )


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
        .y_axis(heatmap.YAxisConfig().unit("s").axis_placement(kinds.AxisPlacement.LEFT))
        .cell_values(heatmap.CellValues().unit("short"))
        # Nothing counted is no cell: most of the grid is empty.
        .filter_values(heatmap.FilterValueRange().le(1e-9))
        .color(
            heatmap.HeatmapColorOptions()
            .mode(HeatmapColorMode.SCHEME)
            .scheme("Viridis")
            .reverse(False)
            .steps(64)
            .exponent(0.5)
        )
        .cell_gap(0)
        .with_target(query(expr, heat=True))
    )


def states(
    title: str,
    description: str,
    expr: str,
    legend: str,
    mappings: Mappings,
    *,
    span: int = 24,
    height: int = 8,
    no_value: str = "",
) -> statetimeline.Panel:
    """When something was so and when not, a row for each series."""
    panel = (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit("short")
        .span(span)
        .height(height)
        .mappings(mappings)
        .merge_values(True)
        .show_value(kinds.VisibilityMode.NEVER)
        .color_scheme(build.FieldColor().mode(FieldColorModeId.FIXED).fixed_color(GREY))
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(kinds.LegendDisplayMode.LIST)
            .placement(kinds.LegendPlacement.BOTTOM)
        )
        .with_target(query(expr, legend))
    )
    return panel.no_value(no_value) if no_value else panel
