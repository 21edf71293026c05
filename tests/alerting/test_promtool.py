"""promtool on what is generated, on what is committed, and proof that it would find what is broken."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from swarmscope.alerting.alert_names import AlertName
from swarmscope.alerting.rule_files import RULE_GLOBS, alerting_files

ROOT = Path(__file__).parents[2]
RULES, TESTS = "alerts/shop.generated.yml", "alerts/tests/shop_test.generated.yml"


def test_the_rules_of_every_kind_of_target_are_valid_and_behave(every_kind, generated, promtool):
    checked = promtool(generated, "check", "rules", RULES, *(path for path in generated if "/rules/" in path))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    # promtool evaluates all rules for every case: a few neighbours at a time cost half as much as all of them at once.
    files = {}
    for first in range(0, len(every_kind.targets), 3):
        some = replace(every_kind, targets=every_kind.targets[first : first + 3])
        files |= {f"{first}/{path}": text for path, text in alerting_files([some]).items()}
    tests = [path for path in files if path.endswith(TESTS)]
    tested = promtool(files, "test", "rules", *tests)
    assert tested.returncode == 0, tested.stdout
    assert tested.stdout.count("SUCCESS") == len(tests) == 4


# What is broken in the rules of which target, and how. Each of them is a way in which alerts are often wrong.
BREAKAGES = {
    "fires at the limit itself": ("p95", r"\* 100 > 5 \*", "* 100 >= 5 *"),
    "a window that is a second longer": ("p95", r"offset 5s", "offset 6s"),
    "a hold that is a second shorter": ("p95", r"for: 7s", "for: 6s"),
    "a hold that is a second longer": ("p95", r"for: 7s", "for: 8s"),
    "never fires": ("p95", r">= 3\)", ">= 1e9)"),
    "fires under every profile": ("p95", r'profile=~"peak\\\\.1\|soak"', 'profile=~".*"'),
    "fires in the ramp": ("p95", r'phase="steady"', 'phase=~".*"'),
    "the bucket beside the limit": ("p95", r'le="0.1"', 'le="0.05"'),
    "another request": ("p95", r'name="/events"', 'name="/other"'),
    "a label lost": ("p95", r"severity: critical\n +abort", "severity: warning\n          abort"),
    "an abort lost": ("p95", r"abort: 'true'", "abort: 'false'"),
    "a text changed": ("p95", r"5% allowed", "6% allowed"),
    "successes for failures": ("error-rate", r'outcome="failure"', 'outcome="success"'),
    "fires at the floor itself": ("rps", r"< on \(run, system\)", "<= on (run, system)"),
    "a missing measurement passed over": ("max", r"unless on \(run, system\)", "and on (run, system)"),
}
# Each has a neighbour above that breaks the same line in another way.
SELDOM = {
    "a hold that is a second longer",
    "never fires",
    "another request",
    "an abort lost",
    "a text changed",
}


@pytest.mark.parametrize(
    "of, pattern, broken",
    [
        pytest.param(*broken, id=name, marks=[pytest.mark.long] if name in SELDOM else [])
        for name, broken in BREAKAGES.items()
    ],
)
def test_a_broken_rule_fails_its_test(every_kind, promtool, of, pattern, broken):
    only = tuple(target for target in every_kind.targets if target.id == of)
    files = alerting_files([replace(every_kind, targets=only)])
    text, changed = re.subn(pattern, broken, files[RULES])
    assert changed, files[RULES]
    assert promtool({**files, RULES: text}, "test", "rules", TESTS).returncode == 1


def test_committed_rules_are_valid():
    files = [str(path) for glob in RULE_GLOBS for path in sorted(ROOT.glob(glob))]
    assert len(files) >= 2
    done = subprocess.run(["promtool", "check", "rules", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_committed_configuration_is_valid():
    done = subprocess.run(
        ["promtool", "check", "config", str(ROOT / "prometheus/prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# Of every system in `make check`, of which CI is made; here nobody waits for the same a second time.
@pytest.mark.long
@pytest.mark.parametrize("name", ["guards_test.yml"])
def test_committed_rules_behave(name):
    path = ROOT / "alerts/tests" / name
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_that_fires_and_one_that_stays_silent(generated):
    fires, silent = set(), set()
    texts = [generated[TESTS], (ROOT / "alerts/tests/guards_test.yml").read_text(encoding="utf-8")]
    for text in texts:
        for case in yaml.safe_load(text)["tests"]:
            for check in case["alert_rule_test"]:
                (fires if check["exp_alerts"] else silent).add(check["alertname"])
    assert fires == {str(name) for name in AlertName}
    # The watchdog never is.
    assert silent == fires - {"Watchdog"}


def test_every_alert_is_in_some_rule(generated):
    found = {
        rule["alert"]
        for path, text in generated.items()
        if path.startswith("alerts/") and "/tests/" not in path
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert found == {str(name) for name in AlertName}
