"""Which bottleneck is named, for courses of a run as they could have been; each second has a point."""

from __future__ import annotations

import random

import pytest

from swarmscope.bottleneck import (
    Conclusion,
    find_bottleneck,
    rank_correlation,
    spans_out,
)
from swarmscope.report.recommendations import in_words, recommendations
from swarmscope.run_result import RunResult, Statement, TableScan
from swarmscope.signals import Area
from tests.core.courses import (
    CATALOGUE,
    HEALTHY,
    SERVER,
    SLOW_FROM_30,
    START,
    TARGET,
    flat,
    measured,
    run_of,
    steps,
)


def test_the_catalogue_has_a_healthy_course_for_each_signal() -> None:
    assert set(CATALOGUE) - set(HEALTHY) == {"all-p95", f"client-{TARGET.id}"}


def test_a_slow_database_is_named_with_when_at_which_load_and_how_it_moved() -> None:
    result = run_of(
        {
            **SLOW_FROM_30,
            "db-operation-p99": steps((0, 0.008), (28, 0.3)),
            "db-operation-average": steps((0, 0.003), (28, 0.25)),
        },
        statements=(Statement("SELECT * FROM events WHERE kind = $1", 42.0, 600),),
    )
    found = find_bottleneck(result)
    assert (found.conclusion, found.area) == (Conclusion.NAMED, Area.DATABASE)
    assert found.cause is not None
    assert found.cause.signal.id == "db-operation-p99"
    assert (found.cause.left_after, found.cause.phase, found.cause.users, found.cause.rate) == (
        28,
        "steady",
        50,
        400,
    )
    assert found.cause.lead_seconds == 2
    assert in_words(result, found) == (
        "all requests p95 ≤ 100ms was missed from 30 s into the run on (steady), at 50 users and 400/s. Likely "
        "bottleneck: the database. Database operations of the service, p99 (≤ 50ms), 28 s into the run (steady), at "
        "50 users and 400/s; highest 300ms; 2 s before the target was missed; rank correlation with the response "
        "time 0.94. Out of range with it: Requests that the service has at once."
    )
    advice = recommendations(result, found)
    assert advice[0] == (
        "PostgreSQL itself took 2ms for a statement at the worst, the service's operations 250ms: most of it was not "
        "the server's work but the way to it (waiting for a connection, the network, the driver)."
    )
    assert "100 % of the requests were reads" in advice[-1]


def test_the_costliest_statement_is_advised_about_where_postgresql_took_the_time() -> None:
    result = run_of(
        {**SLOW_FROM_30, "pg-statement-average": steps((0, 0.002), (28, 0.07))},
        statements=(Statement("SELECT * FROM events WHERE kind = $1", 42.0, 600),),
    )
    found = find_bottleneck(result)
    assert found.area is Area.DATABASE
    assert recommendations(result, found)[0] == (
        "Read the plan of the costliest statement, 42s in 600 calls, 70ms each: EXPLAIN (ANALYZE, BUFFERS) "
        "SELECT * FROM events WHERE kind = $1"
    )


def named(result: RunResult) -> tuple[Conclusion, Area | None, str]:
    found = find_bottleneck(result)
    return found.conclusion, found.area, found.cause.signal.id if found.cause else ""


def test_what_postgresql_says_of_itself_goes_before_what_waits_for_it() -> None:
    courses = {
        **SLOW_FROM_30,
        "db-operation-p99": steps((0, 0.008), (27, 1.2)),
        "db-pool-use": steps((0, 0.2), (27, 1.0)),
        "pg-longest-query": steps((0, 0.002), (29, 1.5)),
        "pg-statement-average": steps((0, 0.002), (29, 1.1)),
        "db-operation-average": steps((0, 0.003), (29, 1.2)),
    }
    assert named(run_of(courses)) == (Conclusion.NAMED, Area.DATABASE, "pg-longest-query")


