import json
from random import Random

from reference.triggers.events import parse_event
from scenarios.triggers.sample_events import sample_event


def sizes_and_types(count):
    random = Random(5)
    events = [sample_event(random) for _ in range(count)]
    return sorted(len(json.dumps(event)) for event in events), {event["event_type"] for event in events}


def test_events_vary_in_type_and_size():
    sizes, types = sizes_and_types(5000)
    assert len(types) == 7
    assert sizes[0] < 100
    assert sizes[2500] < 500
    assert sizes[-1] > 5_000
    assert len(set(sizes)) > 300


def test_no_event_is_larger_than_a_service_can_be_asked_to_take():
    sizes, _ = sizes_and_types(5000)
    assert sizes[-1] < 64 * 1024


def test_every_event_is_valid():
    random = Random(6)
    for _ in range(1000):
        event = sample_event(random)
        assert parse_event(json.dumps(event).encode()).event_type == event["event_type"]


def test_the_same_chance_makes_the_same_events():
    assert [sample_event(Random(1)) for _ in range(3)] == [sample_event(Random(1)) for _ in range(3)]
    assert sample_event(Random(1)) != sample_event(Random(2))
