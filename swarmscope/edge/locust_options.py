"""Swarmscope's options on Locust's command line and in its web UI, and what they choose.

A locustfile is loaded before Locust reads its options, so the few that decide what it defines (system, profile,
environment) are read ahead, by Locust's own parser: command line, LOCUST_* variables and configuration files
all work as everywhere in Locust.
"""

from __future__ import annotations

import math
from argparse import SUPPRESS, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from locust.argument_parser import get_empty_argument_parser

from swarmscope.edge.cloudwatch_options import add_push_options
from swarmscope.edge.files import known_systems, load_environments, load_system
from swarmscope.errors import ConfigurationError, Problem
from swarmscope.settings import Settings
from swarmscope.targets import Environment, Profile, System
from swarmscope.targets.choose import choose_environment, choose_profile


@dataclass(frozen=True, slots=True)
class Choice:
    """What the options read ahead have chosen."""

    system: System
    profile: Profile
    environment: Environment | None
    """None when --host says where the service is and no environment of the file is named."""
    environment_label: str


def read_ahead(root: Path, arguments: Sequence[str]) -> Choice:
    """Choose system, profile and environment; raises ConfigurationError naming what there is to choose from."""
    parser = get_empty_argument_parser(add_help=False)
    parser.add_argument("--system", env_var="LOCUST_SYSTEM")
    parser.add_argument("--profile", "--load-profile", env_var="LOCUST_PROFILE")
    parser.add_argument("--test-env", env_var="LOCUST_TEST_ENV", default="")
    parser.add_argument("-H", "--host", env_var="LOCUST_HOST")
    options, _ = parser.parse_known_args(list(arguments))
    system = load_system(root, _system_name(root, options))
    profile = choose_profile(system, options.profile)
    environments = load_environments(root, system.name)
    if options.host and options.test_env not in environments:
        return Choice(system, profile, None, options.test_env)
    source = f"scenarios/{system.name}/environments.yaml"
    environment = choose_environment(environments, options.test_env or None, source)
    return Choice(system, profile, environment, environment.name)


def _system_name(root: Path, options: Namespace) -> str:
    if options.system:
        return str(options.system)
    known = known_systems(root)
    if len(known) == 1:
        return known[0]
    raise ConfigurationError(
        [
            Problem(
                "--system",
                "",
                f"choose a system: {', '.join(known) or 'there is none'}",
                "locust --system NAME …",
            )
        ]
    )


def add_options(parser: Any, choice: Choice, settings: Settings) -> None:
    """Add Swarmscope's options, and make the profile's load the default of Locust's own."""
    group = parser.add_argument_group("Swarmscope", "Targets, live metrics and an exact verdict")
    system = group.add_argument(
        "--system",
        choices=[choice.system.name],
        default=choice.system.name,
        env_var="LOCUST_SYSTEM",
        help="System under test: a folder of scenarios/. Chosen when Locust starts.",
    )
    profile = group.add_argument(
        "--load-profile",
        choices=sorted(choice.system.profiles),
        default=choice.profile.name,
        help="Load profile of the next run. On the command line, --profile says the same.",
    )
    for action in (system, profile):
        action.include_in_web_ui = True  # arguments in a group are not shown there unless they say so
    group.add_argument(
        "--run-id",
        default="",
        help="Name of the (first) run; made up when not given.",
    )
    group.add_argument("--exporter-host", default=settings.bind, env_var="SWARMSCOPE_BIND")
    group.add_argument(
        "--exporter-port",
        type=int,
        default=settings.exporter_port,
        env_var="SWARMSCOPE_EXPORTER_PORT",
        help="Port of the Prometheus page (default 9646); 0 picks a free one.",
    )
    group.add_argument(
        "--prometheus-url",
        default="",
        env_var="SWARMSCOPE_PROMETHEUS_URL",
        help="Prometheus that scrapes this Locust: for server-side targets, plots and the reconciliation.",
    )
    group.add_argument(
        "--dashboards-url",
        default=settings.url(settings.grafana_port),
        env_var="SWARMSCOPE_DASHBOARDS_URL",
        help="Grafana that links of the web UI lead to.",
    )
    group.add_argument(
        "--reports-dir",
        default=settings.reports,
        env_var="SWARMSCOPE_REPORTS",
        help="Folder for <run>/report.md, report.html, result.json and junit.xml (default reports).",
    )
    add_push_options(group)
    # These travel from the master to its workers with Locust's spawn message.
    group.add_argument("--swarmscope-run", default="", help=SUPPRESS)
    group.add_argument("--swarmscope-report-interval", type=float, default=1.0, help=SUPPRESS)
    parser.set_defaults(**profile_defaults(choice.profile))
    if choice.environment is not None:
        parser.set_defaults(host=choice.environment.host)


def profile_defaults(profile: Profile) -> dict[str, Any]:
    """Locust's own options as this profile wants them; what the user gives explicitly wins over these."""
    defaults: dict[str, Any] = {"stop_timeout": math.ceil(profile.graceful_stop), "profile": profile.name}
    if not profile.is_shaped:
        defaults["num_users"] = profile.users
        defaults["spawn_rate"] = float(profile.spawn_rate)
        if profile.run_time is not None:
            defaults["run_time"] = math.ceil(profile.run_time)
    return defaults


def planned_seconds(profile: Profile, run_time: float | None) -> float | None:
    """How long a run is meant to last, or None when it runs until stopped."""
    if profile.is_staged:
        stages = float(sum((stage.duration for stage in profile.stages), Decimal(0)))
        return stages if run_time is None else min(stages, float(run_time))
    return None if run_time is None else float(run_time)
