"""What is asked of CloudWatch, what it becomes, and the documents that say so."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporters.cloudwatch_pull.exporter import CloudWatchExporter
from swarmscope.aws.actions import CALLED, PULL_ACTIONS
from swarmscope.aws.document import cloudwatch_metrics_page
from swarmscope.aws.families import COLD_STARTS, FAMILIES, OWN, ListedMetric
from swarmscope.aws.queries import TABLE_OPERATIONS, dimension_label, wanted_queries
from swarmscope.aws.resources import Resources, tagged_resources
from swarmscope.aws.settings import Api, AwsSettings, ColdStarts
from swarmscope.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = AwsSettings(
    functions=("f",),
    tables=("t",),
    apis=(Api("a", "s"),),
    metrics=(ListedMetric("queue_depth", "AWS/SQS", "Depth", {"QueueName": "q"}, ("Sum", "p99"), 300, 2.0),),
    cold_starts=ColdStarts(),
    region="us-east-1",
)


def test_every_family_is_asked_for_with_exactly_its_dimensions() -> None:
    queries = wanted_queries(EVERYTHING, Resources(("f",), ("t",), (Api("a", "s"),)))
    assert {query.series.name for query in queries} == {*(family.name for family in FAMILIES), "queue_depth"}
    # As many as docs/cloudwatch-pull.md says that are paid for.
    per_function, per_table, per_api = 9, 8 * len(TABLE_OPERATIONS) + 4, 13
    assert len(queries) == per_function + per_table + per_api + 2
    for family in FAMILIES:
        own = [query for query in queries if query.series.name == family.name]
        assert {query.statistic for query in own} == set(family.statistics)
        for query in own:
            assert {name for name, _ in query.dimensions} == set(family.dimensions)
            assert tuple(name for name, _ in query.series.labels) == family.labels
            assert query.scale == (1.0 if query.statistic == "SampleCount" else family.scale)
            assert query.period == 60
    listed = [query for query in queries if query.series.name == "queue_depth"]
    assert [query.series.labels for query in listed] == [
        (("queue_name", "q"), ("stat", "Sum")),
        (("queue_name", "q"), ("stat", "p99")),
    ]
    assert {(query.period, query.scale) for query in listed} == {(300, 2.0)}


def test_two_metrics_that_would_be_one_series_are_refused() -> None:
    settings = AwsSettings(
        metrics=(
            ListedMetric("depth", "Shop/One", "Depth", {"Queue": "a"}),
            ListedMetric("depth", "Shop/Two", "Depth", {"Queue": "a"}),
            ListedMetric("depth", "Shop/Two", "Depth", {"Queue": "b"}),
            ListedMetric("aws_lambda_errors", "Shop/One", "Errors"),
        )
    )
    with pytest.raises(ConfigurationError) as refused:
        wanted_queries(settings, Resources())
    assert str(refused.value) == (
        'aws: metrics[3].name: "aws_lambda_errors" is a name of the exporter\'s own\n'
        "aws: metrics: depth {queue=a} would be two series in one: Shop/One Depth and Shop/Two Depth\n"
        "  hint: give one of them another name"
    )


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("QueueName", "queue_name"),
        ("DBInstanceIdentifier", "db_instance_identifier"),
        ("LoadBalancer", "load_balancer"),
        ("aws:label", "aws_label"),
        ("Stat", "dimension_stat"),
        ("Run", "dimension_run"),
        ("2nd", "dimension_2nd"),
        ("…", "dimension"),
    ],
)
def test_dimensions_become_labels(name: str, label: str) -> None:
    assert dimension_label(name) == label


def test_only_functions_and_tables_are_taken_from_arns() -> None:
    found = tagged_resources(
        [
            "arn:aws:lambda:eu-west-1:123456789012:function:b",
            "arn:aws-cn:lambda:cn-north-1:123456789012:function:a",
            "arn:aws:lambda:eu-west-1:123456789012:function:b:live",
            "arn:aws:lambda:eu-west-1:123456789012:layer:x",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/t.1",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/t.1/stream/2026",
            "arn:aws:apigateway:eu-west-1::/restapis/abc123/stages/prod",
            "nonsense",
        ]
    )
    assert found == Resources(("a", "b"), ("t.1",))
    assert Resources(("b", "c")) | found == Resources(("b", "c", "a"), ("t.1",))


def test_the_page_has_every_family_from_the_start() -> None:
    exporter = CloudWatchExporter(EVERYTHING, system="shop", bounds=())
    exporter.board.refresh(0.0)
    families = {family.name: family for family in text_string_to_metric_families(exporter.page())}
    wanted = {*COLD_STARTS, *OWN}
    names = {
        metric.name.removesuffix("_total") if metric.type == "counter" else metric.name for metric in wanted
    }
    assert names <= families.keys()
    assert all(family.documentation for family in families.values())
    # A counter of the exporter that nobody has counted yet is 0, and not absent.
    calls = [
        (sample.labels["operation"], sample.labels["result"], sample.value)
        for sample in families["aws_exporter_api_calls"].samples
    ]
    assert sorted(calls) == sorted(
        (operation, result, 0.0)
        for operation in ("GetMetricData", "FilterLogEvents", "GetCallerIdentity")
        for result in ("success", "throttled", "error", "refused")
    )


def test_the_documents_name_every_series_and_every_action() -> None:
    page = cloudwatch_metrics_page()
    assert [m.name for m in (*FAMILIES, *COLD_STARTS, *OWN) if f"| `{m.name}` |" not in page] == []
    assert (ROOT / "docs/cloudwatch-metrics.md").read_text(encoding="utf-8") == page
    guide = (ROOT / "docs/cloudwatch-pull.md").read_text(encoding="utf-8")
    assert [action for action in PULL_ACTIONS if f"`{action}`" not in guide] == []


def test_every_call_in_the_code_has_its_action() -> None:
    """Whoever adds a call to the exporter finds this test: the policy is made from the actions."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "exporters/cloudwatch_pull").glob("*.py")]
    asked = {method for text in texts for method in _methods(text)}
    as_operations = {"".join(word.capitalize() for word in method.split("_")) for method in asked}
    assert as_operations == set(CALLED)


def _methods(text: str) -> set[str]:
    import re

    return set(re.findall(r"\b(?:client|sts)\.([a-z_]+)\(", text)) - {"get"}
