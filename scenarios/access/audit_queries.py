"""Load on the audit: filters, time ranges, and reading on page by page."""

# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False
# (Locust, whose classes and tasks these are, is skipped.)
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from locust import between, task

from scenarios.access.access_user import ids_of
from scenarios.access.operations import ACTIONS, AccessOperations, moment

MOST_PAGES = 5


class AuditQueryUser(AccessOperations):
    """Asks who did what, to what, and when."""

    pause = staticmethod(between(0.2, 0.8))

    @task(4)
    def by_action(self) -> None:
        """What has been done, of one kind."""
        self._query(f"action={self.random.choice(ACTIONS)}")

    @task(3)
    def by_actor(self) -> None:
        """What one user has done."""
        self._query(f"actor=user-{self.random.randrange(50)}")

    @task(2)
    def by_resource(self) -> None:
        """What has been done to one thing."""
        if self.known.own_permissions:
            self._query(f"resource=permission:{self.random.choice(self.known.own_permissions)}")
        else:
            self._query("resource=/orders/7")

    @task(3)
    def of_a_time_range(self) -> None:
        """Everything in a range that has ended."""
        end = datetime.now(UTC) - timedelta(seconds=self.random.randrange(60))
        self._query(f"from={moment(end - timedelta(minutes=5))}&to={moment(end)}")

    @task(1)
    def page_by_page(self) -> None:
        """Several pages in a row; an entry on two pages is a failure."""
        seen: set[str] = set()
        cursor = ""
        for _ in range(MOST_PAGES):
            page = self._query(f"limit=20{cursor}")
            if page is None:
                return
            ids, following = page
            if seen & set(ids):
                self.report_wrong("/v1/audit", "an entry is on two pages")
            seen |= set(ids)
            if following is None:
                return
            cursor = f"&cursor={following}"

    def _query(self, query: str) -> Any:
        """The ids on a page and the next cursor."""
        return self.call("GET", f"/v1/audit?{query}", "/v1/audit", _page)


def _page(document: Any) -> tuple[list[str], str | None]:
    return ids_of(document, "entries"), document["next_cursor"]
