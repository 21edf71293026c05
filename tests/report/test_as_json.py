"""result.json: everything in, everything out, in a documented form."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import swarmscope.report
from swarmscope.errors import ConfigurationError, ExitCode
from swarmscope.measurements import RequestCounts, RequestKey, Window
from swarmscope.report import read_result, schema_text, write_result
from swarmscope.report.result_schema import ResultFile
from swarmscope.run_result import PendingRequest, RunResult
from swarmscope.targets import Profile, Stage
from swarmscope.verdict import Verdict, judge

Make = Callable[..., RunResult]


def test_a_result_read_back_is_the_one_written(result: RunResult) -> None:
    # Everything but what JSON cannot say: an infinite number inside Locust's own statistics.
    finite = replace(result, locust_statistics={"total_rps": 66.7})
    assert read_result(write_result(finite)) == finite
    assert write_result(read_result(write_result(result))) == write_result(read_result(write_result(result)))


def test_a_staged_profile_and_other_ends_of_a_run_come_back(make: Make, result: RunResult) -> None:
    stages = (
        Stage(10, Decimal(20), Decimal("0.5")),
        Stage(100, Decimal("12.5"), Decimal(50), phase="spike"),
    )
    profile = Profile("staged", stages=stages, user_classes={"A": 80, "B": 20}, graceful_stop=Decimal("2.5"))
    system = replace(result.system, profiles={"staged": profile}, default_profile="staged")
    changed = make(
        profile=profile,
        system=system,
        verdict=Verdict.PASS,
        exit_code=ExitCode.INTERRUPTED,
        locust_statistics={},
        judgements=(),
        not_judged=tuple(target.id for target in system.targets),
    )
    assert read_result(write_result(changed)) == changed


def test_a_judgement_on_what_was_read_is_the_same(result: RunResult) -> None:
    back = read_result(write_result(result))
    targets = [target for target in back.system.targets_under("baseline") if not target.kind.is_query]
    before = [each for each in result.judgements if not each.target.kind.is_query]
    assert list(judge(targets, back.window)) == before


def test_histograms_are_sparse_and_exact(result: RunResult) -> None:
    raw = json.loads(write_result(result))
    events = next(each for each in raw["window"]["requests"] if each["name"] == "/events")
    assert events["buckets"] == [[0.012, 3600], [0.013, 80], [0.45, 320]]
    assert events["unfinished"] == 3
    assert raw["bounds"][:3] == [0.001, 0.00105, 0.0011]
    assert raw["schema_version"] == 1
    assert raw["exit_code"] == 10


def test_an_unusual_limit_survives_as_the_bound_that_it_is(make: Make, result: RunResult) -> None:
    bounds = tuple(sorted({*result.window.bounds, Decimal("0.1046")}))
    counts = RequestCounts([0] * (len(bounds) + 1), outcomes={("success", "200"): 2})
    counts.buckets[bounds.index(Decimal("0.1046"))] = 1
    counts.buckets[-1] = 1
    key = RequestKey("GET", "/x")
    changed = make(window=Window(bounds, 1.0, {key: counts}, {key: 2}), totals={key: counts})
    raw = json.loads(write_result(changed))
    assert raw["totals"][0]["buckets"] == [[0.1046, 1], ["+Inf", 1]]
    assert read_result(write_result(changed)).window == changed.window


def test_an_infinite_value_is_written_as_text_and_read_as_a_number(make: Make, result: RunResult) -> None:
    hung = replace(result.judgements[0], value=float("inf"))
    text = write_result(make(judgements=(hung,)))
    assert json.loads(text)["judgements"][0]["value"] == "+Inf"
    assert read_result(text).judgements == (hung,)


def test_strange_names_come_back_and_half_a_character_does_not_lose_the_file(make: Make) -> None:
    names = ["</script>", "a|b`c", "\x00\n", "\u2028", "ü 🦔", 'quo"te\\']
    pending = tuple(PendingRequest(RequestKey("GET", name), 1.0) for name in names)
    assert read_result(write_result(make(pending=pending))).pending == pending
    half = make(pending=[PendingRequest(RequestKey("GET", "/\ud83e"), 1.0)])
    assert read_result(write_result(half)).pending[0].key.name == "/?"


def test_whatever_locust_reports_cannot_lose_the_file(make: Make) -> None:
    text = write_result(make(locust_statistics={"nan": float("nan"), "odd": object, "when": {1: {2, 3}}}))
    assert json.loads(text)["locust_statistics"]["nan"] is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "result.json: is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (
            "[]",
            "result.json: schema_version: expected schema_version 1 of a Swarmscope result, found none",
        ),
        (
            '{"schema_version": 2}',
            "result.json: schema_version: expected schema_version 1 of a Swarmscope result, found 2",
        ),
    ],
)
def test_a_text_that_is_no_result_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_result(text)
    assert str(caught.value) == message


def broken(result: RunResult, change: Callable[[dict[str, Any]], None]) -> str:
    raw = json.loads(write_result(result))
    change(raw)
    with pytest.raises(ConfigurationError) as caught:
        read_result(json.dumps(raw), "old/result.json")
    return str(caught.value)


def test_every_problem_of_a_broken_result_is_listed_with_its_path(result: RunResult) -> None:
    def change(raw: dict[str, Any]) -> None:
        del raw["verdict"]
        raw["window"]["requests"][0]["duration_sum"] = "long"

    assert broken(result, change) == (
        "old/result.json: verdict: Field required\n"
        "old/result.json: window.requests[0].duration_sum: Input should be a valid number, "
        "unable to parse string as a number"
    )


def test_a_bucket_that_is_no_bound_is_refused(result: RunResult) -> None:
    def change(raw: dict[str, Any]) -> None:
        raw["totals"][0]["buckets"][0][0] = 0.0777

    assert broken(result, change) == "old/result.json: GET /inbox: bucket 0.0777 is not among the bounds"


def test_a_judgement_on_an_unknown_target_is_refused(result: RunResult) -> None:
    def change(raw: dict[str, Any]) -> None:
        raw["judgements"][0]["target"] = "gone"

    assert broken(result, change) == (
        "old/result.json: judgements name targets that the system does not have: gone"
    )


def test_keys_of_a_later_minor_version_are_skipped(result: RunResult) -> None:
    raw = json.loads(write_result(result))
    raw["new"] = raw["run"]["newer"] = 1
    assert read_result(json.dumps(raw)).info == result.info


def test_the_committed_schema_is_the_one_of_the_code() -> None:
    committed = Path(swarmscope.report.__file__).with_name("result.schema.generated.json")
    assert committed.read_text(encoding="utf-8") == schema_text()


def test_the_schema_requires_and_describes_what_is_written(result: RunResult) -> None:
    schema = json.loads(schema_text())
    raw = json.loads(write_result(result))
    assert set(schema["required"]) <= set(raw) == set(schema["properties"])
    assert schema["properties"]["totals"]["description"] == "the whole run, ramp included"
    assert issubclass(ResultFile, BaseModel)
