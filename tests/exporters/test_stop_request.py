"""What POST /stop takes, and what it says to everything else."""

from __future__ import annotations

import pytest

from exporters.stop_request import BadStopRequest, StopAnswer, StopRequest, is_authorized, parse_stop

JSON = "application/json; charset=utf-8"


def test_a_run_is_enough() -> None:
    assert parse_stop(JSON, b'{"run": "r1"}') == StopRequest("r1", "", "")


def test_reason_and_target_are_taken() -> None:
    body = '{"run": "r1", "reason": "p95 > 100ms für 30s", "target": "post-events-p95"}'.encode()
    assert parse_stop(JSON, body) == StopRequest("r1", "p95 > 100ms für 30s", "post-events-p95")


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        ("text/plain", b'{"run": "r1"}', 'Content-Type must be application/json, got "text/plain"'),
        ("", b'{"run": "r1"}', 'Content-Type must be application/json, got ""'),
        (JSON, b"x" * 65_537, "the body is larger than 65536 bytes"),
        (
            JSON,
            b"{run: r1}",
            "the body is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        (JSON, b"", "the body is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (JSON, b'["r1"]', 'expected a JSON object such as {"run": "…", "reason": "…", "target": "…"}'),
        (JSON, b'{"runs": "r1"}', "unknown key runs: expected run, reason and target"),
        (JSON, b'{"run": 7}', "run: expected text, got 7"),
        (JSON, b'{"run": "r1", "target": null}', "target: expected text, got null"),
        (JSON, b'{"reason": "slow"}', "run: missing; it is the run label of the series"),
        (JSON, b'{"run": ""}', "run: missing; it is the run label of the series"),
    ],
)
def test_anything_else_is_refused_with_its_reason(content_type: str, body: bytes, message: str) -> None:
    with pytest.raises(BadStopRequest) as refused:
        parse_stop(content_type, body)
    assert str(refused.value) == message


def test_a_body_that_is_no_text_is_refused() -> None:
    with pytest.raises(BadStopRequest, match="the body is not JSON: 'utf-8' codec can't decode"):
        parse_stop(JSON, b'{"run": "\xff"}')


@pytest.mark.parametrize(
    ("authorization", "allowed"),
    [
        ("Bearer s3cret", True),
        ("bearer  s3cret ", True),
        ("Bearer s3cre", False),
        ("Basic s3cret", False),
        ("s3cret", False),
        ("Bearer ", False),
        ("", False),
        ("Bearer s3crét", False),
    ],
)
def test_only_the_bearer_of_the_token_may_stop(authorization: str, allowed: bool) -> None:
    assert is_authorized(authorization, "s3cret") is allowed


def test_without_a_token_everyone_may() -> None:
    assert is_authorized("", "")


def test_each_answer_has_its_status() -> None:
    assert {answer: answer.status for answer in StopAnswer} == {
        StopAnswer.STOPPING: "202 Accepted",
        StopAnswer.UNKNOWN_RUN: "404 Not Found",
        StopAnswer.NOT_RUNNING: "409 Conflict",
    }
