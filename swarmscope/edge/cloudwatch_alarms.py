"""`python -m swarmscope.edge.cloudwatch_alarms`: keeps a CloudWatch alarm for each target on requests.

Says what it would do and what that costs; --apply does it, again and again with the same result; --delete removes
exactly the alarms that it has made. Credentials are boto3's own business.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from swarmscope.aws.push_alarms import AlarmScope, Changes, alarms_of, changes
from swarmscope.aws.push_cost import alarm_dollars_per_month
from swarmscope.aws.settings import AwsSettings
from swarmscope.edge.cloudwatch_options import NAMESPACE_VARIABLE, namespace, period
from swarmscope.edge.environment import read_dotenv
from swarmscope.edge.files import load_environments, load_system
from swarmscope.errors import ComponentFailed, ConfigurationError, ExitCode, Problem, SwarmscopeError
from swarmscope.targets.choose import choose_environment, choose_profile

_MOST_DELETED = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        root = Path.cwd()
        return run(options, root, {**read_dotenv(root / ".env"), **os.environ})
    except SwarmscopeError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="swarmscope.edge.cloudwatch_alarms", description=(__doc__ or ""))
    parser.add_argument("--system", required=True)
    parser.add_argument(
        "--environment", default="", help="its aws: section says region, profile, role, endpoint"
    )
    parser.add_argument(
        "--profile", default="", help="load profile whose targets become alarms (default: the file's)"
    )
    parser.add_argument("--namespace", type=namespace, default="", help=f"default: {NAMESPACE_VARIABLE}")
    parser.add_argument("--period", type=_period, default=60, help="seconds of the windows that are pushed")
    parser.add_argument(
        "--action", action="append", default=[], metavar="ARN", help="who is told, e.g. an SNS topic"
    )
    parser.add_argument(
        "--alarm-price", type=float, metavar="DOLLARS", help="a month, of one alarm (default: AWS')"
    )
    parser.add_argument("--apply", action="store_true", help="make the alarms")
    parser.add_argument("--delete", action="store_true", help="delete the alarms that this command has made")
    return parser


def _period(text: str) -> int:
    return period(text or "60")


def run(options: argparse.Namespace, root: Path, environ: Mapping[str, str]) -> int:
    """Compare the wanted alarms with those that are there, say the difference, and make it so when asked to."""
    if options.apply and options.delete:
        raise ConfigurationError([Problem("--delete", "", "excludes --apply", "choose one of them")])
    system = load_system(root, options.system)
    source = f"scenarios/{system.name}/environments.yaml"
    environment = choose_environment(
        load_environments(root, system.name), options.environment or None, source
    )
    profile = choose_profile(system, options.profile or None)
    where = options.namespace or namespace(environ.get(NAMESPACE_VARIABLE, ""))
    if not where:
        hint = f"--namespace NAME or {NAMESPACE_VARIABLE}: the one that the load is pushed into"
        raise ConfigurationError([Problem("--namespace", "", "no namespace is given", hint)])
    actions = tuple(action for action in options.action if action)
    scope = AlarmScope(system.name, environment.name, where, options.period, actions)
    wanted = [] if options.delete else alarms_of(system, profile.name, scope)
    try:
        client = _client(environment.aws or AwsSettings())
        todo = changes(wanted, _present(client, scope), scope)
        _tell(todo, wanted, scope, options.alarm_price)
        if not (options.apply or options.delete):
            _say("Nothing was changed: --apply (APPLY=1) makes the alarms, --delete (DELETE=1) removes them.")
            return ExitCode.PASS
        for alarm in todo.put:
            client.put_metric_alarm(**alarm)
        for first in range(0, len(todo.delete), _MOST_DELETED):
            client.delete_alarms(AlarmNames=todo.delete[first : first + _MOST_DELETED])
    except (BotoCoreError, ClientError) as error:
        raise _failure(error) from None
    _say(f"Done: {len(todo.put)} put, {len(todo.delete)} deleted, {len(todo.unchanged)} left as they were.")
    return ExitCode.PASS


def _client(settings: AwsSettings) -> Any:
    session = boto3.Session(profile_name=settings.profile or None, region_name=settings.region or None)
    config = Config(retries={"total_max_attempts": 5, "mode": "standard"}, connect_timeout=3, read_timeout=10)
    endpoint = settings.endpoint_url or None
    if settings.role_arn:
        more = {"ExternalId": settings.external_id} if settings.external_id else {}
        assumed = session.client("sts", endpoint_url=endpoint, config=config).assume_role(
            RoleArn=settings.role_arn, RoleSessionName="swarmscope-cloudwatch-alarms", **more
        )["Credentials"]
        session = boto3.Session(
            assumed["AccessKeyId"],
            assumed["SecretAccessKey"],
            assumed["SessionToken"],
            region_name=session.region_name,
        )
    return session.client("cloudwatch", endpoint_url=endpoint, config=config)


def _present(client: Any, scope: AlarmScope) -> list[dict[str, Any]]:
    pages = client.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=scope.prefix, AlarmTypes=["MetricAlarm"]
    )
    return [alarm for page in pages for alarm in page["MetricAlarms"]]


def _tell(todo: Changes, wanted: Sequence[Mapping[str, Any]], scope: AlarmScope, price: float | None) -> None:
    for alarm in todo.put:
        statistic = alarm.get("ExtendedStatistic") or alarm["Statistic"]
        sign = "<" if alarm["ComparisonOperator"].startswith("Less") else ">"
        _say(
            f"put     {alarm['AlarmName']}: {statistic} of {alarm['MetricName']} {sign} {alarm['Threshold']:g}"
        )
    for name in todo.unchanged:
        _say(f"keep    {name}")
    for name in todo.delete:
        _say(f"delete  {name}")
    cost = alarm_dollars_per_month(len(wanted), scope.period) if price is None else len(wanted) * price
    _say(f"{len(wanted)} alarms of {scope.namespace} cost ${cost:.2f} a month (docs/cloudwatch-push.md).")


def _failure(error: Exception) -> SwarmscopeError:
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", "")).rpartition("#")[2]
        message = f"AWS refused {error.operation_name}: {code}"
        return ComponentFailed(message, "docs/cloudwatch-push.md lists the permissions that this needs")
    text = str(error).partition("\n")[0][:200]
    return ComponentFailed(
        f"AWS could not be asked: {text}", "boto3 finds region and credentials in AWS_* and ~/.aws"
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
