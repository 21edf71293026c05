"""Every alert's name: rules, Alertmanager's routes and inhibitions, and the runbook take it from here. No I/O."""

from __future__ import annotations

from enum import StrEnum

from swarmscope.targets import Priority


class AlertName(StrEnum):
    """The `alertname` label of every alert that Swarmscope's rules can fire."""

    LATENCY_TARGET_BREACHED = "LatencyTargetBreached"
    ERROR_RATE_TARGET_BREACHED = "ErrorRateTargetBreached"
    RATE_TARGET_BREACHED = "RateTargetBreached"
    SERVER_TARGET_BREACHED = "ServerTargetBreached"
    TARGET_MISSED_OVER_RUN = "TargetMissedOverRun"
    TARGET_HAS_NO_DATA = "TargetHasNoData"
    EXPORTER_NOT_SCRAPED = "ExporterNotScraped"
    SERVICE_NOT_SCRAPED = "ServiceNotScraped"
    NO_REQUEST_FINISHED = "NoRequestFinished"
    REQUEST_HUNG = "RequestHung"
    WORKER_LOST = "WorkerLost"
    GENERATOR_OVERLOADED = "GeneratorOverloaded"
    LOAD_NOT_DELIVERED = "LoadNotDelivered"
    SERVER_MEASUREMENT_MISSING = "ServerMeasurementMissing"
    CLOUDWATCH_EXPORTER_NOT_SCRAPED = "CloudWatchExporterNotScraped"
    CLOUDWATCH_DATA_STALE = "CloudWatchDataStale"
    CLOUDWATCH_POLL_FAILING = "CloudWatchPollFailing"
    CLOUDWATCH_THROTTLED = "CloudWatchThrottled"
    CLOUDWATCH_COST_LIMITED = "CloudWatchCostLimited"
    NOTIFICATIONS_FAILING = "NotificationsFailing"
    RULE_EVALUATION_FAILING = "RuleEvaluationFailing"
    WATCHDOG = "Watchdog"


TARGET_BREACHES = (
    AlertName.LATENCY_TARGET_BREACHED,
    AlertName.ERROR_RATE_TARGET_BREACHED,
    AlertName.RATE_TARGET_BREACHED,
    AlertName.SERVER_TARGET_BREACHED,
)
"""Alerts of one target over the live window; labels `run, system, target, request, kind, priority`."""


class Severity(StrEnum):
    """The `severity` label of every alert, in Prometheus' usual words: Alertmanager routes by it."""

    CRITICAL = "critical"
    """Pages somebody."""
    WARNING = "warning"
    """Is read within the hour: Slack, e-mail."""
    INFO = "info"
    """Is read by who watches the run."""
    NONE = "none"
    """The watchdog: it says that the path works, and nothing else."""

    @classmethod
    def of(cls, priority: Priority) -> Severity:
        """The severity of an alert about a target of this priority."""
        return _SEVERITIES[priority]


_SEVERITIES = {
    Priority.CRITICAL: Severity.CRITICAL,
    Priority.HIGH: Severity.WARNING,
    Priority.MEDIUM: Severity.INFO,
}

ABORT_LABEL = "abort"
"""`abort="true"` on an alert asks the receiver to stop the run; such alerts are never inhibited."""


class Annotation(StrEnum):
    """Annotations of every alert that message templates and the receiver's page show."""

    SUMMARY = "summary"
    """What broke, in one line: `POST /events p95 ≤ 100ms is missed`."""
    DESCRIPTION = "description"
    """What it means and what to look at first."""
    MEASURED = "measured"
    """The measured value with its unit: `312ms`."""
    LIMIT = "limit"
    """The limit as it was written: `100ms`; absent on alerts that have none."""
    RUNBOOK_URL = "runbook_url"
    DASHBOARD_URL = "dashboard_url"
    """The dashboard at this run."""
