"""Everybody who can be told is told, by a real Alertmanager over real HTTP and SMTP."""

import uuid
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

ANNOTATIONS = {
    "summary": "POST /events?a=<b>&c p95 ≤ 100ms is broken: 52% of 400 requests took longer (5% allowed)",
    "description": "p95 over the judged part of the run so far: 312ms.",
    "measured": "52% slower than 100ms",
    "limit": "100ms",
    "runbook_url": "https://runbooks.example.com/load#latencytargetbreached",
    "dashboard_url": "http://127.0.0.1:3000/d/swarmscope-live?var-run=r&from=1",
}


@pytest.fixture(scope="module")
def story(stand_stills, stack, breach, until):
    """One critical breach: it fires, everybody hears of it, it ends, everybody hears of that."""
    run = f"triggers-{uuid.uuid4().hex[:8]}"
    alert = {"severity": "critical", "target": "events-p95", "annotations": ANNOTATIONS}
    posted = datetime.now(UTC)
    stack.alertmanager.post(breach("LatencyTargetBreached", run, **alert))
    until("all five fire", lambda: all(count >= 1 for count in counts(stack, run).values()))
    stack.alertmanager.post(breach("LatencyTargetBreached", run, resolved=True, **alert))
    until("all five resolve", lambda: all(count >= 2 for count in counts(stack, run).values()))
    return SimpleNamespace(stack=stack, run=run, posted=posted)


def counts(stack, run):
    return {
        "local": len(stack.kept(run)),
        "slack": len(about(stack.http.at("/slack"), run)),
        "pagerduty": len(about(stack.http.at("/pagerduty"), run)),
        "sns": len(about(stack.http.at("/sns"), run)),
        "webhook": len(about(stack.http.at("/webhook"), run)),
        "email": len(mails(stack, run)),
    }


def about(requests, run):
    return [request for request in requests if run.encode() in request.body]


def mails(stack, run):
    return [mail for mail in list(stack.smtp.mails) if run in mail["Subject"]]


def times(alert_time):
    return datetime.fromisoformat(alert_time).astimezone(UTC).strftime("%H:%M:%S")


def test_the_local_receiver_hears_within_seconds(stand_stills, story):
    firing, resolved = story.stack.kept(story.run)
    posted, heard = story.posted.timestamp(), datetime.fromisoformat(firing["received_at"]).timestamp()
    took = heard - posted - stand_stills.within(posted, heard)
    print(f"\nfrom Alertmanager's API to the receiver: {took:.2f} s")
    assert took < 10
    assert (firing["status"], resolved["status"]) == ("firing", "resolved")
    assert firing["groupLabels"] == {"run": story.run, "system": "triggers"}
    assert firing["alerts"][0]["annotations"] == ANNOTATIONS
    assert resolved["alerts"][0]["endsAt"] is not None


def test_slack_gets_a_message_that_reads_well(story):
    firing, resolved = about(story.stack.http.at("/slack"), story.run)
    since = times(story.stack.kept(story.run)[0]["alerts"][0]["startsAt"])
    assert firing.path == "/slack/secret"
    assert firing.json["channel"] == "#load-tests"
    assert firing.json["username"] == "Swarmscope"
    (attachment,) = firing.json["attachments"]
    assert attachment["title"] == f"1 firing: triggers, run {story.run}"
    assert attachment["title_link"] == ANNOTATIONS["dashboard_url"]
    assert attachment["color"] == "danger"
    assert attachment["text"].strip() == (
        "*POST /events?a=&lt;b&gt;&amp;c p95 ≤ 100ms is broken: "
        "52% of 400 requests took longer (5% allowed)* (critical)\n"
        f"measured *52% slower than 100ms*, limit 100ms, since {since} UTC\n"
        "p95 over the judged part of the run so far: 312ms.\n"
        f"<{ANNOTATIONS['runbook_url']}|What to do> · <{ANNOTATIONS['dashboard_url']}|Dashboard>"
    )
    (attachment,) = resolved.json["attachments"]
    assert attachment["title"] == f"Resolved: triggers, run {story.run}"
    assert attachment["color"] == "good"
    assert attachment["text"].startswith(":white_check_mark: *POST /events?a=&lt;b&gt;&amp;c p95")
    assert "\nlast measured *52% slower than 100ms*, limit 100ms, lasted " in attachment["text"]


