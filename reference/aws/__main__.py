"""`python -m reference.aws`: serves a stand-in for the AWS APIs that Swarmscope calls. It is not AWS."""

from __future__ import annotations

import argparse
import importlib.util
import re
import sys
import time
from collections.abc import Callable, Sequence

from reference.aws.settings import StandInSettings
from swarmscope.errors import ExitCode

_DEFAULTS = StandInSettings()
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    if importlib.util.find_spec("moto") is None:
        print("The stand-in for AWS needs moto: pip install 'swarmscope[stand-in]'.", file=sys.stderr)
        return ExitCode.COMPONENT_MISSING
    # Not at the top: they need moto.
    from reference.aws.app import application  # noqa: PLC0415
    from reference.aws.edge import Edge  # noqa: PLC0415
    from reference.aws.server import serve  # noqa: PLC0415

    settings = StandInSettings(
        options.region,
        options.metrics_delay,
        options.logs_delay,
        options.datapoints_per_page,
        options.metrics_per_page,
        options.lines_per_page,
        options.insights_time,
        options.filter_calls_per_second,
    )
    app = application(Edge(settings, time.time), faults_may_be_switched=options.faults)
    return serve(app, options.host, options.port)


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|)", text)
    if found is None or float(found[1]) * _UNITS[found[2]] > 3600:
        raise argparse.ArgumentTypeError(f"expected a duration such as 5s, at most 60m, got {text!r}")
    return float(found[1]) * _UNITS[found[2]]


def _whole(most: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if not text.isdigit() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {most}, got {text!r}")
        return int(text)

    return whole


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reference.aws",
        description="A stand-in for CloudWatch, CloudWatch Logs, tagging and STS, for tests and local runs. "
        "It is not AWS: see docs/aws-stand-in.md.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=4566, help="port to listen on (default: %(default)s)")
    parser.add_argument(
        "--region", default=_DEFAULTS.region, help="region in answers' ARNs (default: %(default)s)"
    )
    parser.add_argument(
        "--faults", action="store_true", help="let PUT /_stand-in/faults make calls fail, for tests"
    )
    late = parser.add_argument_group("how late data appear")
    late.add_argument(
        "--metrics-delay", type=_seconds, default="0s", metavar="DURATION",
        help="from a datapoint's arrival to when it can be read (default: %(default)s)",
    )  # fmt: skip
    late.add_argument(
        "--logs-delay", type=_seconds, default="0s", metavar="DURATION",
        help="the same for log lines (default: %(default)s)",
    )  # fmt: skip
    late.add_argument(
        "--insights-time", type=_seconds, default="500ms", metavar="DURATION",
        help="that a Logs Insights query takes (default: %(default)s)",
    )  # fmt: skip
    limits = parser.add_argument_group(
        "limits (the defaults are AWS' own; smaller ones let paging be tested)"
    )
    for name, most, what in (
        ("datapoints_per_page", 100_800, "datapoints of a page of GetMetricData"),
        ("metrics_per_page", 500, "metrics of a page of ListMetrics"),
        (
            "lines_per_page",
            1_000_000,
            "lines that FilterLogEvents looks at for a page, which may then be empty",
        ),
        ("filter_calls_per_second", 1_000_000, "FilterLogEvents calls that the account may make"),
    ):
        limits.add_argument(
            f"--{name.replace('_', '-')}", type=_whole(most), default=getattr(_DEFAULTS, name), metavar="N",
            help=f"{what} (default: %(default)s)",
        )  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())
