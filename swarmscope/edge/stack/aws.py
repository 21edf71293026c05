"""The programs of a system on AWS: the CloudWatch exporter, and locally the stand-in that it asks instead of AWS.

Both are optional: without them targets at: settled are NO DATA, and everything else is judged as ever.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from swarmscope.edge.stack.processes import Program
from swarmscope.settings import Settings

EXPORTER = "cloudwatch-exporter"
STAND_IN = "aws-stand-in"


@dataclass(frozen=True, slots=True)
class AwsPart:
    """What of AWS a stack reads."""

    environment: str
    """The name of the environment whose `aws` section says what."""
    stand_in: bool
    """Whether the stand-in is asked, and not AWS."""


def is_stand_in_installed() -> bool:
    """Whether this checkout and this Python have what the stand-in is made of."""
    return all(importlib.util.find_spec(name) is not None for name in ("reference", "moto"))


def ports(part: AwsPart, settings: Settings) -> dict[str, tuple[str, int]]:
    """Setting → what it is for and its port."""
    wanted = {
        "SWARMSCOPE_CLOUDWATCH_EXPORTER_PORT": ("the CloudWatch exporter", settings.cloudwatch_exporter_port)
    }
    if part.stand_in:
        wanted["SWARMSCOPE_AWS_STAND_IN_PORT"] = ("the AWS stand-in", settings.aws_stand_in_port)
    return wanted


def programs(part: AwsPart, system: str, settings: Settings) -> list[Program]:
    """The stand-in where it is asked, and the exporter."""
    return [*([_stand_in(settings)] if part.stand_in else []), _exporter(part, system, settings)]


def service_options(part: AwsPart | None, settings: Settings) -> Sequence[str]:
    """What makes the reference service report its invocations, as Lambda would."""
    if part is None or not part.stand_in:
        return ()
    return ("--aws", settings.url(settings.aws_stand_in_port))


def _stand_in(settings: Settings) -> Program:
    url = settings.url(settings.aws_stand_in_port)
    command = (
        *(sys.executable, "-m", "reference.aws"),
        *("--host", settings.bind, "--port", str(settings.aws_stand_in_port)),
        *("--metrics-delay", "2s", "--logs-delay", "1s", "--faults"),
    )
    return Program(
        STAND_IN,
        "the AWS stand-in",
        command,
        f"{url}/-/healthy",
        url=url,
        is_optional=True,
        # Whoever asks it, asks from the start.
        carries_others=True,
    )


def _exporter(part: AwsPart, system: str, settings: Settings) -> Program:
    url = settings.url(settings.cloudwatch_exporter_port)
    command: tuple[str, ...] = (
        *(sys.executable, "-m", "swarmscope.edge.cloudwatch_exporter"),
        *("--system", system, "--environment", part.environment),
        *("--bind", settings.bind, "--port", str(settings.cloudwatch_exporter_port)),
        *("--locust", settings.url(settings.exporter_port)),
    )
    if part.stand_in:
        # It asks there with nobody's credentials, and forgets those of the user.
        command += ("--stand-in", settings.url(settings.aws_stand_in_port))
    return Program(EXPORTER, "the CloudWatch exporter", command, f"{url}/metrics", url=url, is_optional=True)
