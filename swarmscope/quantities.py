"""Measured numbers with their units, as people read them, never rounded across a limit. No I/O."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

from swarmscope.histogram import MAXIMUM
from swarmscope.targets import Kind, Target

Number = float | Decimal
UNKNOWN = "\N{EN DASH}"
"""Stands where there is no number."""
_MOST_DIGITS = 17
"""Significant digits that tell any two floats apart."""


def plain(value: Number, digits: int = 3) -> str:
    """At most `digits` significant digits, but never fewer than the integer part has: `1234`, `0.0123`, `17.2`."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    number = _decimal(value)
    if not number:
        return "0"
    # adjusted() is the exponent of the first digit: rounding never touches the digits before the point.
    places = max(0, digits - 1 - number.adjusted())
    text = f"{number:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def count(number: int) -> str:
    """`1,204`."""
    return f"{number:,}"


def duration(seconds: Number, digits: int = 3) -> str:
    """A response time: `63ms`, `1.25s`, `0.8ms`."""
    if math.isinf(seconds):
        return plain(seconds)
    if abs(_decimal(seconds)) >= 1:
        return f"{plain(seconds, digits)}s"
    return f"{plain(_decimal(seconds) * 1000, digits)}ms"


def ratio(share: Number, digits: int = 3) -> str:
    """A share as a percentage: `96.3 %`, `0.04 %`."""
    return f"{plain(_decimal(share) * 100, digits)} %"


def rate(per_second: Number, digits: int = 3) -> str:
    """`498/s`."""
    return f"{plain(per_second, digits)}/s"


def span(seconds: float) -> str:
    """A length of time to the second: `57 s`, `10 min 5 s`, `2 h 3 min`."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{rest} s"


def beside(value: Number, limit: Number, write: Callable[[Number, int], str], digits: int = 3) -> str:
    """`value` with as many digits as it takes to be on the same side of `limit` as the exact number is.

    Rounded blindly, a share of 94.96 % would read as missing a limit of 95 % with 95 %.
    """
    if math.isinf(value) or math.isinf(limit):
        return write(value, digits)
    side = _side(value, limit)
    for wanted in range(digits, _MOST_DIGITS):
        if _side(_rounded(value, wanted), limit) == side:
            return write(value, wanted)
    return write(value, _MOST_DIGITS)


def measured(target: Target, value: float | None, digits: int = 3) -> str:
    """A target's measured value in the target's own unit: `105ms`, `0.12 %`, `498/s`; UNKNOWN when there is none."""
    if value is None:
        return UNKNOWN
    limit = float(target.limit)
    if target.kind.is_latency:
        if math.isinf(value):
            return f"over {MAXIMUM}s, or never"
        return beside(value, limit, duration, digits)
    if target.kind is Kind.ERROR_RATE:
        return beside(value, limit, ratio, digits)
    if target.kind is Kind.RPS:
        return beside(value, limit, rate, digits)
    unit = target.unit if target.unit in ("", "%") else f" {target.unit}"
    return beside(value, limit, plain, digits) + unit


def _rounded(value: Number, digits: int) -> Decimal:
    return Decimal(plain(value, digits))


def _side(value: Number, limit: Number) -> int:
    exact, bound = _decimal(value), _decimal(limit)
    return (exact > bound) - (exact < bound)


def _decimal(value: Number) -> Decimal:
    # By the shortest text: moving the point is exact in decimal, while 0.1046 * 1000 is 104.60000000000001.
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
