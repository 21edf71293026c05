"""Targets and environments files in the user's words: which keys there are, and what may stand in each. No I/O.

These models say what an editor may suggest (the JSON Schema comes from them) and refuse every unknown key. What keys
mean together is checked in `checks`; the product's own words are in `model`.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from swarmscope.targets import fields
from swarmscope.targets.aws_spec import (
    ApiSpec,
    AwsSpec,
    ColdStartsSpec,
    DiscoverSpec,
    ListedMetricSpec,
    PricesSpec,
)
from swarmscope.targets.model import Alerting, Climb, Kind, Moment, Priority, Profile
from swarmscope.targets.spec_base import Spec

REQUEST_KINDS = tuple(kind for kind in Kind if not kind.is_query)
QUERY_KINDS = tuple(kind for kind in Kind if kind.is_query)

_QUERY_ITEM: JsonDict = {
    "required": ["query", "name"],
    "anyOf": [{"required": [kind]} for kind in QUERY_KINDS],
}
_REQUEST_ITEM: JsonDict = {"required": ["request"], "anyOf": [{"required": [kind]} for kind in REQUEST_KINDS]}
_ALERTING = Alerting()
_PROFILE = Profile("")
_CLIMB = Climb(1, 1, 1)


class TargetSpec(Spec):
    """One request or server-side query, and what it must achieve; several limits become several targets."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_REQUEST_ITEM, _QUERY_ITEM]})

    name: fields.TargetName | None = Field(
        None,
        description="Name in alerts, dashboards and reports; made from request and limit when not given.",
        examples=["cold-start-p95"],
    )
    request: fields.Request | None = Field(
        None,
        description='METHOD NAME as Locust shows them, * as wildcard in either, or "*" for all together.',
        examples=["POST /events", "GET /events/*", "*"],
    )
    query: fields.Query | None = Field(
        None,
        description="PromQL of a server-side measurement; $window stands for the judged window, and "
        'run="$run" picks the run.',
        examples=["histogram_quantile(0.95, sum by (le) (rate(cold_start_seconds_bucket[$window])))"],
    )
    p50: fields.Latency | None = Field(
        None, description="Half of the requests take at most this.", examples=["50ms"]
    )
    p90: fields.Latency | None = Field(
        None, description="90 % of the requests take at most this.", examples=["80ms"]
    )
    p95: fields.Latency | None = Field(
        None, description="95 % of the requests take at most this.", examples=["100ms"]
    )
    p99: fields.Latency | None = Field(
        None, description="99 % of the requests take at most this.", examples=["300ms"]
    )
    p999: fields.Latency | None = Field(
        None, alias="p99.9", description="99.9 % of the requests take at most this.", examples=["1s"]
    )
    average: fields.Latency | None = Field(
        None, description="The mean response time is at most this.", examples=["60ms"]
    )
    rps: fields.Rate | None = Field(
        None, description="At least so many requests finish per second.", examples=[1000, "500 rps"]
    )
    error_rate: fields.Percentage | None = Field(
        None, description="At most this share of the requests fails.", examples=["0.1%"]
    )
    max: fields.Measure | None = Field(
        None, description="The query's answer is at most this.", examples=["3s", 80]
    )
    min: fields.Measure | None = Field(
        None, description="The query's answer is at least this.", examples=[1000]
    )
    at: fields.When = Field(
        Moment.WINDOW,
        description="When the query is asked: over the judged window, or once at the end of the run, after the "
        "scenario's own checks (then $window is the whole run, and there is no alert).",
    )
    unit: fields.Text | None = Field(
        None, description="Unit of the query's answer, for people.", examples=["MB", "%"]
    )
    priority: fields.Importance = Field(
        Priority.HIGH, description="How much it matters when this is missed; see gate."
    )
    profiles: list[fields.Name] | None = Field(
        None, description="Load profiles under which this is judged; all when not given.", min_length=1
    )
    min_samples: fields.Count | None = Field(
        None,
        description="With fewer judged requests it cannot pass: NO DATA. The default depends on the kind of limit.",
        examples=[100],
    )
    abort: fields.Truth = Field(False, description="Whether a sustained breach stops the run.")
    description: fields.Text | None = Field(None, description="Why this target is what it is.")


