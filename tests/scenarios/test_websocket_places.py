from collections import Counter

from scenarios.metrics.websocket_places import TENANTS, Numbers, place


def test_every_channel_is_full_and_has_members_in_every_process():
    places = [place(local, 10, worker, 2) for worker in (0, 1) for local in range(500)]
    assert len({one.number for one in places}) == len({one.name for one in places}) == 1000
    members = Counter((one.tenant, one.channel) for one in places)
    assert set(members.values()) == {10}
    assert {tenant for tenant, _ in members} == set(range(TENANTS))
    first = [one for one in places if (one.tenant, one.channel) == (0, "live-0")]
    assert Counter(one.number % 2 for one in first) == {0: 5, 1: 5}


def test_workers_that_do_not_know_how_many_they_are_keep_to_themselves():
    here, there = place(3, 10, 0, 0), place(3, 10, 1, 0)
    assert (here.channel, there.channel) == ("w0-live-0", "w1-live-0")
    assert here.name != there.name


def test_processes_of_another_machine_keep_to_themselves():
    here = {place(local, 10, worker, 2) for worker in (0, 1) for local in range(100)}
    there = {place(local, 10, worker, 2) for worker in (2, 3) for local in range(100)}
    assert not {one.channel for one in here} & {one.channel for one in there}
    assert len({one.name for one in here | there}) == 400


def test_who_replaces_a_user_takes_its_number():
    numbers = Numbers()
    assert [numbers.take() for _ in range(3)] == [0, 1, 2]
    numbers.give_back(2)
    numbers.give_back(0)
    assert [numbers.take() for _ in range(3)] == [0, 2, 3]
