"""What to do about the bottleneck: each advice with the numbers that it comes from. No I/O.

Advice is only given where a measurement asks for it; what to do first stands first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from swarmscope.bottleneck import Bottleneck, Conclusion, Course
from swarmscope.quantities import count, duration, plain, ratio, span
from swarmscope.run_result import MeasuredSignal, RunResult
from swarmscope.signals import (
    DB_AVERAGE,
    DB_ERRORS,
    DB_P99,
    IN_PROGRESS,
    NODE_CPU,
    PG_ACTIVE,
    PG_AVERAGE,
    PG_CACHE_HIT,
    PG_CONNECTIONS,
    PG_INDEX_USE,
    PG_LONGEST,
    POOL_USE,
    SERVICE_CPU,
    Area,
)

_MOST_OF = 0.5
_FREE_CPU = 0.6


def in_words(result: RunResult, found: Bottleneck) -> str:
    """The conclusion as one or two sentences, with its numbers."""
    match found.conclusion:
        case Conclusion.NOT_MEASURED:
            return (
                "Nothing was measured on the service's side, so nothing can be said about what held it back: "
                "docs/signals.md says how to have its metrics scraped."
            )
        case Conclusion.HEALTHY:
            return "No target was missed for longer than a moment, and every signal stayed in its range."
        case Conclusion.NEXT:
            return f"No target was missed for longer than a moment. First to leave its range: {_left(found.cause)}."
        case Conclusion.UNEXPLAINED:
            return f"{_missed(found)} {_unexplained(result, found)}"
        case Conclusion.GENERATOR:
            return (
                f"{_missed(found)} The load generator itself was at its limit by then: {_left(found.cause)}."
            )
    return f"{_missed(found)} Likely bottleneck: {_name(found.area)}. {_evidence(found)}"


def recommendations(result: RunResult, found: Bottleneck) -> list[str]:
    """What to do, the most promising first; empty when nothing asks for it."""
    if found.conclusion is Conclusion.NOT_MEASURED:
        return []
    advise = _ADVICE.get(found.area) if found.area is not None else None
    if found.conclusion is Conclusion.UNEXPLAINED:
        return list(_measure_more(result, found))
    return list(advise(result, found)) if advise is not None else []


def value_in_words(signal: MeasuredSignal, value: float) -> str:
    """A signal's value with its unit: `63ms`, `71 %`, `1.2 GB`, `48`."""
    match signal.unit:
        case "s":
            return duration(value)
        case "ratio":
            return ratio(value)
        case "per second":
            return f"{plain(value)}/s"
        case "bytes":
            return f"{plain(value / 1e9)} GB"
    return plain(value)


def range_in_words(signal: MeasuredSignal) -> str:
    """`≤ 50ms`; "" when it has none."""
    if signal.limit is None:
        return ""
    return f"{'≥' if signal.is_floor else '≤'} {value_in_words(signal, signal.limit)}"


def load_in_words(course: Course) -> str:
    """`40 users and 180/s`."""
    parts = []
    if course.users is not None:
        parts.append(f"{count(round(course.users))} users")
    if course.rate is not None:
        parts.append(f"{plain(course.rate)}/s")
    return " and ".join(parts)


def _name(area: Area | None) -> str:
    if area is None or area is Area.TARGET:
        return "what a server-side target of the system measures"
    return area if area.startswith("the ") else f"the {area}"


def _missed(found: Bottleneck) -> str:
    client = found.client
    if client is None or client.left_after is None:
        return ""
    return f"{client.signal.title} was missed from {span(client.left_after)} into the run on{_at(client)}."


def _at(course: Course) -> str:
    phase = f" ({course.phase.replace('_', ' ')})" if course.phase else ""
    load = load_in_words(course)
    return f"{phase}{f', at {load}' if load else ''}"


def _left(course: Course | None) -> str:
    if course is None or course.left_after is None:
        return "unknown"
    signal = course.signal
    worst = value_in_words(signal, course.worst)
    return (
        f"{signal.title} ({range_in_words(signal)}), {span(course.left_after)} into the run{_at(course)}; "
        f"{'lowest' if signal.is_floor else 'highest'} {worst}"
    )


def _evidence(found: Bottleneck) -> str:
    cause = found.cause
    if cause is None:
        return ""
    words = f"{_left(cause)}; {_lead(cause)}"
    if cause.correlation is not None:
        words += f"; rank correlation with the response time {plain(cause.correlation, 2)}"
    titles = ", ".join(course.signal.title for course in found.evidence)
    beside = f" Out of range with it: {titles}." if titles else ""
    return f"{words}.{beside}"


def _lead(course: Course) -> str:
    lead = course.lead_seconds or 0.0
    if abs(lead) < 1.5:
        return "at the same time as the target was missed"
    if lead > 0:
        return f"{span(lead)} before the target was missed"
    return f"{span(-lead)} after the target, within the time that rates are measured over"


