import json
import os

import pytest

from swarmscope.edge.receiver.store import NotificationStore
from swarmscope.errors import ConfigurationError


def record(number, text=""):
    return {
        "kind": "notification",
        "received_at": f"2026-05-04T12:00:{number % 60:02d}.000Z",
        "status": "firing",
        "run": "r-1",
        "system": "triggers",
        "text": text,
    }


def test_records_get_rising_ids_and_outlive_the_process(tmp_path):
    store = NotificationStore(tmp_path)
    assert [store.append(record(number))["id"] for number in range(3)] == [1, 2, 3]
    again = NotificationStore(tmp_path)
    assert list(again) == list(store)
    assert again.append(record(4))["id"] == 4
    assert [each["id"] for each in again.newest_first()] == [4, 3, 2, 1]


def test_a_line_cut_short_by_a_kill_is_skipped_and_does_not_swallow_the_next(tmp_path):
    NotificationStore(tmp_path).append(record(1))
    with (tmp_path / "notifications.jsonl").open("ab") as file:
        file.write(b'{"id":2,"kind":"notif')
    store = NotificationStore(tmp_path)
    assert store.lines_skipped == 1
    store.append(record(2))
    assert [each["id"] for each in NotificationStore(tmp_path)] == [1, 2]


def test_lines_that_the_receiver_never_wrote_are_skipped(tmp_path):
    (tmp_path / "notifications.jsonl").write_text('[]\n{"id": 1}\nnoise\n')
    store = NotificationStore(tmp_path)
    assert (len(store), store.lines_skipped) == (0, 3)


def test_file_and_memory_stay_within_their_size_and_keep_the_newest(tmp_path):
    store = NotificationStore(tmp_path, max_bytes=20_000)
    path = tmp_path / "notifications.jsonl"
    largest = 0
    for number in range(500):
        store.append(record(number, "x" * 200))
        largest = max(largest, path.stat().st_size)
    assert largest <= 20_000
    assert store.bytes_kept == path.stat().st_size
    ids = [each["id"] for each in NotificationStore(tmp_path, max_bytes=20_000)]
    assert ids == list(range(ids[0], 501))
    assert len(ids) >= 25
    assert [each.name for each in tmp_path.iterdir()] == ["notifications.jsonl"]


def test_a_record_above_the_whole_size_is_kept_alone(tmp_path):
    store = NotificationStore(tmp_path, max_bytes=1000)
    store.append(record(1))
    store.append(record(2, "x" * 5000))
    assert [each["id"] for each in store] == [2]


def test_a_disk_that_takes_nothing_is_remembered_and_the_record_stays_in_memory(tmp_path):
    store = NotificationStore(tmp_path)
    path = tmp_path / "notifications.jsonl"
    path.unlink()
    path.mkdir()
    store.append(record(1))
    assert (len(store), store.write_errors, store.last_error) == (1, 1, "Is a directory")
    path.rmdir()
    store.append(record(2))
    assert (store.write_errors, store.last_error) == (1, "")
    assert json.loads(path.read_text())["id"] == 2


def test_a_folder_that_is_a_file_is_a_clear_message(tmp_path):
    (tmp_path / "state").write_text("")
    with pytest.raises(ConfigurationError) as caught:
        NotificationStore(tmp_path / "state")
    assert str(caught.value) == f"{tmp_path}/state: notifications cannot be kept here: File exists"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_permission_is_a_clear_message(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match="notifications cannot be kept here: Permission denied"):
        NotificationStore(tmp_path)
