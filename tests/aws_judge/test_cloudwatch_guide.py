"""docs/cloudwatch.md says what the code does: every key, the defaults, and the figures of the cost."""

import re
from pathlib import Path

import yaml

from swarmscope.aws.queries import wanted_queries
from swarmscope.aws.resources import named_resources
from swarmscope.aws.settings import Api, AwsSettings, ColdStarts
from swarmscope.edge.files import load_environments
from swarmscope.targets.aws_spec import AwsSpec
from swarmscope.targets.parse import parse_environments
from swarmscope.targets.spec import keys_of
from swarmscope.targets.units import parse_duration

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/cloudwatch.md").read_text(encoding="utf-8")


def asked(settings: AwsSettings) -> int:
    return len(wanted_queries(settings, named_resources(settings)))


def row(key: str) -> list[str]:
    line = next(
        line for line in GUIDE.splitlines() if line.startswith("| ") and f"`{key}`" in line.split("|")[1]
    )
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_key_has_a_row():
    cells = " ".join(line.split("|")[1] for line in GUIDE.splitlines() if line.startswith("| "))
    assert [key for key in keys_of(AwsSpec) if f"`{key}`" not in cells] == []


def test_the_defaults_are_those_of_the_code():
    settings, cold = AwsSettings(), ColdStarts()
    seconds = {
        key: float(parse_duration(row(key)[1].strip("`")))
        for key in ("poll", "delay", "max_age", "settle_within")
    }
    assert seconds == {
        "poll": settings.poll_seconds,
        "delay": settings.delay_seconds,
        "max_age": settings.max_age_seconds,
        "settle_within": settings.settle_within_seconds,
    }
    assert row("cost_limit")[1] == f"`${settings.cost_limit_dollars_per_hour:g}/h`"
    assert f"`poll` (`{cold.poll_seconds:g}s`); `delay` (`{cold.delay_seconds:g}s`)" in row("cold_starts")[2]


def test_the_example_is_read():
    (example,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    assert parse_environments(example, "docs/cloudwatch.md")["sit"].aws is not None
    assert yaml.safe_load(example)


def test_the_cost_is_counted_right():
    each = (
        asked(AwsSettings(functions=("f",))),
        asked(AwsSettings(tables=("t",))),
        asked(AwsSettings(apis=(Api("a", "s"),))),
    )
    assert "metrics  = {} a function + {} a table + {} a stage".format(*each) in GUIDE
    access = load_environments(ROOT, "access")["local"].aws
    assert access is not None
    metrics = asked(access)
    dollars = metrics * 60 * access.prices.get_metric_data_per_thousand / 1000
    assert f"is {metrics} metrics: {metrics} x 60 x 0.01 / 1000 = **${dollars:.2f} an hour**" in GUIDE
