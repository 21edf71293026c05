from typing import Any

import pytest

REFUSED = "Swarmscope's stand-in for AWS does not support "


def merged(cloud: Any, *queries: Any, **more: Any) -> tuple[dict[str, list[tuple[float, float]]], int]:
    """Every page's datapoints by query, and how many pages there were."""
    found: dict[str, list[tuple[float, float]]] = {}
    pages, token = 0, {}
    while True:
        page = cloud.ask(*queries, **more, **token)
        pages += 1
        for result in page["MetricDataResults"]:
            moments = [moment.timestamp() - cloud.minute for moment in result["Timestamps"]]
            found.setdefault(result["Id"], []).extend(zip(moments, result["Values"], strict=True))
        if "NextToken" not in page:
            return found, pages
        token = {"NextToken": page["NextToken"]}


def fill(cloud: Any) -> None:
    """Ten minutes of three metrics."""
    cloud.client.put_metric_data(
        Namespace=cloud.namespace,
        MetricData=[
            {"MetricName": name, "Value": float(minute), "Timestamp": cloud.minute + minute * 60}
            for name in "abc"
            for minute in range(10)
        ],
    )


@pytest.mark.parametrize("scan", ["TimestampAscending", "TimestampDescending"])
@pytest.mark.parametrize(("most", "pages"), [(1, 30), (7, 5), (10, 3), (29, 2), (30, 1), (100_800, 1)])
def test_all_pages_together_are_the_whole_answer(cloud: Any, scan: str, most: int, pages: int) -> None:
    fill(cloud)
    queries = [cloud.query("Sum", name, Id=name) for name in "abc"]
    found, count = merged(cloud, *queries, MaxDatapoints=most, ScanBy=scan)
    expected = [(minute * 60.0, float(minute)) for minute in range(10)]
    assert found == dict.fromkeys("abc", expected if scan == "TimestampAscending" else expected[::-1])
    assert count == pages


def test_a_page_says_which_results_go_on(cloud: Any) -> None:
    fill(cloud)
    page = cloud.ask(*(cloud.query("Sum", name, Id=name) for name in "abc"), MaxDatapoints=15)
    assert [(result["Id"], len(result["Values"]), result["StatusCode"]) for result in page["MetricDataResults"]] == [
        ("a", 10, "Complete"), ("b", 5, "PartialData"), ("c", 0, "PartialData"),
    ]  # fmt: skip


def test_a_token_goes_with_its_request_only(cloud: Any, refused: Any) -> None:
    fill(cloud)
    token = cloud.ask(cloud.query("Sum", "a"), MaxDatapoints=3)["NextToken"]
    for query, given in ((cloud.query("Sum", "b"), token), (cloud.query("Sum", "a"), "made-up")):
        code, message = refused(cloud.ask, query, MaxDatapoints=3, NextToken=given)
        assert (code, message) == ("InvalidNextToken", "The NextToken is not one of this request's.")


def test_the_newest_come_first_unless_told_otherwise(cloud: Any) -> None:
    fill(cloud)
    assert cloud.ask(cloud.query("Sum", "a"))["MetricDataResults"][0]["Values"][:2] == [9.0, 8.0]


def test_labels_are_as_asked_for_or_the_metrics_name(cloud: Any) -> None:
    page = cloud.ask(cloud.query("Sum", "a", Id="x"), {**cloud.query("Sum", "a", Id="y"), "Label": "mine"})
    assert [(result["Id"], result["Label"]) for result in page["MetricDataResults"]] == [
        ("x", "a"),
        ("y", "mine"),
    ]


def test_a_metric_that_is_not_there_is_an_empty_result(cloud: Any) -> None:
    result = cloud.ask(cloud.query("Sum", "nothing"))["MetricDataResults"][0]
    assert (result["Values"], result["StatusCode"]) == ([], "Complete")


def test_500_queries_are_the_most(cloud: Any, refused: Any) -> None:
    queries = [cloud.query("Sum", Id=f"q{index}") for index in range(501)]
    assert refused(cloud.ask, *queries) == (
        "ValidationError", "The collection MetricDataQueries must not have a size greater than 500.",
    )  # fmt: skip
    assert len(cloud.ask(*queries[:500])["MetricDataResults"]) == 500
    assert cloud.aws.calls()["GetMetricData"]["most_metrics"] == 501


@pytest.mark.parametrize("period", [1, 5, 10, 20, 30, 60, 120, 300, 3600, 86_400])
def test_periods_that_cloudwatch_has(cloud: Any, period: int) -> None:
    cloud.ask(cloud.query("Sum", Period=period))


