"""A receiver on a free port in a thread, and Alertmanager's message as a function."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

START = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)


def alert(
    name: str = "LatencyTargetBreached", *, status: str = "firing", run: str = "r-1", **more: Any
) -> dict[str, Any]:
    annotations = more.pop("annotations", {})
    started = more.pop("started", START)
    ended = more.pop("ended", started + timedelta(seconds=30))
    return {
        "status": status,
        "labels": {"alertname": name, "run": run, "system": "triggers", **more},
        "annotations": annotations,
        "startsAt": started.isoformat().replace("+00:00", "Z"),
        "endsAt": ended.isoformat() if status == "resolved" else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": f"{name}-{run}",
    }


def message(*alerts: dict[str, Any], run: str = "r-1", **more: Any) -> dict[str, Any]:
    firing = any(each["status"] == "firing" for each in alerts)
    return {
        "version": "4",
        "groupKey": f'{{}}:{{run="{run}"}}',
        "truncatedAlerts": 0,
        "status": "firing" if firing else "resolved",
        "receiver": "local",
        "groupLabels": {"run": run, "system": "triggers"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "alerts": list(alerts),
        **more,
    }


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """The address of an application that runs in a thread until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="error", ws="none", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture(name="alert")
def alert_fixture() -> Callable[..., dict[str, Any]]:
    return alert


@pytest.fixture(name="message")
def message_fixture() -> Callable[..., dict[str, Any]]:
    return message


@pytest.fixture(name="served")
def served_fixture() -> Any:
    return served
