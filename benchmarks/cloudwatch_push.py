"""What reaches CloudWatch of a load, in how many calls, and whether the load notices.

python -m benchmarks.cloudwatch_push          about three minutes

Everything goes to the AWS stand-in, which counts calls, bodies and values. The rate is compared in pairs of
neighbouring windows, with and without pushing, among the same users, while every call takes a second; one push is
made in every such window, which is twice as often as with the shortest period. What pushing costs a generator that
runs flat out is told in CPU time: there, neighbouring windows differ by more than pushing can cost.
"""

from __future__ import annotations

# Locust first: it monkey-patches on import.
import locust  # noqa: F401  # isort: skip

import argparse
import logging
import math
import random
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import gevent
from locust.event import EventHook

from benchmarks.service import service
from benchmarks.sides import PAUSE, USERS, Side, added, added_cost, compared_rate, own_cost
from exporters.cloudwatch_push.client import CloudWatchClient
from exporters.cloudwatch_push.counters import PushCounters
from exporters.cloudwatch_push.recorder import WindowRecorder
from exporters.cloudwatch_push.sender import Sender
from reference.aws.running import KEY, REGION, RunningAws, running_aws
from swarmscope.aws.push_batches import Batch, batches_of
from swarmscope.aws.push_data import PushNames, data_of
from swarmscope.aws.push_windows import Window

SAMPLES, ENDPOINTS, RATE = 120_000, 20, 1000
BAR_PERCENTILE, BAR_RATE = 0.01, 0.99
CALLS = {10: 6, 60: 1}
"""Period → most calls a minute."""
WINDOW, PAIRS = 4.0, 8
PACE = 0.045
"""Pause of each of 50 users: about 1,000 requests a second."""
COST_REQUESTS, COST_WINDOWS, COST_PERIOD = 24_000, 20, 10
NAMESPACE = "benchmark"


def main() -> None:
    """Measure and print; exit with 1 when a bar is missed."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument(
        "--pairs", type=int, default=PAIRS, help="pairs of windows whose rates are compared"
    )
    pairs = arguments.parse_args().pairs
    logging.disable(logging.WARNING)
    missed = []
    with running_aws() as aws:
        missed += _percentiles(aws)
        missed += _calls(aws)
        with service() as host:
            missed += _rates(aws, host, pairs)
            _cost(aws, host)
    for bar in missed:
        print(f"FAIL: {bar}")
    sys.exit(1 if missed else 0)


@dataclass
class Push:
    """The push exporter's parts by hand: a window is closed and sent when that is asked for."""

    url: str
    period: int
    recorder: WindowRecorder = field(default_factory=WindowRecorder)
    counters: PushCounters = field(default_factory=PushCounters)

    def __post_init__(self) -> None:
        self.client = CloudWatchClient(NAMESPACE, REGION, self.url)
        self.sender = Sender(self.client.put, self.counters)
        self.names = PushNames("benchmark", self.period)

    def record(self, chance: random.Random, requests: int) -> None:
        """So many requests of all endpoints in turn."""
        for index in range(requests):
            endpoint = index % ENDPOINTS
            self.recorder.on_request(
                request_type="GET",
                name=f"/v1/endpoint/{endpoint}",
                response_time=_two_modes(chance, endpoint),
            )

    def close(self, start: int) -> None:
        """Close the window, have its data made in a thread, and send them, as Pusher does."""
        gevent.spawn(self._build, Window(start, "", self.recorder.close()))

    def _build(self, window: Window) -> None:
        for batch in gevent.get_hub().threadpool.apply(self._batches, (window,)):
            self.sender.offer(batch)

    def _batches(self, window: Window) -> list[Batch]:
        return list(batches_of(data_of(window, self.names), self.client.protocol))

    def flush(self) -> None:
        """Wait until all is stored."""
        gevent.sleep(0.5)
        assert self.sender.flush(60)


def _two_modes(chance: random.Random, endpoint: int) -> float:
    """Milliseconds: one request in ten is slow."""
    return (
        chance.lognormvariate(6.5, 0.3)
        if chance.random() < 0.1
        else chance.lognormvariate(2.5 + endpoint / 20, 0.4)
    )


