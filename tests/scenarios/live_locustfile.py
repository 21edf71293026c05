"""Live users for tests: they publish more often, bear a machine that stands still, and tell what they count so far."""

import json
import os
from pathlib import Path

from locust import events

from benchmarks.websocket_load import LiveUser
from exporters.scenario_metrics import DECLARED
from scenarios.metrics import websocket_users

LiveUser.messages_per_second = 4.0
websocket_users.ANSWER_SECONDS = float(os.environ.get("ANSWER_SECONDS", "60"))
websocket_users.LEAVE_SECONDS = 60.0


@events.request.add_listener
def _tell_after_failures(exception, **_):
    if exception is not None:
        told = Path(os.environ["WEBSOCKET_COUNTS"]) / f"{os.getpid()}.so-far"
        unfinished = told.with_suffix(".unfinished")
        unfinished.write_text(json.dumps({" ".join(key): value for key, value in DECLARED.read().items()}))
        unfinished.rename(told)
