"""Runs the metrics service's users in processes of their own: Locust patches the one that imports it."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from reference.running import Running, running
from tests.scenarios.locust_runs import Ran, ask, clean_environment, run_until

LOCUSTFILE = """
import atexit, json, os, time
from pathlib import Path
from locust import events
from scenarios.metrics.users import *
from exporters.scenario_metrics import DECLARED

uncounted = []

@events.request.add_listener
def note_what_a_visit_leaves_out(request_type, start_time, response_time, **_):
    if request_type == "JOURNEY":
        uncounted.append(time.time() - start_time - response_time / 1000)

# Alone, Locust stops its users after `quitting`; a worker it forked may end without Python's own farewell.
@events.quitting.add_listener
@atexit.register
def say(**_):
    counts = [[*key, value] for key, value in DECLARED.read().items()]
    if uncounted:
        counts.append(["longest_uncounted_of_a_visit", max(uncounted)])
    Path({folder!r}, f"{{os.getpid()}}.counts").write_text(json.dumps(counts))

@events.init.add_listener
def follow(runner, **_):
    @events.report_to_master.add_listener
    def first_report_after_the_stop(**_):
        file = Path({folder!r}, f"{{os.getpid()}}.reported")
        if runner.state == "stopped" and not file.exists():
            file.write_text(json.dumps([[*key, value] for key, value in DECLARED.read().items()]))
"""


@dataclass
class MetricsRan(Ran):
    """What a finished Locust of this system left."""

    counted: dict[str, float] = field(default_factory=dict)
    """The scenario's own counters of all processes: `missing`, `tenant_leaks_total` …

    And `longest_uncounted_of_a_visit`: seconds that are not in a journey's response time.
    """
    reported: dict[str, float] = field(default_factory=dict)
    """The same, as workers' first reports after the stop would carry them."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The reference service."""
    database = str(tmp_path_factory.mktemp("metrics") / "service.sqlite3")
    with running("reference.metrics", "--database", database, "--local-key", "--faults") as started:
        yield started


@pytest.fixture
def set_faults(service: Running) -> Iterator[Callable[..., None]]:
    """Breaks the service until the test is over."""

    def put(*faults: dict[str, Any]) -> None:
        requests.put(f"{service.url}/faults", json=list(faults), timeout=10).raise_for_status()

    yield put
    put()


@pytest.fixture
def answered(service: Running) -> Callable[..., Callable[[], bool]]:
    """Makes conditions: from now on, the service has answered so many requests to a route."""

    def condition(method: str, route: str, least: int) -> Callable[[], bool]:
        before = _answers(service, method, route)
        return lambda: _answers(service, method, route) >= before + least

    return condition


def _answers(service: Running, method: str, route: str) -> float:
    page = requests.get(f"{service.url}/metrics", timeout=30).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "http_server_request_duration_seconds_count"
        and (sample.labels["method"], sample.labels["route"]) == (method, route)
    )


@pytest.fixture
def run_users(tmp_path: Path) -> Callable[..., MetricsRan]:
    """Runs user classes in plain Locust until a condition holds, then stops it as Ctrl-C would."""

    def run(
        host: str,
        *user_classes: str,
        until: Callable[[], bool] = lambda: False,
        users: int = 12,
        options: Sequence[str] = (),
        **variables: str,
    ) -> MetricsRan:
        file = tmp_path / "locustfile.py"
        file.write_text(LOCUSTFILE.format(folder=str(tmp_path)))
        ran = run_until(
            until,
            file,
            *("--host", host, "--stop-timeout", "20", *options, *user_classes),
            users=users,
            environment=clean_environment("METRICS_", **variables),
        )
        return MetricsRan(
            **vars(ran), counted=_counted(tmp_path, "counts"), reported=_counted(tmp_path, "reported")
        )

    return run


def _counted(folder: Path, ending: str) -> dict[str, float]:
    total: dict[str, float] = {}
    for path in folder.glob(f"*.{ending}"):
        for name, *labels, value in json.loads(path.read_text()):
            key = labels[0] if labels else name.removeprefix("locust_")
            total[key] = total.get(key, 0) + value
    return total


@pytest.fixture
def ask_users() -> Callable[[str], Any]:
    """Runs a few lines of Python beside the users, in a process of its own; returns what they assign to `answer`."""

    def ask_beside_users(lines: str) -> Any:
        program = (
            "import random\n"
            "from locust.env import Environment\n"
            "from scenarios.metrics.users import *\n"
            "environment = Environment(host='http://127.0.0.1:1')\n"
            "for one in (ApiUser, JourneyUser, AdminUser):\n"
            "    one.host = environment.host\n"
            f"{lines}\n"
        )
        return ask(program, clean_environment())

    return ask_beside_users