@pytest.mark.parametrize("period", [2, 15, 45, 61, 90])
def test_other_periods_are_refused(cloud: Any, refused: Any, period: int) -> None:
    where = "MetricDataQueries.member.1.MetricStat.Period"
    assert refused(cloud.ask, cloud.query("Sum", Period=period)) == (
        "ValidationError", f"The parameter {where} must be 1, 5, 10, 20, 30 or a multiple of 60, got {period}.",
    )  # fmt: skip


def test_metrics_of_aws_have_no_period_below_a_minute(cloud: Any, refused: Any) -> None:
    query = cloud.query("Sum", "Invocations", Namespace="AWS/Lambda", Period=10)
    where = "MetricDataQueries.member.1.MetricStat.Period"
    assert refused(cloud.ask, query) == (
        "ValidationError", f"The parameter {where} must be at least 60 for the namespace AWS/Lambda.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ({"Id": "q", "Expression": "m1 / m2"},
         "metric math, SEARCH and Metrics Insights (MetricDataQueries with an Expression)"),
        ({"Id": "q", "Expression": "SEARCH('{AWS/Lambda,FunctionName} Duration', 'p95', 60)"},
         "metric math, SEARCH and Metrics Insights (MetricDataQueries with an Expression)"),
        ({"Id": "q", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)"},
         "metric math, SEARCH and Metrics Insights (MetricDataQueries with an Expression)"),
        ({"Id": "q", "AccountId": "123456789012"}, "AccountId and Period beside MetricStat"),
        ({"Id": "q", "ReturnData": False}, "ReturnData: false, which is for metric math"),
        ({"Id": "q", "MetricStat": "tm95"}, "the statistic tm95"),
        ({"Id": "q", "MetricStat": "TM(10%:90%)"}, "the statistic TM(10%:90%)"),
        ({"Id": "q", "MetricStat": "IQM"}, "the statistic IQM"),
        ({"Id": "q", "MetricStat": "Sum", "Label": "${PROP('Dim.x')}"}, "dynamic labels"),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_refused_and_not_answered(
    cloud: Any, refused: Any, query: dict[str, Any], what: str
) -> None:
    if "MetricStat" in query:
        query = {
            **cloud.query(query["MetricStat"]),
            **({"Label": query["Label"]} if "Label" in query else {}),
        }
    assert refused(cloud.ask, query) == ("NotSupportedByStandIn", f"{REFUSED}{what}.")


@pytest.mark.parametrize("statistic", ["P95", "p101", "p", "Median", "sum", "p95.5.5"])
def test_statistics_that_do_not_exist_are_refused(cloud: Any, refused: Any, statistic: str) -> None:
    where = "MetricDataQueries.member.1.MetricStat.Stat"
    assert refused(cloud.ask, cloud.query(statistic)) == (
        "ValidationError", f"The value {statistic} for parameter {where} is not supported.",
    )  # fmt: skip


def test_ids_must_be_names_and_differ(cloud: Any, refused: Any) -> None:
    code, message = refused(cloud.ask, cloud.query("Sum"), cloud.query("Average"))
    assert (code, message) == (
        "ValidationError", "The values for parameter id in MetricDataQueries are not unique: q.",
    )  # fmt: skip
    code, message = refused(cloud.ask, cloud.query("Sum", Id="Q"))
    assert message == (
        "The value Q for parameter MetricDataQueries.member.1.Id is not matching the expected pattern."
    )


def test_a_span_must_have_a_length(cloud: Any, refused: Any) -> None:
    assert refused(cloud.ask, cloud.query("Sum"), minutes=0) == (
        "ValidationError", "The parameter StartTime must be less than the parameter EndTime.",
    )  # fmt: skip


@pytest.mark.parametrize("most", [0, 100_801])
def test_a_page_has_100800_datapoints_at_most(cloud: Any, refused: Any, most: int) -> None:
    assert refused(cloud.ask, cloud.query("Sum"), MaxDatapoints=most) == (
        "ValidationError", f"The parameter MaxDatapoints must be from 1 to 100800, got {most}.",
    )  # fmt: skip


def test_thousands_of_datapoints_are_answered_whole(cloud: Any) -> None:
    """No time is asserted, because machines differ; moto's own store needs most of a minute for this."""
    start = cloud.minute - 100 * 60
    for first in range(0, 100, 5):
        cloud.client.put_metric_data(
            Namespace=cloud.namespace,
            MetricData=[
                {"MetricName": f"m{metric}", "Timestamp": start + minute * 60, "Values": [1.0, metric + 2.0]}
                for metric in range(200)
                for minute in range(first, first + 5)
            ],
        )
    queries = [cloud.query("p99", f"m{metric}", Id=f"q{metric}") for metric in range(200)]
    results = cloud.ask(*queries, StartTime=start, EndTime=cloud.minute)["MetricDataResults"]
    assert [result["Values"] for result in results] == [[metric + 2.0] * 100 for metric in range(200)]
