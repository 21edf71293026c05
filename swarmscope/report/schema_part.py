"""What all parts of result.json are made of: numbers that may be infinite, exact limits, texts. No I/O."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema


def _read_number(value: Any) -> Any:
    return {"+Inf": math.inf, "-Inf": -math.inf}.get(value, value) if isinstance(value, str) else value


def _write_number(value: float) -> float | str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return value


def _write_text(value: Any) -> Any:
    # A lone surrogate (half of a character, from a name cut in two) cannot be written as UTF-8.
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


Number = Annotated[
    float,
    BeforeValidator(_read_number),
    PlainSerializer(_write_number, return_type=float | str),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": ["+Inf", "-Inf"]}]}),
]
"""A measured number, which may be infinite."""
Exact = Annotated[
    Decimal,
    PlainSerializer(float, return_type=float),
    WithJsonSchema({"type": "number"}),
]
"""A limit or a bucket bound: its shortest decimal text is the exact value."""
Text = Annotated[str, BeforeValidator(_write_text)]
Bucket = tuple[Number, Annotated[int, Field(ge=0)]]
"""[upper bound in seconds, requests in this bucket alone]."""


class Part(BaseModel):
    """A part of the file; a reader of version 1 skips keys that a later minor version has added."""

    model_config = ConfigDict(extra="ignore", frozen=True)
