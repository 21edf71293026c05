"""Turns the `aws` section of an environment, whose every field is valid, into the product's own values. No I/O."""

from __future__ import annotations

from swarmscope.aws.families import ListedMetric
from swarmscope.aws.settings import Api, AwsSettings, ColdStarts, Prices
from swarmscope.targets.aws_spec import AwsSpec, ColdStartsSpec, ListedMetricSpec, PricesSpec
from swarmscope.targets.units import Quantity


def aws_settings(spec: AwsSpec) -> AwsSettings:
    """The settings, with the defaults of what is not given."""
    default = AwsSettings()
    return AwsSettings(
        region=spec.region or "",
        endpoint_url=spec.endpoint_url or "",
        profile=spec.profile or "",
        role_arn=spec.role_arn or "",
        external_id=spec.external_id or "",
        functions=tuple(spec.functions or ()),
        tables=tuple(spec.dynamodb or ()),
        apis=tuple(Api(each.api or "", each.stage or "") for each in spec.api_gateway or ()),
        metrics=tuple(_metric(each) for each in spec.metrics or ()),
        tags=dict((spec.discover and spec.discover.tags) or {}),
        cold_starts=None if spec.cold_starts is None else _cold_starts(spec.cold_starts),
        poll_seconds=_value(spec.poll, default.poll_seconds),
        idle_poll_seconds=_value(spec.idle_poll, default.idle_poll_seconds),
        delay_seconds=_value(spec.delay, default.delay_seconds),
        max_age_seconds=_value(spec.max_age, default.max_age_seconds),
        settle_within_seconds=_value(spec.settle_within, default.settle_within_seconds),
        timestamps=spec.timestamps,
        cost_limit_dollars_per_hour=_value(spec.cost_limit, default.cost_limit_dollars_per_hour),
        prices=default.prices if spec.prices is None else _prices(spec.prices),
    )


def _metric(spec: ListedMetricSpec) -> ListedMetric:
    default = ListedMetric("", "", "")
    return ListedMetric(
        name=spec.name or "",
        namespace=spec.namespace or "",
        metric=spec.metric or "",
        dimensions=dict(spec.dimensions or {}),
        statistics=tuple(spec.statistics or default.statistics),
        period=int(_value(spec.period, default.period)),
        scale=_value(spec.scale, default.scale),
        nil_is_zero=spec.nil_to_zero,
        help=spec.help or f"{spec.metric} of {spec.namespace} in CloudWatch.",
    )


def _cold_starts(spec: ColdStartsSpec) -> ColdStarts:
    default = ColdStarts()
    return ColdStarts(
        reader=spec.reader,
        log_groups=dict(spec.log_groups or {}),
        poll_seconds=_value(spec.poll, default.poll_seconds),
        delay_seconds=_value(spec.delay, default.delay_seconds),
    )


def _prices(spec: PricesSpec) -> Prices:
    default = Prices()
    return Prices(
        get_metric_data_per_thousand=_value(
            spec.get_metric_data_per_thousand, default.get_metric_data_per_thousand
        ),
        calls_per_thousand=_value(spec.calls_per_thousand, default.calls_per_thousand),
        insights_per_gb=_value(spec.insights_per_gb, default.insights_per_gb),
    )


def _value(quantity: Quantity | None, default: float) -> float:
    return default if quantity is None else float(quantity.value)
