from scenarios.ledger import Kept, Ledger, Writer


def test_only_what_was_acknowledged_is_claimed():
    writer = Writer()
    first = writer.send()
    writer.acknowledge(first)
    assert list(writer.send(3)) == [2, 3, 4]
    writer.acknowledge([3])
    assert (writer.sent, writer.acknowledged, writer.open) == (4, 2, {2, 4})


def test_writers_are_told_apart():
    assert Writer().id != Writer().id
    assert 0 <= Writer().id < 2**63


def test_what_is_there_neither_once_nor_more_often_is_missing():
    ledger = Ledger()
    one, other = ledger.writer(), ledger.writer()
    for writer in (one, other):
        writer.acknowledge(writer.send(10))
    one.send(5)
    kept = ledger.compare({one.id: (7, 1), other.id: (10, 0), 12345: (99, 99)})
    assert kept == Kept(stored=17, doubled=1, missing=2)
    assert dict(kept.by_result) == {"stored": 17, "missing": 2, "doubled": 1, "unverified": 0}


def test_what_nobody_could_be_asked_about_is_unverified():
    ledger = Ledger()
    writer = ledger.writer()
    writer.acknowledge(writer.send(4))
    assert ledger.unverified() == Kept(unverified=4)
    ledger.start_run()
    assert ledger.acknowledged == 0
