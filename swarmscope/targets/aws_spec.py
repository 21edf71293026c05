"""The `aws` section of an environment in the user's words: which keys there are, and what may stand in each. No I/O."""

from __future__ import annotations

from decimal import Decimal

from pydantic import ConfigDict, Field

from swarmscope.aws.families import ListedMetric
from swarmscope.aws.settings import AwsSettings, ColdStarts, Prices
from swarmscope.targets import aws_fields, fields
from swarmscope.targets.spec_base import Spec
from swarmscope.targets.units import duration_text

_AWS = AwsSettings()
_COLD_STARTS = ColdStarts()
_PRICES = Prices()
_METRIC = ListedMetric("", "", "")


def _seconds(value: float) -> str:
    return duration_text(Decimal(str(value)))


class ApiSpec(Spec):
    """A stage of an API Gateway REST API."""

    model_config = ConfigDict(json_schema_extra={"required": ["api", "stage"]})

    api: aws_fields.ApiName | None = Field(
        None, description="The API's name (CloudWatch's ApiName).", examples=["orders"]
    )
    stage: aws_fields.StageName | None = Field(None, description="The stage.", examples=["prod"])


class ListedMetricSpec(Spec):
    """Any metric of CloudWatch, under a name for Prometheus."""

    model_config = ConfigDict(json_schema_extra={"required": ["name", "namespace", "metric"]})

    name: aws_fields.PrometheusName | None = Field(
        None, description="The gauge that it becomes.", examples=["orders_queue_age_seconds"]
    )
    namespace: aws_fields.Namespace | None = Field(
        None, description="CloudWatch's namespace.", examples=["AWS/SQS"]
    )
    metric: aws_fields.MetricName | None = Field(
        None, description="CloudWatch's name of the metric.", examples=["ApproximateAgeOfOldestMessage"]
    )
    dimensions: dict[aws_fields.MetricName, fields.Text] | None = Field(
        None,
        description="All dimensions of the metric with their values; each becomes a label in snake_case.",
        examples=[{"QueueName": "orders"}],
    )
    statistics: list[aws_fields.Statistic] | None = Field(
        None,
        description=f"Statistics, as CloudWatch spells them (default {', '.join(_METRIC.statistics)}); "
        "several are told apart by the label stat.",
        examples=[["Maximum"], ["p50", "p95"]],
        min_length=1,
    )
    period: aws_fields.Period | None = Field(
        None,
        description=f"Seconds of one value (default {_METRIC.period}s); below 60s for custom namespaces only.",
        examples=["60s"],
    )
    scale: aws_fields.Scale | None = Field(
        None,
        description="What the value is multiplied by: 0.001 makes seconds of milliseconds.",
        examples=[0.001],
    )
    nil_to_zero: fields.Truth = Field(
        False, description="Whether a settled period without a datapoint is 0 rather than not known."
    )
    help: fields.Text | None = Field(None, description="What it is, in one sentence.")


class DiscoverSpec(Spec):
    """Finds resources by themselves."""

    model_config = ConfigDict(json_schema_extra={"required": ["tags"]})

    tags: dict[aws_fields.Tag, aws_fields.Tag] | None = Field(
        None,
        description="Functions and tables that carry all of these tags are added; APIs are named.",
        examples=[{"service": "orders"}],
        min_length=1,
    )


class ColdStartsSpec(Spec):
    """Where cold starts are read from."""

    reader: aws_fields.Reader = Field(
        _COLD_STARTS.reader,
        description="filter reads every REPORT line and is free per GB; insights makes few calls and is billed by "
        "the GB that it scans.",
    )
    log_groups: dict[aws_fields.Function, aws_fields.LogGroup] | None = Field(
        None,
        description="Log groups of functions where they are not /aws/lambda/<function>.",
        examples=[{"orders": "/teams/orders"}],
        min_length=1,
    )
    poll: fields.Duration | None = Field(
        None,
        description=f"Time between two looks during a run (default {_seconds(_COLD_STARTS.poll_seconds)}).",
    )
    delay: fields.Duration | None = Field(
        None, description=f"How late a line may arrive (default {_seconds(_COLD_STARTS.delay_seconds)})."
    )


