"""The exporter's command with settings from a JSON file in place of the environment's: for tests of the process."""

import json
import sys
from decimal import Decimal
from pathlib import Path

from swarmscope.aws.families import ListedMetric
from swarmscope.aws.settings import AwsSettings, ColdStarts
from swarmscope.edge.cloudwatch_exporter import main
from swarmscope.targets import Kind, Target

TARGETS = (Target("cold", Kind.MAX, Decimal(3), "3s", query="x", unit="s"),)


def settings(path: Path) -> AwsSettings:
    document = json.loads(path.read_text())
    listed = tuple(
        ListedMetric(**{**each, "statistics": tuple(each["statistics"])})
        for each in document.pop("metrics", ())
    )
    cold = document.pop("cold_starts", None)
    functions = tuple(document.pop("functions", ()))
    cold_starts = ColdStarts(**cold) if cold is not None else None
    return AwsSettings(metrics=listed, cold_starts=cold_starts, functions=functions, **document)


if __name__ == "__main__":
    file, *arguments = sys.argv[1:]
    chosen = settings(Path(file))
    sys.exit(main(arguments, given=lambda *_: (chosen, TARGETS)))
