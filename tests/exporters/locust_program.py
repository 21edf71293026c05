"""Real Locust clients, runner and statistics beside the recorder; prints what both saw as JSON.

A program of its own, because Locust patches the process that it is imported into.
"""

# Locust first: it monkey-patches on import.
from locust import FastHttpUser, HttpUser, constant  # isort: skip
import inspect
import json
import random
import sys
import traceback
from decimal import Decimal

import gevent
from gevent.pywsgi import WSGIServer
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.env import Environment
from locust.event import EventHook

from exporters.http_clients import track_http_clients
from exporters.in_flight import IN_FLIGHT, track_request
from exporters.recorder import Recorder
from swarmscope.histogram import fine_bounds


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/hang"):
        gevent.sleep(60)
    if path.startswith("/slow-body"):
        start_response("200 OK", [("Content-Length", "4")])

        def body():
            yield b"ab"
            gevent.sleep(60)
            yield b"cd"

        return body()
    status = {"/broken": "503 Service Unavailable", "/limited": "429 Too Many Requests"}.get(path, "200 OK")
    start_response(status, [("Content-Type", "text/plain")])
    return [b"answer"]


def waiting():
    return sorted(
        [*key, seen.requests, round(seen.oldest_age, 1)] for key, seen in IN_FLIGHT.waiting().items()
    )


def wait_for(condition):
    with gevent.Timeout(20):
        while not condition():
            gevent.sleep(0.02)


def totals(host):
    """A run of both kinds of user; Locust's totals and the recorder's."""
    dice = random.Random(5)

    def some(user):
        path = dice.choice(["/ok", "/broken", "/limited", "/caught", "/lost"])
        if path == "/caught":
            with user.client.get("/ok", name="/caught", catch_response=True) as response:
                if dice.random() < 0.5:
                    response.failure(f"order {dice.random()} is missing")
        elif path == "/lost":
            user.client.get("http://127.0.0.1:1/lost", name="/lost")
        else:
            user.client.get(path)

    def without_a_time(user):
        user.environment.events.request.fire(
            request_type="WS",
            name="pushed",
            response_time=None,
            response_length=3,
            exception=None,
            context={},
        )

    members = {"host": host, "wait_time": constant(0), "tasks": [some, without_a_time], "abstract": False}
    user_classes = [type("Plain", (HttpUser,), members), type("Fast", (FastHttpUser,), members)]
    environment = Environment(user_classes=user_classes)
    recorder = Recorder(fine_bounds([Decimal("0.1")]))
    environment.events.request.add_listener(recorder.on_request)
    runner = environment.create_local_runner()
    environment.events.test_start.add_listener(lambda **_: recorder.start_run())
    seen = []
    for _ in range(2):  # two runs in one process
        runner.start(4, spawn_rate=100)
        wait_for(lambda: environment.stats.num_requests > 300)
        runner.stop()
        seen.append(
            {
                "locust": sorted(
                    [
                        e.method,
                        e.name,
                        e.num_requests,
                        e.num_failures,
                        e.num_none_requests,
                        e.total_content_length,
                    ]
                    for e in environment.stats.entries.values()
                ),
                "recorder": sorted(
                    [*key, c.finished, c.failures, c.finished - c.timed, c.response_bytes]
                    for key, c in recorder.counts.items()
                ),
                "outcomes": sorted({outcome for c in recorder.counts.values() for outcome in c.outcomes}),
                "errors": sorted({error for c in recorder.counts.values() for error in c.errors}),
            }
        )
    runner.quit()
    return {"runs": seen, "listener_errors": recorder.exporter.listener_errors}


class Events:
    def __init__(self):
        self.fired = []

    def fire(self, **event):
        self.fired.append(event["name"])


def following(host):
    """What is seen of requests that hang, and what becomes of them when they are stopped."""
    cut = []
    seen = {}
    signature = str(inspect.signature(HttpSession.request))
    track_http_clients(lambda key: cut.append(list(key)))
    track_http_clients(lambda key: cut.append(list(key)))
    seen["signature_kept"] = str(inspect.signature(HttpSession.request)) == signature
    fired = Events()
    fast, plain = FastHttpSession(host, fired, None), HttpSession(host, fired, None)
    fast.get("/ok")
    plain.get("/ok")
    seen["answered"] = [waiting(), cut[:], fired.fired[:]]

    def renamed():
        session = HttpSession(host, fired, None)
        with session.rename_request("renamed"):
            session.put("/hang")

    def impatient():
        with gevent.Timeout(0.5, False):
            plain.delete("/hang")

    def parallel():
        gevent.joinall([gevent.spawn(fast.get, "/hang/parallel", name="parallel") for _ in range(3)])

    def custom():
        with track_request("WS", "subscribe"):
            gevent.sleep(60)

    greenlets = [
        gevent.spawn(fast.get, "/hang/fast"),
        gevent.spawn(fast.post, "/hang/fast", name="named", json={}),
        gevent.spawn(fast.get, "/slow-body"),
        gevent.spawn(plain.get, "/hang/plain", params={"a": "1 2"}),
        gevent.spawn(plain.request, "GET", "/hang/plain", "positional"),
        gevent.spawn(renamed),
        gevent.spawn(parallel),
        gevent.spawn(custom),
        gevent.spawn(impatient),
    ]
    wait_for(lambda: sum(entry[2] for entry in waiting()) == 11)
    seen["hanging"] = [entry[:3] for entry in waiting()]
    seen["oldest"] = list(IN_FLIGHT.oldest()[0])
    wait_for(lambda: cut)
    seen["timed_out"] = cut[:]
    cut.clear()
    IN_FLIGHT.stopping()
    gevent.killall(greenlets[:-1])
    seen["killed"] = sorted(cut)
    seen["pending"] = sorted(list(pending.key) for pending in IN_FLIGHT.cut_off)
    seen["youngest"] = min(pending.age_seconds for pending in IN_FLIGHT.cut_off)
    # The three of `parallel` were not killed with it: they are still in flight.
    seen["left"] = [entry[:3] for entry in waiting()]

    return seen | in_a_listener(host, cut) | through_a_traceback(fast)


def in_a_listener(host, cut):
    """A listener that blocks after the answer, and is killed there."""
    event = EventHook()
    event.add_listener(lambda **_: gevent.sleep(60))
    blocked = gevent.spawn(FastHttpSession(host, event, None).get, "/ok", name="answered")
    cut.clear()
    gevent.sleep(0.5)
    seen = {"in_a_listener": [entry for entry in waiting() if entry[1] == "answered"]}
    blocked.kill()
    return seen | {"cut_in_a_listener": cut[:]}


def through_a_traceback(fast):
    """Where Python says that a mistake in a request's arguments happened."""
    try:
        fast.get(None)
    except TypeError:
        frames = traceback.extract_tb(sys.exc_info()[2])
    return {"traceback": [[frame.name for frame in frames], frames[-2].line]}


if __name__ == "__main__":
    server = WSGIServer(("127.0.0.1", 0), app, log=None, error_log=None)
    server.start()
    result = {"totals": totals, "following": following}[sys.argv[1]](f"http://127.0.0.1:{server.server_port}")
    print(json.dumps(result))
