import json
import time
import uuid

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from reference.running import running
from tests.scenarios.chi_squared import LEVEL, probability
from tests.scenarios.locust_runs import ask, clean_environment, run_until

LOCUSTFILE = "scenarios/stet/users.py"
TENANT = "00000000-0000-0000-0000-000000000001"
MIX = {
    "GET /v1/facts": 50,
    "GET /v1/history": 25,
    "POST /v1/corrections": 60,
    "POST /v1/enforcement/heartbeat": 6,
    "GET /v1/enforcement/status": 6,
    "GET /v1/enforcement/escalation": 3,
}
THROUGHPUT = dict(zip(MIX, (10, 5, 5, 2, 2, 1), strict=True))
RETRY = "POST /v1/corrections (retry)"


@pytest.fixture
def run_stet():
    """Runs plain Locust until something has happened; what it counted, its exit code and its log."""

    def run(host, *arguments, until=lambda: False, seconds=None, users=10, **variables):
        timed = ("-t", f"{seconds}s") if seconds else ()
        environment = clean_environment("STET", **variables)
        ran = run_until(
            until, LOCUSTFILE, "--host", host, *arguments, *timed, users=users, environment=environment
        )
        return ran.code, ran.stats, ran.log

    return run


def answered(service):
    """How often the service has answered each of its endpoints."""
    page = requests.get(f"{service.url}/metrics", timeout=30).text
    return {
        f"{sample.labels['method']} {sample.labels['route']}": sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "http_server_request_duration_seconds_count"
        and sample.labels["route"].startswith("/v1/")
        and sample.labels["status"] in ("200", "201")
    }


def writes_together(stats):
    """Requests by endpoint: a repeated correction is a write as well."""
    counts = {name: entry["num_requests"] for name, entry in stats.items()}
    counts["POST /v1/corrections"] += counts.pop(RETRY, 0)
    return counts


@pytest.fixture(scope="module")
def stet(tmp_path_factory):
    database = tmp_path_factory.mktemp("stet") / "stet.sqlite3"
    with running("reference.stet", "--database", str(database), "--faults") as service:
        yield service


@pytest.mark.parametrize(
    ("user_class", "weights"),
    [("MixedUser", MIX), pytest.param("ThroughputUser", THROUGHPUT, marks=pytest.mark.long)],
)
def test_a_real_run_has_the_mix_of_the_suite_and_no_failures(run_stet, stet, tmp_path, user_class, weights):
    # The mix does not depend on the pace: a faster user of it shows it in seconds.
    locustfile = tmp_path / "fast.py"
    locustfile.write_text(
        f"from scenarios.stet.users import {user_class}\n"
        f"class Fast({user_class}):\n    abstract = False\n    per_second = 100.0\n"
    )
    before = sum(answered(stet).values())
    code, stats, log = run_stet(
        stet.url, "-f", str(locustfile), "Fast", until=lambda: sum(answered(stet).values()) > before + 2500
    )
    assert code == 0, log
    assert stats.keys() == {*weights, RETRY}
    assert {entry["num_failures"] for entry in stats.values()} == {0}
    counts = writes_together(stats)
    assert sum(counts.values()) >= 2500
    assert probability(counts, weights) > LEVEL, counts
    repeated = stats[RETRY]["num_requests"] / counts["POST /v1/corrections"]
    assert 0.02 < repeated < 0.09
    assert "Traceback" not in log


def test_a_wrong_mix_would_be_noticed():
    seeds_code = {"GET /v1/facts": 1136, "GET /v1/history": 0, "POST /v1/corrections": 909}
    seeds_code |= {"POST /v1/enforcement/heartbeat": 227, "GET /v1/enforcement/status": 228}
    assert probability({**seeds_code, "GET /v1/enforcement/escalation": 0}, MIX) < LEVEL
    slightly = {name: 2500 * weight / 150 for name, weight in MIX.items()}
    slightly["GET /v1/facts"] += 100
    slightly["POST /v1/corrections"] -= 100
    assert probability(slightly, MIX) < LEVEL


def test_each_class_of_users_has_the_pace_that_its_name_says():
    program = (
        "import scenarios.stet.users as users\n"
        "from locust import User\n"
        "found = [v for v in vars(users).values() if isinstance(v, type) and issubclass(v, User) and not v.abstract]\n"
        "answer = {each.__name__: each.per_second for each in found}\n"
    )
    assert ask(program, clean_environment("STET")) == {
        "ThreePerSecondUser": 3,
        "FivePerSecondUser": 5,
        "TenPerSecondUser": 10,
        "TwentyPerSecondUser": 20,
        "ThroughputUser": 25,
    }


PATIENT = (
    "from scenarios.stet import pacing\n"
    "from scenarios.stet.users import TenPerSecondUser\n"
    "pacing.LONGEST_BACKLOG_SECONDS = 60.0\n"  # a machine that stands still is no reason to give up requests
)


