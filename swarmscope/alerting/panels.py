"""Which dashboard panel shows what an alert is about. Values only, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum

from swarmscope.alerting.alert_names import AlertName


class Dashboard(StrEnum):
    """Uids of the Grafana dashboards."""

    LIVE = "swarmscope-live"
    ENDPOINT = "swarmscope-endpoint"
    GENERATOR = "swarmscope-generator"
    SERVICE = "swarmscope-service"
    AWS = "swarmscope-aws"
    RUNS = "swarmscope-runs"
    COMPARE = "swarmscope-compare"
    ALERTS = "swarmscope-alerts"


class Panel(IntEnum):
    """Ids of the panels that alerts lead to; they never change, because messages that were sent hold them."""

    TARGETS = 101
    RESPONSE_TIMES = 102
    ERRORS = 103
    ANSWERS = 104
    WAITING = 105
    TRUST = 111
    SCRAPED = 121
    AWS_POLLS = 131
    AWS_DATA_AGE = 132
    AWS_CALLS = 133
    AWS_COST_LIMITED = 134


SHOWN: Mapping[AlertName, tuple[Dashboard, Panel]] = {
    AlertName.LATENCY_TARGET_BREACHED: (Dashboard.LIVE, Panel.RESPONSE_TIMES),
    AlertName.ERROR_RATE_TARGET_BREACHED: (Dashboard.LIVE, Panel.ERRORS),
    AlertName.RATE_TARGET_BREACHED: (Dashboard.LIVE, Panel.ANSWERS),
    AlertName.NO_REQUEST_FINISHED: (Dashboard.LIVE, Panel.WAITING),
    AlertName.REQUEST_HUNG: (Dashboard.LIVE, Panel.WAITING),
    AlertName.WORKER_LOST: (Dashboard.GENERATOR, Panel.TRUST),
    AlertName.GENERATOR_OVERLOADED: (Dashboard.GENERATOR, Panel.TRUST),
    AlertName.LOAD_NOT_DELIVERED: (Dashboard.GENERATOR, Panel.TRUST),
    AlertName.EXPORTER_NOT_SCRAPED: (Dashboard.ALERTS, Panel.SCRAPED),
    AlertName.SERVICE_NOT_SCRAPED: (Dashboard.ALERTS, Panel.SCRAPED),
    AlertName.CLOUDWATCH_EXPORTER_NOT_SCRAPED: (Dashboard.ALERTS, Panel.SCRAPED),
    AlertName.CLOUDWATCH_DATA_STALE: (Dashboard.AWS, Panel.AWS_DATA_AGE),
    AlertName.CLOUDWATCH_POLL_FAILING: (Dashboard.AWS, Panel.AWS_POLLS),
    AlertName.CLOUDWATCH_THROTTLED: (Dashboard.AWS, Panel.AWS_CALLS),
    AlertName.CLOUDWATCH_COST_LIMITED: (Dashboard.AWS, Panel.AWS_COST_LIMITED),
}
"""An alert that is not here leads to the targets of its run, or to what fired when it belongs to none."""


def shown(alert: AlertName) -> tuple[Dashboard, Panel]:
    """The dashboard and the panel."""
    return SHOWN.get(alert, (Dashboard.LIVE, Panel.TARGETS))