def _unexplained(result: RunResult, found: Bottleneck) -> str:
    """What is left when every signal is in its range: where the time went says on which side to look."""
    client, service = client_seconds(result), result.signals.service_seconds
    words = "No signal of the service's side explains it"
    piled = found.course(IN_PROGRESS)
    if piled is not None and piled.out:
        words += f" (requests piled up in the service, {value_in_words(piled.signal, piled.worst)} at once, as they do)"
    if client is None or service is None:
        return f"{words}: what is left is the network, another service behind it, or a wait that is not measured."
    if service < _MOST_OF * client:
        return (
            f"{words}, and the service took {duration(service)} of the {duration(client)} of an average request: "
            "the rest went by outside it, on the network, in a proxy, or in a queue of connections."
        )
    return (
        f"{words}, and the service took {duration(service)} of the {duration(client)} of an average request: "
        "it waited for something that is not measured, such as a lock of its own or another service."
    )


def client_seconds(result: RunResult) -> float | None:
    """The average response time of the judged part, as the users saw it."""
    everything = result.window.matching("*")
    return everything.duration_sum / everything.timed if everything is not None and everything.timed else None


Advice = Callable[[RunResult, Bottleneck], Iterator[str]]


def _database(result: RunResult, found: Bottleneck) -> Iterator[str]:
    errors = found.course(DB_ERRORS)
    if errors is not None and errors.out:
        yield (
            f"Database operations failed, {value_in_words(errors.signal, errors.worst)} at the worst: read the "
            "service's and the server's logs first (away, full, too many connections); speed comes after that."
        )
    outside = list(_outside_postgresql(found))
    # Where PostgreSQL took no time, its statements have none to give back.
    yield from outside or _slow_statements(result, found)
    index = found.course(PG_INDEX_USE)
    if index is not None and index.out:
        scans = result.signals.scans
        where = f", most of all {scans[0].table} ({plain(scans[0].rows)} rows read)" if scans else ""
        yield (
            f"Only {value_in_words(index.signal, index.worst)} of the scans of large tables used an index{where}: "
            "add the index that the statement's WHERE and ORDER BY ask for."
        )
    cache = found.course(PG_CACHE_HIT)
    if cache is not None and cache.out:
        yield (
            f"The cache hit ratio fell to {value_in_words(cache.signal, cache.worst)}: give the server more memory "
            "(shared_buffers), read fewer rows, or archive old ones."
        )
    active = found.course(PG_ACTIVE)
    if active is not None and active.out:
        yield (
            f"{plain(active.worst)} queries ran at once: a pooler (PgBouncer) lets as many in as the server has cores "
            "for, and the others wait where waiting is cheap."
        )
    yield from _fewer_reads(result)


def _slow_statements(result: RunResult, found: Bottleneck) -> Iterator[str]:
    statements = result.signals.statements
    if statements:
        top = statements[0]
        each = f", {duration(top.seconds / top.calls)} each" if top.calls else ""
        yield (
            f"Read the plan of the costliest statement, {duration(top.seconds)} in {plain(top.calls)} calls{each}: "
            f"EXPLAIN (ANALYZE, BUFFERS) {top.text}"
        )
    else:
        slow = _first(found, DB_P99, PG_AVERAGE)
        if slow is not None:
            yield (
                f"{slow.signal.title} reached {value_in_words(slow.signal, slow.worst)}: log statements over the limit "
                "(log_min_duration_statement), and read their plans with EXPLAIN (ANALYZE, BUFFERS)."
            )


def _outside_postgresql(found: Bottleneck) -> Iterator[str]:
    inside, whole, longest = (found.course(each) for each in (PG_AVERAGE, DB_AVERAGE, PG_LONGEST))
    # A statement is counted when it has ended: one that runs on and on is in no average.
    if longest is not None and longest.out:
        return
    if inside is None or whole is None or not whole.worst:
        return
    if inside.worst < _MOST_OF * whole.worst:
        yield (
            f"PostgreSQL itself took {duration(inside.worst)} for a statement at the worst, the service's operations "
            f"{duration(whole.worst)}: most of it was not the server's work but the way to it (waiting for a "
            "connection, the network, the driver)."
        )


def _fewer_reads(result: RunResult) -> Iterator[str]:
    reads = sum(each.finished for key, each in result.window.counts.items() if key.method == "GET")
    everything = sum(each.finished for each in result.window.counts.values())
    if everything and reads >= _MOST_OF * everything:
        yield (
            f"{ratio(reads / everything)} of the requests were reads: what is asked for again and again can come from "
            "a cache (Redis), the rest from read replicas."
        )