class Stall:
    """Answers at once, but for one stall; knows whether the requests keep to a schedule that stalls cannot stretch.

    Judged by this process' clock, from both sides: time that the machine takes is on the schedule, too.
    """

    def __init__(self, service, per_second, users, seconds):
        self.service, self.per_second, self.users, self.seconds = service, per_second, users, seconds
        self.before_first = time.monotonic()
        self.base = self.stall_ends = None

    def answer(self, heard):
        if self.stall_ends is not None:
            time.sleep(max(0.0, self.stall_ends - time.monotonic()))
        return 201, {}, {"id": "c1"}

    def is_made_up_for(self):
        """Whether there was a stall and everything was sent since that was due since."""
        now, sent = time.monotonic(), len(self.service.heard)
        if not sent:
            self.before_first = now
        elif self.base is None and sent >= 5 * self.users:
            self.base, self.stall_ends = (now, sent), now + self.seconds
        due = self.per_second * (time.monotonic() - self.before_first)
        # Each user's first one, and the second a part of an interval early.
        assert sent <= due + 2 * self.users
        if self.base is None or now < self.stall_ends + 1:
            return False
        return sent >= self.base[1] + self.per_second * (now - self.base[0]) - self.users


def test_the_pace_holds_over_a_run_and_what_a_stall_delays_is_made_up_for(run_stet, fake_service, tmp_path):
    locustfile = tmp_path / "patient.py"
    locustfile.write_text(PATIENT)
    # So few that any machine has the time to catch up.
    stall = Stall(fake_service, per_second=50, users=5, seconds=1.5)
    fake_service.answer = stall.answer
    _, stats, _ = run_stet(
        fake_service.url, "-f", str(locustfile), "TenPerSecondUser", until=stall.is_made_up_for, users=5
    )
    # Far more requests are late than the five that hung: each counts from when it was due.
    late = sum(
        count for entry in stats.values() for at, count in entry["response_times"].items() if float(at) > 200
    )
    assert late > 30


def test_a_replay_with_another_id_is_a_failure_by_its_name(run_stet, fake_service):
    def answer(heard):
        return 201, {}, {"id": str(uuid.uuid4())}

    fake_service.answer = answer
    _, stats, log = run_stet(
        fake_service.url, "TwentyPerSecondUser", until=fake_service.has_heard(700), users=20
    )
    assert stats[RETRY]["num_failures"] == stats[RETRY]["num_requests"] > 0
    assert stats["POST /v1/corrections"]["num_failures"] == 0
    assert "a repeated correction was answered with another id: it was stored twice" in log
    assert "Traceback" not in log


def test_what_is_repeated_is_the_very_same_body_with_its_key(run_stet, fake_service):
    known = {}

    def answer(heard):
        if heard.path != "/v1/corrections":
            return 200, {}, {}
        key = json.loads(heard.body)["idempotency_key"]
        return 201, {}, {"correction_id": known.setdefault(key, (len(known), heard.body))[0]}

    fake_service.answer = answer
    _, stats, log = run_stet(
        fake_service.url, "TwentyPerSecondUser", until=fake_service.has_heard(700), users=20,
        STET_TENANT_ID="t-1, t-2",
    )  # fmt: skip
    sent = [heard for heard in list(fake_service.heard) if heard.path == "/v1/corrections"]
    assert len(sent) > len(known) > 100
    assert all(known[json.loads(heard.body)["idempotency_key"]][1] == heard.body for heard in sent)
    tenants = {json.loads(heard.body)["idempotency_key"]: heard.headers["x-tenant-id"] for heard in sent}
    assert all(tenants[json.loads(h.body)["idempotency_key"]] == h.headers["x-tenant-id"] for h in sent)
    assert {heard.headers["x-tenant-id"] for heard in list(fake_service.heard)} == {"t-1", "t-2"}
    assert {entry["num_failures"] for entry in stats.values()} == {0}, log


def test_an_answer_without_an_id_is_a_failure(run_stet, fake_service):
    wrong = [b"<html>", b"", b"[]", b'"text"', b'{"id": null}', b'{"id": []}', b'{"ids": "a"}']

    def answer(heard):
        return 201, {}, wrong[len(fake_service.heard) % len(wrong)] if "corrections" in heard.path else {}

    fake_service.answer = answer
    _, stats, log = run_stet(
        fake_service.url, "TwentyPerSecondUser", until=fake_service.has_heard(200), users=20
    )
    sent = stats["POST /v1/corrections"]
    assert sent["num_failures"] == sent["num_requests"] >= 20
    assert "/v1/corrections answered 201 with a body that is not what was asked for" in log
    assert "Traceback" not in log


def test_without_a_tenant_for_another_machine_nothing_is_sent(run_stet):
    code, _, log = run_stet("http://stet.invalid", "TenPerSecondUser", "--test-env", "staging")
    assert code == 20
    assert "No tenant for environment 'staging': STET_TENANT_ID is not set." in log


def test_sample_data_are_what_the_suite_describes():
    from random import Random

    from scenarios.stet import sample_corrections as samples

    random = Random(5)
    corrections = [samples.correction(random) for _ in range(20_000)]
    assert {each["subject"]["id"] for each in corrections} == {f"user_{n}" for n in range(1000)}
    assert {samples.system(random) for _ in range(5000)} == {f"system_{n}" for n in range(50)}
    assert {each["field_key"] for each in corrections} == set(samples.FIELDS)
    assert len(samples.FIELDS) == 40
    assert len({each["idempotency_key"] for each in corrections}) == 20_000
    assert all("bot:test" in each["permissions"]["readers"] for each in corrections)
    sizes = sorted(len(json.dumps(each)) for each in corrections)
    assert sizes[0] > 250
    assert 2000 < sizes[-1] < 10_000
