import json

import pytest

from swarmscope.edge.receiver.payload import BadPayload, parse_payload, read_kept


def test_a_message_is_read_and_its_kept_form_reads_back_the_same(alert, message):
    sent = message(
        alert(abort="true", annotations={"summary": "slow"}), alert("WorkerLost", status="resolved")
    )
    notification = parse_payload(json.dumps(sent).encode())
    assert notification.run == "r-1"
    assert [each.name for each in notification.alerts] == ["LatencyTargetBreached", "WorkerLost"]
    kept = json.loads(json.dumps(notification.as_json()))
    assert kept["alerts"][0]["endsAt"] is None
    assert kept["alerts"][1]["endsAt"] == "2026-05-04T12:00:30+00:00"
    assert read_kept(kept).as_json() == notification.as_json()


def test_fields_that_a_later_alertmanager_adds_are_left_out_not_refused(alert, message):
    sent = message({**alert(), "mood": "bad"}, notificationReason="first")
    assert "mood" not in parse_payload(json.dumps(sent).encode()).as_json()["alerts"][0]


def test_a_group_without_a_run_takes_it_from_its_first_alert(alert, message):
    sent = message(alert(run="r-7"), groupLabels={})
    assert parse_payload(json.dumps(sent).encode()).run == "r-7"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"version": "3"}, "version: Input should be '4'"),
        ({"status": "bad"}, "status: Input should be 'firing' or 'resolved'"),
        ({"alerts": []}, "alerts: Tuple should have at least 1 item after validation, not 0"),
        ({"groupKey": 3}, "groupKey: Input should be a valid string"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(alert, message, change, problem):
    with pytest.raises(BadPayload) as caught:
        parse_payload(json.dumps({**message(alert()), **change}).encode())
    assert str(caught.value) == problem


def test_every_problem_of_an_alert_is_named_at_once(alert, message):
    bad = {**alert(), "status": "maybe", "startsAt": "2026-05-04T12:00:00"}
    del bad["labels"]
    with pytest.raises(BadPayload) as caught:
        parse_payload(json.dumps(message(alert(), bad)).replace('"resolved"', '"firing"').encode())
    assert str(caught.value) == (
        "alerts[1].status: Input should be 'firing' or 'resolved'; alerts[1].labels: Field required; "
        "alerts[1].startsAt: Input should have timezone info"
    )


def test_what_is_not_json_is_refused():
    with pytest.raises(BadPayload, match=r"^Invalid JSON: "):
        parse_payload(b"alerts!")


def test_only_a_firing_abort_alert_of_a_run_asks_to_stop(alert, message):
    def asks(each):
        return parse_payload(json.dumps(message(each)).encode()).alerts[0].asks_to_stop

    assert asks(alert(abort="true"))
    assert not asks(alert())
    assert not asks(alert(abort="false"))
    assert not asks(alert(abort="true", status="resolved"))
    assert not asks(alert(abort="true", run=""))
