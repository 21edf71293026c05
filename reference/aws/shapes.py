"""Reads parameters by botocore's service models: their types, what is required, lengths, patterns and enumerations.

JSON and the query protocol meet here: a list is a JSON list or `{"member": {"1": …}}`, a number may be text in the
latter only. Times become Unix seconds. No I/O.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from reference.aws.errors import AwsError

Refuse = Callable[[str], AwsError]


class Reader:
    """Reads one request; `refuse` makes the error of what a model forbids, in the words of its API."""

    def __init__(self, refuse: Refuse, missing: Refuse, *, is_text: bool) -> None:
        self._refuse, self._missing, self._is_text = refuse, missing, is_text

    def read(self, shape: Any, raw: Any, where: str = "") -> Any:
        """The value as handlers take it; raises AwsError."""
        match shape.type_name:
            case "structure":
                found: Any = self._structure(shape, raw, where)
            case "list":
                found = self._list(shape, raw, where)
            case "integer" | "long" | "float" | "double":
                found = self._number(shape, raw, where)
            case "string":
                found = self._string(shape, raw, where)
            case "boolean":
                found = self._boolean(raw, where)
            case "timestamp":
                found = self._time(raw, where)
            case "map" if isinstance(raw, dict) and not self._is_text:
                found = {str(key): self.read(shape.value, value, where) for key, value in raw.items()}
            case kind:
                raise _unreadable(f"{where}: a {kind} was expected")
        return found

    def _structure(self, shape: Any, raw: Any, where: str) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise _unreadable(f"{where or 'The request'} must be a structure")
        found: dict[str, Any] = {}
        for name, member in shape.members.items():
            value = raw.get(name)
            path = f"{where}.{name}" if where else name
            if value is not None:
                found[name] = self.read(member, value, path)
            elif name in shape.required_members:
                raise self._missing(f"The parameter {path} is required.")
        return found

    def _list(self, shape: Any, raw: Any, where: str) -> list[Any]:
        if self._is_text:
            raw = _from_members(raw)
        if not isinstance(raw, list):
            raise _unreadable(f"{where} must be a list")
        most, least = shape.metadata.get("max"), shape.metadata.get("min")
        if most is not None and len(raw) > most:
            raise self._refuse(f"The collection {where} must not have a size greater than {most}.")
        if least is not None and len(raw) < least:
            raise self._refuse(f"The collection {where} must not have a size less than {least}.")
        member = shape.member
        if member.type_name in ("double", "float") and not self._is_text and _are_numbers(raw):
            return list(map(float, raw))  # the long lists: values and counts
        return [self.read(member, value, f"{where}.member.{index}") for index, value in enumerate(raw, 1)]

    def _number(self, shape: Any, raw: Any, where: str) -> float:
        is_whole = shape.type_name in ("integer", "long")
        if isinstance(raw, bool) or not isinstance(raw, int | float | str):
            raise _unreadable(f"{where} must be a number")
        try:
            # JSON has no NaN and no Infinity: clients write them as text, and so each API refuses them in its words.
            if isinstance(raw, str) and not self._is_text and raw not in ("NaN", "Infinity", "-Infinity"):
                raise ValueError
            value = int(raw) if is_whole else float(raw)
        except (ValueError, OverflowError):
            raise _unreadable(f"{where} must be a number") from None
        if is_whole and isinstance(raw, float) and raw != value:
            raise _unreadable(f"{where} must be a whole number")
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if (least is not None and value < float(least)) or (most is not None and value > float(most)):
            bounds = f"{'' if least is None else least} to {'' if most is None else most}".strip()
            raise self._refuse(f"The parameter {where} must be in the range {bounds}, got {value}.")
        return value

    def _string(self, shape: Any, raw: Any, where: str) -> str:
        if not isinstance(raw, str):
            raise _unreadable(f"{where} must be a string")
        least, most = shape.metadata.get("min", 0), shape.metadata.get("max", math.inf)
        if not least <= len(raw) <= most:
            raise self._refuse(
                f"The parameter {where} must have {least} to {most} characters, got {len(raw)}."
            )
        pattern = shape.metadata.get("pattern")
        if pattern and not _matches(pattern, raw):
            raise self._refuse(f"The value {raw} for parameter {where} is invalid.")
        if (known := getattr(shape, "enum", None)) and raw not in known:
            raise self._refuse(
                f"The value {raw} for parameter {where} is invalid: one of {', '.join(known)}."
            )
        return raw

    def _boolean(self, raw: Any, where: str) -> bool:
        if self._is_text and raw in ("true", "false"):
            return bool(raw == "true")
        if not isinstance(raw, bool):
            raise _unreadable(f"{where} must be true or false")
        return raw

    def _time(self, raw: Any, where: str) -> float:
        try:
            if isinstance(raw, str):
                moment = datetime.fromisoformat(raw)
                seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            elif isinstance(raw, bool) or not isinstance(raw, int | float):
                raise ValueError
            else:
                seconds = float(raw)
        except (ValueError, OverflowError):
            raise _unreadable(f"{where} must be a time") from None
        if not abs(seconds) < 1e11:  # beyond the year 5000, and what is not a number
            raise _unreadable(f"{where} must be a time")
        return seconds


def _unreadable(message: str) -> AwsError:
    return AwsError("SerializationException", message)


def _are_numbers(values: list[Any]) -> bool:
    return all(type(value) is float or type(value) is int for value in values)


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.fullmatch(pattern, text, re.DOTALL) is not None
    except re.error:  # some of the models' patterns are Java's
        return True


def _from_members(raw: Any) -> Any:
    if raw == "":
        return []
    numbered = raw.get("member") if isinstance(raw, dict) else None
    if not isinstance(numbered, dict) or not all(key.isdigit() for key in numbered):
        return None
    return [numbered[key] for key in sorted(numbered, key=int)]
