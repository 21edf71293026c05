"""A small JSON Schema validator for the keywords that our schemas use; it refuses any keyword that it does not know.

The tests need no package for this that the product does not need.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest

ANNOTATIONS = frozenset({"$schema", "$comment", "title", "description", "examples", "default", "definitions"})
TYPES: dict[str, Any] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
}


def _is_valid(value: Any, schema: dict[str, Any], top: dict[str, Any] | None = None) -> bool:
    """Whether the value satisfies the schema."""
    top = top or schema
    if "$ref" in schema:
        # In draft 7 a reference stands alone: what is beside it would be ignored by editors.
        assert not schema.keys() - ANNOTATIONS - {"$ref"}, f"ignored beside $ref: {schema}"
        return _is_valid(value, top["definitions"][schema["$ref"].removeprefix("#/definitions/")], top)
    return all(
        KEYWORDS[word](value, wanted, schema, top)
        for word, wanted in schema.items()
        if word not in ANNOTATIONS
    )


def _additional(value: Any, wanted: Any, schema: dict[str, Any], top: dict[str, Any]) -> bool:
    if not isinstance(value, dict):
        return True
    rest = [item for key, item in value.items() if key not in schema.get("properties", {})]
    return not rest if wanted is False else all(_is_valid(item, wanted, top) for item in rest)


KEYWORDS: dict[str, Any] = {
    "type": lambda v, w, s, t: TYPES[w](v),
    "enum": lambda v, w, s, t: v in w,
    "pattern": lambda v, w, s, t: not isinstance(v, str) or re.search(w, v) is not None,
    "minLength": lambda v, w, s, t: not isinstance(v, str) or len(v) >= w,
    "maxLength": lambda v, w, s, t: not isinstance(v, str) or len(v) <= w,
    "minimum": lambda v, w, s, t: not TYPES["number"](v) or v >= w,
    "maximum": lambda v, w, s, t: not TYPES["number"](v) or v <= w,
    "exclusiveMinimum": lambda v, w, s, t: not TYPES["number"](v) or v > w,
    "minItems": lambda v, w, s, t: not isinstance(v, list) or len(v) >= w,
    "minProperties": lambda v, w, s, t: not isinstance(v, dict) or len(v) >= w,
    "items": lambda v, w, s, t: not isinstance(v, list) or all(_is_valid(i, w, t) for i in v),
    "properties": lambda v, w, s, t: (
        not isinstance(v, dict) or all(_is_valid(v[k], w[k], t) for k in w.keys() & v.keys())
    ),
    "additionalProperties": _additional,
    "propertyNames": lambda v, w, s, t: not isinstance(v, dict) or all(_is_valid(k, w, t) for k in v),
    "required": lambda v, w, s, t: not isinstance(v, dict) or all(k in v for k in w),
    "not": lambda v, w, s, t: not _is_valid(v, w, t),
    "anyOf": lambda v, w, s, t: any(_is_valid(v, each, t) for each in w),
    "oneOf": lambda v, w, s, t: sum(_is_valid(v, each, t) for each in w) == 1,
}


@pytest.fixture
def is_valid() -> Callable[..., bool]:
    return _is_valid
