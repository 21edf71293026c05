"""A whole visit of a user, reported as one request of its own: every step must be right, or the visit has failed."""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from locust import task

from scenarios.metrics.auth_load import AuthTasks
from scenarios.metrics.dashboards import BASE, ONE, VISITS_TITLE, DashboardTasks
from scenarios.metrics.ingest import QueryTasks

METHOD, NAME = "JOURNEY", "visit"
EVENTS = 8
"""Sent in one visit."""
LOOKS = 6
"""How often a user looks for its events on the dashboard before it gives up."""
PAUSE_SECONDS = (0.2, 0.8)
LOOK_AGAIN_SECONDS = 0.4


class JourneyFailed(Exception):
    """A visit that ended at a step that did not do what it should."""

    def __init__(self, step: str) -> None:
        super().__init__(f"the visit failed at: {step}")


class Journey(AuthTasks, DashboardTasks, QueryTasks):
    """Visits one after the other. Pauses between steps are a user's own and are not counted."""

    abstract = True

    def on_start(self) -> None:
        """Each visit logs in itself."""

    @task
    def visit(self) -> None:
        """Log in, look around, send events, see them, query them, log out."""
        self._seconds, self._made = 0.0, ""
        started = time.time()
        problem: JourneyFailed | None = None
        try:
            for name, step in self._steps():
                if not self._take(step):
                    problem = JourneyFailed(name)
                    break
                gevent.sleep(self.random.uniform(*PAUSE_SECONDS))
        finally:
            if self._made:
                self._take(self._delete_dashboard)
        self.environment.events.request.fire(
            request_type=METHOD,
            name=NAME,
            start_time=started,
            response_time=self._seconds * 1000,
            response_length=0,
            exception=problem,
            context=self.context(),
            url="",
        )

    def _steps(self) -> Iterator[tuple[str, Callable[[], bool]]]:
        yield "log in", self.log_in
        yield "who am I", self.ask_who_i_am
        yield "list dashboards", self.find_dashboards
        yield "open a dashboard", lambda: self.open(self.random.choice(self.dashboards))
        yield "make a dashboard", self._make_dashboard
        yield "send events", self._send_events
        yield "see them on the dashboard", self._see_events
        yield "query them", self._query_events
        yield "report the session", self.report_session
        yield "delete the dashboard", self._delete_dashboard
        yield "log out", self.log_out

    def _take(self, step: Callable[[], bool]) -> bool:
        with self._counted():
            return bool(step())

    @contextmanager
    def _counted(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._seconds += time.perf_counter() - started

    def _make_dashboard(self) -> bool:
        # A metric of this visit alone: what the dashboard shows of it must be exactly what was sent.
        self._metric = f"visit.{self.source.lower().replace('-', '.')}.{self.ledger.last}"
        widgets = [{"name": self._metric, "aggregate": aggregate} for aggregate in ("count", "sum")]
        self._values = [round(self.random.lognormvariate(3, 0.8), 2) for _ in range(EVENTS)]
        wanted = {"title": VISITS_TITLE, "widgets": widgets}
        made = self.call("POST", BASE, BASE, lambda document: document["id"], wanted)
        self._made = made or ""
        return bool(made)

    def _send_events(self) -> bool:
        self._sent_at = time.time_ns() // 1_000_000
        return self.send_batch(self._own_events, EVENTS)

    def _own_events(self, numbers: range) -> list[dict[str, Any]]:
        return [
            {**one, "name": self._metric, "value": value}
            for one, value in zip(self.make_events(numbers), self._values, strict=True)
        ]

    def _see_events(self) -> bool:
        for look in range(LOOKS):
            if look:
                # Not the user's own pause, but waiting for the service: it stays in the visit's time.
                gevent.sleep(LOOK_AGAIN_SECONDS)
            widgets = self.watch(self._made)
            if widgets is None:
                return False
            shown = [sum(value for _, value in widget["points"]) for widget in widgets]
            if shown[0] == EVENTS and abs(shown[1] - sum(self._values)) < 0.01:
                return True
        return False

    def _query_events(self) -> bool:
        begin, end = self._sent_at - 1000, time.time_ns() // 1_000_000 + 1000
        points = self.query(self._metric, "sum", begin, end, end - begin)
        return points is not None and abs(sum(value for _, value in points) - sum(self._values)) < 0.01

    def _delete_dashboard(self) -> bool:
        made, self._made = self._made, ""
        return bool(self.call("DELETE", f"{BASE}/{made}", ONE, lambda _: True))


# None of the groups' own tasks, which Locust has collected from the bases: the visit calls what it needs.
Journey.tasks = [Journey.visit]
