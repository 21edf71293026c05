"""Real pushing in a process of its own (Locust patches it): a job a line comes in, what became of it goes out.

{"scenario": …, "endpoint": …, "namespace": …, "environment": {…}} → the scenario's outcome and its log, as JSON.
"""

# Locust first: it monkey-patches on import.
import locust  # noqa: F401  # isort: skip

import io
import json
import logging
import os
import random
import resource
import sys
import time

import boto3
import gevent

from exporters.cloudwatch_push.client import CloudWatchClient
from exporters.cloudwatch_push.counters import PushCounters
from exporters.cloudwatch_push.recorder import WindowRecorder
from exporters.cloudwatch_push.sender import Sender
from swarmscope.aws.push_backlog import Backlog
from swarmscope.aws.push_batches import batches_of
from swarmscope.aws.push_data import PushNames, data_of
from swarmscope.aws.push_outcomes import Pauses
from swarmscope.aws.push_windows import Window

PERIOD = 10
job: dict = {}
"""What is being done."""
QUICK = Pauses(first=0.02, longest=0.05)


def sender(counters, *, read_seconds=10.0, most_values=500_000, **options):
    client = CloudWatchClient(job["namespace"], "us-east-1", job["endpoint"], read_seconds=read_seconds)
    return Sender(client.put, counters, Backlog(most_values), QUICK, **options)


def window(number, requests=100, names=2):
    """One window of the last minutes: so many PERIODs after the first one."""
    recorder = WindowRecorder()
    chance = random.Random(number)
    for index in range(requests):
        recorder.on_request(
            request_type="GET",
            name=f"/{index % names}",
            response_time=chance.lognormvariate(3, 1),
            exception=OSError() if index % 10 == 0 else None,
        )
    first = int(time.time()) // 60 * 60 - 1200
    return Window(first + number * PERIOD, "", recorder.close())


def batches(*windows):
    return [
        batch for each in windows for batch in batches_of(data_of(each, PushNames("probe", PERIOD)), "json")
    ]


def push(counters, way, windows, flush=20.0):
    for batch in batches(*windows):
        way.offer(batch)
    flushed = way.flush(flush)
    return {
        "flushed": flushed,
        "made": sum(len(batch.data) for batch in batches(*windows)),
        "data": counters.data,
        "calls": counters.calls,
        "backlog": counters.backlog,
        "starts": [each.start for each in windows],
    }


def plain(windows=6, **options):
    flush = options.pop("flush", 20.0)
    counters = PushCounters()
    return push(counters, sender(counters, **options), [window(n) for n in range(windows)], flush)


def percentiles():
    """120,000 samples of 20 endpoints with two modes, in windows as they come."""
    chance = random.Random(7)
    recorder, counters = WindowRecorder(), PushCounters()
    way = sender(counters)
    exact = {}
    windows = []
    start = int(time.time()) // 60 * 60 - 1200
    for number in range(12):
        for index in range(10_000):
            name = f"/endpoint/{index % 20}"
            slow = chance.random() < 0.1
            ms = (
                chance.lognormvariate(6.5, 0.3) if slow else chance.lognormvariate(2.5 + index % 20 / 20, 0.4)
            )
            recorder.on_request(request_type="GET", name=name, response_time=ms, exception=None)
            exact.setdefault(name, []).append(ms)
        windows.append(Window(start + number * PERIOD, "", recorder.close()))
    return push(counters, way, windows) | {"exact": exact, "start": start}


def bounded():
    """An endpoint that is gone, for many windows: memory and backlog stay bounded, and the end comes in time."""
    counters = PushCounters()
    way = sender(counters, most_values=20_000)
    made = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(100):
        for batch in batches(window(number, requests=2000, names=5)):
            made += len(batch.data)
            way.offer(batch)
        gevent.sleep(0)
        if number == 20:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    flushed = way.flush(1.0)
    return {
        "flushed": flushed,
        "made": made,
        "data": counters.data,
        "calls": counters.calls,
        "backlog": counters.backlog,
        "grown_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before,
    }


SCENARIOS = {
    "plain": plain,
    "percentiles": percentiles,
    "bounded": bounded,
    "read_timeout": lambda: plain(read_seconds=0.5),
    "repeat_ambiguous": lambda: plain(repeat_ambiguous=True),
    "short_flush": lambda: plain(flush=0.5, read_seconds=30.0),
}


def do(line):
    """Do a job in its own environment; boto3 remembers the credentials that it has found once."""
    job.clear()
    job.update(json.loads(line))
    os.environ.clear()
    os.environ.update(job["environment"])
    boto3.DEFAULT_SESSION = None
    log = io.StringIO()
    logging.basicConfig(level=logging.DEBUG, stream=log, force=True)
    return {**SCENARIOS[job["scenario"]](), "log": log.getvalue()}


if __name__ == "__main__":
    for each in sys.stdin:
        print(json.dumps(do(each)), flush=True)
