"""The kinds of fields in targets and environments files: how each is read, and what an editor is told of it. No I/O.

Every reader takes what the YAML holds (a Scalar, a list, a dict) and raises pydantic's custom error with a message for
people and a hint. An explicit nothing (`p95:`) is a slip and an error; a key that is not there takes its default.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from swarmscope.targets.model import Moment, Need, Priority
from swarmscope.targets.nearest import listed, nearest
from swarmscope.targets.texts import (
    A_QUERY,
    A_REQUEST,
    A_VARIABLE,
    AN_ADDRESS,
    parse_address,
    parse_query,
    parse_request,
    parse_variable,
)
from swarmscope.targets.units import (
    DURATION_PATTERN,
    PERCENTAGE_PATTERN,
    RATE_PATTERN,
    NotUnderstood,
    Quantity,
    Refused,
    parse_duration,
    parse_measure,
    parse_percentage,
    parse_rate,
    rate_number,
)
from swarmscope.targets.yaml_text import Scalar

Value = TypeVar("Value")

ERROR_TYPE = "swarmscope"
MOST_SHOWN = 60
"""Characters of a wrong value that a message shows."""
NAME_PATTERN = r"^[a-z][a-z0-9_-]*$"
"""Names of profiles, environments and phases: labels, option values and parts of file names."""
ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
REQUEST_PATTERN = r"^(\*|\S+ \S.*)$"
VARIABLE_PATTERN = r"^[A-Z_][A-Z0-9_]*$"
HEALTH_PATTERN = r"^/\S*$"
SYSTEM_PATTERN = r"^[a-z][a-z0-9_]*$"
CLASS_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
RESERVED_SYSTEMS = frozenset({"guards"})
"""alerts/guards.generated.yml watches every run, whatever its system."""
MOST_WHOLE = 1_000_000
MOST_NAME = 80
SLOWEST_LIMIT = Decimal(60)
"""Seconds; the histograms' last bound."""


