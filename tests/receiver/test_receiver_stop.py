import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from swarmscope.edge.receiver.payload import parse_payload
from swarmscope.edge.receiver.stop import RunStopper, StopOutcome, StopRequest, post_to


class Locust:
    """Answers as told, in turn; the last answer repeats."""

    def __init__(self, *answers):
        self.answers = list(answers) or [(202, "stopping")]
        self.asked = []

    def __call__(self, request):
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Stage:
    """A stopper with its grace period under the test's control; what it kept; how long it slept."""

    def __init__(self, locust):
        self.kept = []
        self.slept = []
        self.grace_over = asyncio.Event()
        self.stopper = RunStopper(locust, self.keep, grace_seconds=5.0, sleep=self.sleep)

    def keep(self, request, outcome, detail):
        self.kept.append((request.run, outcome, detail))

    async def sleep(self, seconds):
        self.slept.append(seconds)
        if len(self.slept) == 1:
            await self.grace_over.wait()

    async def settle(self):
        self.grace_over.set()
        await self.done()

    async def done(self):
        while self.stopper._pending:
            await asyncio.sleep(0.001)

    @property
    def outcomes(self):
        return [outcome.value for _, outcome, _ in self.kept]


def read(sent):
    return parse_payload(json.dumps(sent).encode())


def test_a_breach_that_outlasts_the_grace_period_stops_its_run(alert, message):
    locust = Locust()

    async def scene():
        stage = Stage(locust)
        firing = alert(abort="true", target="events-p95", annotations={"summary": "POST /events is slow"})
        stage.stopper.consider(read(message(alert("WorkerLost"), firing)))
        await asyncio.sleep(0.01)
        assert locust.asked == []
        await stage.settle()
        return stage

    stage = asyncio.run(scene())
    assert locust.asked == [StopRequest("r-1", "triggers", "events-p95", "POST /events is slow")]
    assert stage.slept == [5.0]
    assert stage.kept == [
        ("r-1", StopOutcome.REQUESTED, "stops in 5s unless it recovers"),
        ("r-1", StopOutcome.STOPPED, "202 stopping"),
    ]


@pytest.mark.parametrize("how", ["resolved", "left out"])
def test_a_breach_that_ends_within_the_grace_period_stops_nothing(alert, message, how):
    locust = Locust()

    async def scene():
        stage = Stage(locust)
        stage.stopper.consider(read(message(alert(abort="true"), alert("WorkerLost"))))
        await asyncio.sleep(0.01)
        ended = [alert(abort="true", status="resolved")] if how == "resolved" else []
        stage.stopper.consider(read(message(*ended, alert("WorkerLost"))))
        stage.grace_over.set()
        await asyncio.sleep(0.02)
        return stage

    stage = asyncio.run(scene())
    assert locust.asked == []
    assert stage.outcomes == ["requested", "recovered"]


def test_a_run_held_by_two_groups_goes_on_only_when_both_have_ended(alert, message):
    locust = Locust()

    async def scene():
        stage = Stage(locust)
        stage.stopper.consider(read(message(alert(abort="true"))))
        stage.stopper.consider(read(message(alert("RequestHung", abort="true"), groupKey="other")))
        stage.stopper.consider(read(message(alert(abort="true", status="resolved"))))
        await stage.settle()
        return stage

    assert asyncio.run(scene()).outcomes == ["requested", "stopped"]
    assert len(locust.asked) == 1


def test_a_run_is_stopped_once_however_often_it_is_breached(alert, message):
    locust = Locust()

    async def scene():
        stage = Stage(locust)
        for _ in range(3):
            stage.stopper.consider(read(message(alert(abort="true"))))
        await stage.settle()
        stage.stopper.consider(read(message(alert(abort="true"))))
        stage.stopper.settle("r-9")
        stage.stopper.consider(read(message(alert(abort="true", run="r-9"), run="r-9")))
        await stage.done()
        return stage

    assert asyncio.run(scene()).outcomes == ["requested", "stopped"]
    assert len(locust.asked) == 1


def test_a_breach_after_a_recovery_is_a_new_breach(alert, message):
    locust = Locust()

    async def scene():
        stage = Stage(locust)
        for status in ("firing", "resolved", "firing"):
            stage.stopper.consider(read(message(alert(abort="true", status=status))))
            await asyncio.sleep(0)
        await stage.settle()
        return stage

    assert asyncio.run(scene()).outcomes == ["requested", "recovered", "requested", "stopped"]


