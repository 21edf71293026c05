"""Writes the reference pages that are made from the code: metrics and exit codes, as Markdown. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from swarmscope.climb import Part
from swarmscope.errors import ExitCode
from swarmscope.names import METRICS, Metric, Outcome, Phase, Recorded, RunState

MARK = "by `make generate`; edits are lost."
"""What every generated file says of itself near its top, whatever its format."""


def origin(source: str) -> str:
    """The sentence that tells a reader what to edit instead: put it into the format's own kind of comment."""
    return f"Generated from {source} {MARK}"


def metrics_page(metrics: Sequence[Metric] = METRICS) -> str:
    """docs/metrics.md: every series that the exporter publishes, and what Prometheus records from them."""
    return "\n".join(
        [
            comment("swarmscope/names.py"),
            "",
            "# Metrics",
            "",
            "What the exporter publishes on `/metrics` (port 9646). Units are Prometheus' base units: seconds, bytes,",
            "ratios from 0 to 1, counts per second. Counters never go back: a new run is a new `run` label.",
            "",
            table(
                ("metric", "type", "labels", "meaning"),
                ((f"`{m.name}`", m.type, codes(m.labels), cell(m.help)) for m in metrics),
            ),
            "",
            "## Values of labels",
            "",
            table(
                ("label", "values"),
                (
                    ("`outcome`", codes(Outcome)),
                    ("`state` of `locust_run_state`", codes(RunState)),
                    (
                        "`phase`",
                        f"{codes(Phase)}, the names that a profile gives to its stages, and those of a climb: "
                        f"{codes(Part)}",
                    ),
                ),
            ),
            "",
            "Labels that come from the service (`name`, `status`, `error`) have a bounded number of values; what is",
            "beyond the bound is counted under `other`, and `locust_exporter_label_overflow_total` says how much.",
            "",
            "## Of the scenario's own",
            "",
            "A scenario may declare counters and gauges (docs/scenarios.md). They follow as `locust_<name>`,",
            "with the labels `run` and `system` before their own; docs/systems/ lists them.",
            "",
            "## Recorded by Prometheus",
            "",
            "The generated rules store these series, named level, metric and operation:",
            "",
            *(f"- `{name}`" for name in Recorded),
            "",
        ]
    )


def exit_codes_page() -> str:
    """docs/exit-codes.md: what each exit code means."""
    rows = [(str(code.value), code.name.replace("_", " "), cell(code.meaning)) for code in ExitCode]
    return "\n".join(
        [
            comment("swarmscope/errors.py"),
            "",
            "# Exit codes",
            "",
            "One owner decides the exit code of a run, so that a pipeline can act on it. 1 to 3 stay Locust's and",
            "locust-plugins' own: a `1` is an error inside Locust, a `3` a failed `--check-*` option.",
            "",
            table(("code", "name", "meaning"), rows),
            "",
        ]
    )


def comment(source: str) -> str:
    """The first line of a generated page."""
    return f"<!-- {origin(source)} -->"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what stands in its cells is ready Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def codes(words: Iterable[str]) -> str:
    """Words as code, with commas."""
    return ", ".join(f"`{word}`" for word in words) or "none"


def cell(text: str) -> str:
    """Text as a table's cell can hold it."""
    return text.replace("|", "\\|")
