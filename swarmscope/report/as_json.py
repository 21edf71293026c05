"""A run as result.json, and back: everything that a later comparison needs, histograms included. No I/O."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ValidationError

from swarmscope.bottleneck import Course, find_bottleneck
from swarmscope.document import origin
from swarmscope.errors import ConfigurationError, ExitCode, Problem
from swarmscope.measurements import RequestCounts, RequestKey, Snapshot, Window
from swarmscope.report import result_schema as form
from swarmscope.report.aws_json import aws_part, read_aws_part
from swarmscope.report.course_json import climb_part, course_parts, read_climb, read_course
from swarmscope.report.recommendations import in_words, recommendations
from swarmscope.run_result import (
    FiredAlert,
    MeasuredSignal,
    PendingRequest,
    Plot,
    Reconciliation,
    RunInfo,
    RunResult,
    Series,
    Signals,
    Statement,
    TableScan,
)
from swarmscope.targets import Kind, Moment, Need, Priority, Profile, Stage, System, Target
from swarmscope.verdict import Judgement, Status, Verdict


def write_result(result: RunResult) -> str:
    """The text of result.json."""
    # Whatever Locust's own statistics hold is written as text rather than losing the file.
    return _to_file(result).model_dump_json(fallback=str) + "\n"


def read_result(text: str, source: str = "result.json") -> RunResult:
    """A run from the text of its result.json.

    The system has only the profile that was run. Raises ConfigurationError with every problem of a text that is
    no such file, or of a newer version.
    """
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise ConfigurationError([Problem(source, "", f"is not JSON: {error}")]) from error
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    if version != form.SCHEMA_VERSION:
        found = "none" if version is None else repr(version)
        message = f"expected schema_version {form.SCHEMA_VERSION} of a Swarmscope result, found {found}"
        raise ConfigurationError([Problem(source, "schema_version", message)])
    try:
        return _from_file(form.ResultFile.model_validate(raw))
    except ValidationError as error:
        raise ConfigurationError(
            [Problem(source, _path(each["loc"]), each["msg"]) for each in error.errors()]
        ) from error
    except ValueError as error:
        raise ConfigurationError([Problem(source, "", str(error))]) from error


def schema_text() -> str:
    """The JSON Schema of result.json: what swarmscope/report/result.schema.generated.json must hold."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": origin("swarmscope/report/result_schema.py"),
        **form.ResultFile.model_json_schema(mode="validation"),
        "title": "Swarmscope result.json",
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _to_file(result: RunResult) -> form.ResultFile:
    bounds = result.window.bounds
    window = form.WindowPart(
        seconds=result.window.seconds,
        requests=_counts_parts(bounds, result.window.counts, result.window.finished_by_stop),
    )
    return form.ResultFile(
        schema_version=1,
        verdict=result.verdict.value,
        exit_code=int(result.exit_code),
        run=form.RunPart(**_fields(result.info, without=("system",))),
        system=form.SystemPart(
            **_fields(result.system, without=("targets", "profiles", "alerting", "source")),
            targets=tuple(form.TargetPart(**_fields(target)) for target in result.system.targets),
        ),
        profile=form.ProfilePart(
            **_fields(result.profile, without=("stages", "climb")),
            climb=climb_part(result.profile.climb),
            stages=tuple(form.StagePart(**_fields(stage)) for stage in result.profile.stages),
        ),
        judgements=tuple(
            form.JudgementPart(**{**_fields(judgement), "target": judgement.target.id})
            for judgement in result.judgements
        ),
        not_judged=tuple(result.not_judged),
        invalid=tuple(result.invalid),
        notes=tuple(result.notes),
        bounds=bounds,
        window=window,
        totals=_counts_parts(bounds, result.totals, {}),
        pending=tuple(
            form.PendingPart(**pending.key._asdict(), age_seconds=pending.age_seconds)
            for pending in result.pending
        ),
        reconciliation=tuple(
            form.ReconciliationPart(**row.key._asdict(), **_fields(row, without=("key",)))
            for row in result.reconciliation
        ),
        alerts=tuple(form.AlertPart(**_fields(alert)) for alert in result.alerts),
        plots=tuple(
            form.PlotPart(
                **_fields(plot, without=("series",)),
                series=tuple(form.SeriesPart(**_fields(series)) for series in plot.series),
            )
            for plot in result.plots
        ),
        **course_parts(result),
        signals=_signals_part(result.signals),
        aws=aws_part(result.aws),
        bottleneck=_bottleneck_part(result),
        locust_statistics=dict(result.locust_statistics),
    )


def _signals_part(signals: Signals) -> form.SignalsPart:
    return form.SignalsPart(
        **_fields(signals, without=("measured", "statements", "scans")),
        measured=tuple(form.SignalPart(**_fields(each)) for each in signals.measured),
        statements=tuple(form.StatementPart(**_fields(each)) for each in signals.statements),
        scans=tuple(form.TableScanPart(**_fields(each)) for each in signals.scans),
    )


def _signals(part: form.SignalsPart) -> Signals:
    return Signals(
        **{
            **_parts(part),
            "measured": tuple(MeasuredSignal(**_parts(each)) for each in part.measured),
            "statements": tuple(Statement(**_parts(each)) for each in part.statements),
            "scans": tuple(TableScan(**_parts(each)) for each in part.scans),
        }
    )


