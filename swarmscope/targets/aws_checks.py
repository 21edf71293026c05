"""Checks what the keys of an environment's `aws` section mean together. No I/O.

Like `checks`, they look into the document for what the user did write, so that a slip is told once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from swarmscope.aws.families import COLD_STARTS, FAMILIES, OWN, ListedMetric
from swarmscope.aws.labels import label_of
from swarmscope.aws.settings import AwsSettings
from swarmscope.errors import Problem
from swarmscope.targets.aws_build import aws_settings
from swarmscope.targets.aws_spec import ApiSpec, AwsSpec, ListedMetricSpec
from swarmscope.targets.nearest import suggestion
from swarmscope.targets.spec import EnvironmentsSpec, keys_of
from swarmscope.targets.validate import given, is_mapping
from swarmscope.targets.yaml_text import Document, Path

AWS_NAMESPACE = "AWS/"
OWN_LABELS = frozenset({"stat", "job", "instance", "run", "system"})
"""Labels that a value has anyway."""
FASTEST_SECONDS = 1.0
MINUTE_SECONDS = 60.0
_RESERVED = ("aws_exporter_", "locust_", "lambda_init_", "scrape_")
_NAMES = frozenset({family.name for family in FAMILIES} | {metric.name for metric in (*COLD_STARTS, *OWN)})


def check_aws(spec: EnvironmentsSpec, document: Document) -> list[Problem]:
    """Every problem of all `aws` sections beyond their single fields."""
    problems: list[Problem] = []
    for name, environment in (spec.environments or {}).items():
        here: Path = ("environments", name, "aws")
        keys = given(document, *here)
        if environment.aws is None or not is_mapping(document, *here):
            continue
        if any(key not in keys_of(AwsSpec) for key in keys):
            # The unknown key is likely the one that would be missed here.
            continue
        problems += _contents(environment.aws, here, document)
        problems += _cold_starts(environment.aws, here, document)
        problems += _metrics(environment.aws, here, document)
        problems += _times(aws_settings(environment.aws), here, document)
    return problems


def _contents(spec: AwsSpec, here: Path, document: Document) -> list[Problem]:
    keys = given(document, *here)
    problems = []
    if not any(key in keys for key in ("lambda", "dynamodb", "api_gateway", "metrics", "discover")):
        hint = "lambda: [name], dynamodb: [table], api_gateway, metrics or discover"
        problems.append(document.problem(here, "asks for nothing", hint))
    if "external_id" in keys and "role_arn" not in keys:
        problems.append(
            document.problem((*here, "external_id"), "is for a role only", "name its role_arn, too")
        )
    for key, values in (("lambda", spec.functions), ("dynamodb", spec.dynamodb)):
        problems += _twice(values or (), (*here, key), document)
    for index, api in enumerate(spec.api_gateway or ()):
        problems += _missing(ApiSpec, ("api", "stage"), (*here, "api_gateway", index), document)
        if api in (spec.api_gateway or ())[:index] and api.api and api.stage:
            where = (*here, "api_gateway", index)
            problems.append(document.problem(where, f'names "{api.api}" at "{api.stage}" twice'))
    discover = (*here, "discover")
    if "discover" in keys and is_mapping(document, *discover) and not given(document, *discover):
        problems.append(document.problem((*discover, "tags"), "is missing", "tags: {service: orders}"))
    return problems


def _twice(values: Sequence[str], here: Path, document: Document) -> Iterable[Problem]:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield document.problem((*here, index), f'names "{value}" twice')


def _missing(
    model: type[ApiSpec] | type[ListedMetricSpec], names: Sequence[str], here: Path, document: Document
) -> list[Problem]:
    keys = given(document, *here)
    if not is_mapping(document, *here) or any(key not in keys_of(model) for key in keys):
        return []
    return [document.problem((*here, name), "is missing") for name in names if name not in keys]


def _cold_starts(spec: AwsSpec, here: Path, document: Document) -> list[Problem]:
    keys = given(document, *here)
    if spec.cold_starts is None or "discover" in keys:
        return []
    where = (*here, "cold_starts")
    if "lambda" not in keys:
        return [document.problem(where, "needs functions", "lambda: [name]")]
    functions = spec.functions or []
    return [
        document.problem(
            (*where, "log_groups", function),
            f'no function "{function}" in lambda',
            suggestion(function, functions, "functions"),
        )
        for function in spec.cold_starts.log_groups or {}
        if functions and function not in functions
    ]


def _metrics(spec: AwsSpec, here: Path, document: Document) -> list[Problem]:
    problems: list[Problem] = []
    listed = spec.metrics or ()
    for index, metric in enumerate(listed):
        where = (*here, "metrics", index)
        problems += _missing(ListedMetricSpec, ("name", "namespace", "metric"), where, document)
        problems += _name(metric, listed[:index], where, document)
        problems += _twice(metric.statistics or (), (*where, "statistics"), document)
        problems += _labels(metric, where, document)
        period = ListedMetric("", "", "").period if metric.period is None else metric.period.value
        if period < MINUTE_SECONDS and (metric.namespace or "").startswith(AWS_NAMESPACE):
            hint = "AWS' own metrics have one value a minute: 60s at least"
            problems.append(document.problem((*where, "period"), "is too short for AWS' own metrics", hint))
    return problems


def _name(
    metric: ListedMetricSpec, before: Sequence[ListedMetricSpec], where: Path, document: Document
) -> Iterable[Problem]:
    name = metric.name or ""
    if name in _NAMES or name.startswith(_RESERVED):
        hint = "choose another name, such as one that begins with your service's"
        yield document.problem((*where, "name"), f'"{name}" is a name that Swarmscope uses itself', hint)
    same = next((each for each in before if name and each.name == name), None)
    if same is None:
        return
    if set(same.dimensions or {}) != set(metric.dimensions or {}) or same.statistics != metric.statistics:
        hint = "several metrics may share a name when they have the same dimensions and statistics"
        yield document.problem(
            (*where, "name"), f'"{name}" stands above with other dimensions or statistics', hint
        )
    elif same.dimensions == metric.dimensions:
        yield document.problem((*where, "name"), f'"{name}" stands above with the same dimensions')


def _labels(metric: ListedMetricSpec, where: Path, document: Document) -> Iterable[Problem]:
    taken: dict[str, str] = {}
    for dimension in metric.dimensions or {}:
        label = label_of(dimension)
        here = (*where, "dimensions", dimension)
        if label in OWN_LABELS:
            yield document.problem(here, f'would become the label "{label}", which every value has anyway')
        elif label in taken:
            yield document.problem(here, f'would become the label "{label}", as {taken[label]} does')
        taken.setdefault(label, dimension)


def _times(settings: AwsSettings, here: Path, document: Document) -> Iterable[Problem]:
    # What is not given is a default; a default that the user's other figures contradict is told at their section.
    if settings.poll_seconds < FASTEST_SECONDS:
        yield document.problem((*here, "poll"), "expected at least 1s", "every poll is paid for")
    cold = settings.cold_starts
    if cold is not None and cold.poll_seconds < FASTEST_SECONDS:
        where = (*here, "cold_starts", "poll")
        yield document.problem(where, "expected at least 1s", "an account may read logs five times a second")
    least = settings.delay_seconds + settings.poll_seconds + MINUTE_SECONDS
    if settings.max_age_seconds < least:
        yield document.problem(
            (*here, "max_age"),
            f"expected at least {least:g}s",
            "delay, poll and the minute itself: values would leave the page before the next ones come",
        )
    slowest = max(settings.delay_seconds, 0.0 if cold is None else cold.delay_seconds)
    if settings.settle_within_seconds <= slowest:
        yield document.problem(
            (*here, "settle_within"),
            f"expected more than the delay of {slowest:g}s",
            "the verdict would never wait long enough: every target at: settled would be NO DATA",
        )
