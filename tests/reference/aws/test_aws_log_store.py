from reference.aws.log_store import Group, LogStore


def texts(store: LogStore, group: Group) -> list[str]:
    return [line.message for line in store.between(group, 0, 10**15, None)]


def test_lines_are_visible_from_their_moment_on_and_late_ones_find_their_place() -> None:
    store = LogStore()
    group = store.groups["g"] = Group("g", 0)
    store.put(group, "a", [(1, "late")], now=0.0, visible_at=30.0, late=True)
    store.put(group, "a", [(2, "two")], now=0.0, visible_at=10.0)
    store.put(group, "b", [(1, "one")], now=0.0, visible_at=20.0)
    for now, expected in ((9.0, []), (10.0, ["two"]), (20.0, ["one", "two"]), (30.0, ["late", "one", "two"])):
        store.settle(now)
        assert texts(store, group) == expected


def test_the_oldest_lines_of_the_fullest_group_are_forgotten_beyond_the_most() -> None:
    store = LogStore(most_lines=10)
    full, other = (store.groups.setdefault(name, Group(name, 0)) for name in "ab")
    store.put(other, "a", [(0, "kept")], now=0.0, visible_at=0.0)
    store.put(full, "a", [(number, str(number)) for number in range(12)], now=0.0, visible_at=0.0)
    store.settle(1.0)
    assert texts(store, full) == [str(number) for number in range(3, 12)]
    assert texts(store, other) == ["kept"]
    assert store.dropped == 3
