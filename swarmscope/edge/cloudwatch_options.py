"""The push exporter's options on Locust's command line, and what values CloudWatch takes. Knows nothing of Locust."""

from __future__ import annotations

import math
import re
from argparse import ArgumentTypeError
from typing import Any

from exporters.cloudwatch_push.pusher import FLUSH_SECONDS, PushSettings
from swarmscope.aws.push_windows import is_period

NAMESPACE_VARIABLE = "SWARMSCOPE_CLOUDWATCH_NAMESPACE"
_NAMESPACE = re.compile(r"[0-9A-Za-z.\-_/#: ]{1,255}")


def add_push_options(group: Any) -> None:
    """Add the options; a master's travel to its workers with Locust's spawn message."""
    group.add_argument(
        "--cloudwatch-namespace",
        type=namespace,
        default="",
        env_var=NAMESPACE_VARIABLE,
        metavar="NAME",
        help="Push request metrics to CloudWatch, into this namespace; docs/cloudwatch-push.md tells the price.",
    )
    group.add_argument(
        "--cloudwatch-period",
        type=period,
        default=60,
        metavar="SECONDS",
        help="Length of the windows that are pushed: 10, 20, 30 or whole minutes (default 60).",
    )
    group.add_argument(
        "--cloudwatch-dimension-run",
        action="store_true",
        help="Push everything once more with the dimension Run: every run makes new metrics, which cost money.",
    )
    group.add_argument("--cloudwatch-region", default="", metavar="REGION", help="Default: boto3's own.")
    group.add_argument(
        "--cloudwatch-endpoint",
        default="",
        metavar="URL",
        help="Another address than AWS' own: a VPC endpoint.",
    )
    group.add_argument(
        "--cloudwatch-flush-timeout",
        type=seconds,
        default=FLUSH_SECONDS,
        metavar="SECONDS",
        help=f"The longest that Locust's end waits for what is still to be pushed (default {FLUSH_SECONDS:g}).",
    )
    group.add_argument(
        "--cloudwatch-repeat-ambiguous",
        action="store_true",
        help="Repeat calls of which nobody knows whether they were applied: nothing is lost, some may count twice.",
    )


def namespace(text: str) -> str:
    """A namespace's name; raises ArgumentTypeError for what CloudWatch would not take. Empty is off."""
    if text and (_NAMESPACE.fullmatch(text) is None or text.startswith("AWS/") or not text.strip()):
        raise ArgumentTypeError(
            f'expected letters, digits and . - _ / # :, not beginning with AWS/, got "{text}"'
        )
    return text


def period(text: str) -> int:
    """A window's length in seconds; raises ArgumentTypeError for one that CloudWatch cannot keep."""
    if not text.isdecimal() or not is_period(int(text)):
        raise ArgumentTypeError(
            f'expected 10, 20, 30, or whole minutes up to an hour in seconds, got "{text}"'
        )
    return int(text)


def seconds(text: str) -> float:
    """A time in seconds; raises ArgumentTypeError for what is none."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 3600:
        raise ArgumentTypeError(f'expected a number of seconds from 0 to 3600, got "{text}"')
    return value


def push_settings(options: Any) -> PushSettings:
    """What the options ask for; those of a Locust without ours ask for nothing."""
    return PushSettings(
        getattr(options, "cloudwatch_namespace", ""),
        getattr(options, "cloudwatch_period", 60),
        getattr(options, "cloudwatch_region", ""),
        getattr(options, "cloudwatch_endpoint", ""),
        getattr(options, "cloudwatch_dimension_run", False),
        getattr(options, "cloudwatch_flush_timeout", FLUSH_SECONDS),
        getattr(options, "cloudwatch_repeat_ambiguous", False),
    )