def test_pagerduty_opens_one_incident_for_the_run_and_closes_it(story):
    firing, resolved = (request.json for request in about(story.stack.http.at("/pagerduty"), story.run))
    assert (firing["event_action"], resolved["event_action"]) == ("trigger", "resolve")
    assert firing["dedup_key"] == resolved["dedup_key"]
    assert firing["routing_key"] == "pagerduty-key"
    assert (firing["client"], firing["client_url"]) == ("Swarmscope", ANNOTATIONS["dashboard_url"])
    payload = firing["payload"]
    assert payload["summary"] == f"1 firing: {ANNOTATIONS['summary']} [triggers, run {story.run}]"
    assert (
        payload["severity"],
        payload["source"],
        payload["component"],
        payload["group"],
        payload["class"],
    ) == (
        "critical",
        story.run,
        "triggers",
        story.run,
        "LatencyTargetBreached",
    )
    assert firing["links"] == [
        {"href": ANNOTATIONS["runbook_url"], "text": "Runbook"},
        {"href": ANNOTATIONS["dashboard_url"], "text": "Dashboard"},
    ]
    details = payload["custom_details"]
    assert (details["run"], details["system"], details["resolved"]) == (story.run, "triggers", "none")
    assert "\n  measured 52% slower than 100ms, limit 100ms\n" in details["firing"]


def test_mail_arrives_with_password_and_both_bodies(story):
    firing, resolved = mails(story.stack, story.run)
    assert ("swarmscope", "mail-password") in story.stack.smtp.logins
    assert (
        "swarmscope@example.com",
        ["team@example.com", "on-call@example.com"],
    ) in story.stack.smtp.envelopes
    assert firing["Subject"] == f"1 firing: {ANNOTATIONS['summary']} [triggers, run {story.run}]"
    assert resolved["Subject"].startswith("Resolved: POST /events?a=<b>&c p95 ≤ 100ms")
    text = firing.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert text.startswith(
        f"Load test of triggers, run {story.run}\n\n- {ANNOTATIONS['summary']} [critical]\n"
    )
    assert f"  what to do: {ANNOTATIONS['runbook_url']}\n" in text
    html = firing.get_body(("html",)).get_content()
    assert "POST /events?a=&lt;b&gt;&amp;c p95 ≤ 100ms is broken" in html
    assert f'<a href="{ANNOTATIONS["runbook_url"]}"' in html
    assert "1 firing: triggers" in html
    assert "lasted" in resolved.get_body(("html",)).get_content()


def test_sns_is_asked_to_publish_with_a_signature(story):
    firing, resolved = about(story.stack.http.at("/sns"), story.run)
    form = firing.form
    assert (form["Action"], form["TopicArn"]) == ("Publish", "arn:aws:sns:eu-west-1:123456789012:load-tests")
    assert form["Subject"] == f"1 firing: triggers, run {story.run}"
    assert form["Message"].startswith(
        f"Load test of triggers, run {story.run}\n\n- POST /events?a=<b>&c p95 ≤ 100ms"
    )
    attributes = {
        form[f"MessageAttributes.entry.{n}.Name"]: form[f"MessageAttributes.entry.{n}.Value.StringValue"]
        for n in (1, 2, 3)
    }
    assert attributes == {"run": story.run, "system": "triggers", "status": "firing"}
    assert "Credential=test/" in firing.headers["Authorization"]
    assert "/eu-west-1/sns/aws4_request" in firing.headers["Authorization"]
    assert resolved.form["Subject"] == f"Resolved: triggers, run {story.run}"


def test_the_further_webhook_gets_alertmanagers_own_message_and_the_token(story):
    firing, resolved = about(story.stack.http.at("/webhook"), story.run)
    assert firing.path == "/webhook/secret"
    assert firing.headers["Authorization"] == "Bearer webhook-token"
    assert (firing.json["version"], firing.json["status"], resolved.json["status"]) == (
        "4",
        "firing",
        "resolved",
    )
    assert firing.json["commonAnnotations"] == ANNOTATIONS


def test_no_secret_is_in_the_configuration_that_alertmanager_shows(story):
    shown = story.stack.shown_config()
    assert "mail-password" not in shown
    assert "pagerduty-key" not in shown
    assert "webhook-token" not in shown
    assert "/slack/secret" not in shown
