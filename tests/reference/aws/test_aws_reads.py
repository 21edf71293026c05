from typing import Any

import pytest


def statistics(cloud: Any, **more: Any) -> dict[str, Any]:
    asked = {
        "Namespace": cloud.namespace,
        "MetricName": "m",
        "StartTime": cloud.minute,
        "EndTime": cloud.minute + 600,
        "Period": 60,
        **more,
    }
    return cloud.client.get_metric_statistics(**asked)


def test_statistics_and_percentiles_of_a_metric(cloud: Any, as_dimensions: Any) -> None:
    where = as_dimensions({"a": "1", "b": "2"})
    cloud.put(Values=[1.0, 2.0, 9.0], Counts=[1.0, 8.0, 1.0], Unit="Seconds", Dimensions=where)
    found = statistics(
        cloud, Dimensions=where[::-1], Statistics=["Sum", "Maximum"], ExtendedStatistics=["p50", "p99"]
    )
    assert found["Label"] == "m"
    point = found["Datapoints"][0]
    assert point.pop("Timestamp").timestamp() == cloud.minute
    assert found["Datapoints"] == [
        {"Sum": 26.0, "Maximum": 9.0, "ExtendedStatistics": {"p50": 2.0, "p99": 9.0}, "Unit": "Seconds"}
    ]


def test_percentiles_of_a_statistic_set_are_left_out(cloud: Any) -> None:
    cloud.put(StatisticValues={"SampleCount": 4.0, "Sum": 10.0, "Minimum": 1.0, "Maximum": 6.0})
    assert statistics(cloud, ExtendedStatistics=["p50"])["Datapoints"] == []
    assert (
        "ExtendedStatistics"
        not in statistics(cloud, Statistics=["Sum"], ExtendedStatistics=["p50"])["Datapoints"][0]
    )


def test_1440_datapoints_are_the_most(cloud: Any, refused: Any) -> None:
    start = cloud.minute - 1440 * 60
    statistics(cloud, StartTime=start, EndTime=cloud.minute, Statistics=["Sum"])
    found = refused(statistics, cloud, StartTime=start - 60, EndTime=cloud.minute, Statistics=["Sum"])
    assert found == (
        "InvalidParameterCombination",
        "You have requested up to 1,441 datapoints, which exceeds the limit of 1,440. You may reduce the datapoints "
        "requested by increasing Period, or decreasing the time range.",
    )


def test_a_statistic_must_be_asked_for(cloud: Any, refused: Any) -> None:
    assert refused(statistics, cloud) == (
        "MissingParameter", "One of the parameters Statistics and ExtendedStatistics is required.",
    )  # fmt: skip


def list_all(cloud: Any, **more: Any) -> list[list[dict[str, Any]]]:
    return [page["Metrics"] for page in cloud.client.get_paginator("list_metrics").paginate(**more)]


def test_metrics_are_listed_in_pages_of_500(cloud: Any) -> None:
    for first in (0, 1000):
        cloud.client.put_metric_data(
            Namespace=cloud.namespace,
            MetricData=[
                {"MetricName": f"m{first + index:04}", "Value": 1.0}
                for index in range(1000 if not first else 1)
            ],
        )
    pages = list_all(cloud, Namespace=cloud.namespace)
    assert [len(page) for page in pages] == [500, 500, 1]
    names = [metric["MetricName"] for page in pages for metric in page]
    assert names == [f"m{index:04}" for index in range(1001)]


def test_metrics_are_found_by_name_and_dimensions(cloud: Any, as_dimensions: Any) -> None:
    cloud.put("a", Value=1.0, Dimensions=as_dimensions({"x": "1"}))
    cloud.put("a", Value=1.0, Dimensions=as_dimensions({"x": "2", "y": "1"}))
    cloud.put("b", Value=1.0)

    def found(**more: Any) -> list[tuple[str, list[Any]]]:
        metrics = list_all(cloud, Namespace=cloud.namespace, **more)[0]
        return [(each["MetricName"], each["Dimensions"]) for each in metrics]

    one, two = as_dimensions({"x": "1"}), as_dimensions({"x": "2", "y": "1"})
    assert found() == [("a", one), ("a", two), ("b", [])]
    assert found(MetricName="a", Dimensions=[{"Name": "x"}]) == [("a", one), ("a", two)]
    assert found(Dimensions=[{"Name": "x", "Value": "2"}]) == [("a", two)]
    assert found(Dimensions=[{"Name": "x", "Value": "1"}, {"Name": "y"}]) == []


def test_only_recent_metrics_when_they_are_asked_for(cloud: Any) -> None:
    cloud.put("old", Value=1.0, Timestamp=cloud.minute - 4 * 3600)
    cloud.put("new", Value=1.0)
    assert len(list_all(cloud, Namespace=cloud.namespace)[0]) == 2
    recent = list_all(cloud, Namespace=cloud.namespace, RecentlyActive="PT3H")[0]
    assert [metric["MetricName"] for metric in recent] == ["new"]


@pytest.mark.parametrize("token", ["x", "YXQgOTk5OTk="])
def test_a_token_of_no_list_is_refused(cloud: Any, refused: Any, token: str) -> None:
    found = refused(cloud.client.list_metrics, Namespace=cloud.namespace, NextToken=token)
    assert found == ("InvalidParameterValue", "The value for parameter NextToken is invalid.")
