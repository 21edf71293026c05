import re
import urllib.error
from pathlib import Path
from typing import Any

import pytest

from reference.aws.__main__ import _parser
from reference.aws.faults import REPORT, Kind

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "aws-stand-in.md").read_text()


def test_every_api_has_its_line_and_no_other_has(aws: Any) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        aws.put_faults([{"api": "?", "kind": "throttle"}])
    with caught.value as answer:
        known = set(re.findall(r"\b[A-Z]\w+", answer.read().decode().partition("known are")[2])) - {REPORT}
    table = PAGE.partition("## What it does")[2].partition("**Protocols**")[0]
    rows = re.findall(r"^\| ([A-Z][\w, ]+) \|", table, re.M)
    assert {name for row in rows for name in row.split(", ")} - {"API"} == known


def test_every_fault_is_described() -> None:
    table = PAGE.partition("## Faults")[2].partition("## Its other paths")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.M)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(Kind)


def test_every_option_is_described_with_its_default() -> None:
    options = {
        each for action in _parser()._actions for each in action.option_strings if each.startswith("--")
    }
    table = PAGE.partition("## Start it")[2].partition("In tests:")[0]
    assert set(re.findall(r"`(--[\w-]+)`", table)) == options - {"--help"}
