"""What scripts/try-compose.sh asks a running compose stack: one check a call, one line said, exit code 1 when it fails.

    python3 scripts/compose_checks.py CHECK [ARGUMENT ...]

Needs nothing but Python. The project and its ports come from the environment, as docker compose has them.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib import parse, request

NOTIFIED_WITHIN_SECONDS = 15.0
"""What docs/alerting.md promises for a sustained breach."""
PORTS = ("SERVICE", "LOCUST", "PROMETHEUS", "ALERTMANAGER", "RECEIVER", "GRAFANA")
# Nobody at home in a closed network: loopback only, never through a proxy.
_OPENER = request.build_opener(request.ProxyHandler({}))


class Failed(Exception):
    """A check that did not hold; its text says why."""


def ports() -> str:
    """Free ports for everything that the stack publishes, as assignments."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    lines = [
        f"SWARMSCOPE_{name}_PORT={one.getsockname()[1]}" for name, one in zip(PORTS, sockets, strict=True)
    ]
    for one in sockets:
        one.close()
    return "\n".join(lines)


def healthy() -> str:
    """Every container runs, and is healthy where it can say so; what runs once has ended well."""
    healthy_ones = 0
    for name, container in containers().items():
        state = container["State"]
        health = state.get("Health", {}).get("Status", "without a healthcheck")
        service = container["Config"]["Labels"]["com.docker.compose.service"]
        if service == "secrets":
            ensure(state["ExitCode"] == 0, f"{name} ended with {state['ExitCode']}")
            continue
        ensure(state["Running"] and health == "healthy", f"{name} is {state['Status']}, {health}")
        ensure(container["RestartCount"] == 0, f"{name} was restarted {container['RestartCount']} times")
        healthy_ones += 1
    return f"{healthy_ones} containers, none restarted; the secrets were made"


def start(users: str, seconds: str) -> str:
    """Start a run through Locust's web API; says its name once Prometheus knows it."""
    newest = "topk(1, locust_run_start_timestamp_seconds)"
    before = {sample["metric"]["run"] for sample in query(newest)}
    form = {
        "user_count": users,
        "spawn_rate": users,
        "run_time": seconds,
        "load_profile": "quick",
        "host": "http://reference:8000",
    }
    answer = json.loads(get(url("LOCUST", "/swarm"), parse.urlencode(form).encode()))
    ensure(answer["success"], str(answer))

    def name() -> str | None:
        found = {sample["metric"]["run"] for sample in query(newest)} - before
        return found.pop() if found else None

    return str(within(20, "Prometheus to know the run", name))


def data(run: str) -> str:
    """Requests of the run arrive in Prometheus."""
    expression = f'sum(locust_requests_total{{run="{run}"}}) > 100'
    (sample,) = within(30, "requests in Prometheus", lambda: query(expression))
    return f"{float(sample['value'][1]):,.0f} requests, and counting"


def breach(run: str) -> str:
    """A fault of the service breaks a target; the notification arrives in the promised time."""
    # Judged in the steady phase only.
    steady = f'locust_run_phase{{run="{run}", phase="steady"}} == 1'
    within(40, "the steady phase", lambda: query(steady))
    fault = [{"kind": "delay", "routes": "/events", "delay_ms": 300, "for_seconds": 25}]
    began = time.time()
    get(url("SERVICE", "/faults"), json.dumps(fault).encode(), "PUT")

    def notified() -> str | None:
        for record in json.loads(get(url("RECEIVER", f"/api/notifications?run={run}")))["notifications"]:
            for alert in record.get("alerts", ()):
                if alert["status"] == "firing" and alert["labels"].get("target") == "post-events-p95":
                    return str(alert["annotations"]["summary"])
        return None

    summary = within(40, "the notification", notified, pause=0.1)
    took = time.time() - began
    ensure(took <= NOTIFIED_WITHIN_SECONDS, f"took {took:.1f} s: {summary}")
    return f'{took:.1f} s after the fault: "{summary}"'


def workers(run: str, wanted: str) -> str:
    """So many workers make load for the run."""

    def users() -> list[float] | None:
        loads = [float(sample["value"][1]) for sample in query(f'locust_worker_users{{run="{run}"}} > 0')]
        return loads if len(loads) == int(wanted) else None

    loads = within(30, f"{wanted} workers with users", users)
    return f"{wanted} workers with {', '.join(f'{load:g}' for load in sorted(loads))} users"