def _percentiles(aws: RunningAws) -> list[str]:
    chance = random.Random(7)
    push = Push(aws.url, 10)
    exact: dict[int, list[float]] = {endpoint: [] for endpoint in range(ENDPOINTS)}
    start = int(time.time()) // 60 * 60 - 1200
    for number in range(12):
        for index in range(SAMPLES // 12):
            endpoint = index % ENDPOINTS
            milliseconds = _two_modes(chance, endpoint)
            exact[endpoint].append(milliseconds / 1000)
            push.recorder.on_request(request_type="GET", name=f"/{endpoint}", response_time=milliseconds)
        push.close(start + 10 * number)
    push.flush()
    worst = dict.fromkeys(("p50", "p95", "p99", "SampleCount", "Sum", "Minimum", "Maximum"), 0.0)
    for endpoint, seconds in exact.items():
        seconds.sort()
        true = {
            f"p{percent}": seconds[math.ceil(percent * len(seconds) / 100) - 1] for percent in (50, 95, 99)
        }
        true |= {
            "SampleCount": len(seconds),
            "Sum": math.fsum(seconds),
            "Minimum": seconds[0],
            "Maximum": seconds[-1],
        }
        read = _read(aws, endpoint, list(true), start)
        for statistic, value in true.items():
            worst[statistic] = max(worst[statistic], abs(read[statistic] / value - 1))
    print(f"\n{SAMPLES:,} samples, {ENDPOINTS} endpoints, two modes: read back, worst endpoint")
    bars = dict.fromkeys(("p50", "p95", "p99"), BAR_PERCENTILE) | {"Sum": 1e-9}
    missed = []
    for statistic, error in worst.items():
        bar = bars.get(statistic, 0.0)
        print(f"{statistic:14}{error:12.2e} off   ≤ {bar:g} {'pass' if error <= bar else 'FAIL'}")
        if error > bar:
            missed.append(f"{statistic} is {error:.2e} off, bar {bar:g}")
    return missed


def _read(aws: RunningAws, endpoint: int, statistics: list[str], start: int) -> dict[str, float]:
    dimensions = {"System": "benchmark", "Method": "GET", "Request": f"/{endpoint}"}
    metric = {
        "Namespace": NAMESPACE,
        "MetricName": "RequestDuration",
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
    }
    queries = [
        {"Id": f"q{index}", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": statistic}}
        for index, statistic in enumerate(statistics)
    ]
    answer = aws.client("cloudwatch").get_metric_data(
        MetricDataQueries=queries, StartTime=start - 60, EndTime=start + 3540
    )
    values = [result["Values"][0] for result in answer["MetricDataResults"]]
    return dict(zip(statistics, values, strict=True))


def _calls(aws: RunningAws) -> list[str]:
    missed = []
    print(
        f"\nCalls of PutMetricData in a minute at {RATE:,} requests/s and {ENDPOINTS} endpoints, one process"
    )
    for period, most in CALLS.items():
        aws.clear_calls()
        chance = random.Random(8)
        push = Push(aws.url, period)
        start = int(time.time()) // 60 * 60 - 3600
        for number in range(60 // period):
            push.record(chance, RATE * period)
            push.close(start + period * number)
        push.flush()
        seen = aws.calls()["PutMetricData"]
        held = seen["calls"] <= most and seen["most_values"] <= 150 and seen["most_metrics"] <= 1000
        held = held and max(seen["largest_body_bytes"], seen["largest_unpacked_bytes"]) <= 1_000_000
        print(
            f"every {period} s: {seen['calls']} calls (≤ {most}), {seen['metrics']} data, at most "
            f"{seen['most_metrics']} a call, {seen['most_values']} values a datum, body "
            f"{seen['largest_unpacked_bytes'] / 1000:.0f} kB, sent as {seen['largest_body_bytes'] / 1000:.0f} kB"
            f"   {'pass' if held else 'FAIL'}"
        )
        if not held:
            missed.append(f"calls every {period} s: {seen}")
    return missed


def _rates(aws: RunningAws, host: str, pairs: int) -> list[str]:
    aws.put_faults([{"api": "PutMetricData", "kind": "delay", "delay_ms": 1000}])
    print(
        f"\nRate with / without pushing, every call taking 1 s, median of {pairs} pairs of windows of {WINDOW:g} s"
    )
    missed = []
    push = Push(aws.url, 10)
    side = Side("Swarmscope", push.recorder.on_request)
    ratio = compared_rate(
        "FastHttpUser",
        host,
        Side("plain"),
        side,
        pairs,
        window=WINDOW,
        pause=PACE,
        on_side=lambda: push.close(int(time.time()) // 10 * 10),
    )
    verdict = f"≥ {BAR_RATE} {'pass' if ratio >= BAR_RATE else 'FAIL'}"
    print(f"{'Swarmscope, about 1,000 requests/s':50}{ratio:8.3f}   {verdict}", flush=True)
    if ratio < BAR_RATE:
        missed.append(f"rate {ratio:.3f} of the rate without, bar {BAR_RATE}")
    push.flush()
    assert push.counters.data["stored"] == push.counters.made > 0
    side = Side("control")
    ratio = compared_rate("FastHttpUser", host, Side("plain"), side, pairs, window=WINDOW, pause=PACE)
    print(f"{'control: nothing, about 1,000 requests/s':50}{ratio:8.3f}", flush=True)
    ratio = compared_rate(
        "FastHttpUser",
        host,
        Side("plain"),
        _locust_plugins(aws, host),
        max(3, pairs // 2),
        window=WINDOW,
        pause=PACE,
    )
    print(f"{'CloudWatch listener of locust-plugins':50}{ratio:8.3f}", flush=True)
    aws.put_faults([])
    return missed


def _cost(aws: RunningAws, host: str) -> None:
    """What a request and a window take of the generator's CPU; told, not judged."""
    pause = PAUSE["FastHttpUser"]
    own = own_cost("FastHttpUser", host, pause)
    print(f"\nCPU that pushing takes of FastHttpUser, whose own is {own * 1e6:.0f} µs a request")
    listener = 0.0
    for side in (Side("control: nothing"), Side("listener", WindowRecorder().on_request)):
        plain = Side("plain")
        added_cost("FastHttpUser", host, (plain, side), COST_REQUESTS, pause)
        listener, error = added(plain, side)
        print(f"{side.name:50}{listener * 1e6:8.2f} ± {error * 1e6:.2f} µs a request", flush=True)
    window = _cost_of_a_window(aws)
    requests = RATE * COST_PERIOD
    made = f"a window of {requests:,} requests, made and sent"
    print(f"{made:50}{window * 1e3:8.1f} ms, {window / requests * 1e6:.1f} µs a request")
    whole = listener + window / requests
    print(f"{'in all':50}{whole * 1e6:8.1f} µs a request, {whole / own:.1%} of its own ({USERS} users)")


def _cost_of_a_window(aws: RunningAws) -> float:
    """CPU seconds of this process, all threads, to make and send a window; the mean of some."""
    chance = random.Random(9)
    push = Push(aws.url, COST_PERIOD)
    start = int(time.time()) // 60 * 60 - 3600
    spent = 0.0
    for number in range(COST_WINDOWS):
        push.record(chance, RATE * COST_PERIOD)
        before = time.process_time()
        push.close(start + COST_PERIOD * number)
        push.flush()
        spent += time.process_time() - before
    return spent / COST_WINDOWS


def _locust_plugins(aws: RunningAws, host: str) -> Side:
    """The listener of locust-plugins, told of the side's requests only."""
    from locust_plugins.listeners.cloudwatch import CloudwatchAdapter

    class Events:
        test_start, request, test_stop = EventHook(), EventHook(), EventHook()

    class LocustEnvironment:
        events = Events

    LocustEnvironment.host = host  # type: ignore[attr-defined]
    client = aws.client("cloudwatch", aws_access_key_id=KEY)
    adapter: Any = CloudwatchAdapter(LocustEnvironment, "benchmark", cloudwatch=client)
    return Side("locust-plugins", adapter.on_request)


if __name__ == "__main__":
    import os

    # Where boto3 looks; obviously nobody's.
    os.environ |= {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": KEY, "NO_PROXY": "*"}
    main()
