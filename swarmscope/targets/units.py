"""Durations, percentages, rates and numbers as people write them, to exact decimals and back. No I/O.

Only plain ASCII digits count, at most nine before and nine after the point: longer ones are slips of the keyboard, and
must not become numbers that nothing behind the door can hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_PART = re.compile(rf"({_NUMBER}) ?(ms|h|m|s)")
_SECONDS = {"h": Decimal(3600), "m": Decimal(60), "s": Decimal(1), "ms": Decimal("0.001")}
_UNITS = tuple(_SECONDS)

DURATION_PATTERN = r"^([0-9]+(\.[0-9]+)? ?(ms|h|m|s) ?)+$"
"""For editors; `parse_duration` also wants the units in order."""
PERCENTAGE_PATTERN = r"^[0-9]+(\.[0-9]+)? ?%$"
RATE_PATTERN = r"^[0-9]+(\.[0-9]+)?( ?/s| ?rps)?$"


class NotUnderstood(ValueError):
    """A text is not what was expected; says what was, and how to write it."""

    def __init__(self, expected: str, hint: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.hint = hint


class Refused(ValueError):
    """A text is not accepted, for a reason that must not, or need not, show it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in base units with the text that it was written as."""

    value: Decimal
    written: str
    unit: str = ""
    """The base unit for people, where the text named one: `s`."""


def parse_duration(text: str, example: str = "300ms") -> Decimal:
    """Seconds of `100ms`, `3s`, `1.5s`, `2m` or `1h30m`; raises NotUnderstood."""
    expected = f"a duration such as {example}"
    seconds, last_unit, end = Decimal(0), -1, 0
    whole = True
    while end < len(text):
        part = _PART.match(text, end)
        if part is None or not whole or _UNITS.index(part[2]) <= last_unit:
            raise NotUnderstood(expected, _duration_hint(text))
        seconds += Decimal(part[1]) * _SECONDS[part[2]]
        # 1.5h30m is more likely a slip than two hours.
        whole = "." not in part[1]
        last_unit = _UNITS.index(part[2])
        end = part.end()
        if text[end : end + 1] == " ":
            end += 1
            if end == len(text):
                raise NotUnderstood(expected, _duration_hint(text))
    if last_unit < 0:
        raise NotUnderstood(expected, _duration_hint(text))
    return seconds


def _duration_hint(text: str) -> str:
    if re.fullmatch(_NUMBER, text):
        return f"add the unit: {text}ms or {text}s"
    return "durations are a number with ms, s, m or h, or several from large to small: 1h30m"


def duration_text(seconds: Decimal) -> str:
    """The shortest usual form of a duration of at least 0: `100ms`, `1.5s`, `1m30s`, `2h`."""
    if 0 < seconds < 1:
        return f"{plain(seconds * 1000)}ms"
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [f"{hours:f}h" if hours else "", f"{minutes:f}m" if minutes else ""]
    parts.append(f"{plain(rest)}s" if rest or not seconds else "")
    return "".join(parts)


def parse_percentage(text: str) -> Decimal:
    """The ratio, 0 to 1, of `0.1%`; raises NotUnderstood, also for a number without its % sign."""
    expected = "a percentage such as 0.1%"
    match = re.fullmatch(rf"({_NUMBER}) ?%", text)
    if match is None:
        raise NotUnderstood(expected, _percentage_hint(text))
    ratio = Decimal(match[1]).scaleb(-2)
    if ratio > 1:
        raise NotUnderstood("a percentage from 0% to 100%")
    return ratio


def _percentage_hint(text: str) -> str:
    if not re.fullmatch(_NUMBER, text):
        return "percentages are a number with a % sign"
    if 0 < Decimal(text) < 1:
        # 0.01 may be meant as a share or as a percentage: both are said, so that neither is guessed.
        share = percentage_text(Decimal(text))
        return f"write {share} for a share of {text}, or {text}% if that is what you mean"
    return f"write {text}%"


def percentage_text(ratio: Decimal) -> str:
    """`0.1%` for 0.001."""
    return f"{plain(ratio * 100)}%"


def parse_rate(text: str) -> Decimal:
    """Requests per second of `1000`, `1000/s` or `500 rps`; raises NotUnderstood."""
    match = re.fullmatch(rf"({_NUMBER})(?: ?/s| ?rps)?", text)
    if match is None:
        raise NotUnderstood(
            "a rate such as 1000/s", "rates are a number per second: 1000, 1000/s or 1000 rps"
        )
    return Decimal(match[1])


def rate_number(text: str) -> str:
    """The number of a rate as it was written, without its unit: `1000` of `1000/s`."""
    return re.sub(r" ?(/s|rps)$", "", text)


def rate_text(per_second: Decimal) -> str:
    """`1000/s`."""
    return f"{plain(per_second)}/s"


def parse_measure(text: str) -> Quantity:
    """The limit of a server-side query: a plain number, or a duration, which is compared in seconds."""
    if re.fullmatch(rf"[-+]?{_NUMBER}(?:[eE][-+]?[0-9]{{1,2}})?", text):
        return Quantity(Decimal(text), text)
    try:
        return Quantity(parse_duration(text), text, "s")
    except NotUnderstood:
        pass
    hint = "durations are compared in seconds; for another unit write the number and add unit: MB"
    if text.endswith("%"):
        hint = 'write the number that the query answers: 0.8 for a share, or 80 with unit: "%"'
    raise NotUnderstood("a number or a duration such as 3s", hint)


def plain(number: Decimal) -> str:
    """A decimal without exponent and without zeros at its end: `1.5`, `1000`."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
