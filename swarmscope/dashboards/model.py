"""Grafana's own model of a dashboard, as the SDK has it: what does not fit it is a misspelled option. No I/O.

Grafana ignores what it does not know, so an option that is spelled wrongly is silently not there.
"""

from __future__ import annotations

import json
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

ANNOTATION_FIELDS = frozenset({"step", "titleFormat", "textFormat", "tagKeys", "useValueForTime"})
"""Fields of Prometheus' annotations that are documented, but not in the SDK."""


def foreign(dashboard: Mapping[str, Any]) -> list[str]:
    """Every field that the model does not have, and every value that it does not allow."""
    plain = json.loads(json.dumps(dashboard))
    for annotation in plain.get("annotations", {}).get("list", ()):
        for name in ANNOTATION_FIELDS & annotation.keys():
            del annotation[name]
    register_default_plugins()
    try:
        model = Dashboard.from_json(plain)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return [f"Grafana's model cannot be made of it: {error}"]
    known = json.loads(JSONEncoder().encode(model))
    return [*_differences("", plain, known), *_mistyped("", model)]


def _differences(where: str, ours: Any, known: Any) -> Iterator[str]:
    if isinstance(ours, Mapping) and isinstance(known, Mapping):
        for key in ours:
            if key in known:
                yield from _differences(f"{where}.{key}".lstrip("."), ours[key], known[key])
            elif ours[key] is not None:
                yield f"{where}.{key}: Grafana's model has no such field".lstrip(".")
    elif isinstance(ours, list) and isinstance(known, list) and len(ours) == len(known):
        for index, (our, their) in enumerate(zip(ours, known, strict=True)):
            yield from _differences(f"{where}[{index}]", our, their)
    elif ours != known:
        yield f"{where}: {ours!r} is {known!r} in Grafana's model"


def _mistyped(where: str, value: Any) -> Iterator[str]:
    """What a decoded object holds that its annotations do not allow: decoding itself does not look."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _mistyped(f"{where}[{index}]", each)
    if not type(value).__module__.startswith("grafana_foundation_sdk") or isinstance(value, Enum):
        return
    hints = typing.get_type_hints(type(value), vars(sys.modules[type(value).__module__]))
    for name, hint in hints.items():
        held, path = getattr(value, name, None), f"{where}.{name}".lstrip(".")
        if held is not None and not _fits(held, hint):
            yield f"{path}: {held!r} is not allowed by Grafana's model"
        yield from _mistyped(path, held)


def _fits(value: Any, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in arguments)
    if origin is typing.Literal:
        return value in arguments
    if origin is list:
        return isinstance(value, list) and all(_fits(each, arguments[0]) for each in value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return value in [each.value for each in hint]
    # Objects are looked into one by one; what is left is open in the model, too.
    plain = _PLAIN.get(hint)
    return plain is None or (isinstance(value, plain) and isinstance(value, bool) is (hint is bool))


_PLAIN: dict[Any, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    float: (int, float),
    bool: (bool,),
    types.NoneType: (types.NoneType,),
}