def totals(run: str) -> str:
    """At the run's end Prometheus and Locust have counted the same, request for request, and nothing went back."""
    phase = f'locust_run_phase{{run="{run}", phase="done"}} == 1'
    within(120, "the run's end", lambda: query(phase))
    counted = f'sum by (method, name) (locust_requests_total{{run="{run}"}})'

    def counts() -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
        prometheus = {
            (sample["metric"]["method"], sample["metric"]["name"]): float(sample["value"][1])
            for sample in query(counted)
        }
        locust = {
            (row["method"], row["name"]): float(row["num_requests"])
            for row in json.loads(get(url("LOCUST", "/stats/requests")))["stats"]
            if row["name"] != "Aggregated"
        }
        # Requests that a target names exist at 0 before they are sent; Locust knows those that were.
        return {key: value for key, value in prometheus.items() if value}, locust

    ends = time.monotonic() + 10
    prometheus, locust = counts()
    # Locust's page is remembered for two seconds.
    while prometheus != locust and time.monotonic() < ends:
        time.sleep(1)
        prometheus, locust = counts()
    ensure(prometheus == locust and bool(locust), f"Prometheus {prometheus}, Locust {locust}")
    back = max(float(s["value"][1]) for s in query(f'resets(locust_requests_total{{run="{run}"}}[15m])'))
    ensure(back == 0, f"a counter went back {back:g} times")
    return f"{sum(locust.values()):,.0f} requests of {len(locust)} kinds in both; resets() = 0"


def gap(run: str) -> str:
    """The longest time between two samples of the run, which a restart of Prometheus leaves."""
    (series, *_) = query(f'locust_users_wanted{{run="{run}"}}[15m]')
    times = [float(moment) for moment, _ in series["values"]]
    longest = max(after - before for before, after in itertools.pairwise(times))
    return f"{longest:.1f} s without a sample, {len(times)} samples"


def memory() -> str:
    """Memory of each container against its limit."""
    lines = docker("stats", "--no-stream", "--format", "{{json .}}", *containers(running=True)).splitlines()
    ensure(bool(lines), "no container runs")
    rows = []
    for stats in sorted(map(json.loads, lines), key=lambda one: str(one["Name"])):
        used, _, limit = stats["MemUsage"].partition(" / ")
        name = stats["Name"].removeprefix(f"{os.environ['COMPOSE_PROJECT_NAME']}-")
        rows.append(f"{name:<22}{used:>10} of {limit:>8}  {stats['MemPerc']:>7}")
        ensure(
            float(stats["MemPerc"].rstrip("%")) < 80,
            f"{stats['Name']} is near its limit: {stats['MemUsage']}",
        )
    return "\n".join(rows)


def containers(*, running: bool = False) -> dict[str, dict[str, Any]]:
    """What `docker inspect` says of the project's containers, by name."""
    label = f"label=com.docker.compose.project={os.environ['COMPOSE_PROJECT_NAME']}"
    found = docker("ps", "-q", *([] if running else ["-a"]), "--filter", label).split()
    if not found:
        return {}
    return {one["Name"].lstrip("/"): one for one in json.loads(docker("inspect", *found))}


def docker(*arguments: str) -> str:
    """What docker printed; raises Failed with what it complained about."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    ensure(done.returncode == 0, f"docker {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def query(expression: str) -> list[dict[str, Any]]:
    """Samples of an instant query; none while Prometheus does not answer."""
    try:
        text = get(url("PROMETHEUS", f"/api/v1/query?{parse.urlencode({'query': expression})}"))
    except OSError:
        return []
    return list(json.loads(text)["data"]["result"])


def url(name: str, path: str) -> str:
    """The address of a published part of the stack."""
    return f"http://127.0.0.1:{os.environ[f'SWARMSCOPE_{name}_PORT']}{path}"


def get(address: str, body: bytes | None = None, method: str | None = None) -> str:
    """The text of an answer; a body is sent as a form, or as JSON where it is PUT."""
    headers = {"Content-Type": "application/json"} if method == "PUT" else {}
    asked = request.Request(address, data=body, method=method, headers=headers)  # noqa: S310  # http, see url()
    with _OPENER.open(asked, timeout=10) as answer:
        return str(answer.read().decode())


def within(
    seconds: float, what: str, look: Callable[[], Any], *, pause: float = 0.5, give_up: bool = True
) -> Any:
    """What `look` finds, asked again until it finds something or the time is over."""
    ends = time.monotonic() + seconds
    last = ""
    while True:
        try:
            if found := look():
                return found
        except OSError as failed:
            last = f" ({failed})"
        if time.monotonic() > ends:
            raise Failed(f"waited {seconds:g} s for {what}{last}")
        time.sleep(pause)


def ensure(holds: bool, why: str) -> None:
    """Raise Failed unless it holds."""
    if not holds:
        raise Failed(why)


CHECKS: dict[str, Callable[..., str]] = {
    check.__name__: check for check in (ports, healthy, start, data, breach, workers, totals, gap, memory)
}


def main(checks: dict[str, Callable[..., str]], arguments: list[str]) -> int:
    """Run one check and say what it found."""
    try:
        print(checks[arguments[0]](*arguments[1:]))
    except (Failed, OSError) as failed:
        print(failed)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(CHECKS, sys.argv[1:]))