def _locks(result: RunResult, found: Bottleneck) -> Iterator[str]:
    if found.cause is not None:
        yield (
            f"Up to {plain(found.cause.worst)} sessions waited for a lock: keep transactions short, change rows in one "
            "order everywhere, and look at who blocks whom (pg_blocking_pids, log_lock_waits)."
        )


def _pool(result: RunResult, found: Bottleneck) -> Iterator[str]:
    pool, connections = found.course(POOL_USE), found.course(PG_CONNECTIONS)
    if pool is not None and pool.out:
        yield (
            f"The service's pool was in use to {value_in_words(pool.signal, pool.worst)}: give it more connections"
            + (
                f" (PostgreSQL had {ratio(1 - connections.worst)} of its own left)"
                if connections is not None and connections.worst < 1
                else ""
            )
            + ", or hold each for a shorter time: none while another service is called."
        )
    if connections is not None and connections.out:
        yield (
            f"{value_in_words(connections.signal, connections.worst)} of PostgreSQL's connections were taken: put a "
            "pooler (PgBouncer) before it rather than raising max_connections."
        )
    yield from _outside_postgresql(found)


def _service_cpu(result: RunResult, found: Bottleneck) -> Iterator[str]:
    own, machine = found.course(SERVICE_CPU), found.course(NODE_CPU)
    if own is not None:
        free = (
            f", and the machine was busy to {ratio(machine.median)} only"
            if machine is not None and machine.median < _FREE_CPU
            else ""
        )
        yield (
            f"The service's process used up to {value_in_words(own.signal, own.worst)} of a core{free}: run more "
            "workers (uvicorn --workers, one for each core) or more instances behind a load balancer."
        )
    yield "Profile it under this load (py-spy top, cProfile) and make the most expensive functions cheaper first."


def _machine_cpu(result: RunResult, found: Bottleneck) -> Iterator[str]:
    machine, own = found.course(NODE_CPU), found.course(SERVICE_CPU)
    if machine is not None:
        share = f", of which the service's process took {plain(own.worst)} cores" if own is not None else ""
        yield (
            f"The machine's CPU was busy to {value_in_words(machine.signal, machine.worst)}{share}: scale out to more "
            "machines, and make load from another one than the service's."
        )


def _memory(result: RunResult, found: Bottleneck) -> Iterator[str]:
    if found.cause is not None:
        signal = found.cause.signal
        yield (
            f"{signal.title} reached {value_in_words(signal, found.cause.worst)} ({range_in_words(signal)}): if it "
            "grows with time and not with load, it leaks (run the soak profile); if with load, bound what is kept."
        )


def _disk(result: RunResult, found: Bottleneck) -> Iterator[str]:
    if found.cause is not None:
        yield (
            f"The disk was busy to {value_in_words(found.cause.signal, found.cause.worst)}: write in batches, put the "
            "database's log on a disk of its own, or take a faster one."
        )


def _generator(result: RunResult, found: Bottleneck) -> Iterator[str]:
    if found.cause is not None:
        yield (
            f"Use more load generators (--processes, workers on other machines): with {count(result.info.generators)} "
            f"of them, {found.cause.signal.title} reached {value_in_words(found.cause.signal, found.cause.worst)}, and "
            "response times are too high by what they waited in the generator."
        )


def _target(result: RunResult, found: Bottleneck) -> Iterator[str]:
    if found.cause is not None and found.cause.signal.points_to:
        yield f"{found.cause.signal.title}: {found.cause.signal.points_to}"


def _measure_more(result: RunResult, found: Bottleneck) -> Iterator[str]:
    client, service = client_seconds(result), result.signals.service_seconds
    if client is not None and service is not None and service < _MOST_OF * client:
        yield (
            "Measure between the users and the service: the proxy's and load balancer's own durations, connections "
            "opened per second, and the backlog of the listening socket."
        )
        return
    yield (
        "Measure what the service waits for: the durations of its calls to other services, its locks and queues; a "
        "sample of its stacks under this load (py-spy dump) names the line."
    )
    absent = [
        signal.title
        for signal in result.signals.measured
        if not signal.points and signal.limit is not None and signal.area not in (Area.CLIENT, Area.LOAD)
    ]
    if absent:
        yield f"Not measured, and so not ruled out: {', '.join(absent)}."


def _first(found: Bottleneck, *signals: str) -> Course | None:
    return next(
        (course for signal in signals if (course := found.course(signal)) is not None and course.out), None
    )


_ADVICE: dict[Area, Advice] = {
    Area.DATABASE: _database,
    Area.LOCKS: _locks,
    Area.POOL: _pool,
    Area.SERVICE_CPU: _service_cpu,
    Area.MACHINE_CPU: _machine_cpu,
    Area.MEMORY: _memory,
    Area.DISK: _disk,
    Area.GENERATOR: _generator,
    Area.TARGET: _target,
}
