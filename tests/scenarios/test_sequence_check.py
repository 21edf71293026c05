from scenarios.metrics.sequence_check import MOST_MISSING, MOST_PUBLISHERS, Arrival, SequenceCheck


def check_of(*sequences, publisher="a"):
    check = SequenceCheck()
    return check, [check.arrived(publisher, sequence, now=0.0) for sequence in sequences]


def test_messages_in_order_are_neither_lost_nor_repeated():
    check, arrivals = check_of(1, 2, 3)
    check.end(3)
    assert arrivals == [Arrival.IN_ORDER] * 3
    assert (check.received, check.lost) == (3, 0)


def test_a_stream_may_have_begun_before_the_subscription():
    check, arrivals = check_of(41, 42)
    check.end(2)
    assert (arrivals, check.lost) == ([Arrival.IN_ORDER] * 2, 0)


def test_a_gap_is_lost_only_when_it_has_lasted():
    check, _ = check_of(1, 4)
    check.give_up(before=-1.0)
    assert check.lost == 0
    check.give_up(before=0.0)
    assert check.lost == 2
    check.end(4)
    assert check.lost == 2


def test_what_fills_a_gap_in_time_is_out_of_order_and_not_lost():
    check, arrivals = check_of(1, 3, 2)
    check.give_up(before=9.0)
    check.end(3)
    assert arrivals[-1] is Arrival.OUT_OF_ORDER
    assert (check.received, check.lost) == (3, 0)


def test_the_same_number_again_is_repeated_and_does_not_hide_a_loss():
    check, arrivals = check_of(1, 2, 2)
    assert arrivals[-1] is Arrival.REPEATED
    check.end(3)
    assert check.lost == 1


def test_a_loss_at_the_end_shows_in_what_the_service_says_it_sent():
    check, _ = check_of(1, 2)
    check.end(5)
    assert check.lost == 3


def test_a_gap_and_a_loss_at_the_end_are_not_counted_twice():
    check, _ = check_of(1, 3)
    check.end(4)
    assert check.lost == 2


def test_a_connection_that_broke_loses_what_is_known_to_be_missing_and_nothing_else():
    check, _ = check_of(1, 3)
    check.end(None)
    assert check.lost == 1


def test_publishers_are_checked_apart():
    check = SequenceCheck()
    for publisher in "ab":
        for sequence in (1, 2):
            assert check.arrived(publisher, sequence, 0.0) is Arrival.IN_ORDER


def test_a_huge_gap_is_counted_and_not_remembered_number_by_number():
    check, _ = check_of(1, 10**9)
    check.end(None)
    assert check.lost == 10**9 - 2
    assert check.lost > MOST_MISSING


def test_the_publishers_that_are_remembered_are_bounded():
    check = SequenceCheck()
    for number in range(MOST_PUBLISHERS + 1):
        check.arrived(str(number), 1, 0.0)
    assert check.arrived("0", 2, 0.0) is Arrival.IN_ORDER
    assert check.arrived(str(MOST_PUBLISHERS), 1, 0.0) is Arrival.REPEATED
