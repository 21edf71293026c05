"""What CloudWatch's names for dimensions are called as labels of Prometheus. No I/O."""

from __future__ import annotations

import re

from swarmscope.aws.families import FAMILIES

_BUILT_IN = {dimension: label for family in FAMILIES for dimension, label in family.dimensions.items()}
_WORD_ENDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def label_of(dimension: str) -> str:
    """The label of a dimension: `FunctionName` → `function` as in the families, `QueueName` → `queue_name`."""
    if dimension in _BUILT_IN:
        return _BUILT_IN[dimension]
    words = _WORD_ENDS.sub("_", dimension)
    label = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    return f"d_{label}" if not label or label[0].isdigit() else label
