from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.scenarios.locust_runs import ROOT, Ran, ask, clean_environment, run_until

SCENARIO = "scenarios/access/users.py"
HASTY = str(Path(__file__).with_name("hasty_locustfile.py").relative_to(ROOT))


@dataclass
class AccessRan(Ran):
    """What a finished Locust of this system left."""

    def count(self, *names: str) -> int:
        """Requests of these names together."""
        return sum(self.stats[name]["num_requests"] for name in names if name in self.stats)

    @property
    def failures(self) -> dict[str, int]:
        """Failed requests of the names that have any."""
        return {name: entry["num_failures"] for name, entry in self.stats.items() if entry["num_failures"]}


@pytest.fixture
def run_access() -> Callable[..., AccessRan]:
    """Runs plain Locust with the users of this system in a process of its own, until a condition holds."""

    def run(
        host: str,
        *user_classes: str,
        until: Callable[[], bool] = lambda: False,
        users: int = 5,
        hasty: bool = False,
        **variables: str,
    ) -> AccessRan:
        ran = run_until(
            until,
            HASTY if hasty else SCENARIO,
            *("--host", host, *user_classes),
            users=users,
            environment=clean_environment(**variables),
        )
        return AccessRan(**vars(ran))

    return run


@pytest.fixture
def answered() -> Callable[[str], dict[str, float]]:
    """What a reference service says that it has answered: `METHOD route` → requests."""

    def read(url: str) -> dict[str, float]:
        counts: dict[str, float] = {}
        for family in text_string_to_metric_families(requests.get(f"{url}/metrics", timeout=30).text):
            for sample in family.samples:
                if sample.name == "http_server_request_duration_seconds_count":
                    name = f"{sample.labels['method']} {sample.labels['route']}"
                    counts[name] = counts.get(name, 0) + sample.value
        return counts

    return read


@pytest.fixture
def ask_access() -> Callable[[str], Any]:
    """Runs a few lines of Python beside the scenario's users, in a process of its own; returns what they assign."""

    def ask_beside_users(lines: str) -> Any:
        program = (
            "from collections import Counter\n"
            "from locust.env import Environment\n"
            "from scenarios.access.users import *\n"
            "environment = Environment(host='http://127.0.0.1:1')\n"
            "AuthorizerUser.host = environment.host\n"
            f"{lines}\n"
        )
        return ask(program, clean_environment())

    return ask_beside_users
