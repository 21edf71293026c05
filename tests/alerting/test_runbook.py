"""The runbook has a section for every alert, and for nothing else; every alert links to its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from swarmscope import names
from swarmscope.alerting.alert_names import AlertName
from swarmscope.names import Recorded

RUNBOOK = (Path(__file__).parents[2] / "alerts/runbook.md").read_text(encoding="utf-8")


def sections() -> dict[str, str]:
    """Heading → text."""
    parts = re.split(r"^## (.+)$", RUNBOOK, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_alert_has_a_section_and_every_section_an_alert():
    assert list(sections()) == [str(name) for name in AlertName]


@pytest.mark.parametrize("name", AlertName)
def test_a_section_says_what_it_means_why_what_to_look_at_and_what_to_do(name):
    parts = re.findall(r"^\*\*(.+?)\.\*\*", sections()[name], flags=re.MULTILINE)
    assert parts == ["Means", "Likely causes", "Check", "Do"]


def test_every_alert_links_to_its_own_section(generated):
    for path, text in generated.items():
        if "/tests/" in path or not path.startswith("alerts/"):
            continue
        for group in yaml.safe_load(text)["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    assert rule["annotations"]["runbook_url"] == f"alerts/runbook.md#{rule['alert'].lower()}"


def test_every_metric_that_the_runbook_asks_for_exists():
    known = {metric.name for metric in names.METRICS} | {str(name) for name in Recorded}
    known |= {f"{names.REQUEST_DURATION.name}_{part}" for part in ("sum", "count")}
    asked = set(re.findall(r"\b(?:locust_[a-z_]+|run:locust_[a-z0-9_:]+)", RUNBOOK))
    assert asked - known == set()


def test_links_within_the_runbook_lead_somewhere():
    anchors = {heading.lower() for heading in sections()}
    assert set(re.findall(r"\]\(#(.+?)\)", RUNBOOK)) <= anchors
