"""Breaking point, phases, recovery and drift, in every form of report."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from xml.etree.ElementTree import fromstring

import pytest

from swarmscope.climb import ClimbResult, End, Level, LevelStatus, Part
from swarmscope.course import PhaseSummary
from swarmscope.drift import Drift
from swarmscope.errors import ConfigurationError
from swarmscope.recovery import Recovery
from swarmscope.report import html_report, junit_report, markdown_report, read_result, write_result
from swarmscope.report.course_sections import breaking_point, recovery_words
from swarmscope.report.html import plot_data
from swarmscope.run_result import MeasuredSignal, RunResult, Signals
from swarmscope.signals import SERVER_SIGNALS, SERVICE_MEMORY
from swarmscope.targets import Climb, Profile
from swarmscope.verdict import Judgement, Status

Make = Callable[..., RunResult]
PLAN = Climb(10, 10, 100, precision=Decimal("0.05"), at_least=Decimal(20), at_least_written="20")
START = 1_735_689_600.0


@pytest.fixture
def level(result: RunResult) -> Callable[..., Level]:
    target = result.system.targets[0]

    def make(users: int, status: LevelStatus, after: float, part: Part = Part.CLIMB, **more: object) -> Level:
        value = 0.25 if status is LevelStatus.BROKE else 0.05
        judged = Status.FAIL if status is LevelStatus.BROKE else Status.PASS
        judgement = Judgement(target, judged, value, 100, "counted")
        fields = {
            "rate": min(2.0 * users, 50.0),
            "error_ratio": 0.0,
            "p50": value / 2,
            "p95": value,
            "p99": math.inf if status is LevelStatus.BROKE else value,
            "judgements": (judgement,),
            **more,
        }
        return Level(part, users, START + after, START + after + 20, status, **fields)  # type: ignore[arg-type]

    return make


@pytest.fixture
def climbed(make: Make, level: Callable[..., Level]) -> RunResult:
    levels = (
        level(10, LevelStatus.HELD, 5),
        level(20, LevelStatus.BROKE, 30),
        level(20, LevelStatus.HELD, 50, Part.CONFIRM),
        level(40, LevelStatus.BROKE, 80),
        level(40, LevelStatus.BROKE, 100, Part.CONFIRM),
        level(30, LevelStatus.INVALID, 140, Part.NARROW, reasons=("the generator was at its limit",)),
        level(30, LevelStatus.BROKE, 160, Part.CONFIRM),
        level(30, LevelStatus.BROKE, 180, Part.CONFIRM),
    )
    climb = ClimbResult(End.BROKE, levels, recovered_seconds=(4.5, None))
    profile = Profile("baseline", climb=PLAN)
    return make(profile=profile, climb=climb)


PHASES = (
    PhaseSummary("steady", START, START + 60, 10, 600, 0.01, 0.05, 0.09, 0.0),
    PhaseSummary("spike", START + 60, START + 90, 100, 1500, 0.2, 0.9, math.inf, 0.125),
    PhaseSummary("recovery", START + 90, START + 90, 10, 0),
)
RECOVERIES = (Recovery("spike", START + 90, START + 150, 7.0, True, ("post-events-p95",)),)
DRIFT = Drift(
    PhaseSummary("first quarter", START, START + 1800, 50, 9000, 0.01, 0.034, 0.05, 0.001),
    PhaseSummary("last quarter", START + 5400, START + 7200, 50, 9000, 0.01, 0.041, math.inf, 0.002),
    90_000_000,
    108_000_000,
)


def test_what_a_climb_found_is_told_in_sentences(climbed: RunResult) -> None:
    assert breaking_point(climbed) == [
        "Highest load that held: 20 users, 40/s, p95 50ms.",
        "Lowest load that broke it: 30 users, 50/s. The breaking point lies between 20 and 30 users.",
        "Broke first: POST /events p95 ≤ 100ms, measured 250ms at 40 users and 50/s.",
        "From 40 users on, more users no longer brought as many more requests (50/s): each waits for its answers "
        "instead of sending.",
        "At 20 users POST /events p95 ≤ 100ms was missed once, after 50 s, and held again when the same load went on.",
        "After the breach it took 4.5s under half of the load that held until every target held again.",
    ]


def test_the_levels_are_a_table_in_the_order_of_the_load(climbed: RunResult) -> None:
    text = markdown_report(climbed)
    rows = [
        row for row in text.splitlines() if (row.startswith("| ") and "climb |" in row) or "confirm |" in row
    ]
    assert [row.split("|")[1].strip() for row in rows] == ["10", "20", "20", "30", "30", "40", "40"]
    assert "| 10 | ✅ PASS | climb | 5 s | 20/s | 25ms | 50ms | 50ms | 0 % |  |" in text
    assert "the generator was at its limit" in text


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ((End.LIMIT, LevelStatus.HELD, ""), "held up to 20 users, and the climb went no further: the breaking point "
            "lies above."),
        (
            (End.GENERATOR, LevelStatus.HELD, "its CPU was full"),
            "held up to 20 users, and then the load generators were at their own limit (its CPU was full), not "
            "the service.",
        ),
        (
            (End.STOPPED, LevelStatus.NO_DATA, "the run was ended before the climb was over"),
            "nothing held, and the run was ended before the climb was over.",
        ),
    ],
)  # fmt: skip
def test_a_breaking_point_that_is_not_known_is_no_data(
    make: Make, level: Callable[..., Level], ending: tuple[End, LevelStatus, str], said: str
) -> None:
    end, status, reason = ending
    climb = ClimbResult(end, (level(20, status, 5),), reason)
    found = breaking_point(make(climb=climb))
    assert found[1] == f"Breaking point: NO DATA; {said}"
    held = "20 users, 40/s, p95 50ms." if status is LevelStatus.HELD else "NO DATA, not one level held."
    assert found[0] == f"Highest load that held: {held}"


def test_a_first_level_that_broke_lies_above_the_breaking_point(
    make: Make, level: Callable[..., Level]
) -> None:
    levels = (level(10, LevelStatus.BROKE, 5), level(10, LevelStatus.BROKE, 25, Part.CONFIRM))
    found = breaking_point(make(climb=ClimbResult(End.BROKE, levels)))
    assert "The breaking point lies below 10 users." in found[1]


@pytest.mark.parametrize(
    ("recovery", "said"),
    [
        (RECOVERIES[0], "recovered 7s after spike (last missed: post-events-p95)"),
        (
            Recovery("spike", 0, 30, 0.0, True),
            "0 s: the targets that spike missed held again as soon as it was over",
        ),
        (Recovery("spike", 0, 30, 0.0), "0 s: never left its targets, neither in spike nor after it"),
        (
            Recovery("spike", 0, 30, math.inf, True, ("a", "b")),
            "had not recovered 30 s after spike, when it was no longer looked at (last missed: a, b)",
        ),
        (Recovery("spike", 0, 30, None), "NO DATA: nothing was measured in the 30 s after spike"),
    ],
)
def test_a_recovery_in_words(recovery: Recovery, said: str) -> None:
    assert recovery_words(recovery) == said


def test_phases_recovery_and_drift_are_in_markdown_and_html(make: Make) -> None:
    run = make(phases=PHASES, recoveries=RECOVERIES, drift=DRIFT)
    text = markdown_report(run)
    assert "| `spike` | 1 min | 30 s | 100 | 1,500 | 50/s | 200ms | 900ms | ∞ | 12.5 % |" in text
    assert "| `recovery` | 1 min 30 s | 0 s | 10 | 0 | – | – | – | – | – |" in text  # noqa: RUF001
    assert (
        "All requests together, first 30 min of the steady phase against its last 30 min: p50 10ms → 10ms (+0%); "
        "p95 34ms → 41ms (+21%); failed 0.1 % → 0.2 %; memory of the load generators 90 MB → 108 MB (+20%)."
    ) in text
    page = html_report(run)
    assert "recovered 7s after spike" in text
    assert "recovered 7s after spike" in page
    assert plot_data(run)["phases"] == [["spike", 60.0, 90.0], ["recovery", 90.0, 90.0]]


def test_the_services_memory_is_compared_where_it_was_measured(make: Make) -> None:
    points = [(START + 60.0 * minute, 200e6 + minute * 1e6) for minute in range(121)]
    (signal,) = [each for each in SERVER_SIGNALS if each.id == SERVICE_MEMORY]
    measured = MeasuredSignal(signal.id, signal.title, signal.unit, str(signal.area), None, False, "", points)
    text = markdown_report(make(drift=DRIFT, signals=Signals(measured=(measured,))))
    assert "; memory of the service 215 MB → 305 MB (+42%)." in text
    assert "memory of the service" not in markdown_report(make(drift=DRIFT))


def test_the_page_draws_throughput_over_load_by_the_last_trusted_window_of_each(climbed: RunResult) -> None:
    assert plot_data(climbed)["levels"] == {
        "users": [10, 20, 30, 40],
        "rate": [20.0, 40.0, 50.0, 50.0],
        "p95": [0.05, 0.05, 0.25, 0.25],
        "broke": [False, False, True, True],
    }
    assert 'class="load-plot"' in html_report(climbed)
    assert 'class="load-plot"' in html_report(replace(climbed, plots=()))
    assert plot_data(replace(climbed, climb=None))["levels"] is None
    assert 'class="load-plot"' not in html_report(replace(climbed, climb=None))


def test_junit_carries_what_was_found(climbed: RunResult) -> None:
    suite = fromstring(junit_report(replace(climbed, recoveries=RECOVERIES))).find("testsuite")  # noqa: S314
    assert suite is not None
    found = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert found["recovery spike"] == "recovered 7s after spike (last missed: post-events-p95)"
    assert found["breaking point 1"] == "Highest load that held: 20 users, 40/s, p95 50ms."


def test_everything_comes_back_from_result_json(climbed: RunResult) -> None:
    run = replace(climbed, phases=PHASES, recoveries=RECOVERIES, drift=DRIFT, locust_statistics={})
    system = replace(run.system, profiles={"baseline": run.profile})
    run = replace(run, system=system)
    assert read_result(write_result(run)) == run


def test_a_level_that_names_an_unknown_target_is_refused(climbed: RunResult) -> None:
    text = write_result(climbed).replace(
        '"judgements":[{"target":"post-events-p95"', '"judgements":[{"target":"x"', 1
    )
    with pytest.raises(ConfigurationError) as caught:
        read_result(text)
    assert "targets that the system does not have: x" in str(caught.value)
