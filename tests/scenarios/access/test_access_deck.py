from collections import Counter
from random import Random

from scenarios.access.deck import READS, WRITES, Deck, operations


def test_the_deck_is_four_reads_to_one_write():
    assert sum(READS.values()) == 4 * sum(WRITES.values())
    assert Counter(operations()) == Counter(READS | WRITES)


def test_every_deck_is_dealt_whole_before_the_next_begins_and_in_another_order():
    deck = Deck(operations(), Random(3))
    dealt = [[deck.deal() for _ in range(20)] for _ in range(50)]
    assert {tuple(sorted(each)) for each in dealt} == {tuple(sorted(operations()))}
    assert len({tuple(each) for each in dealt}) == 50


def test_the_ratio_is_never_further_off_than_a_part_of_a_deck():
    deck = Deck(operations(), Random(4))
    reads = 0
    for dealt in range(1, 2001):
        reads += deck.deal() in READS
        assert abs(reads - 0.8 * dealt) <= 4
