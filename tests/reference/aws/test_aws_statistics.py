import math
import random
from collections import Counter
from fractions import Fraction
from typing import Any

import pytest


def exact_percentile(values: list[float], percentile: str) -> float:
    """The least value that at least so many percent are at or below."""
    rank = max(1, math.ceil(Fraction(percentile[1:]) * len(values) / 100))
    return sorted(values)[rank - 1]


@pytest.mark.parametrize(
    "percentile", ["p0", "p50", "p90", "p95", "p99", "p99.9", "p99.99", "p12.345", "p100"]
)
def test_percentiles_are_those_of_all_values(cloud: Any, percentile: str) -> None:
    chance = random.Random(percentile)
    values = [round(chance.lognormvariate(3, 1), 1) for _ in range(1000)]
    counts = Counter(values)
    for start in range(0, len(counts), 150):
        part = dict(list(counts.items())[start : start + 150])
        cloud.put(Values=list(part), Counts=[float(count) for count in part.values()])
    assert cloud.values(percentile) == [exact_percentile(values, percentile)]


def test_simple_statistics_are_exact(cloud: Any) -> None:
    cloud.put(Values=[1.5, 4.0], Counts=[3.0, 1.0])
    cloud.put(Value=10.0)
    assert [cloud.values(name) for name in ("Sum", "SampleCount", "Average", "Minimum", "Maximum")] == [
        [18.5], [5.0], [3.7], [1.5], [10.0],
    ]  # fmt: skip


def test_a_statistic_set_has_everything_but_percentiles(cloud: Any) -> None:
    cloud.put(StatisticValues={"SampleCount": 4.0, "Sum": 10.0, "Minimum": 1.0, "Maximum": 6.0})
    assert [cloud.values(name) for name in ("Sum", "SampleCount", "Average", "Minimum", "Maximum")] == [
        [10.0], [4.0], [2.5], [1.0], [6.0],
    ]  # fmt: skip
    assert cloud.values("p95") == []
    cloud.put(Value=2.0)
    assert cloud.values("p95") == []


def test_a_statistic_set_of_equal_values_has_percentiles(cloud: Any) -> None:
    cloud.put(StatisticValues={"SampleCount": 4.0, "Sum": 10.0, "Minimum": 2.5, "Maximum": 2.5})
    assert cloud.values("p95") == [2.5]


def test_negative_values_have_no_percentiles(cloud: Any) -> None:
    cloud.put(Values=[-1.0, 2.0])
    assert cloud.values("Average") == [0.5]
    assert cloud.values("p50") == []


def test_the_order_of_dimensions_does_not_matter_and_each_set_is_a_metric_of_its_own(
    cloud: Any, as_dimensions: Any
) -> None:
    cloud.put(Value=1.0, Dimensions=as_dimensions({"a": "1", "b": "2"}))
    cloud.put(Value=10.0, Dimensions=as_dimensions({"b": "2", "a": "1"}))
    cloud.put(Value=100.0, Dimensions=as_dimensions({"a": "1"}))
    cloud.put(Value=1000.0)
    assert cloud.values("Sum", dimensions={"b": "2", "a": "1"}) == [11.0]
    assert cloud.values("Sum", dimensions={"a": "1"}) == [100.0]
    assert cloud.values("Sum") == [1000.0]
    assert cloud.values("Sum", dimensions={"a": "1", "b": "2", "c": "3"}) == []


def test_namespaces_do_not_mix(cloud: Any) -> None:
    cloud.put(Value=1.0)
    cloud.client.put_metric_data(
        Namespace=cloud.namespace + "/other",
        MetricData=[{"MetricName": "m", "Value": 10.0, "Timestamp": cloud.minute}],
    )
    assert cloud.values("Sum") == [1.0]


def test_units_are_told_apart_when_asked_for(cloud: Any) -> None:
    cloud.put(Value=1.0, Unit="Seconds")
    cloud.put(Value=10.0, Unit="Milliseconds")
    assert cloud.values("Sum") == [11.0]
    assert cloud.values("Sum", Unit="Seconds") == [1.0]
    assert cloud.values("Sum", Unit="Bytes") == []


def test_datapoints_are_those_of_whole_periods(cloud: Any) -> None:
    for seconds, value in ((-1, 1.0), (0, 2.0), (59, 4.0), (60, 8.0), (299, 16.0), (300, 32.0), (600, 64.0)):
        cloud.put(Value=value, Timestamp=cloud.minute + seconds)
    found = cloud.ask(cloud.query("Sum", Period=300), ScanBy="TimestampAscending")["MetricDataResults"][0]
    assert found["Values"] == [30.0, 32.0]
    assert [moment.timestamp() - cloud.minute for moment in found["Timestamps"]] == [0, 300]
    assert cloud.ask(cloud.query("Sum"))["MetricDataResults"][0]["Values"] == [32.0, 16.0, 8.0, 6.0]


def test_the_start_is_rounded_down_to_the_minute(cloud: Any) -> None:
    cloud.put(Value=1.0)
    found = cloud.ask(cloud.query("Sum"), StartTime=cloud.minute + 31, EndTime=cloud.minute + 59)
    assert found["MetricDataResults"][0]["Values"] == [1.0]


def test_high_resolution_is_for_data_that_were_put_so(cloud: Any) -> None:
    for second in range(20):
        cloud.put("fine", Value=1.0, Timestamp=cloud.minute + second, StorageResolution=1)
        cloud.put("coarse", Value=1.0, Timestamp=cloud.minute + second)
    assert cloud.values("Sum", "fine", Period=10) == [10.0, 10.0]
    assert cloud.values("Sum", "fine") == cloud.values("Sum", "coarse") == [20.0]
    assert cloud.values("Sum", "coarse", Period=10) == []