class PricesSpec(Spec):
    """What AWS charges, US dollars; the defaults are those of us-east-1."""

    get_metric_data_per_thousand: aws_fields.Price | None = Field(
        None,
        description="Per 1,000 metrics that GetMetricData asks for "
        f"(default {_PRICES.get_metric_data_per_thousand}).",
    )
    calls_per_thousand: aws_fields.Price | None = Field(
        None, description=f"Per 1,000 other calls (default {_PRICES.calls_per_thousand})."
    )
    insights_per_gb: aws_fields.Price | None = Field(
        None, description=f"Per GB that Logs Insights scans (default {_PRICES.insights_per_gb})."
    )


class AwsSpec(Spec):
    """What is read from AWS beside the load; credentials come from boto3's usual places, never from here."""

    region: aws_fields.Region | None = Field(
        None, description="Region; boto3's own when not given.", examples=["eu-central-1"]
    )
    endpoint_url: fields.Host | None = Field(
        None,
        description="Another address than AWS' own for every API.",
        examples=["https://monitoring.vpce.example.com"],
    )
    profile: aws_fields.Profile | None = Field(
        None, description="Profile of your AWS configuration.", examples=["loadtest"]
    )
    role_arn: aws_fields.Role | None = Field(None, description="Role to assume before anything is asked.")
    external_id: aws_fields.ExternalId | None = Field(
        None, description="External id that the role wants.", examples=["swarmscope"]
    )
    functions: list[aws_fields.Function] | None = Field(
        None, alias="lambda", description="Lambda functions.", examples=[["orders-api"]], min_length=1
    )
    dynamodb: list[aws_fields.Table] | None = Field(
        None, description="DynamoDB tables.", examples=[["orders"]], min_length=1
    )
    api_gateway: list[ApiSpec] | None = Field(None, description="Stages of REST APIs.", min_length=1)
    metrics: list[ListedMetricSpec] | None = Field(
        None, description="Any other metrics of CloudWatch.", min_length=1
    )
    discover: DiscoverSpec | None = Field(None, description="Finds functions and tables by their tags.")
    cold_starts: ColdStartsSpec | None = Field(
        None, description="Reads the functions' cold starts from their logs; {} takes all defaults."
    )
    poll: fields.Duration | None = Field(
        None, description=f"Time between two polls during a run (default {_seconds(_AWS.poll_seconds)})."
    )
    idle_poll: fields.Duration | None = Field(
        None,
        description="Time between two polls while no run goes on (default 0s: none, which costs nothing).",
    )
    delay: fields.Duration | None = Field(
        None,
        description="How late datapoints arrive: a minute is settled when it ended so long ago "
        f"(default {_seconds(_AWS.delay_seconds)}).",
    )
    delays: dict[aws_fields.Namespace, fields.Duration] | None = Field(
        None,
        description="Delays of single namespaces that are later, or less late, than the others.",
        examples=[{"AWS/DynamoDB": "3m"}],
        min_length=1,
    )
    max_age: fields.Duration | None = Field(
        None, description=f"Older values leave the page (default {_seconds(_AWS.max_age_seconds)})."
    )
    settle_within: fields.Duration | None = Field(
        None,
        description="The longest that a run's verdict waits for AWS; then NO DATA "
        f"(default {_seconds(_AWS.settle_within_seconds)}).",
    )
    timestamps: fields.Truth = Field(
        _AWS.timestamps, description="Whether values carry CloudWatch's own timestamps."
    )
    cost_limit: aws_fields.DollarsPerHour | None = Field(
        None,
        description="US dollars per hour at most: beyond them it polls more slowly and says so "
        f"(default ${_AWS.cost_limit_dollars_per_hour:g}/h).",
        examples=["$1/h", 0.5],
    )
    prices: PricesSpec | None = Field(None, description="What AWS charges in your region.")
