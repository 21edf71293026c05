"""What pushing and its alarms cost. No I/O.

metrics  = (requests + patterns + 1) * 3 + 1, twice with runs told apart, for every run anew
a month  = metrics * price * hours with data / 730 + calls * price / 1,000 + alarms * price

AWS bills a metric by the hours in which it got data, and a call however much it carries.
"""

from __future__ import annotations

from dataclasses import dataclass

from swarmscope.aws.push_windows import MINUTE

HOURS_PER_MONTH = 730.0
METRICS_OF_REQUEST = 3


@dataclass(frozen=True, slots=True)
class PushPrices:
    """US dollars; as of us-east-1, without the free tier and before discounts for more than 10,000 metrics."""

    metric_per_month: float = 0.30
    calls_per_thousand: float = 0.01
    alarm_per_month: float = 0.10
    high_resolution_alarm_per_month: float = 0.30
    """Of an alarm whose period is below a minute."""


PRICES = PushPrices()


def metrics_of(requests: int, patterns: int = 0, runs: int = 0) -> int:
    """How many custom metrics that many requests make; `runs` when each run has metrics of its own."""
    metrics = (requests + patterns + 1) * METRICS_OF_REQUEST + 1
    return metrics * (1 + runs)


def dollars_per_hour(metrics: int, period: int, processes: int, prices: PushPrices = PRICES) -> float:
    """What an hour of load costs; every process makes about one call a window."""
    calls = processes * 3600 / period
    return metrics * prices.metric_per_month / HOURS_PER_MONTH + calls * prices.calls_per_thousand / 1000


def alarm_dollars_per_month(alarms: int, period: int, prices: PushPrices = PRICES) -> float:
    """What alarms cost, whether load runs or not."""
    return alarms * (prices.high_resolution_alarm_per_month if period < MINUTE else prices.alarm_per_month)
