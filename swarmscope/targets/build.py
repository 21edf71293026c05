"""Turns a spec whose every field is valid into the product's own values. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from swarmscope.targets.aws_build import aws_settings
from swarmscope.targets.ids import target_id
from swarmscope.targets.model import Alerting, Climb, Environment, Kind, Profile, Stage, System, Target
from swarmscope.targets.samples import default_min_samples
from swarmscope.targets.spec import (
    AlertingSpec,
    ClimbSpec,
    EnvironmentSpec,
    ProfileSpec,
    SystemSpec,
    TargetSpec,
)
from swarmscope.targets.units import Quantity


@dataclass(frozen=True, slots=True)
class Placed:
    """A target and where in the file its limit stands."""

    target: Target
    position: int
    key: str


def limits_of(spec: TargetSpec) -> dict[Kind, Quantity]:
    """Every limit that the item sets, in the order of Kind."""
    values = {kind: getattr(spec, "p999" if kind is Kind.P999 else kind.value) for kind in Kind}
    return {kind: value for kind, value in values.items() if value is not None}


def placed_targets(specs: Sequence[TargetSpec]) -> list[Placed]:
    """Every target of the file in its order; one for each limit, so an item can become several."""
    placed: list[Placed] = []
    taken: set[str] = set()
    for position, spec in enumerate(specs):
        limits = limits_of(spec)
        for kind, limit in limits.items():
            target = _target(spec, kind, limit, tuple(limits), taken)
            taken.add(target.id)
            placed.append(Placed(target, position, kind.value))
    return placed


def _target(spec: TargetSpec, kind: Kind, limit: Quantity, kinds: Sequence[Kind], taken: set[str]) -> Target:
    name = target_id(spec.name or "", spec.request or "", kind, kinds)
    if name in taken and not spec.name and spec.profiles:
        # The same limit again for other loads (p95 at the peak): told apart by the first of its profiles.
        name = f"{name}-{spec.profiles[0]}"
    return Target(
        id=name,
        kind=kind,
        limit=limit.value,
        written=limit.written,
        request=spec.request or "",
        query=spec.query or "",
        at=spec.at,
        unit=spec.unit or (limit.unit if kind.is_query else ""),
        priority=spec.priority,
        profiles=tuple(spec.profiles or ()),
        min_samples=spec.min_samples or default_min_samples(kind, limit.value),
        abort=spec.abort,
        description=spec.description or "",
    )


def profile(name: str, spec: ProfileSpec) -> Profile:
    """A load profile; the run time of a staged one is its stages' sum."""
    default = Profile(name)
    spawn_rate = _value(spec.spawn_rate, default.spawn_rate)
    stages = tuple(
        Stage(
            users=stage.users or 0,
            duration=_value(stage.duration, Decimal(0)),
            spawn_rate=_value(stage.spawn_rate, spawn_rate),
            phase=stage.phase or "",
        )
        for stage in spec.stages or ()
    )
    run_time = None if spec.run_time is None else spec.run_time.value
    return Profile(
        name=name,
        users=spec.users or 0,
        spawn_rate=spawn_rate,
        run_time=sum((stage.duration for stage in stages), Decimal(0)) if stages else run_time,
        stages=stages,
        climb=None if spec.climb is None else climb(spec.climb),
        user_classes=dict(spec.user_classes or {}),
        warm_up=_value(spec.warm_up, default.warm_up),
        graceful_stop=_value(spec.graceful_stop, default.graceful_stop),
        description=spec.description or "",
    )


def climb(spec: ClimbSpec) -> Climb:
    """A climb; its step is as high as its first level when not given."""
    start = spec.from_ or 1
    default = Climb(start, start, start)
    return Climb(
        start=start,
        step=spec.step or start,
        limit=spec.to or start,
        settle=_value(spec.settle, default.settle),
        hold=_value(spec.hold, default.hold),
        precision=None if spec.precision is None else spec.precision.value,
        at_least=None if spec.at_least is None else spec.at_least.value,
        at_least_per_second=spec.at_least is not None and spec.at_least.unit == "/s",
        at_least_written="" if spec.at_least is None else spec.at_least.written,
    )


def alerting(spec: AlertingSpec | None) -> Alerting:
    """How fast breaches are told, with the defaults of what is not given."""
    default = Alerting()
    if spec is None:
        return default
    return Alerting(
        window=_value(spec.window, default.window),
        hold=_value(spec.hold, default.hold),
        hung_after=_value(spec.hung_after, default.hung_after),
    )


def system(spec: SystemSpec, source: str) -> System:
    """The system that a spec without problems describes."""
    profiles = {name: profile(name, each) for name, each in (spec.profiles or {}).items()}
    name = spec.system or ""
    return System(
        name=name,
        title=spec.title or name,
        targets=tuple(placed.target for placed in placed_targets(spec.targets or ())),
        profiles=profiles,
        default_profile=spec.default_profile or next(iter(profiles), ""),
        health=spec.health or "/",
        gate=spec.gate,
        alerting=alerting(spec.alerting),
        needs=tuple(dict.fromkeys(spec.needs or ())),
        description=spec.description or "",
        source=source,
    )


def environment(name: str, spec: EnvironmentSpec) -> Environment:
    """Where the service runs."""
    return Environment(
        name=name,
        host=spec.host or "",
        credentials=dict(spec.credentials or {}),
        description=spec.description or "",
        aws=None if spec.aws is None else aws_settings(spec.aws),
    )


def _value(quantity: Quantity | None, default: Decimal) -> Decimal:
    return default if quantity is None else quantity.value