def shown(value: object) -> str:
    """A wrong value as a message shows it: `"fast"`, `nothing`, `a list`."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "keys and values"
    if isinstance(value, Scalar) and value.kind == "nothing":
        return "nothing"
    text = "".join(character if character.isprintable() else " " for character in str(value))
    return f'"{text[:MOST_SHOWN]}…"' if len(text) > MOST_SHOWN else f'"{text}"'


def wrong(message: str, hint: str = "") -> PydanticCustomError:
    """An error that reaches the user as it is."""
    # Passed as values: pydantic would take braces in the message for places to fill.
    return PydanticCustomError(ERROR_TYPE, "{message}", {"message": message, "hint": hint})


def _expected(what: str, value: object, hint: str = "") -> PydanticCustomError:
    return wrong(f"expected {what}, got {shown(value)}", hint)


def _scalar(value: object, what: str) -> Scalar:
    if not isinstance(value, Scalar) or value.kind == "nothing":
        raise _expected(what, value)
    return value


def _text(value: object, what: str = "a text") -> str:
    scalar = _scalar(value, what)
    if scalar.kind == "truth":
        hint = f'YAML reads it as true or false; put it in quotes: "{scalar}"'
        raise _expected(what, value, hint)
    if not scalar.strip():
        raise wrong(f"expected {what}, got an empty text")
    return str(scalar)


def read_text(value: object) -> str:
    """Any text."""
    return _text(value)


def reader(
    parse: Callable[[str], Value], what: str, take: Callable[[object, str], str] = _text
) -> Callable[[object], Value]:
    """A reader of texts that `parse` understands; `what` is expected where there is no text at all."""

    def read(value: object) -> Value:
        # A Scalar is not to be seen behind the door.
        text = str(take(value, what))
        try:
            return parse(text)
        except NotUnderstood as error:
            raise _expected(error.expected, value, error.hint) from None
        except Refused as error:
            raise wrong(error.message, error.hint) from None

    return read


def quantity_of(parse: Callable[[str], Quantity], what: str) -> Callable[[object], Quantity]:
    """A reader of quantities; unlike a text, a number without quotes is one."""
    # To put `on` into quotes would not make a duration of it.
    return reader(parse, what, _scalar)


def _duration(text: str, example: str) -> Quantity:
    return Quantity(parse_duration(text, example), text)


def _latency(text: str) -> Quantity:
    limit = _duration(text, "300ms")
    if not 0 < limit.value <= SLOWEST_LIMIT:
        raise NotUnderstood(
            "a latency limit above 0 and at most 60s",
            "the histograms end at 60s: no answer is waited for longer",
        )
    return limit


def _rate(text: str) -> Quantity:
    rate = Quantity(parse_rate(text), rate_number(text))
    if not rate.value:
        raise NotUnderstood("a rate above 0", "a floor of 0 always holds")
    return rate


def _spawn_rate(text: str) -> Quantity:
    try:
        rate = Quantity(parse_rate(text), text)
    except NotUnderstood:
        rate = Quantity(Decimal(0), text)
    if not rate.value:
        raise NotUnderstood("a number of users per second above 0, such as 10")
    return rate


def _load(text: str) -> Quantity:
    """`400` users, or `400/s` requests per second."""
    expected = NotUnderstood("a number of users such as 400, or a rate such as 400/s", "users are whole")
    try:
        value = parse_rate(text)
    except NotUnderstood:
        raise expected from None
    per_second = rate_number(text) != text
    if not value or (not per_second and value != int(value)):
        raise expected
    return Quantity(value, f"{rate_number(text)}/s" if per_second else text, "/s" if per_second else "users")


read_latency = quantity_of(_latency, "a duration such as 300ms")
read_duration = quantity_of(lambda text: _duration(text, "30s"), "a duration such as 30s")
read_percentage = quantity_of(
    lambda text: Quantity(parse_percentage(text), text), "a percentage such as 0.1%"
)
read_rate = quantity_of(_rate, "a rate such as 1000/s")
read_spawn_rate = quantity_of(_spawn_rate, "a number of users per second above 0, such as 10")
read_load = quantity_of(_load, "a number of users such as 400, or a rate such as 400/s")
read_measure = quantity_of(parse_measure, "a number or a duration such as 3s")


def _whole(least: int, example: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        what = f"a whole number such as {example}"
        scalar = _scalar(value, what)
        if not re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", scalar):
            raise _expected(what, value)
        number = int(scalar)
        if not least <= number <= MOST_WHOLE:
            raise _expected(f"a whole number from {least} to {MOST_WHOLE}", value)
        return number

    return read


def read_truth(value: object) -> bool:
    """`true` or `false`; not `yes` or `on`, which are truths only to some readers of YAML."""
    scalar = _scalar(value, "true or false")
    if scalar.lower() not in ("true", "false") or scalar.kind != "truth":
        raise _expected("true or false", value)
    return scalar.lower() == "true"


def choice(known: type[StrEnum]) -> Callable[[object], Any]:
    """A reader of one of these words."""
    what = listed(known, "or")

    def read(value: object) -> StrEnum:
        text = _text(value, what)
        if text not in set(known):
            near = nearest(text, known)
            raise _expected(what, value, f"did you mean {near}?" if near else "")
        return known(text)

    return read


def matching(pattern: str, what: str, hint: str = "") -> Callable[[object], str]:
    """A reader of texts that have this form from end to end."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text):
            raise NotUnderstood(what, hint)
        if len(text) > MOST_NAME:
            raise Refused(f"expected at most {MOST_NAME} characters, got {len(text)}")
        return text

    return reader(parse, what)


read_name = matching(
    NAME_PATTERN, "a lower-case name", "names are lower-case letters, digits, _ and -, a letter first"
)
read_id = matching(ID_PATTERN, "a name such as cold-start-p95", "names are letters, digits, ., _ and -")
_system_name = matching(
    SYSTEM_PATTERN,
    "the name of the system's folder",
    "names are lower-case letters, digits and _, a letter first",
)


