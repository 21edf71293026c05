"""The targets' live state as a tab of Locust's own web UI, through the extension points that Locust documents.

Locust's page asks for /stats/requests every few seconds; the tab's rows travel along. A link to Grafana's dashboard of
the run stands with the downloads, where the page shows links.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from exporters.run_view import ExporterCounters, RunView
from swarmscope.alerting.links import DASHBOARD
from swarmscope.names import RunState
from swarmscope.quantities import UNKNOWN, count, duration, measured
from swarmscope.targets import Target
from swarmscope.verdict import Judgement

logger = logging.getLogger(__name__)

TAB = {"title": "Targets", "key": "swarmscope-targets"}
COLUMNS = (
    ("status", "Status"),
    ("target", "Target"),
    ("actual", "Actual"),
    ("priority", "Priority"),
    ("samples", "Requests"),
    ("reason", "Why"),
)
DASHBOARD_PATH = "/dashboard"
WHERE_THE_LINK_IS = "Its Grafana dashboard: Download Data"
_STATS_PATH = "/stats/requests"
_SAID = {"PASS": "✓\u00a0met", "FAIL": "✗\u00a0MISSED", "NO DATA": f"{UNKNOWN} no data"}
_UNDER_WAY = (RunState.SPAWNING, RunState.RUNNING, RunState.STOPPING)


def tab_rows(view: RunView) -> list[dict[str, str]]:
    """One row for the run as a whole, then one a target."""
    judgements = {judgement.target.id: judgement for judgement in view.judgements}
    verdict = UNKNOWN if view.verdict is None else str(view.verdict)
    so_far = " so far" if view.state in _UNDER_WAY else ""
    waits = [] if view.settling_until is None else ["waits for CloudWatch to settle"]
    judged = f"{duration(view.steady_seconds)} judged" if view.steady_seconds else "nothing judged yet"
    run = {
        "status": verdict,
        "target": f"Run {view.run}, phase {view.phase}",
        "actual": judged,
        "priority": "",
        "samples": "",
        # Locust's tables hold text only: the link itself stands where its page shows links.
        "reason": f"{'; '.join([*waits, *view.problems]) or f'verdict{so_far}'}. {WHERE_THE_LINK_IS}",
    }
    return [run, *(_row(target, judgements.get(target.id)) for target in view.targets)]


def _row(target: Target, judgement: Judgement | None) -> dict[str, str]:
    if judgement is None:
        status, actual, samples, reason = UNKNOWN, UNKNOWN, "", "not judged yet"
    else:
        status = _SAID[str(judgement.status)]
        actual, samples = measured(target, judgement.value), count(judgement.samples)
        reason = judgement.reason
    return {
        "status": status,
        "target": target.in_words,
        "actual": actual,
        "priority": str(target.priority),
        "samples": samples,
        "reason": reason,
    }


def dashboard_url(view: RunView, grafana: str) -> str:
    """Grafana's dashboard of this run, from its start (or the last half hour) to its end."""
    ends = "now" if view.stopped is None else str(round((view.stopped + 15) * 1000))
    begins = "now-30m" if view.started is None else str(round(view.started * 1000))
    asked = {"var-system": view.system, "var-run": view.run, "from": begins, "to": ends}
    return f"{grafana.rstrip('/')}/d/{DASHBOARD}?{urlencode(asked)}"


def add_tab(
    web_ui: Any, views: Callable[[], Sequence[RunView]], grafana: str, counters: ExporterCounters
) -> None:
    """Put the tab and the link into Locust's web UI; `views` are the runs that are known, the present one last."""
    from flask import redirect, request  # noqa: PLC0415  # Locust's own server; a headless run never loads it

    web_ui.template_args["extended_tabs"] = [TAB]
    web_ui.template_args["extended_tables"] = [
        {"key": TAB["key"], "structure": [{"key": key, "title": title} for key, title in COLUMNS]}
    ]
    web_ui.template_args["extended_csv_files"] = [
        {"href": DASHBOARD_PATH, "title": "Grafana: the dashboard of this run"}
    ]

    @web_ui.app.after_request  # type: ignore[untyped-decorator]
    def with_targets(response: Any) -> Any:
        if request.path != _STATS_PATH or not response.is_json:
            return response
        try:
            rows = tab_rows(views()[-1])
            whole = {**response.get_json(), "extended_stats": [{"key": TAB["key"], "data": rows}]}
            response.set_data(json.dumps(whole))
        except Exception:
            # The page must go on without its tab.
            counters.listener_errors += 1
            logger.exception("the Targets tab could not be filled")
        return response

    @web_ui.app.route(DASHBOARD_PATH)  # type: ignore[untyped-decorator]
    @web_ui.auth_required_if_enabled  # type: ignore[untyped-decorator]
    def to_dashboard() -> Any:
        return redirect(dashboard_url(views()[-1], grafana))
