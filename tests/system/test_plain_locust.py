"""Swarmscope is plain Locust with targets in it: web UI, Locust's and locust-plugins' own options."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from scripts.screenshots import TARGETS_TAB, browser, chromium

LOCUST = [sys.executable, "-m", "locust"]
LINES = re.compile(r"(?m)^(?!#)(\w+)(?:\{([^}]*)\})? (\S+)$")


def page(exporter):
    """Every sample of the exporter's page as {(name, labels): value}."""
    text = requests.get(f"{exporter}/metrics", timeout=30).text
    return {(name, labels): float(value) for name, labels, value in LINES.findall(text)}


def settled(run, wait_for, runs):
    def check():
        shown = run.live()["runs"]
        return (
            len(shown) == runs and all(one["phase"] == "done" and one["verdict"] for one in shown) and shown
        )

    return wait_for("the run's end", check, 60)


@pytest.fixture(scope="module")
def web(stand_stills, stack, wait_for, free_port):
    """Locust with its web UI, and the service that it loads."""
    service = stack.service("web")
    ui = free_port()
    run = stack.locust(
        "web", "--host", service.url, "--web-port", str(ui), "--web-host", "127.0.0.1", headless=False
    )
    url = f"http://127.0.0.1:{ui}"
    wait_for("web UI", lambda: requests.get(url, timeout=2).ok)
    return run, url, service


def start(url, service, **form):
    answer = requests.post(f"{url}/swarm", data={"host": service.url, **form}, timeout=10).json()
    assert answer["success"], answer
    return answer


def test_the_web_ui_offers_the_profiles_and_leads_several_runs_each_with_a_label_of_its_own(
    stand_stills, web, wait_for
):
    run, url, service = web
    home = requests.get(url, timeout=30).text
    options = json.loads(re.search(r'"extra_options": (\{.*?\}\}), "', home)[1])
    assert options["load_profile"]["choices"] == ["absent", "counting", "floor", "fragile", "quick", "stairs"]
    assert options["system"]["choices"] == ["probe"]

    start(url, service, user_count="6", spawn_rate="6", run_time="5", load_profile="floor")
    wait_for("requests", lambda: run.live()["runs"][0]["finished"] > 5)
    requests.get(f"{url}/stats/reset", timeout=30)
    (first,) = settled(run, wait_for, 1)
    assert first["profile"] == "floor"
    assert first["finished"] > 5
    before = {key: value for key, value in page(run.exporter).items() if key[0].startswith("locust_request")}

    # Numbers left as the form shows them follow the chosen profile: 24 users, and stages become a load shape.
    start(url, service, user_count="24", spawn_rate="24", run_time="20", load_profile="stairs")
    second, again = settled(run, wait_for, 2)
    assert second["profile"] == "stairs"
    assert second["run"] != again["run"] == first["run"]
    after = page(run.exporter)
    assert {key: after[key] for key in before} == before, "an ended run's counters change no more"
    for one in (first, second):
        wait_for("the report", (run.reports / one["run"] / "report.html").exists)
    held_to_stages(json.loads((run.reports / second["run"] / "result.json").read_text()), stand_stills)


def held_to_stages(result, stand_stills):
    """Whether the run had the users of its stages, and the spike of 3 s was not judged."""
    ran = result["run"]
    assert ran["users_peak"] == 12
    assert len(ran["steady"]) == 2
    # A stand-still of the machine may have taken the spike's time.
    spike = 2.5 - stand_stills.within(ran["started"] - 10, ran["stopped"])
    assert 1 < result["window"]["seconds"] < ran["stopped"] - ran["started"] - spike


@pytest.mark.skipif(chromium() is None, reason="Chromium is not installed: apt-get install chromium")
def test_the_tab_and_the_report_can_be_read_in_a_window_of_1280_pixels(web):
    run, url, _ = web
    newest = run.live()["runs"][0]
    with browser() as page:
        page.open(f"{url}/{TARGETS_TAB}")
        page.wait_for("phase done")
        assert page.spills() == []
        rows = page.read("[...document.querySelectorAll('tbody tr')].map(row => row.cells[1].innerText)")
        assert rows == [f"Run {newest['run']}, phase done", *(each["in_words"] for each in newest["targets"])]
        for dark in (False, True):
            page.open((run.reports / newest["run"] / "report.html").as_uri(), dark=dark)
            page.wait_for("Targets")
            assert page.spills() == []
        # It can fail.
        page.read("document.querySelector('h2').style.width = '3000px'")
        assert page.spills()[0].startswith("h2")


def test_an_ended_web_ui_gives_the_last_runs_exit_code(web):
    run, _, _ = web
    run.process.popen.send_signal(signal.SIGTERM)
    assert run.process.wait(30) in (0, 10, 11, 12), run.process.output()


def simple(stack, service, name, *arguments):
    run = stack.locust(name, "--host", service.url, "--profile", "counting", *arguments)
    return run, run.finish()


def interrupted(stack, service):
    """A run with two processes that is ended as Ctrl-C does it."""
    run = stack.locust("interrupted", "--host", service.url, "-t", "150s", "--processes", "2")
    run.wait_for_phase('"phase": "steady"')
    time.sleep(3)
    run.process.popen.send_signal(signal.SIGINT)
    return run, run.finish()


