from random import Random

from scenarios.metrics.back_off import LONGEST_SECONDS, rest


def test_rests_double_and_are_bounded_and_differ_between_users():
    random = Random(1)
    drawn = {failures: [rest(failures, random) for _ in range(200)] for failures in (0, 1, 2, 3, 6, 10_000)}
    bounds = {0: 0.5, 1: 0.5, 2: 1.0, 3: 2.0, 6: LONGEST_SECONDS, 10_000: LONGEST_SECONDS}
    for failures, longest in bounds.items():
        assert all(longest / 2 <= seconds <= longest for seconds in drawn[failures])
        assert max(drawn[failures]) - min(drawn[failures]) > 0.4 * longest
