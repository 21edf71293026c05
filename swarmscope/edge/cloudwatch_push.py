"""Ties the push exporter to a Locust that has just started, in the role that this process plays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from locust import runners

from exporters.cloudwatch_push.pusher import Pusher
from exporters.run_view import ExporterCounters
from swarmscope.aws.push_windows import is_of_several
from swarmscope.edge.cloudwatch_options import push_settings
from swarmscope.measurements import RequestKey
from swarmscope.targets import System


def push(
    environment: Any, runner: Any, system: System, known: Iterable[RequestKey], counters: ExporterCounters
) -> None:
    """Attach the push exporter in the role of this process; it does nothing until a namespace is given."""
    is_master, is_worker = (isinstance(runner, kind) for kind in (runners.MasterRunner, runners.WorkerRunner))
    patterns = dict.fromkeys(target.request for target in system.targets if is_of_several(target.request))
    Pusher(
        system.name,
        counters.cloudwatch,
        lambda: push_settings(environment.parsed_options),
        known=known,
        patterns=tuple(patterns),
        users=None if is_worker else lambda: int(runner.user_count),
    ).attach(environment, with_requests=not is_master)