class StageSpec(Spec):
    """One leg of a staged profile."""

    model_config = ConfigDict(json_schema_extra={"required": ["users", "duration"]})

    users: fields.CountOrNone | None = Field(None, description="Users to go to.", examples=[1000])
    duration: fields.Duration | None = Field(
        None, description="How long the stage lasts, the way to its users included.", examples=["2m"]
    )
    spawn_rate: fields.SpawnRate | None = Field(
        None,
        description="Users started (or stopped) per second; the profile's when not given.",
        examples=[100],
    )
    phase: fields.Name | None = Field(
        None,
        description="A name for dashboards, such as spike. A stage with a name is shown, but not judged.",
        examples=["spike"],
    )


class ClimbSpec(Spec):
    """A load that grows level by level until a target breaks."""

    model_config = ConfigDict(json_schema_extra={"required": ["from", "to"]})

    from_: fields.Count | None = Field(
        None, alias="from", description="Users of the first level.", examples=[50]
    )
    step: fields.Count | None = Field(
        None,
        description="Users that each level adds; as many as the first has when not given.",
        examples=[50],
    )
    to: fields.Count | None = Field(
        None,
        description="Users of the highest level: the climb ends there when nothing broke.",
        examples=[2000],
    )
    settle: fields.Duration | None = Field(
        None,
        description=f"Time of each level, after all its users run, that is not judged (default {_CLIMB.settle}s).",
        examples=["5s"],
    )
    hold: fields.Duration | None = Field(
        None,
        description="Time that each level is judged over, and as long again to confirm that a target broke "
        f"(default {_CLIMB.hold}s).",
        examples=["20s"],
    )
    precision: fields.Percentage | None = Field(
        None,
        description="Goes back once a target broke, and narrows down until the highest level that held and the "
        "lowest that broke are this near; without it they are a step apart.",
        examples=["5%"],
    )
    at_least: fields.Load | None = Field(
        None,
        description="Users, or requests per second, that must hold: with less the run fails.",
        examples=[400, "400/s"],
    )


