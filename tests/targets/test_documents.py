from pathlib import Path

from swarmscope.document import exit_codes_page, metrics_page
from swarmscope.errors import ExitCode
from swarmscope.names import METRICS, Metric, Recorded

ROOT = Path(__file__).parents[2]


def test_every_metric_and_every_recorded_series_is_on_the_page() -> None:
    page = metrics_page()
    assert [m.name for m in METRICS if f"| `{m.name}` | {m.type} |" not in page] == []
    assert [name for name in Recorded if f"- `{name}`" not in page] == []


def test_a_metric_is_one_row_of_a_table_whatever_its_help_says() -> None:
    metric = Metric("locust_x", "gauge", "Either a|b.", ("run", "system"))
    row = next(line for line in metrics_page([metric]).splitlines() if "locust_x" in line)
    assert row == "| `locust_x` | gauge | `run`, `system` | Either a\\|b. |"


def test_every_exit_code_is_on_the_page_with_its_meaning() -> None:
    rows = [line for line in exit_codes_page().splitlines() if line.startswith("| ")][2:]
    assert rows == [f"| {code.value} | {code.name.replace('_', ' ')} | {code.meaning} |" for code in ExitCode]


def test_the_committed_pages_are_those_of_the_code() -> None:
    assert (ROOT / "docs/metrics.md").read_text(encoding="utf-8") == metrics_page()
    assert (ROOT / "docs/exit-codes.md").read_text(encoding="utf-8") == exit_codes_page()