def read_system_name(value: object) -> str:
    """The name of a system, which is part of the names of generated files."""
    name = _system_name(value)
    if name in RESERVED_SYSTEMS:
        raise wrong(f'"{name}" is a name that Swarmscope uses itself', f"rename the folder: {name}_api")
    return name


read_class_name = matching(CLASS_PATTERN, "the name of a user class", "write it as users.py does")
read_health = matching(HEALTH_PATTERN, "a path such as /health", "the environment's host is put before it")
read_request = reader(parse_request, A_REQUEST)
read_query = reader(parse_query, A_QUERY)
read_host = reader(parse_address, AN_ADDRESS)
read_variable = reader(parse_variable, A_VARIABLE, _scalar)


def field_of(read: Callable[[object], Any], **schema: Any) -> Any:
    """What makes a field of a reader: how it is read, and its JSON Schema."""
    return (PlainValidator(read), WithJsonSchema(schema))


_number = {"type": "number", "exclusiveMinimum": 0}

Text = Annotated[str, *field_of(read_text, type="string", minLength=1)]
Name = Annotated[str, *field_of(read_name, type="string", pattern=NAME_PATTERN, maxLength=MOST_NAME)]
TargetName = Annotated[str, *field_of(read_id, type="string", pattern=ID_PATTERN, maxLength=MOST_NAME)]
SystemName = Annotated[str, *field_of(read_system_name, type="string", pattern=SYSTEM_PATTERN)]
ClassName = Annotated[str, *field_of(read_class_name, type="string", pattern=CLASS_PATTERN)]
Health = Annotated[str, *field_of(read_health, type="string", pattern=HEALTH_PATTERN)]
Request = Annotated[str, *field_of(read_request, type="string", pattern=REQUEST_PATTERN)]
Query = Annotated[str, *field_of(read_query, type="string", minLength=1)]
Host = Annotated[str, *field_of(read_host, type="string", pattern=r"^https?://[^@\s]+$")]
Variable = Annotated[str, *field_of(read_variable, type="string", pattern=VARIABLE_PATTERN)]
Truth = Annotated[bool, *field_of(read_truth, type="boolean")]
Importance = Annotated[Priority, *field_of(choice(Priority), type="string", enum=list(Priority))]
When = Annotated[Moment, *field_of(choice(Moment), type="string", enum=list(Moment))]
Needed = Annotated[Need, *field_of(choice(Need), type="string", enum=list(Need))]
Count = Annotated[int, *field_of(_whole(1, 100), type="integer", minimum=1, maximum=MOST_WHOLE)]
CountOrNone = Annotated[int, *field_of(_whole(0, 100), type="integer", minimum=0, maximum=MOST_WHOLE)]
Latency = Annotated[Quantity, *field_of(read_latency, type="string", pattern=DURATION_PATTERN)]
Duration = Annotated[Quantity, *field_of(read_duration, type="string", pattern=DURATION_PATTERN)]
Percentage = Annotated[Quantity, *field_of(read_percentage, type="string", pattern=PERCENTAGE_PATTERN)]
Rate = Annotated[Quantity, *field_of(read_rate, anyOf=[_number, {"type": "string", "pattern": RATE_PATTERN}])]
SpawnRate = Annotated[
    Quantity, *field_of(read_spawn_rate, anyOf=[_number, {"type": "string", "pattern": RATE_PATTERN}])
]
Load = Annotated[Quantity, *field_of(read_load, anyOf=[_number, {"type": "string", "pattern": RATE_PATTERN}])]
Measure = Annotated[
    Quantity,
    *field_of(read_measure, anyOf=[{"type": "number"}, {"type": "string", "pattern": DURATION_PATTERN}]),
]