def test_an_exhausted_pool_is_told_from_a_slow_database_by_what_postgresql_took() -> None:
    slow = {
        **SLOW_FROM_30,
        "db-pool-use": steps((0, 0.2), (28, 1.0)),
        "db-operation-p99": steps((0, 0.008), (28, 0.3)),
        "db-operation-average": steps((0, 0.003), (28, 0.2)),
    }
    pool = run_of(slow)
    assert named(pool) == (Conclusion.NAMED, Area.POOL, "db-pool-use")
    advice = recommendations(pool, find_bottleneck(pool))
    assert advice[0].startswith(
        "The service's pool was in use to 100 %: give it more connections (PostgreSQL had 90 % of its own left)"
    )
    busy = {
        **slow,
        "pg-statement-average": steps((0, 0.002), (28, 0.045)),
        "db-operation-average": steps((0, 0.003), (28, 0.06)),
    }
    assert named(run_of(busy)) == (Conclusion.NAMED, Area.DATABASE, "db-operation-p99")
    # Nothing known of PostgreSQL: the operations themselves are what is known to be slow.
    unknown = run_of(slow, absent=[name for name in SERVER if name.startswith("pg-")])
    assert named(unknown) == (Conclusion.NAMED, Area.DATABASE, "db-operation-p99")


def test_a_service_at_the_end_of_its_core_is_named_even_though_its_queries_seem_slow() -> None:
    courses = {
        **SLOW_FROM_30,
        "service-cpu": steps((0, 0.5), (25, 0.99)),
        # Measured by the same loop that is too busy to look.
        "db-operation-p99": steps((0, 0.008), (26, 0.2)),
    }
    result = run_of(courses)
    assert named(result) == (Conclusion.NAMED, Area.SERVICE_CPU, "service-cpu")
    advice = recommendations(result, find_bottleneck(result))
    assert advice[0].startswith(
        "The service's process used up to 99 % of a core, and the machine was busy to 50 % only: run more workers"
    )


def test_a_process_with_several_cores_is_not_held_by_one() -> None:
    courses = {**SLOW_FROM_30, "service-cpu": steps((0, 0.5), (25, 3.2))}
    assert named(run_of(courses)) == (Conclusion.UNEXPLAINED, None, "")


def test_a_machine_at_its_end_is_named() -> None:
    courses = {
        **SLOW_FROM_30,
        "node-cpu": steps((0, 0.5), (29, 0.98)),
        "service-cpu": steps((0, 0.4), (29, 0.8)),
    }
    assert named(run_of(courses)) == (Conclusion.NAMED, Area.MACHINE_CPU, "node-cpu")


def test_a_cpu_that_is_only_warm_does_not_hide_a_slow_database() -> None:
    courses = {
        **SLOW_FROM_30,
        "node-cpu": steps((0, 0.5), (26, 0.78)),
        "db-operation-p99": steps((0, 0.008), (28, 0.3)),
    }
    assert named(run_of(courses)) == (Conclusion.NAMED, Area.DATABASE, "db-operation-p99")


def test_locks_and_errors_go_before_slowness() -> None:
    slow = {**SLOW_FROM_30, "db-operation-p99": steps((0, 0.008), (28, 0.3))}
    assert named(run_of({**slow, "pg-lock-waits": steps((0, 0), (29, 12))}))[1] is Area.LOCKS
    failing = run_of({**slow, "db-errors": steps((0, 0), (30, 40))})
    assert named(failing) == (Conclusion.NAMED, Area.DATABASE, "db-errors")
    assert recommendations(failing, find_bottleneck(failing))[0].startswith(
        "Database operations failed, 40/s at"
    )


def test_an_overloaded_generator_is_said_before_anything_is_blamed_on_the_service() -> None:
    courses = {
        **SLOW_FROM_30,
        "generator-lag": steps((0, 0.001), (29, 0.2)),
        "node-cpu": steps((0, 0.5), (25, 0.99)),
    }
    result = run_of(courses)
    assert named(result) == (Conclusion.GENERATOR, Area.GENERATOR, "generator-lag")
    assert (
        "The load generator itself was at its limit by then: Delay of the load generators' event loop"
        in in_words(result, find_bottleneck(result))
    )
    # Nor does it take a service that is measured.
    assert named(run_of(courses, absent=SERVER))[0] is Conclusion.GENERATOR


def test_where_every_signal_is_in_range_it_says_on_which_side_the_time_went() -> None:
    outside = run_of(SLOW_FROM_30, average=0.2, service=0.02)
    found = find_bottleneck(outside)
    assert found.conclusion is Conclusion.UNEXPLAINED
    assert in_words(outside, found).endswith(
        "No signal of the service's side explains it (requests piled up in the service, 300 at once, as they do), and "
        "the service took 20ms of the 200ms of an average request: the rest went by outside it, on the network, in a "
        "proxy, or in a queue of connections."
    )
    assert recommendations(outside, found)[0].startswith("Measure between the users and the service")
    inside = run_of(SLOW_FROM_30, average=0.2, service=0.19, absent=["pg-longest-query"])
    assert "it waited for something that is not measured" in in_words(inside, find_bottleneck(inside))
    assert recommendations(inside, find_bottleneck(inside))[-1] == (
        "Not measured, and so not ruled out: Longest running query."
    )
    unknown = run_of(SLOW_FROM_30, service=None)
    assert in_words(unknown, find_bottleneck(unknown)).endswith(
        "what is left is the network, another service behind it, or a wait that is not measured."
    )


