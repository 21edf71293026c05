from exporters.run_view import GeneratorView
from exporters.validity import Validity


def generator(cpu=0.2, lag=0.0):
    return GeneratorView("local", "running", users=10, cpu_ratio=cpu, lag=lag)


def observe(validity, seconds, users=10, wanted=10, **kwargs):
    for _ in range(seconds):
        validity.observe(1.0, [generator(**kwargs)], users, wanted)


def test_a_calm_run_gives_no_reason():
    validity = Validity(smallest_limit=0.1)
    observe(validity, 60)
    assert validity.reasons() == []


def test_a_hot_generator_is_a_reason_only_when_hot_for_long():
    validity = Validity()
    observe(validity, 9, cpu=0.95)
    observe(validity, 1)
    observe(validity, 9, cpu=0.95)
    assert validity.reasons() == []
    observe(validity, 1, cpu=0.95)
    assert validity.reasons() == [
        "load generator local used more than 90% of its core for 10 s in a row: "
        "its response times include its own delays (add workers, or lower the load)"
    ]


def test_users_missing_for_long_is_a_reason():
    validity = Validity()
    observe(validity, 95)
    observe(validity, 5, users=4)
    assert validity.reasons() == []
    observe(validity, 5, users=3)
    assert validity.reasons() == [
        "the wanted load was not delivered: as few as 3 of 10 users ran, short for 10 s of 105 s judged"
    ]


def test_an_event_loop_later_than_the_smallest_limit_is_a_reason():
    validity = Validity(smallest_limit=0.1)
    observe(validity, 10)
    observe(validity, 2, lag=0.25)
    assert validity.reasons() == [
        "load generator local's event loop was up to 250 ms late, more than the smallest latency limit, "
        "during 2 s of 12 s judged"
    ]


def test_a_lost_worker_is_a_reason_until_its_final_report_arrives():
    validity = Validity()
    validity.worker_lost("w1", "after 12 s")
    assert validity.reasons() == [
        "worker w1 was lost after 12 s: what it measured after its last report is missing"
    ]
    validity.worker_back("w1")
    assert validity.reasons() == []