def _bottleneck_part(result: RunResult) -> form.BottleneckPart:
    found = find_bottleneck(result)
    return form.BottleneckPart(
        conclusion=found.conclusion.value,
        area=found.area,
        words=in_words(result, found),
        cause=_left_range(found.cause),
        client=_left_range(found.client),
        evidence=tuple(part for course in found.evidence if (part := _left_range(course)) is not None),
        recommendations=tuple(recommendations(result, found)),
    )


def _left_range(course: Course | None) -> form.LeftRangePart | None:
    if course is None:
        return None
    values = _fields(course, without=("signal", "out", "left_after"))
    return form.LeftRangePart(signal=course.signal.id, after_seconds=course.left_after, **values)


def _from_file(file: form.ResultFile) -> RunResult:
    profile = Profile(
        **{
            **_parts(file.profile),
            "stages": tuple(Stage(**_parts(stage)) for stage in file.profile.stages),
            "climb": read_climb(file.profile.climb),
        }
    )
    targets = {part.id: _target(part) for part in file.system.targets}
    system = System(
        **{
            **_parts(file.system),
            "targets": tuple(targets.values()),
            "profiles": {profile.name: profile},
            "gate": Priority(file.system.gate),
            "needs": tuple(Need(need) for need in file.system.needs),
        }
    )
    unknown = [part.target for part in file.judgements if part.target not in targets]
    if unknown:
        raise ValueError(f"judgements name targets that the system does not have: {', '.join(unknown)}")
    bounds = file.bounds
    return RunResult(
        info=RunInfo(system=system.name, **_parts(file.run)),
        system=system,
        profile=profile,
        verdict=Verdict(file.verdict),
        exit_code=ExitCode(file.exit_code),
        judgements=tuple(
            Judgement(targets[part.target], Status(part.status), part.value, part.samples, part.reason)
            for part in file.judgements
        ),
        not_judged=file.not_judged,
        window=Window(
            bounds,
            file.window.seconds,
            _snapshot(bounds, file.window.requests),
            {
                _key(part): part.finished_by_stop
                for part in file.window.requests
                if part.finished_by_stop is not None
            },
        ),
        totals=_snapshot(bounds, file.totals),
        invalid=file.invalid,
        notes=file.notes,
        pending=tuple(PendingRequest(_key(part), part.age_seconds) for part in file.pending),
        reconciliation=tuple(
            Reconciliation(_key(part), part.outcome, part.recorder, part.locust, part.prometheus)
            for part in file.reconciliation
        ),
        alerts=tuple(FiredAlert(**_parts(part)) for part in file.alerts),
        plots=tuple(
            Plot(**{**_parts(part), "series": tuple(Series(**_parts(series)) for series in part.series)})
            for part in file.plots
        ),
        **read_course(file, targets),
        signals=_signals(file.signals),
        aws=read_aws_part(file.aws),
        locust_statistics=file.locust_statistics,
    )


def _target(part: form.TargetPart) -> Target:
    return Target(
        **{
            **_parts(part),
            "kind": Kind(part.kind),
            "at": Moment(part.at),
            "priority": Priority(part.priority),
        }
    )


def _counts_parts(
    bounds: Sequence[Decimal], counts: Snapshot, finished_by_stop: Mapping[RequestKey, int]
) -> tuple[form.CountsPart, ...]:
    edges = [*(float(bound) for bound in bounds), math.inf]
    return tuple(
        form.CountsPart(
            **key._asdict(),
            buckets=tuple((edge, count) for edge, count in zip(edges, each.buckets, strict=True) if count),
            duration_sum=each.duration_sum,
            duration_max=each.duration_max,
            outcomes=tuple(
                form.OutcomePart.model_validate({"outcome": outcome, "status": status, "count": count})
                for (outcome, status), count in sorted(each.outcomes.items())
                if count
            ),
            errors={error: count for error, count in sorted(each.errors.items()) if count},
            response_bytes=each.response_bytes,
            unfinished=each.unfinished,
            finished_by_stop=finished_by_stop.get(key),
        )
        for key, each in sorted(counts.items())
    )


def _snapshot(bounds: Sequence[Decimal], parts: Sequence[form.CountsPart]) -> dict[RequestKey, RequestCounts]:
    index = {float(bound): position for position, bound in enumerate(bounds)}
    index[math.inf] = len(bounds)
    result = {}
    for part in parts:
        buckets = [0] * (len(bounds) + 1)
        for edge, count in part.buckets:
            if edge not in index:
                raise ValueError(f"{part.method} {part.name}: bucket {edge} is not among the bounds")
            buckets[index[edge]] = count
        result[_key(part)] = RequestCounts(
            buckets,
            part.duration_sum,
            part.duration_max,
            {(each.outcome, each.status): each.count for each in part.outcomes},
            dict(part.errors),
            part.response_bytes,
            part.unfinished,
        )
    return result


def _key(part: form.CountsPart | form.PendingPart | form.ReconciliationPart) -> RequestKey:
    return RequestKey(part.method, part.name)


def _fields(value: Any, without: Sequence[str] = ()) -> dict[str, Any]:
    """A value's fields, unconverted; the form's classes accept only what they name, and convert it."""
    return {each.name: getattr(value, each.name) for each in fields(value) if each.name not in without}


def _parts(part: BaseModel) -> dict[str, Any]:
    return {name: getattr(part, name) for name in type(part).model_fields}


def _path(location: Sequence[int | str]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).lstrip(".")