def test_what_leaves_its_range_after_the_target_was_missed_is_no_cause() -> None:
    late = {
        **SLOW_FROM_30,
        "node-memory": steps((0, 0.3), (40, 0.9)),
        "db-operation-p99": steps((0, 0.008), (45, 0.3)),
    }
    result = run_of(late)
    assert named(result) == (Conclusion.UNEXPLAINED, None, "")
    memory = find_bottleneck(result).course("node-memory")
    assert memory is not None
    assert memory.lead_seconds == -10


def test_a_cause_may_be_seen_as_late_as_its_rate_takes_to_rise() -> None:
    for second, expected in ((35, Conclusion.NAMED), (38, Conclusion.UNEXPLAINED)):
        courses = {**SLOW_FROM_30, "db-operation-p99": steps((0, 0.008), (second, 0.3))}
        assert find_bottleneck(run_of(courses)).conclusion is expected


def test_what_was_out_of_its_range_all_the_time_does_not_explain_a_change() -> None:
    courses = {**SLOW_FROM_30, "node-cpu": flat(0.95), "pg-cache-hit": flat(0.5)}
    assert named(run_of(courses))[0] is Conclusion.UNEXPLAINED
    # Where the target was missed all the time, too, there is no change to explain.
    always = {"all-p95": flat(0.4), "pg-cache-hit": flat(0.5)}
    assert named(run_of(always)) == (Conclusion.NAMED, Area.DATABASE, "pg-cache-hit")


def test_what_was_over_before_the_target_was_missed_is_no_cause() -> None:
    courses = {**SLOW_FROM_30, "node-disk": steps((0, 0.02), (10, 0.95), (20, 0.02))}
    assert named(run_of(courses))[0] is Conclusion.UNEXPLAINED


def test_a_moment_out_of_range_is_an_accident() -> None:
    blink = steps((0, 0.008), (29, 0.3), (31, 0.008))
    assert named(run_of({**SLOW_FROM_30, "db-operation-p99": blink}))[0] is Conclusion.UNEXPLAINED
    moment = {"all-p95": steps((0, 0.02), (30, 0.4), (32, 0.02))}
    assert named(run_of(moment)) == (Conclusion.HEALTHY, None, "")


def test_without_a_missed_target_the_first_to_leave_its_range_is_what_gives_way_next() -> None:
    result = run_of({"node-cpu": steps((0, 0.5), (15, 0.8)), "db-pool-use": steps((0, 0.2), (40, 0.9))})
    found = find_bottleneck(result)
    assert (found.conclusion, found.area) == (Conclusion.NEXT, Area.MACHINE_CPU)
    assert [course.signal.id for course in found.evidence] == ["db-pool-use"]
    assert in_words(result, found) == (
        "No target was missed for longer than a moment. First to leave its range: CPU of the machine, all cores "
        "(≤ 70 %), 15 s into the run (steady), at 50 users and 400/s; highest 80 %."
    )


def test_requests_that_pile_up_are_not_what_gives_way_next() -> None:
    assert named(run_of({"service-active-requests": flat(300)})) == (Conclusion.HEALTHY, None, "")


def test_what_ends_as_the_target_begins_to_be_missed_is_no_cause() -> None:
    short = {"all-p95": steps((0, 0.02), (30, 0.4), (34, 0.02))}
    assert named(run_of({**short, "node-disk": steps((0, 0.02), (20, 0.95), (33, 0.02))}))[1] is Area.DISK
    assert named(run_of({**short, "node-disk": steps((0, 0.02), (20, 0.95), (32, 0.02))}))[1] is None


def test_nothing_measured_is_said_and_not_guessed() -> None:
    for courses in ({}, SLOW_FROM_30):
        result = run_of(courses, absent=SERVER)
        found = find_bottleneck(result)
        assert found.conclusion is Conclusion.NOT_MEASURED
        assert in_words(result, found).startswith("Nothing was measured on the service's side")
        assert recommendations(result, found) == []