@pytest.fixture(scope="module")
def runs(stand_stills, stack):
    """Runs with Locust's and locust-plugins' own options and one that is interrupted, all at once."""
    service = stack.service("own")
    out = stack.folder / "own"
    arguments = {
        "iterations": ["-i", "60", "-t", "60s"],
        "ips": ["--ips", "10", "-t", "12s"],
        "check": ["--check-rps", "100000", "-t", "8s"],
        "outputs": ["-t", "8s", "--html", f"{out}/l.html", "--csv", f"{out}/l", "--json-file", f"{out}/l"],
        "metadata": ["-t", "5s", "--test-env", "local", "--test-version", "v1.2", "--description", 'a "b" c'],
        "short": ["-t", "1s"],
        "stairs": ["--profile", "stairs"],
        "absent": ["--profile", "absent", "-t", "9s"],
    }
    with ThreadPoolExecutor(len(arguments) + 1) as pool:
        futures = {
            name: pool.submit(simple, stack, service, name, *options) for name, options in arguments.items()
        }
        futures["interrupted"] = pool.submit(interrupted, stack, service)
        return {name: future.result() for name, future in futures.items()}


def test_iterations_end_the_run_and_it_is_not_called_interrupted(runs):
    run, code = runs["iterations"]
    result = run.result()
    assert sum(row["locust"] for row in result["reconciliation"]) <= 60
    assert code != 130
    assert not any("by hand" in note for note in result["notes"])


def test_ips_limits_the_rate(runs):
    run, _ = runs["ips"]
    result = run.result()
    assert sum(row["locust"] for row in result["reconciliation"]) == pytest.approx(120, rel=0.25)


def test_a_failed_check_of_locust_plugins_keeps_its_exit_code(runs):
    run, code = runs["check"]
    assert "CHECK FAILED: total rps was" in run.process.output()
    assert code == 3


def test_locusts_own_reports_are_still_written(runs, stack):
    written = {path.name for path in (stack.folder / "own").iterdir()}
    assert {"l.html", "l_stats.csv", "l_failures.csv", "l.json"} <= written


def test_run_metadata_comes_from_locust_plugins_options(runs, stack):
    run, _ = runs["metadata"]
    (info,) = stack.query(f'last_over_time(locust_run_info{{run="{run.id}"}}[10m])')
    labels = info["metric"]
    assert (labels["environment"], labels["version"], labels["description"]) == ("local", "v1.2", 'a "b" c')
    assert run.result()["run"]["version"] == "v1.2"


def test_a_run_too_short_for_its_steady_phase_is_invalid_and_passes_nothing(runs):
    run, code = runs["short"]
    result = run.result()
    assert code == 11
    assert {row["status"] for row in result["judgements"]} == {"NO DATA"}
    assert result["invalid"] == [
        "the steady phase was never reached: not all users ran, or the run was too short"
    ]


def test_a_target_whose_request_never_ran_is_no_data_and_the_run_is_not_a_pass(runs):
    run, code = runs["absent"]
    result = run.result()
    judged = {row["target"]: (row["status"], row["reason"]) for row in result["judgements"]}
    assert judged["get-never-p95"] == ("NO DATA", "no request was sent in the steady phase")
    assert judged["all-error-rate"][0] == "PASS"
    assert run.doubts() == []
    expected = ("INVALID", 11) if result["invalid"] else ("NO DATA", 12)
    assert (result["verdict"], code) == expected, run.process.output()


def test_stages_are_judged_in_their_steady_parts_only(stand_stills, runs):
    run, _ = runs["stairs"]
    held_to_stages(run.result(), stand_stills)


def test_a_profile_that_names_an_unknown_user_class_is_refused_before_anything_is_sent(stack):
    scenarios = stack.project / "scenarios"
    shutil.copytree(scenarios / "probe", scenarios / "odd")
    targets = scenarios / "odd" / "targets.yaml"
    text = targets.read_text().replace("system: probe", "system: odd")
    targets.write_text(text.replace("HighThroughputUser: 1", "HighThruputUser: 1"))
    process = stack.start(
        "odd",
        [*LOCUST, "--headless", "--system", "odd", "--host", "http://127.0.0.1:1", "--exporter-port", "0"],
    )
    assert process.wait(30) == 20
    output = process.output()
    assert (
        "scenarios/odd/targets.yaml: profiles.quick.user_classes.HighThruputUser: "
        'no user class "HighThruputUser" in scenarios/odd/users.py\n  hint: did you mean HighThroughputUser?'
    ) in output
    assert "Traceback" not in output


def test_ctrl_c_ends_with_a_report_and_no_process_left(runs, wait_for):
    run, code = runs["interrupted"]
    assert code == 130, run.process.output()
    result = run.result()
    assert "ended by hand before its planned time: the verdict covers what was measured" in result["notes"]
    assert sum(row["locust"] for row in result["reconciliation"]) > 20
    # Locust's master does not wait for its workers, which end by themselves right after it.
    group = ["pgrep", "-g", str(run.process.popen.pid)]
    wait_for(
        "the workers' end", lambda: subprocess.run(group, capture_output=True, check=False).stdout == b"", 10
    )
