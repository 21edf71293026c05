from random import Random

import pytest

from scenarios.metrics import ledger as module
from scenarios.metrics.ledger import Ledger, Outcome


def acknowledged(count):
    ledger = Ledger()
    ledger.acknowledge(ledger.take(count))
    return ledger


def test_everything_acknowledged_and_stored_once_is_stored():
    assert acknowledged(10).compare([[1, 10]], []) == Outcome(stored=10)


def test_an_acknowledged_event_that_is_not_there_is_missing():
    assert acknowledged(10).compare([[1, 3], [5, 9]], []) == Outcome(stored=8, missing=2)


def test_an_event_that_is_there_twice_is_doubled_and_not_stored():
    assert acknowledged(10).compare([[1, 10]], [[4, 5]]) == Outcome(stored=8, doubled=2)


def test_nothing_is_owed_for_an_event_without_an_answer_but_it_must_not_be_there_twice():
    ledger = acknowledged(3)
    ledger.take(2)
    assert ledger.owed == 3
    assert ledger.compare([[1, 3]], []) == Outcome(stored=3)
    assert ledger.compare([[1, 5]], []) == Outcome(stored=3)
    assert ledger.compare([[1, 5]], [[5, 5]]) == Outcome(stored=3, doubled=1)


def test_a_repeat_that_is_acknowledged_later_is_owed():
    ledger = Ledger()
    numbers = ledger.take()
    assert ledger.owed == 0
    ledger.acknowledge(numbers)
    assert ledger.compare([], []) == Outcome(missing=1)


def test_rows_of_others_numbers_do_not_count():
    assert acknowledged(3).compare([[1, 3], [7, 9]], [[8, 8]]) == Outcome(stored=3)


def test_what_cannot_be_asked_is_unverified():
    assert acknowledged(7).nothing_known() == Outcome(unverified=7)


def test_memory_is_bounded_and_what_is_given_up_is_said(monkeypatch):
    monkeypatch.setattr(module, "MOST_EXCEPTIONS", 10)
    ledger = acknowledged(5)
    for _ in range(20):
        ledger.take(4)
    assert len(ledger._open) <= 10
    assert ledger.given_up == 5
    ledger.acknowledge(ledger.take(2))
    outcome = ledger.compare([[ledger.last - 1, ledger.last]], [])
    assert outcome == Outcome(stored=2, unverified=5)


@pytest.mark.parametrize("seed", range(20))
def test_the_outcome_is_what_counting_one_by_one_gives(seed):
    random = Random(seed)
    ledger, owed = Ledger(), set()
    for _ in range(200):
        numbers = ledger.take(random.randint(1, 5))
        if random.random() < 0.9:
            ledger.acknowledge(numbers)
            owed.update(numbers)
    stored = {number for number in range(1, ledger.last + 1) if random.random() < 0.9}
    twice = {number for number in stored if random.random() < 0.1}
    ranges = [[number, number] for number in sorted(stored)]
    outcome = ledger.compare(ranges, [[number, number] for number in sorted(twice)])
    assert outcome == Outcome(len(owed & stored - twice), len(owed - stored), len(twice), 0)
