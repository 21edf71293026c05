"""`python -m swarmscope.edge.cloudwatch_exporter`: the CloudWatch pull exporter as a process. I/O.

Reads the environment's `aws` section and the system's limits, then serves until it is told to end.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from exporters.cloudwatch_pull.exporter import STEP_SECONDS, CloudWatchExporter
from exporters.cloudwatch_pull.server import PageServer
from swarmscope.aws.cold_starts import init_bounds
from swarmscope.aws.settings import AwsSettings
from swarmscope.edge.files import choose_environment, load_environments, load_system
from swarmscope.edge.nobody import become_nobody
from swarmscope.errors import ConfigurationError, Problem, SwarmscopeError
from swarmscope.targets.choose import LOCAL
from swarmscope.targets.model import Target
from swarmscope.targets.units import NotUnderstood, parse_duration

SWITCH_SECONDS = 0.0005
"""How long a thread that computes may keep another waiting."""

Given = Callable[[Path, str, str], tuple[AwsSettings | None, tuple[Target, ...]]]
"""Folder, system and environment → what the environment says of AWS, and the system's targets."""


def from_files(root: Path, system: str, environment: str) -> tuple[AwsSettings | None, tuple[Target, ...]]:
    """What the files under scenarios/ say; raises ConfigurationError."""
    chosen = choose_environment(load_environments(root, system), environment)
    settings: AwsSettings | None = getattr(chosen, "aws", None)
    return settings, load_system(root, system).targets


def main(arguments: Sequence[str] | None = None, root: Path | None = None, given: Given = from_files) -> int:
    """Serve until SIGTERM or Ctrl-C; the exit code is errors.ExitCode's."""
    options = _parser().parse_args(arguments)
    if _is_stood_in_for(options):
        become_nobody(os.environ)
    try:
        settings, targets = given(root or Path.cwd(), options.system, options.environment)
        exporter: CloudWatchExporter | None = None
        about = f"System {options.system}, environment {options.environment}."
        if settings is None and options.idle:
            about += " The environment has no aws section: nothing is read."
        else:
            exporter = CloudWatchExporter(
                _with_options(_something(settings, options), options),
                system=options.system,
                bounds=init_bounds(targets),
                locust_url=options.locust,
                step_seconds=options.step,
            )
        page = exporter.page if exporter is not None else lambda: ""
        server = PageServer(options.bind, options.port, page, about)
    except SwarmscopeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    _log_to_standard_error()
    # A scrape gives the interpreter away some fifteen times, and while an answer of AWS is unpacked, waits each time
    # so long to get it back; Python's own 5 ms made 180 ms of it.
    sys.setswitchinterval(SWITCH_SECONDS)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server.start()
    if exporter is not None:
        exporter.start()
    print(f"cloudwatch exporter: {server.url}", flush=True)
    ended.wait()
    if exporter is not None:
        exporter.stop()
    server.stop()
    return 0


def _log_to_standard_error() -> None:
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr, force=True
    )
    # botocore tells at INFO where it found credentials, and at DEBUG everything that it sends.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    # A role that cannot be assumed is a traceback to botocore and a message of ours.
    logging.getLogger("botocore.credentials").setLevel(logging.CRITICAL)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m swarmscope.edge.cloudwatch_exporter",
        description="Publishes AWS' side of a run: Lambda, DynamoDB, API Gateway, listed metrics and cold starts, "
        "as the environment's `aws` section says. Credentials are boto3's business.",
    )
    parser.add_argument("--system", required=True, help="folder under scenarios/")
    parser.add_argument("--environment", required=True, help="environment of its environments.yaml")
    parser.add_argument("--endpoint", default="", help="another address than AWS' own, for every API")
    parser.add_argument(
        "--stand-in",
        default="",
        help="where the AWS stand-in is: asked instead of AWS, with nobody's credentials, for the environment local",
    )
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=9106, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--locust",
        default="",
        help="Locust's exporter, http://127.0.0.1:9646 (several with commas): polls while it has a run; without, "
        "polls always",
    )
    parser.add_argument(
        "--idle", action="store_true", help="without an aws section serve an empty page, rather than end"
    )
    parser.add_argument(
        "--delay", type=_seconds, help="how late datapoints arrive (default: the environment's)"
    )
    parser.add_argument(
        "--logs-delay", type=_seconds, help="how late log lines arrive (default: the environment's)"
    )
    parser.add_argument(
        "--poll", type=_seconds, help="time between two polls of metrics (default: the environment's)"
    )
    parser.add_argument(
        "--step",
        type=_seconds,
        default=STEP_SECONDS,
        help="how long each of several late points stays on the page: two scrape intervals (default: 5s)",
    )
    return parser


def _something(settings: AwsSettings | None, options: argparse.Namespace) -> AwsSettings:
    source = f"scenarios/{options.system}/environments.yaml"
    if settings is None:
        raise ConfigurationError(
            [
                Problem(
                    source,
                    f"environments.{options.environment}",
                    "has no `aws` section, so there is nothing to read",
                    "docs/cloudwatch-pull.md shows what belongs in it",
                )
            ]
        )
    if settings.is_empty:
        raise ConfigurationError(
            [
                Problem(
                    source,
                    f"environments.{options.environment}.aws",
                    "names nothing to read",
                    "name functions, tables, apis, metrics or tags",
                )
            ]
        )
    return settings


def _is_stood_in_for(options: argparse.Namespace) -> bool:
    return bool(options.stand_in) and options.environment == LOCAL


def _with_options(settings: AwsSettings, options: argparse.Namespace) -> AwsSettings:
    """The settings with what the command line says otherwise."""
    if options.endpoint:
        settings = replace(settings, endpoint_url=options.endpoint)
    if _is_stood_in_for(options):
        settings = replace(settings, endpoint_url=options.stand_in, profile="", role_arn="", external_id="")
    if options.delay is not None:
        settings = replace(settings, delay_seconds=options.delay, namespace_delays={})
    if options.poll is not None:
        settings = replace(settings, poll_seconds=options.poll)
    if settings.cold_starts is not None:
        cold = settings.cold_starts
        if options.logs_delay is not None:
            cold = replace(cold, delay_seconds=options.logs_delay)
        settings = replace(settings, cold_starts=cold)
    return settings


def _seconds(written: str) -> float:
    try:
        return float(parse_duration(written))
    except NotUnderstood as error:
        raise argparse.ArgumentTypeError(f"expected {error.expected}, got {written}") from None


if __name__ == "__main__":
    sys.exit(main())
