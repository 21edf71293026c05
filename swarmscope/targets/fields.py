"""The kinds of fields in targets and environments files: how each is read, and what an editor is told of it. No I/O.

Every reader takes what the YAML holds (a Scalar, a list, a dict) and raises pydantic's custom error with a message for
people and a hint. An explicit nothing (`p95:`) is a slip and an error; a key that is not there takes its default.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from swarmscope.targets.model import ALL_REQUESTS, Priority
from swarmscope.targets.nearest import listed, nearest
from swarmscope.targets.units import (
    DURATION_PATTERN,
    PERCENTAGE_PATTERN,
    RATE_PATTERN,
    NotUnderstood,
    Quantity,
    parse_duration,
    parse_measure,
    parse_percentage,
    parse_rate,
    rate_number,
)
from swarmscope.targets.yaml_text import Scalar

ERROR_TYPE = "swarmscope"
MOST_SHOWN = 60
"""Characters of a wrong value that a message shows."""
NAME_PATTERN = r"^[a-z][a-z0-9_-]*$"
"""Names of profiles, environments and phases: labels, option values and parts of file names."""
ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
REQUEST_PATTERN = r"^(\*|\S+ \S.*)$"
VARIABLE_PATTERN = r"^[A-Z_][A-Z0-9_]*$"
HEALTH_PATTERN = r"^/\S*$"
MOST_WHOLE = 1_000_000
MOST_NAME = 80
SLOWEST_LIMIT = Decimal(60)
"""Seconds; the histograms' last bound."""
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


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


def _quantity(parse: Callable[[str], Quantity], what: str) -> Callable[[object], Quantity]:
    def read(value: object) -> Quantity:
        scalar = _scalar(value, what)
        try:
            return parse(str(scalar))
        except NotUnderstood as error:
            raise _expected(error.expected, value, error.hint) from None

    return read


def _duration(text: str, example: str) -> Quantity:
    return Quantity(parse_duration(text, example), text, "s")


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


read_latency = _quantity(_latency, "a duration such as 300ms")
read_duration = _quantity(lambda text: _duration(text, "30s"), "a duration such as 30s")
read_percentage = _quantity(lambda text: Quantity(parse_percentage(text), text), "a percentage such as 0.1%")
read_rate = _quantity(_rate, "a rate such as 1000/s")
read_spawn_rate = _quantity(_spawn_rate, "a number of users per second above 0, such as 10")
read_measure = _quantity(parse_measure, "a number or a duration such as 3s")


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


def _choice(known: type[StrEnum]) -> Callable[[object], Any]:
    what = listed(known, "or")

    def read(value: object) -> StrEnum:
        text = _text(value, what)
        if text not in set(known):
            near = nearest(text, known)
            raise _expected(what, value, f"did you mean {near}?" if near else "")
        return known(text)

    return read


def _matching(pattern: str, what: str, hint: str = "") -> Callable[[object], str]:
    def read(value: object) -> str:
        text = _text(value, what)
        if not re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text):
            raise _expected(what, value, hint)
        if len(text) > MOST_NAME:
            raise wrong(f"expected at most {MOST_NAME} characters, got {len(text)}")
        return text

    return read


read_name = _matching(
    NAME_PATTERN, "a name such as peak", "names are lower-case letters, digits, _ and -, a letter first"
)
read_id = _matching(ID_PATTERN, "a name such as cold-start-p95", "names are letters, digits, ., _ and -")
read_system_name = _matching(
    r"[a-z][a-z0-9_]*",
    "the name of the system's folder",
    "names are lower-case letters, digits and _, a letter first",
)
read_class_name = _matching(r"[A-Za-z_][A-Za-z0-9_]*", "the name of a class")


def read_health(value: object) -> str:
    """The path of the health check."""
    text = _text(value, "a path such as /health")
    if not re.fullmatch(r"/\S*", text):
        raise _expected("a path such as /health", value, "the environment's host is put before it")
    return text


def read_request(value: object) -> str:
    """A request pattern: `METHOD NAME` with `*` as wildcard, or `*` alone."""
    what = 'a request such as POST /events, or "*" for all'
    text = _text(value, what)
    if text == ALL_REQUESTS:
        return text
    method, space, name = text.partition(" ")
    if not space or not text.isprintable() or not method or not name.strip() or name != name.strip():
        hint = "write method, one space and the name that Locust shows"
        if text.startswith("/"):
            hint = f"put the method before it: GET {text[:MOST_SHOWN]}"
        raise _expected(what, value, hint)
    if method not in _METHODS and method.upper() in _METHODS:
        raise _expected(
            what, value, f"Locust writes methods in capitals: {method.upper()} {name[:MOST_SHOWN]}"
        )
    return text


