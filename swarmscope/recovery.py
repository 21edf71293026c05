"""How long a service needs after a peak of load until its targets hold again, and stay so. No I/O, no clock.

A peak is a stage of a profile that is followed by a lower one. Each second of a run is judged over the seconds before
it; a service has recovered with the last second at which a target was still missed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from swarmscope.targets import Profile

WINDOW_SECONDS = 3.0
"""What a moment is judged over: longer than the second that lies between two reports of a worker."""


@dataclass(frozen=True, slots=True)
class Look:
    """One moment of a run: the ids of the targets that were missed, or None when nothing could be measured."""

    at: float
    missed: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Recovery:
    """What followed a peak. Times are Unix seconds."""

    phase: str
    ended: float
    """When the load went down."""
    until: float
    """Until when it was looked at: the next rise of the load, or the end of the run."""
    seconds: float | None
    """0 when the targets held at once; infinite when they did not hold by `until`; None when nothing was measured."""
    missed_in_peak: bool = False
    last_missed: tuple[str, ...] = ()
    """Ids of the targets that were the last to hold again."""


def peaks_of(profile: Profile) -> tuple[str, ...]:
    """Names of the profile's peaks in their order: the stage's own name, or `peak-1`, `peak-2`."""
    names: list[str] = []
    for stage, following in pairwise(profile.stages):
        if following.users < stage.users and following.users:
            name = stage.phase or f"peak-{len(names) + 1}"
            names.append(f"{name}-{len(names) + 1}" if name in names else name)
    return tuple(names)


def recovery(phase: str, began: float, ended: float, until: float, looks: Sequence[Look]) -> Recovery:
    """What the moments of a run say of the peak that lasted from `began` to `ended`."""
    in_peak = any(look.missed for look in looks if began <= look.at <= ended)
    after = [look for look in looks if ended < look.at <= until]
    bad = [look for look in after if look.missed is None or look.missed]
    if all(look.missed is None for look in after):
        return Recovery(phase, ended, until, None, in_peak)
    if not bad:
        return Recovery(phase, ended, until, 0.0, in_peak)
    last = bad[-1]
    # Held again for less than a window: too short to say that it stays so.
    seconds = last.at - ended if until - last.at >= WINDOW_SECONDS else math.inf
    return Recovery(phase, ended, until, seconds, in_peak, tuple(sorted(last.missed or ())))
