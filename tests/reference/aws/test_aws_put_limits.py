import time
from typing import Any

import pytest

NOW = time.time()
WHERE = "MetricData.member.1"


def of_today(datum: dict[str, Any]) -> dict[str, Any]:
    """With its time as far from now as it was from NOW: a long suite must not carry it over a limit."""
    moved = {"Timestamp": datum["Timestamp"] + time.time() - NOW} if "Timestamp" in datum else {}
    return {**datum, **moved}


@pytest.mark.parametrize(
    ("datum", "expected"),
    [
        ({"Value": float("nan")}, ("InvalidParameterValue", f"The value NaN for parameter {WHERE}.Value is invalid.")),
        ({"Value": float("inf")}, ("InvalidParameterValue", f"The value inf for parameter {WHERE}.Value is invalid.")),
        ({"Value": 2.0**361}, ("InvalidParameterValue", None)),
        ({"Values": [1.0, float("nan")]}, ("InvalidParameterValue",
         f"The value NaN for parameter {WHERE}.Values.member.2 is invalid.")),
        ({"Values": [1.0] * 151}, ("InvalidParameterValue",
         f"The collection {WHERE}.Values must not have a size greater than 150.")),
        ({"Values": []}, ("InvalidParameterValue", f"The collection {WHERE}.Values must not be empty.")),
        ({"Values": [1.0, 2.0], "Counts": [1.0]}, ("InvalidParameterValue",
         f"The parameters {WHERE}.Values and {WHERE}.Counts must have the same size, got 2 and 1.")),
        ({"Values": [1.0], "Counts": [-1.0]}, ("InvalidParameterValue",
         f"The value -1.0 for parameter {WHERE}.Counts.member.1 is invalid.")),
        ({"Values": [1.0], "Counts": [0.0]}, ("InvalidParameterValue",
         f"The parameter {WHERE}.Counts must have a count above 0.")),
        ({"Value": 1.0, "Counts": [1.0]}, ("InvalidParameterCombination",
         f"The parameter {WHERE}.Counts needs the parameter {WHERE}.Values.")),
        ({"Value": 1.0, "Values": [1.0]}, ("InvalidParameterCombination",
         f"The parameters {WHERE}.Value and {WHERE}.Values are mutually exclusive and you have specified both.")),
        ({}, ("MissingParameter",
         f"At least one of the parameters {WHERE}.Value, {WHERE}.Values or {WHERE}.StatisticValues is required.")),
        ({"StatisticValues": {"SampleCount": 0.0, "Sum": 1.0, "Minimum": 1.0, "Maximum": 1.0}},
         ("InvalidParameterValue", f"The value 0.0 for parameter {WHERE}.StatisticValues.SampleCount is invalid.")),
        ({"StatisticValues": {"SampleCount": 1.0, "Sum": 1.0, "Minimum": 2.0, "Maximum": 1.0}},
         ("InvalidParameterValue",
         f"The parameter {WHERE}.StatisticValues.Maximum must not be less than {WHERE}.StatisticValues.Minimum.")),
        ({"Value": 1.0, "Timestamp": NOW - 14 * 86_400 - 60}, ("InvalidParameterValue",
         f"The parameter {WHERE}.Timestamp must specify a time within the past two weeks.")),
        ({"Value": 1.0, "Timestamp": NOW + 2 * 3600 + 60}, ("InvalidParameterValue",
         f"The parameter {WHERE}.Timestamp must specify a time no more than two hours in the future.")),
        ({"Value": 1.0, "StorageResolution": 5}, ("InvalidParameterValue",
         f"The parameter {WHERE}.StorageResolution must be 1 or 60.")),
        ({"Value": 1.0, "Unit": "Parsecs"}, ("InvalidParameterValue", None)),
        ({"Value": 1.0, "MetricName": "m" * 256}, ("InvalidParameterValue",
         f"The parameter {WHERE}.MetricName must have 1 to 255 characters, got 256.")),
        ({"Value": 1.0, "Dimensions": [{"Name": f"d{index}", "Value": "v"} for index in range(31)]},
         ("InvalidParameterValue", f"The collection {WHERE}.Dimensions must not have a size greater than 30.")),
        ({"Value": 1.0, "Dimensions": [{"Name": "n" * 256, "Value": "v"}]}, ("InvalidParameterValue",
         f"The parameter {WHERE}.Dimensions.member.1.Name must have 1 to 255 characters, got 256.")),
        ({"Value": 1.0, "Dimensions": [{"Name": "n", "Value": "v" * 1025}]}, ("InvalidParameterValue",
         f"The parameter {WHERE}.Dimensions.member.1.Value must have 1 to 1024 characters, got 1025.")),
        ({"Value": 1.0, "Dimensions": [{"Name": ":n", "Value": "v"}]}, ("InvalidParameterValue",
         f"The value :n for parameter {WHERE}.Dimensions.member.1.Name is invalid.")),
        ({"Value": 1.0, "Dimensions": [{"Name": "n", "Value": " "}]}, ("InvalidParameterValue",
         f"The value   for parameter {WHERE}.Dimensions.member.1.Value is invalid.")),
        ({"Value": 1.0, "Dimensions": [{"Name": "n", "Value": "é"}]}, ("InvalidParameterValue",
         f"The value é for parameter {WHERE}.Dimensions.member.1.Value is invalid.")),
        ({"Value": 1.0, "Dimensions": [{"Name": "n", "Value": "1"}, {"Name": "n", "Value": "2"}]},
         ("InvalidParameterValue", f"The parameter {WHERE}.Dimensions has the name n twice.")),
    ],
)  # fmt: skip
def test_a_datum_that_aws_would_not_take_is_refused(
    cloud: Any, unchecked: Any, refused: Any, datum: dict[str, Any], expected: tuple[str, str | None]
) -> None:
    found = refused(unchecked.put_metric_data, Namespace=cloud.namespace,
                    MetricData=[{"MetricName": "m", "Timestamp": NOW, **of_today(datum)}])  # fmt: skip
    assert found[0] == expected[0]
    assert expected[1] in (None, found[1])
    assert cloud.aws.metrics(cloud.namespace) == []