def read_query(value: object) -> str:
    """A PromQL query, in which `$run` and `$window` may stand."""
    text = _text(value, "a PromQL query").strip()
    for word in re.findall(r"\$([A-Za-z_]+)", "" if "?P<" in text else text):
        if word not in ("run", "window"):
            near = nearest(word, ("run", "window"))
            hint = f"did you mean ${near}?" if near else ""
            raise wrong(f"${word} stands for nothing: only $run and $window do", hint)
    if re.search(r"\$run\b", re.sub(r"""\brun\s*=~?\s*(["'`])\$run\1""", "", text)):
        raise wrong(
            'expected $run only as run="$run", since an alert watches all runs at once',
            'write the label matcher run="$run", or leave it out',
        )
    return text


def read_host(value: object) -> str:
    """The address of a service, without a slash at its end; a password in it is refused and not shown."""
    what = "an address such as https://api.example.com"
    text = _text(value, what)
    if "@" in text:
        raise wrong("expected an address without a user name or password", "name them under credentials")
    if "://" not in text:
        near = "http" if re.match(r"(localhost|127\.|\[)", text) else "https"
        raise _expected(what, value, f"put the scheme before it: {near}://{text[:MOST_SHOWN]}")
    try:
        parts = urlsplit(text)
        hostname, _ = parts.hostname, parts.port
    except ValueError:
        raise _expected(what, value) from None
    if parts.scheme not in ("http", "https"):
        raise _expected(what, value, "the scheme is http or https")
    if not hostname or re.search(r"[\s{}$\\]", text) or not text.isprintable():
        raise _expected(what, value)
    if parts.query or parts.fragment:
        raise _expected(what, value, "the scenario's requests add what follows the path")
    return text.rstrip("/")


def read_variable(value: object) -> str:
    """The name of an environment variable. What is refused is never shown: it may be the secret itself."""
    what = "the name of an environment variable such as API_KEY"
    scalar = _scalar(value, what)
    if match := re.fullmatch(r"\$(?:([A-Z_][A-Z0-9_]*)|\{([A-Z_][A-Z0-9_]*)\})", scalar):
        raise wrong(f"expected {what}, without $", f"write {match[1] or match[2]}")
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", scalar) or _looks_secret(scalar):
        raise wrong(
            f"expected {what}, got something that looks like the secret itself",
            "put the secret into an environment variable and write the variable's name, in capitals, here",
        )
    return str(scalar)


def _looks_secret(text: str) -> bool:
    """Capitals and digits without a break are an access key rather than a name."""
    digits = sum(character.isdigit() for character in text)
    return len(text) > MOST_NAME or (
        len(text) >= 16 and "_" not in text and (digits >= 2 or text[:4] in ("AKIA", "ASIA"))
    )


def _kind(read: Callable[[object], Any], **schema: Any) -> Any:
    return (PlainValidator(read), WithJsonSchema(schema))


_number = {"type": "number", "exclusiveMinimum": 0}

Text = Annotated[str, *_kind(read_text, type="string", minLength=1)]
Name = Annotated[str, *_kind(read_name, type="string", pattern=NAME_PATTERN, maxLength=MOST_NAME)]
TargetName = Annotated[str, *_kind(read_id, type="string", pattern=ID_PATTERN, maxLength=MOST_NAME)]
SystemName = Annotated[str, *_kind(read_system_name, type="string", pattern="^[a-z][a-z0-9_]*$")]
ClassName = Annotated[str, *_kind(read_class_name, type="string")]
Health = Annotated[str, *_kind(read_health, type="string", pattern=HEALTH_PATTERN)]
Request = Annotated[str, *_kind(read_request, type="string", pattern=REQUEST_PATTERN)]
Query = Annotated[str, *_kind(read_query, type="string", minLength=1)]
Host = Annotated[str, *_kind(read_host, type="string", pattern=r"^https?://[^@\s]+$")]
Variable = Annotated[str, *_kind(read_variable, type="string", pattern=VARIABLE_PATTERN)]
Truth = Annotated[bool, *_kind(read_truth, type="boolean")]
Importance = Annotated[Priority, *_kind(_choice(Priority), type="string", enum=list(Priority))]
Count = Annotated[int, *_kind(_whole(1, 100), type="integer", minimum=1, maximum=MOST_WHOLE)]
CountOrNone = Annotated[int, *_kind(_whole(0, 100), type="integer", minimum=0, maximum=MOST_WHOLE)]
Latency = Annotated[Quantity, *_kind(read_latency, type="string", pattern=DURATION_PATTERN)]
Duration = Annotated[Quantity, *_kind(read_duration, type="string", pattern=DURATION_PATTERN)]
Percentage = Annotated[Quantity, *_kind(read_percentage, type="string", pattern=PERCENTAGE_PATTERN)]
Rate = Annotated[Quantity, *_kind(read_rate, anyOf=[_number, {"type": "string", "pattern": RATE_PATTERN}])]
SpawnRate = Annotated[
    Quantity, *_kind(read_spawn_rate, anyOf=[_number, {"type": "string", "pattern": RATE_PATTERN}])
]
Measure = Annotated[
    Quantity,
    *_kind(read_measure, anyOf=[{"type": "number"}, {"type": "string", "pattern": DURATION_PATTERN}]),
]
