"""Imported by the Locusts of tests: a worker that a busy machine did not run for some seconds is not lost.

A test that loses one on purpose asks for Locust's own three seconds with `TEST_HEARTBEATS=3`.
"""

import os

from locust import runners

runners.HEARTBEAT_LIVENESS = int(os.environ.get("TEST_HEARTBEATS", "60"))
