"""The report's section on AWS: there only with something to say, minutes never averaged, costs stated."""

import math
from dataclasses import replace
from decimal import Decimal

from swarmscope.aws.run_figures import AwsFigures, AwsSeries, ColdStartCounts
from swarmscope.quantities import UNKNOWN
from swarmscope.report import read_result, write_result
from swarmscope.report.aws_section import aws_blocks
from swarmscope.report.blocks import Paragraph, Table
from swarmscope.report.sections import sections
from swarmscope.targets import Kind, Moment, Target
from swarmscope.verdict import Judgement, Status

NOON = 1_735_732_800.0
FIGURES = AwsFigures(
    waited_seconds=4.25,
    series=(
        AwsSeries("aws_lambda_errors", {"function": "f"}, "", ((NOON, 0.0), (NOON + 60, 0.0))),
        AwsSeries("aws_lambda_errors", {"function": "g"}, "", ((NOON, 0.0), (NOON + 60, 0.0))),
        AwsSeries("aws_lambda_invocations", {"function": "unused"}, "", ((NOON, 0.0),)),
        AwsSeries("aws_lambda_invocations", {"function": "f"}, "", ((NOON, 100.0), (NOON + 60, 250.0))),
        AwsSeries(
            "aws_lambda_duration_seconds", {"function": "f"}, "p95", ((NOON, 0.012), (NOON + 60, 0.034))
        ),
        AwsSeries("aws_lambda_duration_seconds", {"function": "f"}, "p50", ((NOON, 0.002),)),
        AwsSeries(
            "aws_dynamodb_request_latency_seconds",
            {"table": "t", "operation": "Query"},
            "p95",
            tuple((NOON + 60 * minute, 0.001 * minute) for minute in range(8)),
        ),
    ),
    cold_starts=(
        ColdStartCounts("f", ((0.5, 18), (3.0, 19), (math.inf, 20))),
        ColdStartCounts("none", ((3.0, 0), (math.inf, 0))),
    ),
    calls={"GetMetricData": 7, "FilterLogEvents": 16},
    failed_calls={"FilterLogEvents": 2},
    cost_dollars=0.00215,
)
COLD = Target("cold", Kind.MAX, Decimal(3), "3s", query="x", unit="s", at=Moment.SETTLED)


def tables(result):
    return [block.rows for block in aws_blocks(result) if isinstance(block, Table)]


def test_without_an_aws_section_nothing_is_said(result):
    assert aws_blocks(result) == []
    assert "AWS" not in [section.title for section in sections(result)]


def test_waiting_calls_and_cost_are_stated(result):
    words, nothing = [
        block.text for block in aws_blocks(replace(result, aws=FIGURES)) if isinstance(block, Paragraph)
    ]
    assert nothing == "0 in every minute: aws_lambda_errors."
    assert words == (
        "The verdict waited 4.2 s for AWS. Calls since the run began: "
        "FilterLogEvents 16 (2 failed), GetMetricData 7, some $0.0022 by AWS' list prices."
    )


def test_sums_add_up_and_percentiles_stand_by_minutes(result):
    cold, rows = tables(replace(result, aws=FIGURES))
    assert cold == [["f", "20", "3s"], ["none", "0", UNKNOWN]]
    assert rows == [
        ["aws_lambda_invocations", "f", UNKNOWN, "350 in 2 minutes"],
        ["aws_lambda_duration_seconds", "f", "p95", "12ms (12:00), 34ms (12:01)"],
        ["aws_dynamodb_request_latency_seconds", "t, Query", "p95", "worst 7ms (12:07) of 8 minutes"],
    ]


def test_the_targets_that_waited_are_named_with_their_reason(result):
    judged = Judgement(COLD, Status.NO_DATA, None, 0, "CloudWatch's logs were known until noon")
    (rows, *_) = tables(replace(result, aws=FIGURES, judgements=(*result.judgements, judged)))
    assert rows == [["cold", "≤ 3s", UNKNOWN, "NO DATA", "CloudWatch's logs were known until noon"]]


def test_what_arrived_too_late_for_the_report_is_said(result):
    *_, last = aws_blocks(replace(result, aws=AwsFigures(1.0)))
    assert last == Paragraph("CloudWatch had told no minute of the run when the report was written.")


def test_p95_is_the_least_bound_that_enough_lie_under():
    assert ColdStartCounts("f", ((0.5, 94), (3.0, 95), (math.inf, 100))).p95_at_most == 3.0
    assert ColdStartCounts("f", ((0.5, 95), (3.0, 95), (math.inf, 100))).p95_at_most == 0.5
    assert ColdStartCounts("f", ((3.0, 94), (math.inf, 100))).p95_at_most == math.inf
    assert ColdStartCounts("f", ()).p95_at_most is None


def test_the_figures_come_back_from_result_json(result):
    assert read_result(write_result(replace(result, aws=FIGURES))).aws == FIGURES
    assert read_result(write_result(result)).aws is None
