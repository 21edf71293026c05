"""Checks what the keys of a targets file mean together: targets. No I/O.

They run on what is left when single fields with mistakes are taken out, and look into the document for what the user
did write, so that one slip does not hide another and is not reported twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from swarmscope.aws.families import COLD_START_RATIO
from swarmscope.aws.settled import names_cold_starts, names_minutes
from swarmscope.errors import Problem
from swarmscope.targets.build import placed_targets
from swarmscope.targets.model import Moment
from swarmscope.targets.nearest import listed, suggestion
from swarmscope.targets.spec import QUERY_KINDS, REQUEST_KINDS, SystemSpec, TargetSpec, keys_of
from swarmscope.targets.validate import given, is_mapping
from swarmscope.targets.yaml_text import Document, Path, path_text

_LIMITS = f"a limit: one of {listed(REQUEST_KINDS, 'or')}"


def check_targets(spec: SystemSpec, document: Document) -> list[Problem]:
    """Every problem of the targets beyond their single fields."""
    if spec.targets is None:
        missing = document.problem(("targets",), "is missing", 'targets: [{request: "*", error_rate: 1%}]')
        return [] if "targets" in document.value else [missing]
    problems: list[Problem] = []
    for position, target in enumerate(spec.targets):
        if is_mapping(document, "targets", position):
            problems += _subject(target, position, document)
            problems += _profiles(target, position, document)
    return problems + _same_ids(spec.targets, document)


def _subject(target: TargetSpec, position: int, document: Document) -> list[Problem]:
    """A target is a request with limits, or a query with max or min."""
    keys = given(document, "targets", position)
    here = ("targets", position)
    if any(key not in keys_of(TargetSpec) for key in keys):
        # The unknown key is likely the one that would be missed here.
        return []
    if "request" in keys and "query" in keys:
        return [document.problem(here, "has a request and a query: a target is about one of them")]
    if "query" in keys:
        return _query(position, document)
    if "request" not in keys:
        return [document.problem(here, "needs a request or a query", 'request: POST /events, or "*" for all')]
    problems = [
        document.problem((*here, key), "is for queries only", f"a request needs {_LIMITS}")
        for key in QUERY_KINDS
        if key in keys
    ]
    if "unit" in keys:
        hint = "the limits of requests carry their own units"
        problems.append(document.problem((*here, "unit"), "is for queries only", hint))
    if "at" in keys:
        hint = "requests are judged over the judged window"
        problems.append(document.problem((*here, "at"), "is for queries only", hint))
    if not problems and not any(kind in keys for kind in REQUEST_KINDS):
        problems.append(document.problem(here, f"needs {_LIMITS}"))
    return problems


def _query(position: int, document: Document) -> list[Problem]:
    keys = given(document, "targets", position)
    here = ("targets", position)
    problems = [
        document.problem((*here, key), "is for requests only", "the limit of a query is max or min")
        for key in REQUEST_KINDS
        if key in keys
    ]
    if "min_samples" in keys:
        hint = "a query gives one answer, however many requests there were"
        problems.append(document.problem((*here, "min_samples"), "is for requests only", hint))
    if "name" not in keys:
        problems.append(document.problem(here, "a query needs a name", "name: cold-start-p95"))
    if not any(kind in keys for kind in QUERY_KINDS):
        problems.append(document.problem(here, "a query needs max or min"))
    if str(keys.get("at")) == Moment.SETTLED and str(keys["query"]):
        problems += _settled(str(keys["query"]), (*here, "query"), document)
    return problems


def _settled(query: str, here: Path, document: Document) -> list[Problem]:
    """Cold starts are asked by run when the last line is in, minutes at their own end: no moment is right for both."""
    if names_cold_starts(query):
        if names_minutes(query):
            hint = f"the share of cold starts among the invocations is {COLD_START_RATIO.name}"
            return [document.problem(here, "asks for cold starts and for CloudWatch's minutes at once", hint)]
        if "$run" not in query:
            hint = 'add {run="$run"} to the series, and keep the label: sum by (run, le) (…)'
            return [document.problem(here, "asks for the cold starts of all runs", hint)]
    elif "$window" not in query:
        hint = "a value of CloudWatch stands for one minute; of the run's ask for example max_over_time(…[$window])"
        return [document.problem(here, "needs $window", hint)]
    return []


def _profiles(target: TargetSpec, position: int, document: Document) -> list[Problem]:
    known = given(document, "profiles")
    problems = []
    names = target.profiles or []
    for index, name in enumerate(names):
        here = ("targets", position, "profiles", index)
        if known and name not in known:
            problems.append(
                document.problem(here, f'no load profile "{name}"', suggestion(name, known, "profiles"))
            )
        elif name in names[:index]:
            problems.append(document.problem(here, f'names "{name}" twice'))
    return problems


def _same_ids(targets: Sequence[TargetSpec], document: Document) -> list[Problem]:
    problems = []
    first: dict[str, str] = {}
    for placed in placed_targets(targets):
        path = ("targets", placed.position, placed.key)
        keys = given(document, *path[:2])
        if not (targets[placed.position].name if "name" in keys else placed.target.request):
            # What its id would be made of is wrong, and told already.
            continue
        if placed.target.id in first:
            message = f'has the same id as {first[placed.target.id]}: "{placed.target.id}"'
            problems.append(document.problem(path, message, "give one of them a name of its own"))
        else:
            first[placed.target.id] = path_text(path)
    return problems
