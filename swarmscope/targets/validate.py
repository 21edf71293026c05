"""Holds a YAML document against a spec: every problem with line and hint, and what is left without them. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from swarmscope.errors import Problem
from swarmscope.targets.fields import ERROR_TYPE, shown
from swarmscope.targets.nearest import suggestion
from swarmscope.targets.spec import EnvironmentsSpec, keys_of, model_at
from swarmscope.targets.yaml_text import Document, Path

Spec = TypeVar("Spec", bound=BaseModel)

_KEY = "[key]"
"""What pydantic puts after a key that is wrong itself."""
_SHAPES = {
    "model_type": "keys and values",
    "dict_type": "keys and values",
    "list_type": "a list",
}


def validate(model: type[Spec], document: Document) -> Spec:
    """The document as a spec; adds every problem to the document and leaves out what is wrong.

    So what stands beside a slip is still checked for what it means, and everything is reported at once.
    """
    value, errors = document.value, _errors(model, document.value)
    document.problems += [_problem(model, document, error) for error in errors]
    while errors:
        value = _without(value, [_path(error) for error in errors])
        # What is left may be wrong for being left: a list without its only item.
        errors = _errors(model, value)
    return model.model_validate(value)


def _errors(model: type[BaseModel], value: Any) -> list[Any]:
    try:
        model.model_validate(value)
    except ValidationError as error:
        return list(error.errors(include_url=False))
    return []


def given(document: Document, *path: str | int) -> dict[str, Any]:
    """The keys that the user wrote at this path, whatever their values; none when it is no mapping."""
    value: Any = document.value
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def is_mapping(document: Document, *path: str | int) -> bool:
    """Whether keys and values stand at this path."""
    *above, last = path
    parent: Any = document.value
    for step in above:
        parent = parent[step]
    return isinstance(parent[last], dict)


def _path(error: Any) -> Path:
    path = tuple(error["loc"])
    # A wrong key goes with all that it holds.
    return path[:-1] if path[-1] == _KEY else path


def _problem(model: type[BaseModel], document: Document, error: Any) -> Problem:
    path = _path(error)
    kind = error["type"]
    if kind == ERROR_TYPE:
        return document.problem(path, error["msg"], error["ctx"]["hint"])
    if kind == "extra_forbidden":
        known = keys_of(model_at(model, path[:-1]))
        return document.problem(path, "unknown key", suggestion(str(path[-1]), known, "known keys"))
    if kind in _SHAPES:
        # Where credentials stand, what stands in their place may be one.
        found = (
            "a text"
            if model is EnvironmentsSpec and isinstance(error["input"], str)
            else shown(error["input"])
        )
        return document.problem(path, f"expected {_SHAPES[kind]}, got {found}")
    if kind == "too_short":
        return document.problem(path, "expected at least one, got none")
    return document.problem(path, str(error["msg"]))


def _without(value: Any, paths: Sequence[Path]) -> Any:
    """A copy without what stands at these paths; an item of a list of mappings becomes an empty one in its place.

    Where an empty mapping is wrong itself (a list of names), the item goes: what is left must get smaller each time.
    """
    by_step: dict[str | int, list[Path]] = {}
    for path in paths:
        by_step.setdefault(path[0], []).append(path[1:])
    if isinstance(value, list):
        return [
            item if index not in by_step else {} if () in by_step[index] else _without(item, by_step[index])
            for index, item in enumerate(value)
            if item != {} or () not in by_step.get(index, [])
        ]
    return {
        key: item if key not in by_step else _without(item, by_step[key])
        for key, item in value.items()
        if () not in by_step.get(key, [])
    }
