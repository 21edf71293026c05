import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from reference.aws_reporter import MOST_QUEUED, AwsReporter
from reference.server_metrics import RouteNames
from reference.triggers.__main__ import main

NAMES = RouteNames([Route("/events", lambda request: None), Route("/health", lambda request: None)])


def serve(reporter: AwsReporter, work: Callable[[], None], path: str, times: int = 1) -> None:
    """Let an application that does this work answer 200 under the reporter."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        work()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Any:
        raise AssertionError

    async def send(message: Any) -> None:
        pass

    async def run() -> None:
        reported = reporter.middleware(app, NAMES)
        for _ in range(times):
            await reported({"type": "http", "method": "GET", "path": path}, receive, send)

    asyncio.run(run())


def nobody() -> AwsReporter:
    return AwsReporter("http://127.0.0.1:9", "triggers", "triggers-events")


def test_the_queue_is_bounded_and_what_it_loses_is_counted() -> None:
    reporter = nobody()
    serve(reporter, lambda: None, "/events", MOST_QUEUED + 10)
    assert reporter.dropped.value() == 10


def test_operational_paths_are_not_the_functions() -> None:
    reporter = nobody()
    serve(reporter, lambda: reporter.observe("health", 0.1, 1, failed=False), "/health", MOST_QUEUED + 1)
    assert reporter.dropped.value() == 0


def test_an_error_of_the_application_goes_on_to_who_called_it() -> None:
    def fail() -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        serve(nobody(), fail, "/events")


def test_operations_outside_of_requests_and_unknown_ones_are_not_the_tables() -> None:
    reporter = nobody()
    for _ in range(MOST_QUEUED + 1):
        reporter.observe("insert_event", 0.1, 1, failed=False)
    serve(reporter, lambda: reporter.observe("vacuum", 0.1, 1, failed=False), "/events", 10)
    assert reporter.dropped.value() == 0


@pytest.mark.parametrize("address", ["127.0.0.1:4566", "ftp://127.0.0.1", "http://", "http://127.0.0.1:0"])
def test_what_is_no_address_is_told(capsys: pytest.CaptureFixture[str], address: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--aws", address])
    assert caught.value.code == 2
    message = f"argument --aws: expected an address such as http://127.0.0.1:4566, got '{address}'"
    assert message in capsys.readouterr().err
