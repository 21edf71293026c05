from tests.ports import in_processes
from tests.scenarios.locust_runs import clean_environment, start


def run(folder, *options):
    """Every process' notes of one short run: [kind, runner's state, checks done, one going on, seconds given]."""
    arguments = (
        *("-f", "tests/scenarios/end_of_run_locustfile.py"),
        *("--headless", "-u", "4", "-r", "4", "-t", "1s", "--only-summary", *options),
    )
    with start(clean_environment(NOTES=str(folder)), *arguments) as process:
        _, log = process.communicate()
    assert process.code == 0, log
    return [[line.split() for line in file.read_text().splitlines()] for file in folder.iterdir()]


def test_alone_the_check_is_done_before_anybody_else_hears_of_the_end(tmp_path):
    assert run(tmp_path) == [[["test_stop", "stopped", "1", "False", "60"]]]


def test_no_report_after_a_workers_users_have_ended_leaves_before_the_check_is_done(tmp_path):
    processes = run(tmp_path, *in_processes(2))
    workers = [notes for notes in processes if any(kind == "report" for kind, *_ in notes)]
    masters = [notes for notes in processes if notes not in workers]
    assert len(workers) == 2
    for notes in workers:
        after = [note for note in notes if note[:2] == ["report", "stopped"]]
        assert after, notes
        assert all(note[2:] == ["1", "False", "4"] for note in after), notes
        assert [note[2] for note in notes if note[0] == "test_stop"] == ["1"]
    # The master has no users: there is nothing to check. (Locust ends it twice when a worker tells of its last new
    # user after the run's time is up.)
    assert {note[2] for notes in masters for note in notes} == {"0"}
