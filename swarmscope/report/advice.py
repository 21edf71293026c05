"""What to look at next: sentences derived from what was measured, each with its numbers. No I/O.

Every sentence says what was seen and what that points to; where the measurements say nothing, nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches

from swarmscope.histogram import at_or_under, quantile
from swarmscope.measurements import RequestCounts, RequestKey
from swarmscope.names import NO_STATUS, Outcome
from swarmscope.quantities import count, duration, plain, ratio, span
from swarmscope.report.slow_requests import ENOUGH, why_slow
from swarmscope.run_result import RunResult
from swarmscope.targets import Kind, Target
from swarmscope.targets.match import is_literal, matches
from swarmscope.verdict import Judgement, Status, Verdict

MOST = 10
_SLOW = Decimal("0.1")
"""Seconds from which a request without a latency target is worth a sentence: people notice a tenth of one."""


def advice(result: RunResult) -> list[str]:
    """At most ten sentences, the most important first; at least one."""
    found = [
        *_never_steady(result),
        *_unanswered(result),
        *_failures(result),
        *_missed(result),
        *_not_measured(result),
        *_ramp(result),
        *_refused(result),
        *_near_misses(result),
    ]
    unique = list(dict.fromkeys(found))[:MOST]
    if unique:
        return unique
    if result.verdict is Verdict.PASS:
        return ["Nothing stands out: every target that was judged held with room to spare."]
    return ["The measurements say no more than the reasons given with the targets."]


def _never_steady(result: RunResult) -> Iterator[str]:
    if result.window.seconds > 0:
        return
    profile, took = result.profile, result.info.stopped - result.info.started
    if profile.is_shaped or not profile.users:
        part = "stage" if profile.climb is None else "level"
        yield f"The run took {span(took)} and no {part} of {profile.name} was ever complete: nothing could be judged."
        return
    ramp = float(profile.users / profile.spawn_rate)
    yield (
        f"The run took {span(took)}, but starting {count(profile.users)} users at {plain(profile.spawn_rate)} per "
        f"second and warming up takes {span(ramp + float(profile.warm_up))} before anything is judged."
    )


def _unanswered(result: RunResult) -> Iterator[str]:
    unfinished = {key: each.unfinished for key, each in result.totals.items() if each.unfinished}
    if not unfinished:
        return
    number = sum(unfinished.values())
    worst = max(unfinished, key=lambda key: (unfinished[key], key))
    ages = [pending.age_seconds for pending in result.pending]
    waited = f"; the oldest had waited {duration(max(ages))}" if ages else ""
    which = "" if len(unfinished) == 1 else f", {ratio(unfinished[worst] / number)} of them {worst}"
    yield (
        f"{_requests(number)} never got an answer{which or f' ({worst})'}{waited}: the service held the "
        "connection and sent nothing, so look for what it was waiting for (lock, connection pool, downstream call)."
    )


def _failures(result: RunResult) -> Iterator[str]:
    failed: dict[tuple[RequestKey, str], int] = {
        (key, error): number
        for key, each in result.totals.items()
        for error, number in each.errors.items()
        if number
    }
    whole = sum(failed.values())
    if not whole:
        return
    (key, error), number = max(failed.items(), key=lambda item: (item[1], item[0]))
    yield (
        f"{ratio(number / whole)} of the {count(whole)} failures are one kind: {key} with {error} "
        f"({ratio(number / max(1, result.totals[key].finished))} of that request)."
    )
    without = sum(
        number
        for each in result.totals.values()
        for (outcome, status), number in each.outcomes.items()
        if outcome == Outcome.FAILURE and status == NO_STATUS
    )
    if 2 * without > whole:
        yield (
            f"{count(without)} of the {count(whole)} failures have no HTTP status: connections were refused, reset "
            "or timed out before the service's own code could answer."
        )


def _missed(result: RunResult) -> Iterator[str]:
    for judgement in result.judgements:
        if judgement.status is not Status.FAIL:
            continue
        target = judgement.target
        yield from _when(target, result)
        counts = result.window.matching(target.request) if target.request else None
        if counts is None or not counts.finished:
            continue
        if target.kind.quantile is not None:
            yield from why_slow(target, counts, result.window)
        elif target.kind is Kind.RPS:
            yield from _too_little_load(judgement, counts, result)


def _when(target: Target, result: RunResult) -> Iterator[str]:
    """When the target's alerts fired: what to look for in the service's own logs and traces."""
    fired = [alert for alert in result.alerts if alert.labels.get("target") == target.id]
    if not fired:
        return
    first = min(fired, key=lambda alert: alert.started)
    after = span(max(0.0, first.started - result.info.started))
    clock = datetime.fromtimestamp(first.started, UTC)
    until = "to the end" if first.ended is None else f"for {span(first.ended - first.started)}"
    yield (
        f"{target.in_words}: {first.name} fired {after} after the start, at {clock:%H:%M:%S} UTC, {until}: "
        "look at what the service did just before."
    )


def _too_little_load(judgement: Judgement, counts: RequestCounts, result: RunResult) -> Iterator[str]:
    """By Little's law: whether the service or the users themselves held the rate down."""
    window, users = result.window, result.info.users_peak
    everything = window.matching("*")
    if not users or not judgement.value or everything is None or not everything.timed:
        return
    finished = window.finished_matching("*")
    if not finished:
        return
    if everything.unfinished:
        # Their time is in no sum, so the arithmetic below would blame the load.
        yield (
            f"{judgement.target.in_words}: {_requests(everything.unfinished)} of {count(users)} users were still "
            "waiting at the end for an answer that never came, and sent nothing meanwhile: that held the rate down."
        )
        return
    cycle = users * window.seconds / finished
    waiting = everything.duration_sum / everything.timed
    missing = float(judgement.target.limit) / judgement.value
    done = (
        f"{count(users)} users made a request every {duration(cycle)} each, "
        f"{duration(min(waiting, cycle))} of it waiting"
    )
    fired = [alert for alert in result.alerts if alert.labels.get("target") == judgement.target.id]
    if fired and all(alert.ended is not None for alert in fired):
        return  # it was below the floor for a time only, so averages over the whole window explain nothing
    if waiting < cycle / 2:
        needed = math.ceil(users * missing)
        yield (
            f"{judgement.target.in_words}: {done} for the service: the load is too small rather than the service "
            f"too slow. At this pace it takes about {count(needed)} users."
        )
    else:
        yield (
            f"{judgement.target.in_words}: {done} for the service, so its response time limits the rate: it has to "
            f"answer {plain(missing, 2)} times as fast, or more users at once have to be served as fast."
        )