class ProfileSpec(Spec):
    """How much load, for how long, by whom."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {
                    "required": ["users"],
                    "not": {"anyOf": [{"required": ["stages"]}, {"required": ["climb"]}]},
                },
                {
                    "required": ["stages"],
                    "not": {"anyOf": [{"required": [k]} for k in ("users", "climb", "run_time")]},
                },
                {
                    "required": ["climb"],
                    "not": {"anyOf": [{"required": [k]} for k in ("users", "stages", "run_time")]},
                },
            ]
        }
    )

    description: fields.Text | None = Field(None, description="What this load is for.")
    users: fields.Count | None = Field(None, description="A constant number of users.", examples=[50])
    stages: list[StageSpec] | None = Field(
        None, description="Legs that follow each other, instead of a constant number of users.", min_length=1
    )
    climb: ClimbSpec | None = Field(
        None, description="A load that grows until a target breaks, instead of a constant number of users."
    )
    spawn_rate: fields.SpawnRate | None = Field(
        None, description="Users started per second (default 1).", examples=[10]
    )
    run_time: fields.Duration | None = Field(
        None,
        description="From the first user to the stop; without it the run goes on until it is stopped by hand.",
        examples=["60s", "1h30m"],
    )
    warm_up: fields.Duration | None = Field(
        None,
        description=f"Time after all users run that is not judged yet (default {_PROFILE.warm_up}s).",
        examples=["5s"],
    )
    graceful_stop: fields.Duration | None = Field(
        None,
        description="Time that unanswered requests get at the end before they count as failed and as slow "
        f"(default {_PROFILE.graceful_stop}s).",
        examples=["5s"],
    )
    user_classes: dict[fields.ClassName, fields.Count] | None = Field(
        None,
        description="User classes and their weights; all classes of the system when not given.",
        examples=[{"Browsing": 8, "Buying": 2}],
        min_length=1,
    )


class AlertingSpec(Spec):
    """How fast a breach becomes a notification."""

    window: fields.Duration | None = Field(
        None, description=f"Requests of the last so many seconds are looked at (default {_ALERTING.window}s)."
    )
    hold: fields.Duration | None = Field(
        None, description=f"How long a breach must last before its alert fires (default {_ALERTING.hold}s)."
    )
    hung_after: fields.Duration | None = Field(
        None,
        description=f"Age at which an unanswered request counts as hung (default {_ALERTING.hung_after}s).",
    )


class SystemSpec(Spec):
    """What a system must achieve, and the loads under which it is judged."""

    model_config = ConfigDict(
        title="Swarmscope targets", json_schema_extra={"required": ["system", "targets", "profiles"]}
    )

    system: fields.SystemName | None = Field(
        None, description="Name of the system: that of its folder under scenarios/.", examples=["checkout"]
    )
    title: fields.Text | None = Field(None, description="Name for people.", examples=["Checkout API"])
    description: fields.Text | None = Field(None, description="One sentence for reports.")
    health: fields.Health | None = Field(
        None,
        description="Path that answers below 500 when the service is up (default /).",
        examples=["/health"],
    )
    gate: fields.Importance = Field(
        Priority.MEDIUM, description="The least priority whose missed targets fail the run."
    )
    default_profile: fields.Name | None = Field(
        None,
        description="Load profile when none is named; the file's first when not given.",
        examples=["quick"],
    )
    needs: list[fields.Needed] | None = Field(
        None,
        description="What `make run` brings beside the service where the environment is local.",
        examples=[["postgresql"]],
        min_length=1,
    )
    alerting: AlertingSpec | None = Field(None, description="How fast a breach becomes a notification.")
    targets: list[TargetSpec] | None = Field(None, description="What the system must achieve.", min_length=1)
    profiles: dict[fields.Name, ProfileSpec] | None = Field(
        None, description="Load profiles by name.", min_length=1
    )


class EnvironmentSpec(Spec):
    """Where the service runs."""

    model_config = ConfigDict(json_schema_extra={"required": ["host"]})

    host: fields.Host | None = Field(
        None, description="Address of the service.", examples=["https://api.example.com"]
    )
    credentials: dict[fields.Name, fields.Variable] | None = Field(
        None,
        description="Names of the environment variables that hold the secrets, by the scenario's name for them.",
        examples=[{"api_key": "LOCUST_API_KEY"}],
    )
    description: fields.Text | None = Field(None, description="What this environment is.")
    aws: AwsSpec | None = Field(
        None, description="What is read from CloudWatch and from logs; see docs/cloudwatch.md."
    )


class EnvironmentsSpec(Spec):
    """Where a system runs, by the names of its environments."""

    model_config = ConfigDict(
        title="Swarmscope environments", json_schema_extra={"required": ["environments"]}
    )

    environments: dict[fields.Name, EnvironmentSpec] | None = Field(
        None, description="Environments by name: local, dev, sit, …", min_length=1
    )


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that this model knows, as they are written in the file."""
    return [field.alias or name for name, field in model.model_fields.items()]


def model_at(top: type[BaseModel], path: tuple[str | int, ...]) -> type[BaseModel]:
    """The model of the keys at this path below `top`."""
    parts: tuple[Any, ...] = path
    if top is EnvironmentsSpec:
        return _environment_model_at(parts)
    found = top
    match parts:
        case ("targets", _, *_):
            found = TargetSpec
        case ("profiles", _, "stages", _, *_):
            found = StageSpec
        case ("profiles", _, "climb", *_):
            found = ClimbSpec
        case ("profiles", _, *_):
            found = ProfileSpec
        case ("alerting", *_):
            found = AlertingSpec
    return found


def _environment_model_at(parts: tuple[Any, ...]) -> type[BaseModel]:
    found: type[BaseModel] = EnvironmentSpec if len(parts) > 1 else EnvironmentsSpec
    match parts[2:]:
        case ("aws", "api_gateway", _, *_):
            found = ApiSpec
        case ("aws", "metrics", _, *_):
            found = ListedMetricSpec
        case ("aws", "discover", *_):
            found = DiscoverSpec
        case ("aws", "cold_starts", *_):
            found = ColdStartsSpec
        case ("aws", "prices", *_):
            found = PricesSpec
        case ("aws", *_):
            found = AwsSpec
    return found