def test_a_hung_service_counts_as_missed_even_though_nothing_finishes() -> None:
    courses = {
        "all-p95": lambda second: 0.02 if second < 30 else None,
        "client-oldest": lambda second: 0.01 if second < 30 else float(second - 30),
        "pg-lock-waits": steps((0, 0), (30, 40)),
    }
    found = find_bottleneck(run_of(courses))
    assert found.client is not None
    assert found.client.signal.id == "client-oldest"
    assert found.area is Area.LOCKS


def test_what_held_all_answers_up_counts_although_they_arrive_when_it_is_over() -> None:
    # A lock from 18 s to 24 s, as a real run showed it: every answer of that time arrives at 24 s, after 6 s.
    courses = {
        "all-p95": lambda second: None if 20 <= second < 24 else 6.0 if 24 <= second < 30 else 0.02,
        "client-oldest": steps((0, 0.01), (23, 5.5), (24, 0.01)),
        "pg-lock-waits": steps((0, 0), (18, 8), (24, 0)),
        "db-pool-use": steps((0, 0.2), (18, 1.0), (24, 0.2)),
        "db-operation-p99": steps((0, 0.008), (24, 5), (30, 0.008)),
    }
    result = run_of(courses)
    assert named(result) == (Conclusion.NAMED, Area.LOCKS, "pg-lock-waits")
    assert "18 s into the run (steady), at 50 users and 400/s; highest 8; 6 s before the target" in in_words(
        result, find_bottleneck(result)
    )
    # What was over before those requests were made is still no cause.
    early = {**courses, "pg-lock-waits": steps((0, 0), (8, 8), (14, 0)), "db-pool-use": flat(0.2)}
    assert named(run_of(early)) == (Conclusion.NAMED, Area.DATABASE, "db-operation-p99")


def test_missing_indexes_and_a_small_cache_are_advised_about_with_their_numbers() -> None:
    courses = {
        **SLOW_FROM_30,
        "pg-index-use": steps((0, 1), (25, 0.4)),
        "pg-cache-hit": steps((0, 0.999), (27, 0.7)),
        "pg-active-queries": steps((0, 3), (29, 80)),
    }
    result = run_of(courses, scans=(TableScan("public.events", 5e6),))
    found = find_bottleneck(result)
    assert found.cause is not None
    assert found.cause.signal.id == "pg-index-use"
    text = "\n".join(recommendations(result, found))
    assert (
        "Only 40 % of the scans of large tables used an index, most of all public.events (5000000 rows read)"
        in text
    )
    assert "The cache hit ratio fell to 70 %" in text
    assert "80 queries ran at once: a pooler (PgBouncer)" in text


def test_a_gap_ends_a_stretch_out_of_range() -> None:
    signal = measured(CATALOGUE["node-cpu"], lambda second: None if 20 <= second < 30 else 0.9)
    assert spans_out(signal) == [(START, START + 19), (START + 30, START + 59)]
    assert spans_out(measured(CATALOGUE["node-cpu"], None)) == []


@pytest.mark.parametrize("seed", range(5))
def test_the_rank_correlation_sees_order_and_not_shape(seed: int) -> None:
    noise = random.Random(seed)
    rising = [(float(second), second + noise.random()) for second in range(40)]
    curved = [(second, value**5) for second, value in rising]
    falling = [(second, -value) for second, value in rising]
    shuffled = [(second, noise.random()) for second, _ in rising]
    assert rank_correlation(rising, curved) == pytest.approx(1)
    assert rank_correlation(rising, falling) == pytest.approx(-1)
    assert abs(rank_correlation(rising, shuffled) or 0) < 0.45
    assert rank_correlation(rising, [(second, 1.0) for second, _ in rising]) is None
    assert rank_correlation(rising[:9], curved) is None


def test_equal_values_share_their_rank() -> None:
    # By hand: ranks 1.5 1.5 3 … against 1 … 10 give 1 - 6 * 0.5 / (10 * 99), less the ties' correction.
    left = [(float(n), float(max(n, 1))) for n in range(10)]
    right = [(float(n), float(n)) for n in range(10)]
    assert rank_correlation(left, right) == pytest.approx(0.99696, abs=1e-5)


def test_no_query_averages_a_percentile() -> None:
    for signal in CATALOGUE.values():
        assert "avg(histogram_quantile" not in signal.query
        assert "sum(histogram_quantile" not in signal.query