def _not_measured(result: RunResult) -> Iterator[str]:
    names = sorted(str(key) for key, each in result.totals.items() if each.finished or each.unfinished)
    for judgement in result.judgements:
        target = judgement.target
        if judgement.status is not Status.NO_DATA or not target.request:
            continue
        if judgement.samples and judgement.samples < target.min_samples and result.window.seconds > 0:
            longer = result.window.seconds * target.min_samples / judgement.samples
            yield (
                f"{target.in_words}: {_requests(judgement.samples)} came in {span(result.window.seconds)}; "
                f"at this rate {count(target.min_samples)} take {span(longer)}."
            )
        elif is_literal(target.request) and target.request not in names:
            near = get_close_matches(target.request, names, n=1, cutoff=0.6)
            meant = f"; did you mean {near[0]}?" if near else ""
            yield f"{target.in_words}: no request has this name in Locust's statistics{meant or '.'}"


def _ramp(result: RunResult) -> Iterator[str]:
    """Requests that were much slower outside the judged window than in it, and too slow for it."""
    if result.climb is not None:
        return  # outside of the level that held lies what broke
    for key, window in sorted(result.window.counts.items()):
        if key not in result.totals:
            continue
        outside = result.totals[key].copy()
        outside.add(window, sign=-1)
        if outside.timed < ENOUGH or window.timed < ENOUGH:
            continue
        before, within = (
            quantile(result.window.bounds, counts.buckets, Decimal("0.95")) for counts in (outside, window)
        )
        allowed = min(
            (
                target.limit
                for target in result.system.targets_under(result.profile.name)
                if target.kind.is_latency and matches(target.request, *key)
            ),
            default=_SLOW,
        )
        if before is not None and within is not None and before > allowed and before >= 2 * within > 0:
            yield (
                f"{key} was slower outside the judged window: p95 {duration(before)} there, {duration(within)} in it; "
                "if users meet that too (cold caches, pools, functions), judge it with a target of its own."
            )


def _refused(result: RunResult) -> Iterator[str]:
    limited = {
        key: number
        for key, each in result.totals.items()
        if (number := sum(n for (_, status), n in each.outcomes.items() if status == "429"))
    }
    sent = sum(each.finished for each in result.totals.values())
    number = sum(limited.values())
    if number and 100 * number >= sent:
        worst = max(limited, key=lambda key: (limited[key], key))
        yield (
            f"{ratio(number / sent)} of all answers ({count(number)}) were 429, most of them {worst}: a rate limit, "
            "not the service's capacity, decided how much work got through."
        )


def _near_misses(result: RunResult) -> Iterator[str]:
    for judgement in result.judgements:
        target, value = judgement.target, judgement.value
        if judgement.status is not Status.PASS or value is None:
            continue
        if target.kind.quantile is not None:
            counts = result.window.matching(target.request)
            if counts is None or judgement.samples < ENOUGH:
                continue
            good = at_or_under(result.window.bounds, counts.buckets, target.limit)
            room = good - math.ceil(target.kind.quantile * judgement.samples)
            allowed = judgement.samples - math.ceil(target.kind.quantile * judgement.samples)
            if 10 * room < allowed:
                yield (
                    f"{target.in_words} held narrowly: {_requests(room + 1)} more over {target.written}, "
                    f"of {count(judgement.samples)}, would have missed it."
                )
        elif target.kind is Kind.RPS and value < 1.05 * float(target.limit):
            yield f"{target.in_words} held narrowly, with {plain(value)}/s."


def _requests(number: int) -> str:
    return f"{count(number)} request{'' if number == 1 else 's'}"
