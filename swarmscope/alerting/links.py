"""Where alerts send their reader: the runbook, and the panel that shows what they are about, at this run. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from swarmscope import names
from swarmscope.alerting.alert_names import AlertName, Annotation
from swarmscope.alerting.panels import SHOWN, Dashboard, shown

DASHBOARD = Dashboard.LIVE
"""Uid of the Grafana dashboard of one run."""


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses that the reader of an alert can open."""

    runbook: str = "alerts/runbook.md"
    """The runbook's page; each alert's section is an anchor on it."""
    dashboards: str = "http://127.0.0.1:3000"
    """Grafana's address."""

    def of(self, alert: AlertName, about_a_run: bool = True) -> dict[str, str]:
        """The annotations with this alert's runbook section and its panel, opened at the alert's run."""
        return {
            Annotation.RUNBOOK_URL: f"{self.runbook}#{alert.lower()}",
            Annotation.DASHBOARD_URL: self.panel(alert, _AT_THE_RUN)
            if about_a_run
            else self.of_no_run(alert),
        }

    def panel(self, alert: AlertName, at_the_run: str) -> str:
        """The address of the panel; `at_the_run` are the variables and the time."""
        dashboard, panel = shown(alert)
        return f"{self._dashboard(dashboard)}?{at_the_run}&viewPanel=panel-{panel}"

    def of_no_run(self, alert: AlertName) -> str:
        """The panel of an alert that belongs to no run; the dashboard of what fired when it has none."""
        if alert not in SHOWN:
            return self._dashboard(Dashboard.ALERTS)
        dashboard, panel = SHOWN[alert]
        return f"{self._dashboard(dashboard)}?viewPanel=panel-{panel}"

    def _dashboard(self, uid: Dashboard) -> str:
        return f"{self.dashboards.rstrip('/')}/d/{uid}"


# Grafana takes milliseconds. A run whose start is not known is shown with its last quarter of an hour.
_AT_THE_RUN = (
    "var-system={{ $labels.system | urlquery }}&var-run={{ $labels.run | urlquery }}&from="
    f'{{{{ with printf "last_over_time({names.RUN_START.name}{{run=%q}}[5m])" $labels.run | query }}}}'
    '{{ . | first | value | printf "%.0f" }}000{{ else }}now-15m{{ end }}&to=now'
)
