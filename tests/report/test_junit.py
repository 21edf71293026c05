"""junit.xml: red exactly when the run is not a PASS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from xml.etree.ElementTree import Element, fromstring

import pytest

from swarmscope.errors import ExitCode
from swarmscope.report import junit_report
from swarmscope.run_result import RunResult
from swarmscope.targets import Priority
from swarmscope.verdict import Judgement, Status, Verdict, verdict_of

Make = Callable[..., RunResult]


def parsed(result: RunResult) -> Element:
    return fromstring(junit_report(result).encode())  # noqa: S314  # our own


def cases(result: RunResult) -> dict[str, Element]:
    root = parsed(result)
    return {case.get("name", ""): case for case in root.iter("testcase")}


def red(result: RunResult) -> bool:
    root = parsed(result)
    return root.get("failures") != "0" or root.get("errors") != "0"


def test_each_target_is_a_case_with_its_outcome(result: RunResult) -> None:
    found = {name: [(child.tag, child.get("type")) for child in case] for name, case in cases(result).items()}
    assert found == {
        "POST /events p95 ≤ 100ms": [("failure", "TargetMissed")],
        "GET /inbox p95 ≤ 200ms": [("system-out", None)],
        "all requests error rate ≤ 0.1%": [("failure", "TargetMissed")],
        "POST /events rps ≥ 50": [("system-out", None)],
        "cold-start ≤ 3s": [("system-out", None)],
        "POST /webhook p99 ≤ 500ms": [("error", "NoData")],
        "all requests p95 ≤ 400ms": [("skipped", None)],
        "load is valid": [("error", "InvalidLoad")],
        "a target was judged": [],
        "run ended as planned": [],
    }


def test_the_suite_counts_its_cases_and_describes_the_run(result: RunResult) -> None:
    root = parsed(result)
    suite = root.find("testsuite")
    assert suite is not None
    assert {
        name: suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time", "timestamp")
    } == {
        "tests": "10",
        "failures": "2",
        "errors": "2",
        "skipped": "1",
        "time": "75.000",
        "timestamp": "2025-01-01T00:00:00",
    }
    properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert properties["run"] == "triggers-20250101-000000"
    assert properties["verdict"] == "FAIL"


def test_the_reason_is_the_message(result: RunResult) -> None:
    failure = cases(result)["POST /events p95 ≤ 100ms"].find("failure")
    assert failure is not None
    assert failure.get("message") == result.judgements[0].reason == failure.text


def with_statuses(make: Make, statuses: Sequence[Status], gate: Priority, **changes: object) -> RunResult:
    base = make()
    judgements = tuple(
        Judgement(replace(judgement.target, priority=priority), status, 1.0, 1, "why")
        for judgement, status, priority in zip(base.judgements, statuses, Priority, strict=False)
    )
    changes = {"invalid": (), **changes}
    verdict = verdict_of(judgements, changes["invalid"], gate)  # type: ignore[arg-type]
    changes = {"exit_code": verdict.exit_code, **changes}
    system = replace(base.system, gate=gate)
    return make(judgements=judgements, verdict=verdict, system=system, not_judged=(), **changes)


@pytest.mark.parametrize("gate", list(Priority))
@pytest.mark.parametrize("first", list(Status))
@pytest.mark.parametrize("second", list(Status))
@pytest.mark.parametrize("invalid", [(), ("worker lost",)])
def test_red_exactly_when_the_run_is_no_pass(
    make: Make, gate: Priority, first: Status, second: Status, invalid: tuple[str, ...]
) -> None:
    judged = with_statuses(make, (first, second), gate, invalid=invalid)
    assert red(judged) == (judged.verdict is not Verdict.PASS)


def test_a_run_that_judged_nothing_is_red(make: Make) -> None:
    assert red(with_statuses(make, (), Priority.MEDIUM))


def test_a_run_ended_by_hand_is_red_even_when_its_targets_held(make: Make) -> None:
    ended = with_statuses(make, (Status.PASS,), Priority.MEDIUM, exit_code=ExitCode.INTERRUPTED)
    error = cases(ended)["run ended as planned"].find("error")
    assert error is not None
    assert (error.get("type"), error.get("message")) == ("INTERRUPTED", ExitCode.INTERRUPTED.meaning)


def test_what_is_missed_below_the_gate_is_skipped_with_its_reason(make: Make) -> None:
    judged = with_statuses(make, (Status.PASS, Status.FAIL), Priority.CRITICAL)
    skipped = cases(judged)["GET /inbox p95 ≤ 200ms"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "FAIL, but its priority (high) is below the gate (critical): why"


def test_characters_that_xml_cannot_hold_do_not_break_the_file(make: Make) -> None:
    judgements = (replace(make().judgements[0], reason='<&>" \x00\x1b \ud83e \uffff ü 🦔'),)
    failure = cases(make(judgements=judgements))["POST /events p95 ≤ 100ms"].find("failure")
    assert failure is not None
    assert failure.get("message") == '<&>" \ufffd\ufffd \ufffd \ufffd ü 🦔'
