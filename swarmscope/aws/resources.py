"""The functions, tables and APIs that are watched: those that the settings name, and those found by tag. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from swarmscope.aws.settings import Api, AwsSettings

RESOURCE_TYPES = ("lambda:function", "dynamodb:table")
"""What is looked for by tag. Not APIs: their ARN holds an id, while CloudWatch knows them by name."""

_FUNCTION = re.compile(r"arn:[^:]+:lambda:[^:]*:\d*:function:(?P<name>[A-Za-z0-9_-]+)")
_TABLE = re.compile(r"arn:[^:]+:dynamodb:[^:]*:\d*:table/(?P<name>[A-Za-z0-9_.-]+)")


@dataclass(frozen=True, slots=True)
class Resources:
    """What is watched, each name once."""

    functions: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    apis: tuple[Api, ...] = ()

    def __or__(self, other: Resources) -> Resources:
        return Resources(
            tuple(dict.fromkeys((*self.functions, *other.functions))),
            tuple(dict.fromkeys((*self.tables, *other.tables))),
            tuple(dict.fromkeys((*self.apis, *other.apis))),
        )


def named_resources(settings: AwsSettings) -> Resources:
    """Those that the settings name."""
    return Resources(settings.functions, settings.tables, settings.apis) | Resources()


def tagged_resources(arns: Iterable[str]) -> Resources:
    """Functions and tables by their ARNs, in the order of their names; versions, indexes and the like are none."""
    functions, tables = set(), set()
    for arn in arns:
        if match := _FUNCTION.fullmatch(arn):
            functions.add(match["name"])
        elif match := _TABLE.fullmatch(arn):
            tables.add(match["name"])
    return Resources(tuple(sorted(functions)), tuple(sorted(tables)))
