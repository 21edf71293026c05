"""Which dashboards there are, as files of grafana/dashboards/. No I/O."""

from __future__ import annotations

from swarmscope.dashboards import alerts, aws, compare, endpoint, frame, generator, live, runs, service

PAGES = (
    live.page,
    endpoint.page,
    generator.page,
    service.page,
    aws.page,
    runs.page,
    compare.page,
    alerts.page,
)
FOLDER = "grafana/dashboards"


def dashboard_files() -> dict[str, str]:
    """Path → JSON of every dashboard."""
    pages = [page() for page in PAGES]
    return {
        f"{FOLDER}/{page.uid.removeprefix('swarmscope-')}.generated.json": frame.text(page) for page in pages
    }
