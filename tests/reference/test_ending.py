"""A service that is told to stop ends in good time, whoever waits for it."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from reference.running import running
from reference.triggers.keys import LOCAL_KEY

DELAY = {"kind": "delay", "delay_ms": 60_000, "routes": "/inbox"}


def inbox(url):
    requests.get(f"{url}/inbox", headers={"Authorization": f"Bearer {LOCAL_KEY}"}, timeout=60)


def test_a_request_that_is_not_answered_is_cut_off(tmp_path):
    command = ("--database", str(tmp_path / "x.sqlite3"), "--local-key", "--faults")
    with ThreadPoolExecutor(1) as pool:
        with running("reference.triggers", *command) as service:
            requests.put(f"{service.url}/faults", json=[DELAY], timeout=30).raise_for_status()
            waiting = pool.submit(inbox, service.url)
            deadline = time.monotonic() + 60
            injected = 'reference_faults_injected_total{kind="delay"} 1'
            while injected not in requests.get(f"{service.url}/metrics", timeout=30).text:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        # Who has not ended after ten seconds is killed.
        assert service.process.returncode != -signal.SIGKILL
        with pytest.raises(requests.ConnectionError):
            waiting.result(60)
