"""Breaking point, phases, recovery and drift of a run in result.json, and back. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from swarmscope.climb import ClimbResult, End, Level, LevelStatus, Part
from swarmscope.course import PhaseSummary
from swarmscope.drift import Drift
from swarmscope.recovery import Recovery
from swarmscope.report import result_schema as form
from swarmscope.run_result import RunResult
from swarmscope.targets import Climb, Target
from swarmscope.verdict import Judgement, Status


def course_parts(result: RunResult) -> dict[str, Any]:
    """The keys of the file that tell the run's course."""
    climb, drift = result.climb, result.drift
    return {
        "climb": None if climb is None else form.ClimbPart(
            end=climb.end.value,
            reason=climb.reason,
            recovered_seconds=climb.recovered_seconds,
            levels=tuple(
                form.LevelPart(**{**_fields(level), "judgements": _judgements(level)}) for level in climb.levels
            ),
        ),
        "phases": tuple(form.PhasePart(**_fields(phase)) for phase in result.phases),
        "recoveries": tuple(form.RecoveryPart(**_fields(each)) for each in result.recoveries),
        "drift": None if drift is None else form.DriftPart(
            **{**_fields(drift), "first": form.PhasePart(**_fields(drift.first)),
               "last": form.PhasePart(**_fields(drift.last))}
        ),
    }  # fmt: skip


def read_course(file: form.ResultFile, targets: Mapping[str, Target]) -> dict[str, Any]:
    """The fields of a RunResult that tell its course."""
    climb, drift = file.climb, file.drift
    return {
        "climb": None if climb is None else ClimbResult(
            End(climb.end),
            tuple(_level(part, targets) for part in climb.levels),
            climb.reason,
            climb.recovered_seconds,
        ),
        "phases": tuple(_phase(part) for part in file.phases),
        "recoveries": tuple(Recovery(**_parts(part)) for part in file.recoveries),
        "drift": None if drift is None else Drift(
            _phase(drift.first), _phase(drift.last), drift.memory_first, drift.memory_last
        ),
    }  # fmt: skip


def climb_part(climb: Climb | None) -> form.ClimbPlanPart | None:
    """A profile's climb as it stands in the file."""
    return None if climb is None else form.ClimbPlanPart(**_fields(climb))


def read_climb(part: form.ClimbPlanPart | None) -> Climb | None:
    """A profile's climb."""
    return None if part is None else Climb(**_parts(part))


def _judgements(level: Level) -> tuple[form.JudgementPart, ...]:
    return tuple(
        form.JudgementPart(**{**_fields(each), "target": each.target.id}) for each in level.judgements
    )


def _level(part: form.LevelPart, targets: Mapping[str, Target]) -> Level:
    unknown = [each.target for each in part.judgements if each.target not in targets]
    if unknown:
        raise ValueError(f"a level names targets that the system does not have: {', '.join(unknown)}")
    judgements = tuple(
        Judgement(targets[each.target], Status(each.status), each.value, each.samples, each.reason)
        for each in part.judgements
    )
    return Level(
        **{
            **_parts(part),
            "part": Part(part.part),
            "status": LevelStatus(part.status),
            "judgements": judgements,
        }
    )


def _phase(part: form.PhasePart) -> PhaseSummary:
    return PhaseSummary(**_parts(part))


def _fields(value: Any) -> dict[str, Any]:
    return {each.name: getattr(value, each.name) for each in fields(value)}


def _parts(part: Any) -> dict[str, Any]:
    return {name: getattr(part, name) for name in type(part).model_fields}
