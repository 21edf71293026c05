"""Who is told what: grouping, routes, inhibition and the watchdog, in a real Alertmanager."""

import time
import uuid

import pytest

from swarmscope.alerting.alert_names import AlertName


@pytest.fixture(name="run")
def a_run():
    return f"triggers-{uuid.uuid4().hex[:8]}"


def told(stack, run):
    """Which of the people have a message about a run."""
    told = {
        path
        for path in ("slack", "pagerduty", "sns", "webhook")
        if any(run.encode() in request.body for request in stack.http.at(f"/{path}"))
    }
    return told | ({"email"} if any(run in mail["Subject"] for mail in list(stack.smtp.mails)) else set())


def names(notification):
    return sorted(alert["labels"]["alertname"] for alert in notification["alerts"])


def test_alerts_of_a_run_come_together_and_runs_apart(stack, breach, until, run):
    other = f"{run}-other"
    stack.alertmanager.post(
        breach("LatencyTargetBreached", run, severity="none"),
        breach("WorkerLost", run, severity="none"),
        breach("LatencyTargetBreached", other, severity="none"),
    )
    until("both runs", lambda: stack.kept(run) and stack.kept(other))
    assert names(stack.kept(run)[0]) == ["LatencyTargetBreached", "WorkerLost"]
    assert names(stack.kept(other)[0]) == ["LatencyTargetBreached"]


PEOPLE = {
    "critical": {"slack", "email", "sns", "pagerduty", "webhook"},
    "warning": {"slack", "email", "sns", "webhook"},
    "info": {"slack", "webhook"},
    "unset": {"slack", "email", "sns", "webhook"},  # a rule of the team's own that forgot it
    "none": set(),
}


def test_severity_decides_who_is_told_and_the_receiver_always_is(stack, breach, until, run):
    stack.alertmanager.post(
        *(
            breach(
                "WorkerLost", f"{run}-{severity}", **({} if severity == "unset" else {"severity": severity})
            )
            for severity in PEOPLE
        )
    )
    for severity, people in PEOPLE.items():
        of = f"{run}-{severity}"
        until(
            f"{of} told {people}", lambda of=of, people=people: stack.kept(of) and told(stack, of) >= people
        )
    time.sleep(0.5)
    assert {severity: told(stack, f"{run}-{severity}") for severity in PEOPLE} == PEOPLE


def test_the_watchdog_reaches_the_receiver_and_nobody_else(stack, breach, until):
    stack.alertmanager.post(breach("Watchdog", "", severity="none"))
    until("watchdog", lambda: stack.api()["watchdog_at"])
    kept = [alert for record in stack.api()["notifications"] for alert in record.get("alerts", ())]
    assert "Watchdog" not in {alert["labels"]["alertname"] for alert in kept}
    assert not any(b"Watchdog" in request.body for request in stack.http.at("/"))


HUNG = ("RequestHung", "NoRequestFinished")
LOAD = (
    "LatencyTargetBreached",
    "ErrorRateTargetBreached",
    "RateTargetBreached",
    "TargetMissedOverRun",
    "TargetHasNoData",
)
GENERATORS = ("WorkerLost", "GeneratorOverloaded", "LoadNotDelivered")
BREACHES = ("LatencyTargetBreached", "ErrorRateTargetBreached", "RateTargetBreached", "ServerTargetBreached")
SILENCES = {
    **{name: set(LOAD) for name in HUNG},
    **{name: {"TargetMissedOverRun"} for name in BREACHES},
    "ExporterNotScraped": {*LOAD, *HUNG, *GENERATORS},
    "ServiceNotScraped": {"ServerMeasurementMissing"},
}


def test_each_alert_silences_what_follows_from_it_and_nothing_else(stack, breach, run):
    """Every pair of alerts, each pair in a run of its own: 17 by 16."""
    pairs = {
        f"{run}-{source}-{target}": (source, target)
        for source in AlertName
        for target in AlertName
        if source is not target
    }
    stack.alertmanager.post(
        *(breach(name, each, target="p95", severity="none") for each, pair in pairs.items() for name in pair)
    )
    inhibited = {
        (labels["run"], labels["alertname"])
        for labels in stack.alertmanager.inhibited()
        if run in labels["run"]
    }
    expected = {
        (each, silenced)
        for each, pair in pairs.items()
        for source, silenced in (pair, pair[::-1])
        if silenced.value in SILENCES.get(source.value, ())
    }
    assert inhibited == expected
    assert len(expected) == 2 * sum(len(silenced) for silenced in SILENCES.values())


def test_only_the_same_run_and_target_are_silenced(stack, breach, run):
    stack.alertmanager.post(
        breach("RequestHung", run, severity="none"),
        breach("LatencyTargetBreached", f"{run}-b", target="p95", severity="none"),
        breach("TargetMissedOverRun", f"{run}-b", target="p95", severity="none"),
        breach("TargetMissedOverRun", f"{run}-b", target="p99", severity="none"),
    )
    silenced = [labels for labels in stack.alertmanager.inhibited() if run in labels["run"]]
    assert [(labels["alertname"], labels["target"]) for labels in silenced] == [
        ("TargetMissedOverRun", "p95")
    ]


def test_an_inhibited_alert_is_not_sent_but_one_that_stops_the_run_always_is(stack, breach, until, run):
    # First what inhibits: Alertmanager flushes at once what it gets later than group_wait after its start, and on a
    # busy machine that can be before it has looked at the others.
    stack.alertmanager.post(breach("RequestHung", run, severity="none"))
    time.sleep(0.3)
    stack.alertmanager.post(
        breach("LatencyTargetBreached", run, target="p95", severity="none"),
        breach("ErrorRateTargetBreached", run, target="errors", severity="none", abort="true"),
    )

    def alerts_told():
        return {name for each in stack.kept(run) for name in names(each)}

    until("the notification", lambda: "ErrorRateTargetBreached" in alerts_told())
    assert alerts_told() == {"ErrorRateTargetBreached", "RequestHung"}
    until("the run is stopped", lambda: run in stack.stopped)
    assert stack.stopped.count(run) == 1
