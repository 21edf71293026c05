"""Writes the JSON Schemas by which editors check and complete targets and environments files. No I/O."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from swarmscope.document import origin
from swarmscope.targets.model import System
from swarmscope.targets.spec import EnvironmentsSpec, SystemSpec

TARGETS_SCHEMA = "swarmscope/targets/targets.schema.generated.json"
ENVIRONMENTS_SCHEMA = "swarmscope/targets/environments.schema.generated.json"
_DIALECT = "http://json-schema.org/draft-07/schema#"
"""The draft that every editor's YAML support knows."""


class _EditorSchema(GenerateJsonSchema):
    """Without what only Python means: a key that is not given is absent, not null."""

    def nullable_schema(self, schema: Any) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> dict[str, Any]:
        inner = self.generate_inner(schema["schema"])
        default = schema.get("default")
        return inner if default is None else {**inner, "default": default}

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        # Pydantic's own form lets every key through that does not match the pattern.
        written = {
            "type": "object",
            "propertyNames": self.generate_inner(schema["keys_schema"]),
            "additionalProperties": self.generate_inner(schema["values_schema"]),
        }
        return written | ({"minProperties": schema["min_length"]} if schema.get("min_length") else {})

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema_files(_systems: Sequence[System] = ()) -> dict[str, str]:
    """Both schemas, by path."""
    return {
        TARGETS_SCHEMA: _text(SystemSpec),
        ENVIRONMENTS_SCHEMA: _text(EnvironmentsSpec),
    }


def _text(model: type[BaseModel]) -> str:
    schema = model.model_json_schema(schema_generator=_EditorSchema, ref_template="#/definitions/{model}")
    definitions = schema.pop("$defs", {})
    head = {"$schema": _DIALECT, "$comment": origin("swarmscope/targets/spec.py")}
    return json.dumps({**head, **schema, "definitions": definitions}, indent=2, ensure_ascii=False) + "\n"
