"""Only calls that were certainly not applied are made again; what waits is bounded and counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmscope.aws.push_backlog import Backlog
from swarmscope.aws.push_batches import Batch
from swarmscope.aws.push_data import Datum
from swarmscope.aws.push_outcomes import Outcome, Pauses, outcome_of


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (400, "Throttling", Outcome.THROTTLED),
        (400, "ThrottlingException", Outcome.THROTTLED),
        (503, "RequestLimitExceeded", Outcome.THROTTLED),
        (429, "", Outcome.THROTTLED),
        (403, "InvalidClientTokenId", Outcome.CREDENTIALS),
        (403, "AccessDenied", Outcome.CREDENTIALS),
        (400, "ExpiredToken", Outcome.CREDENTIALS),
        (401, "anything", Outcome.CREDENTIALS),
        (400, "InvalidParameterValue", Outcome.REFUSED),
        (413, "RequestEntityTooLarge", Outcome.REFUSED),
        (500, "InternalFailure", Outcome.AMBIGUOUS),
        (503, "ServiceUnavailable", Outcome.AMBIGUOUS),
        (0, "", Outcome.AMBIGUOUS),
    ],
)
def test_what_an_error_says_of_the_call(status: int, code: str, outcome: Outcome) -> None:
    assert outcome_of(status, code) is outcome


def test_only_three_outcomes_prove_that_nothing_was_applied() -> None:
    again = [outcome for outcome in Outcome if outcome.was_certainly_not_applied]
    assert again == [Outcome.THROTTLED, Outcome.UNREACHABLE, Outcome.CREDENTIALS]


def test_pauses_grow_to_a_longest_and_are_scattered() -> None:
    pauses = Pauses(first=0.5, longest=8.0)
    assert [pauses.after(failures, 1.0) for failures in (1, 2, 3, 4, 5, 6, 1000)] == [0.5, 1, 2, 4, 8, 8, 8]
    assert pauses.after(5, 0.0) == 4.0


def batch(number: int, data: int = 1, values: int = 10) -> Batch:
    datum = Datum("m", (), number, "Count", (1.0,) * values, (1,) * values, False)
    return Batch((datum,) * data, 100)


def test_the_oldest_gives_way() -> None:
    backlog = Backlog(most_values=30)
    assert [backlog.put(batch(number)) for number in range(5)] == [0, 0, 0, 1, 1]
    assert backlog.data == 3
    assert backlog.take() == batch(2)


def test_what_is_on_its_way_never_gives_way() -> None:
    backlog = Backlog(most_values=30)
    for number in range(3):
        backlog.put(batch(number))
    assert backlog.take() == batch(0)
    assert backlog.put(batch(3)) == 1
    assert backlog.take() == batch(0)
    backlog.settle()
    assert backlog.take() == batch(2)


def test_a_batch_that_alone_is_too_large_goes_when_it_comes_back() -> None:
    backlog = Backlog(most_values=30)
    assert backlog.put(batch(0, data=2, values=20)) == 2
    assert backlog.take() is None


@given(st.lists(st.sampled_from(["put", "take", "settle", "put_back", "clear"]), max_size=80))
def test_every_datum_is_settled_given_up_or_waits(steps: list[str]) -> None:
    backlog = Backlog(most_values=40)
    made = settled = given_up = 0
    taken: Batch | None = None
    for number, step in enumerate(steps):
        if step == "put":
            made += 2
            given_up += backlog.put(batch(number, data=2, values=5))
        elif step == "clear":
            given_up += backlog.clear()
        elif step == "take":
            taken = backlog.take()
        elif taken is not None:
            assert backlog.take() == taken
            if step == "settle":
                settled += len(taken.data)
                backlog.settle()
            else:
                given_up += backlog.put_back()
            taken = None
        assert made == settled + given_up + backlog.data
        assert backlog.values <= 40
        assert backlog.values == backlog.data * 5
