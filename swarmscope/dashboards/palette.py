"""Colours and words for what values mean. No I/O.

The colours are of the Okabe-Ito palette, which people who are blind to red or green can tell apart; a limit is dashed
and a status is also a word, so that nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.models.dashboard import (
    RangeMap,
    RegexMap,
    SpecialValueMap,
    ValueMap,
    ValueMappingResult,
)

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PINK, SKY, YELLOW, GREY = "#CC79A7", "#56B4E9", "#F0E442", "#8E8E8E"

Mappings = list[ValueMap | RangeMap | RegexMap | SpecialValueMap]


def _words(words: Mapping[str, tuple[str, str]]) -> Mappings:
    return [
        ValueMap(
            options={
                value: ValueMappingResult(text=text, color=colour, index=index)
                for index, (value, (text, colour)) in enumerate(words.items())
            }
        )
    ]


VERDICTS = _words(
    {
        "pass": ("PASS", GREEN),
        "fail": ("FAIL", RED),
        "invalid": ("INVALID", ORANGE),
        "no_data": ("NO DATA", GREY),
    }
)
PHASES = _words(
    {
        "ready": ("ready", GREY),
        "ramp": ("ramp", ORANGE),
        "warm_up": ("warm-up", ORANGE),
        "steady": ("steady", BLUE),
        "stopping": ("stopping", ORANGE),
        "done": ("done", GREY),
    }
)
MET = _words({"0": ("missed", RED), "1": ("met", GREEN)})
HOLDS = _words({"0": ("in doubt", RED), "1": ("holds", GREEN)})
TRUSTED = _words({"0": ("IN DOUBT", RED), "1": ("YES", GREEN)})
FIRING = _words({"1": ("firing", RED)})
PENDING = _words({"1": ("pending", ORANGE)})
SEVERITIES = _words({"critical": ("critical", RED), "warning": ("warning", ORANGE), "info": ("info", SKY)})
UP = _words({"0": ("down", RED), "1": ("up", GREEN)})
SETTLED = _words({"0": ("failed", RED), "1": ("complete", GREEN)})
