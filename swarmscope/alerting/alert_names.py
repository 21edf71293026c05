"""Every alert's name: rules, Alertmanager's routes and inhibitions, and the runbook take it from here. No I/O."""

from __future__ import annotations

from enum import StrEnum


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
