"""The IAM policies name every API that is called, and no other: held against the calls that reach the stand-in."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reference.aws.running import RunningAws, running_aws
from swarmscope.aws.actions import PULL_ACTIONS
from swarmscope.aws.policies import PATH, POLICIES, actions_of, policy_page
from swarmscope.aws.push_actions import ALARM_ACTIONS, PUSH_ACTIONS

ROOT = Path(__file__).resolve().parents[2]
BY_NAME = {action.partition(":")[2]: action for action in (*PULL_ACTIONS, *PUSH_ACTIONS, *ALARM_ACTIONS)}
SECTION = """
environments:
  sit:
    host: http://127.0.0.1:1
    aws:
      region: us-east-1
      role_arn: arn:aws:iam::000000000000:role/reader
      lambda: [policy-api]
      dynamodb: [policy-table]
      api_gateway: [{{api: policy, stage: sit}}]
      metrics: [{{name: policy_depth, namespace: Shop, metric: Depth, period: 5s}}]
      discover: {{tags: {{service: policy}}}}
      cold_starts: {{reader: {reader}, poll: 1s, delay: 1s}}
      poll: 1s
      delay: 1s
"""


@pytest.fixture(scope="module")
def aws() -> Iterator[RunningAws]:
    with running_aws() as running:
        running.client("logs").create_log_group(logGroupName="/aws/lambda/policy-api")
        yield running


@contextlib.contextmanager
def reading(aws: RunningAws, folder: Path, reader: str) -> Iterator[Callable[[], str]]:
    """An exporter process at work; calling what it gives checks that, and returns its log."""
    system = folder / "scenarios/policy"
    system.mkdir(parents=True)
    (system / "environments.yaml").write_text(SECTION.format(reader=reader))
    (system / "targets.yaml").write_text(
        "system: policy\ntargets: [{request: '*', error_rate: 1%}]\nprofiles: {quick: {users: 1, run_time: 10s}}\n"
    )
    command = [
        sys.executable,
        "-m",
        "swarmscope.edge.cloudwatch_exporter",
        "--system=policy",
        "--environment=sit",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port=0", f"--endpoint={aws.url}"],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "AWS_EC2_METADATA_DISABLED": "true",
                **aws.environment,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def log() -> str:
        text = (folder / "log").read_text()
        assert process.poll() is None, text
        return text

    try:
        yield log
    finally:
        process.terminate()
        process.wait(90)


def test_what_reading_calls_is_what_its_policies_allow(aws, tmp_path):
    wanted = {"GetMetricData", "GetResources", "GetCallerIdentity", "AssumeRole"}
    wanted |= {"FilterLogEvents", "StartQuery", "GetQueryResults"}
    aws.clear_calls()
    with (
        reading(aws, tmp_path / "filter", "filter") as one,
        reading(aws, tmp_path / "insights", "insights") as two,
    ):
        deadline = time.monotonic() + 90
        while not wanted <= (called := set(aws.calls())):
            assert time.monotonic() < deadline, (sorted(called), one(), two())
            time.sleep(0.05)
        one(), two()
    seen = {BY_NAME[operation] for operation in called}
    print(f"\nseen: {sorted(seen)}")
    assert seen == actions_of(POLICIES["reader"]) | actions_of(POLICIES["caller"])


def test_what_keeping_alarms_calls_is_what_its_policy_allows(aws, tmp_path):
    system = tmp_path / "scenarios/policy"
    system.mkdir(parents=True)
    (system / "environments.yaml").write_text("environments: {sit: {host: 'http://127.0.0.1:1'}}\n")
    (system / "targets.yaml").write_text(
        "system: policy\ntargets: [{request: '*', error_rate: 1%}]\nprofiles: {quick: {users: 1, run_time: 10s}}\n"
    )
    aws.clear_calls()
    command = [
        sys.executable,
        "-m",
        "swarmscope.edge.cloudwatch_alarms",
        "--system=policy",
        "--namespace=Policy",
    ]
    for option in ("--apply", "--delete"):
        subprocess.run(
            [*command, option],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **aws.environment},
            check=True,
            capture_output=True,
        )
    assert {BY_NAME[operation] for operation in aws.calls()} == actions_of(POLICIES["alarms"])


def test_each_policy_allows_what_its_table_says_and_no_wildcard():
    assert actions_of(POLICIES["reader"]) | actions_of(POLICIES["caller"]) == set(PULL_ACTIONS)
    assert actions_of(POLICIES["pusher"]) == set(PUSH_ACTIONS)
    assert actions_of(POLICIES["alarms"]) == set(ALARM_ACTIONS)
    assert not [action for policy in POLICIES.values() for action in actions_of(policy) if "*" in action]


def test_the_committed_page_is_the_one_of_the_code():
    assert (ROOT / PATH).read_text(encoding="utf-8") == policy_page()
