"""The system of the system tests: the users of the Triggers API, with targets that a small load meets."""

SYSTEM = "probe"

TARGETS = """
system: probe
title: Probe
health: /health
default_profile: quick
targets:
  - {request: POST /events, p95: 100ms, priority: critical, min_samples: 20, profiles: [quick]}
  - {request: GET /inbox, p95: 200ms, min_samples: 5, profiles: [quick]}
  - {request: "*", error_rate: 1%, min_samples: 10}
  - {request: POST /events, rps: 35, min_samples: 20, profiles: [floor]}
  - {name: abort-on-errors, request: POST /events, error_rate: 2%, min_samples: 20, abort: true, profiles: [fragile]}
  - {name: seen, query: 'sum(locust_probe_requests_total{run="$run"})', min: 100, at: end}
  - {request: GET /never, p95: 100ms, profiles: [absent]}
profiles:
  floor: &small
    users: 24
    spawn_rate: 24
    run_time: 20s
    warm_up: 2s
    user_classes: {TriggersAPIUser: 10, CountedUser: 1, HighThroughputUser: 1}
  quick: *small
  counting: *small
  fragile: *small
  absent: *small
  stairs:
    stages:
      - {users: 4, spawn_rate: 4, duration: 4s}
      - {users: 12, spawn_rate: 12, duration: 3s, phase: spike}
      - {users: 4, spawn_rate: 12, duration: 4s}
"""
ENVIRONMENTS = """
environments:
  local: {host: "http://127.0.0.1:8000", credentials: {api_key: LOCUST_API_KEY}}
"""
USERS = """
from locust import events
from exporters.scenario_metrics import counter, gauge
from scenarios.triggers.users import HighThroughputUser, TriggersAPIUser

SEEN = counter("probe_requests_total", "Requests that the scenario itself saw.")
LIVING = gauge("probe_users", "Users that live.")

@events.request.add_listener
def _count(**_):
    SEEN.add()

class CountedUser(TriggersAPIUser):
    def on_start(self):
        LIVING.add(1)
    def on_stop(self):
        LIVING.add(-1)
"""

FILES = {"targets.yaml": TARGETS, "environments.yaml": ENVIRONMENTS, "users.py": USERS}
