"""All rule files and their tests, as text by path: what `make generate` writes. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from swarmscope.alerting.aws_guards import aws_guards
from swarmscope.alerting.links import Links
from swarmscope.alerting.prometheus_config import compose_config
from swarmscope.alerting.promtool_cases import system_tests
from swarmscope.alerting.recording_rules import run_recordings
from swarmscope.alerting.rule_file import group, rule_file
from swarmscope.alerting.run_guards import run_guards
from swarmscope.alerting.stack_guards import stack_guards
from swarmscope.alerting.target_rules import system_rules
from swarmscope.targets import System

CONFIG = "prometheus/prometheus.yml"
RECORDINGS = "prometheus/rules/recording.generated.yml"
GUARDS = "alerts/guards.generated.yml"
RULE_GLOBS = ("prometheus/rules/*.generated.yml", "alerts/*.generated.yml")
"""Where Prometheus finds the rules of every system, those of tomorrow included."""


def rule_files(systems: Sequence[System], links: Links | None = None) -> dict[str, str]:
    """The rules of all systems, by path; `links` says where alerts send their reader.

    Raises ConfigurationError for a system without targets, or with a query that no rule can hold.
    """
    links = links or Links()
    about = "swarmscope/alerting"
    files = {
        RECORDINGS: rule_file([group("swarmscope runs", run_recordings())], f"{about}/recording_rules.py"),
        GUARDS: rule_file(
            [
                group("swarmscope guards", [*run_guards(links), *aws_guards(links)]),
                group("swarmscope alerting", stack_guards(links)),
            ],
            f"{about}/run_guards.py, aws_guards.py and stack_guards.py",
            "What each alert means and what to do: alerts/runbook.md.",
        ),
    }
    return files | {f"alerts/{system.name}.generated.yml": system_rules(system, links) for system in systems}


def alerting_files(systems: Sequence[System]) -> dict[str, str]:
    """Everything that Prometheus and promtool read from the checkout: configuration, rules and their tests, by path."""
    tests = {f"alerts/tests/{system.name}_test.generated.yml": system_tests(system) for system in systems}
    return {CONFIG: compose_config()} | rule_files(systems) | tests