@pytest.mark.parametrize(
    "datum",
    [
        {"Values": [float(value) for value in range(150)], "Counts": [1.0] * 150},
        {"Value": 1.0, "Timestamp": NOW - 14 * 86_400 + 60},
        {"Value": 1.0, "Timestamp": NOW + 2 * 3600 - 60},
        {"Value": 1.0, "MetricName": "m" * 255},
        {"Value": 1.0, "Dimensions": [{"Name": f"d{index}", "Value": "v" * 1024} for index in range(30)]},
        {"Value": -(2.0**360)},
        {"Values": [1.0, 2.0], "Counts": [0.0, 2.0]},
    ],
)
def test_what_is_just_within_the_limits_is_taken(cloud: Any, datum: dict[str, Any]) -> None:
    cloud.put(**of_today(datum))
    assert len(cloud.aws.metrics(cloud.namespace)) == 1


@pytest.mark.parametrize("namespace", ["AWS/Lambda", "AWS/Mine"])
def test_namespaces_of_aws_are_refused(cloud: Any, refused: Any, namespace: str) -> None:
    data = [{"MetricName": "m", "Value": 1.0}]
    found = refused(cloud.client.put_metric_data, Namespace=namespace, MetricData=data)
    assert found == ("InvalidParameterValue", "The value AWS/ for parameter Namespace is invalid.")


@pytest.mark.parametrize("namespace", [":mine", "n" * 256, ""])
def test_namespaces_that_cannot_be_are_refused(unchecked: Any, refused: Any, namespace: str) -> None:
    code, _ = refused(
        unchecked.put_metric_data, Namespace=namespace, MetricData=[{"MetricName": "m", "Value": 1.0}]
    )
    assert code == "InvalidParameterValue"


def test_a_call_takes_a_thousand_metrics_and_no_more(cloud: Any, refused: Any) -> None:
    data = [{"MetricName": f"m{index}", "Value": 1.0} for index in range(1001)]
    found = refused(cloud.client.put_metric_data, Namespace=cloud.namespace, MetricData=data)
    assert found == (
        "InvalidParameterValue",
        "The collection MetricData must not have a size greater than 1000.",
    )
    cloud.client.put_metric_data(Namespace=cloud.namespace, MetricData=data[:1000])
    assert len(cloud.aws.metrics(cloud.namespace)) == 1000


def test_one_wrong_datum_refuses_the_whole_call(cloud: Any, refused: Any) -> None:
    data = [{"MetricName": "m", "Value": 1.0}, {"MetricName": "m"}]
    code, message = refused(cloud.client.put_metric_data, Namespace=cloud.namespace, MetricData=data)
    assert (code, message[:55]) == (
        "MissingParameter",
        "At least one of the parameters MetricData.member.2.Valu",
    )
    assert cloud.aws.metrics(cloud.namespace) == []


def test_a_body_over_a_megabyte_is_refused_however_small_gzip_makes_it(cloud: Any, refused: Any) -> None:
    datum = {"MetricName": "m", "Values": [1.125 + value for value in range(150)], "Counts": [1.0] * 150}
    found = refused(cloud.client.put_metric_data, Namespace=cloud.namespace, MetricData=[datum] * 700)
    assert found == ("RequestEntityTooLarge", "The request is larger than 1000000 bytes.")
    counts = cloud.aws.calls()["PutMetricData"]
    assert counts["largest_unpacked_bytes"] > 1_000_000 > counts["largest_body_bytes"]
    assert (counts["most_metrics"], counts["most_values"]) == (700, 150)


def test_a_call_without_data_and_entities_are_refused(cloud: Any, refused: Any) -> None:
    assert refused(cloud.client.put_metric_data, Namespace=cloud.namespace) == (
        "MissingParameter", "The parameter MetricData is required.",
    )  # fmt: skip
    found = refused(
        cloud.client.put_metric_data, Namespace=cloud.namespace, EntityMetricData=[{"MetricData": []}]
    )
    assert found == (
        "NotSupportedByStandIn", "Swarmscope's stand-in for AWS does not support EntityMetricData.",
    )  # fmt: skip


def test_without_a_timestamp_it_is_now(cloud: Any) -> None:
    before = time.time() // 60 * 60
    cloud.client.put_metric_data(Namespace=cloud.namespace, MetricData=[{"MetricName": "m", "Value": 1.0}])
    assert before <= cloud.aws.metrics(cloud.namespace)[0]["timestamp"] <= time.time()
