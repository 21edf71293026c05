import random

import pytest

from tests.scenarios.chi_squared import LEVEL, probability, statistic, survival

WEIGHTS = {"list": 5, "get": 3, "create": 1}


@pytest.mark.parametrize(
    ("degrees", "level", "critical"),
    # The usual table of critical values.
    [
        (1, 0.05, 3.841),
        (2, 0.05, 5.991),
        (3, 0.01, 11.345),
        (4, 0.001, 18.467),
        (5, 0.001, 20.515),
        (9, 0.001, 27.877),
        (10, 0.05, 18.307),
        (30, 0.01, 50.892),
    ],
)
def test_the_critical_values_are_those_of_the_tables(degrees, level, critical):
    assert survival(critical, degrees) == pytest.approx(level, rel=0.002)


def test_exact_agreement_is_certain():
    assert statistic({"list": 500, "get": 300, "create": 100}, WEIGHTS) == 0
    assert probability({"list": 500, "get": 300, "create": 100}, WEIGHTS) == 1


def test_the_statistic_is_pearsons():
    assert statistic({"a": 60, "b": 40}, {"a": 1, "b": 1}) == pytest.approx(4)


def test_true_weights_pass_and_others_do_not():
    chance = random.Random(7)
    drawn = chance.choices(list(WEIGHTS), list(WEIGHTS.values()), k=3000)
    counts = {name: drawn.count(name) for name in WEIGHTS}
    assert probability(counts, WEIGHTS) > LEVEL
    assert probability(counts, {"list": 4, "get": 4, "create": 1}) < LEVEL
    assert probability({"list": 3000}, WEIGHTS) < LEVEL


def test_too_little_is_refused_not_passed():
    with pytest.raises(ValueError, match=r"^too few for a chi-squared test: 9 in all, 1 of list$"):
        probability({"list": 1, "get": 8}, {"list": 1, "get": 8})
    with pytest.raises(ValueError, match=r"^counted but not weighted: delete$"):
        probability({"delete": 10}, WEIGHTS)
