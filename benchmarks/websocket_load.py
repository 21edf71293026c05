"""A locustfile of live users that leaves what each of its processes counted in the folder $WEBSOCKET_COUNTS."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from locust import events

from exporters.scenario_metrics import DECLARED
from scenarios.metrics.websocket_users import LiveUser

__all__ = ["LiveUser"]


@events.quit.add_listener  # the last of Locust's events: every user has stopped
def _leave_counts(**_: Any) -> None:
    counts = {" ".join(key): value for key, value in DECLARED.read().items()}
    (Path(os.environ["WEBSOCKET_COUNTS"]) / f"{os.getpid()}.json").write_text(json.dumps(counts))