@pytest.mark.parametrize(
    ("answers", "outcome", "detail"),
    [
        ([(202, "")], "stopped", "202"),
        ([(409, "stopping")], "already_stopping", "409 stopping"),
        ([(404, "no run r-1")], "unknown_run", "404 no run r-1"),
        ([(401, "token")], "refused", "401 token"),
        ([(503, "busy"), requests.ConnectionError("no"), (202, "ok")], "stopped", "202 ok"),
        ([(500, "oops")], "failed", "Locust answered 500 oops (6 attempts)"),
        (
            [requests.ConnectTimeout("http://user:secret@host")],
            "failed",
            "Locust cannot be reached: ConnectTimeout (6 attempts)",
        ),
    ],
)
def test_what_locust_answers_decides(alert, message, answers, outcome, detail):
    locust = Locust(*answers)
    asked = 6 if outcome == "failed" else len(answers)

    async def scene():
        stage = Stage(locust)
        stage.stopper.consider(read(message(alert(abort="true"))))
        await stage.settle()
        return stage

    stage = asyncio.run(scene())
    assert stage.kept[-1] == ("r-1", StopOutcome(outcome), detail)
    assert len(locust.asked) == asked
    assert stage.slept == [5.0, 0.5, 1.0, 2.0, 4.0, 8.0][:asked]


def test_a_failed_stop_is_asked_for_again_by_the_next_notification(alert, message):
    locust = Locust((500, ""))

    async def scene():
        stage = Stage(locust)
        stage.stopper.consider(read(message(alert(abort="true"))))
        await stage.settle()
        locust.answers = [(202, "")]
        stage.stopper.consider(read(message(alert(abort="true"))))
        await stage.done()
        return stage

    assert asyncio.run(scene()).outcomes == ["requested", "failed", "requested", "stopped"]


def test_without_locusts_address_nothing_is_stopped_and_the_page_says_so(alert, message):
    async def scene():
        stage = Stage(None)
        for _ in range(2):
            stage.stopper.consider(read(message(alert(abort="true"))))
        return stage

    assert asyncio.run(scene()).kept == [
        ("r-1", StopOutcome.DISABLED, "the receiver was started without --locust")
    ]


def test_closing_calls_off_what_waits(alert, message):
    locust = Locust()

    async def scene():
        stage = Stage(locust)
        stage.stopper.consider(read(message(alert(abort="true"))))
        await asyncio.sleep(0)
        await stage.stopper.close()
        stage.grace_over.set()
        await asyncio.sleep(0.01)

    asyncio.run(scene())
    assert locust.asked == []


def exporter(status):
    """An exporter that answers every stop with `status`, not yet serving."""

    class Exporter(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Exporter)


def test_of_several_the_one_that_knows_the_run_is_asked_to_stop_it(free_tcp_port):
    nobody = f"http://127.0.0.1:{free_tcp_port}"
    request = StopRequest("r-1", "triggers", "p95", "slow")
    with exporter(404) as stranger, exporter(202) as owner:
        threads = [threading.Thread(target=one.serve_forever, args=(0.01,)) for one in (stranger, owner)]
        for thread in threads:
            thread.start()
        try:
            unknown, known = (f"http://127.0.0.1:{one.server_port}" for one in (stranger, owner))
            assert post_to([nobody, unknown, known])(request)[0] == 202
            assert post_to([unknown])(request)[0] == 404
            with pytest.raises(OSError, match="refused"):
                post_to([nobody, unknown])(request)
        finally:
            for one in (stranger, owner):
                one.shutdown()
            for thread in threads:
                thread.join()


@pytest.mark.parametrize(
    ("token", "sent", "said", "words"),
    [
        ("", None, b'{"run": "r-1", "answer": "accepted"}\n', "accepted"),
        ("s3cret", "Bearer s3cret", b'{"error": "a run that is not here"}', "a run that is not here"),
        ("s3cret", "Bearer s3cret", b"stopping\n", "stopping"),
    ],
)
def test_locust_is_asked_in_json_with_the_token(token, sent, said, words):
    seen = {}

    class Exporter(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.update(path=self.path, body=json.loads(body), headers=dict(self.headers))
            self.send_response(202)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Exporter) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            post = post_to([f"http://127.0.0.1:{server.server_port}/"], token)
            assert post(StopRequest("r-1", "triggers", "p95", "slow")) == (202, words)
        finally:
            server.shutdown()
            thread.join()
    assert seen["path"] == "/stop"
    assert seen["body"] == {"run": "r-1", "reason": "slow", "target": "p95"}
    assert seen["headers"]["Content-Type"] == "application/json"
    assert seen["headers"].get("Authorization") == sent
