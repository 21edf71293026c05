"""The database users in plain Locust; writes what they counted to the file that COUNTED names."""

import json
import os
from pathlib import Path

from locust import events

from exporters.scenario_metrics import DECLARED
from scenarios.metrics.database_users import (  # noqa: F401
    BatchInsertUser,
    InsertUser,
    MixedUser,
    QueryUser,
)


@events.quitting.add_listener
def _write(environment, **_):
    # Locust's listeners run last to first here; the run has ended either way when the process quits.
    environment.runner.stop()
    counted = {" ".join(key): value for key, value in DECLARED.read().items()}
    failures = {error.name: str(error.error) for error in environment.stats.errors.values()}
    Path(os.environ["COUNTED"]).write_text(json.dumps({"counted": counted, "failures": failures}))
