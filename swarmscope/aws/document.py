"""Writes docs/cloudwatch-metrics.md from the tables of families. No I/O."""

from __future__ import annotations

from swarmscope.aws.families import COLD_STARTS, FAMILIES, OWN, Family
from swarmscope.aws.queries import TABLE_OPERATIONS
from swarmscope.document import cell, codes, comment, table


def cloudwatch_metrics_page() -> str:
    """Every series of the pull exporter, and which metric of CloudWatch it is."""
    return "\n".join(
        [
            comment("swarmscope/aws/families.py"),
            "",
            "# Metrics from AWS",
            "",
            "What the CloudWatch pull exporter publishes on `/metrics` (port 9106; docs/cloudwatch-pull.md). Units",
            "are Prometheus' base units: CloudWatch's milliseconds are seconds here. A gauge holds one minute of",
            "CloudWatch and carries that minute's start as its timestamp. A minute without a datapoint is absent,",
            "or 0 where the table says so.",
            "",
            "## Lambda, DynamoDB, API Gateway",
            "",
            table(
                ("metric", "of CloudWatch", "labels", "`stat`", "without a datapoint", "meaning"),
                (_family(family) for family in FAMILIES),
            ),
            "",
            f"`operation` is each of {codes(TABLE_OPERATIONS)}.",
            "",
            "## Cold starts",
            "",
            "From log lines, by the run that they happened in.",
            "",
            table(
                ("metric", "type", "labels", "meaning"),
                ((f"`{m.name}`", m.type, codes(m.labels), cell(m.help)) for m in COLD_STARTS),
            ),
            "",
            "## Listed by the environment",
            "",
            "Each entry of `aws.metrics` becomes a gauge of the name that it gives. Its dimensions become labels in",
            "snake_case (`QueueName` → `queue_name`; `Run`, `Stat`, `Job` and `Instance` get `dimension_` in front),",
            "`stat` follows when it has several statistics.",
            "",
            "## The exporter about itself",
            "",
            table(
                ("metric", "type", "labels", "meaning"),
                ((f"`{m.name}`", m.type, codes(m.labels), cell(m.help)) for m in OWN),
            ),
            "",
        ]
    )


def _family(family: Family) -> tuple[str, ...]:
    return (
        f"`{family.name}`",
        f"{family.namespace} {family.metric}",
        codes(family.labels),
        codes(family.statistics),
        "0" if family.nil_is_zero else "absent",
        cell(family.help),
    )
