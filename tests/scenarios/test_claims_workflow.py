"""The Claims API's CI job: what it starts, what gates it, and what it keeps of a failure."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from swarmscope.edge.files import load_system

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / ".github/workflows/claims-performance.yml").read_text(encoding="utf-8")
WORKFLOW = yaml.safe_load(TEXT)
TRIGGERS = WORKFLOW[True]
"""YAML 1.1 reads the key `on` as a boolean, as GitHub well knows."""
(JOB,) = WORKFLOW["jobs"].values()
STEPS = {step.get("name", step.get("uses")): step for step in JOB["steps"]}


def run_step(name, folder, **variables):
    """A step's script as GitHub runs it: in bash, which ends at the first command that fails."""
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]["run"]],
        cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_it_runs_alone_or_after_anothers_tests_with_the_same_inputs():
    assert set(TRIGGERS) == {"workflow_dispatch", "workflow_call"}
    alone, called = (
        {name: (each["type"], each["default"]) for name, each in TRIGGERS[trigger]["inputs"].items()}
        for trigger in ("workflow_dispatch", "workflow_call")
    )
    assert alone == called == {"system": ("string", "claims"), "profile": ("string", "ci")}


def test_its_defaults_exist_and_leave_time_to_install():
    profile = load_system(ROOT, "claims").profiles["ci"]
    assert profile.run_time + 10 * 60 < JOB["timeout-minutes"] * 60


def test_the_comment_that_shows_how_to_call_it_is_right():
    shown = re.search(r"^#   performance:\n(?:#.*\n)+?#     uses: .*$", TEXT, re.M)[0]
    job = yaml.safe_load(re.sub(r"^# {0,3}", "", shown, flags=re.M))["performance"]
    assert (ROOT / job["uses"]).is_file()
    assert job["needs"] == "test"


def test_inputs_reach_the_shell_as_variables_only():
    # ${{ }} inside a script would let an input's text be run.
    assert [step["run"] for step in JOB["steps"] if "${{" in step.get("run", "")] == []
    assert WORKFLOW["env"] == {"SYSTEM": "${{ inputs.system }}", "PROFILE": "${{ inputs.profile }}"}


def test_it_may_only_read():
    assert WORKFLOW["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("code", [0, 10, 11, 12, 25])
def test_the_runs_exit_code_is_the_steps(tmp_path, code):
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/bash\necho "$*"\nexit {code}\n')
    python.chmod(0o755)
    ran = run_step("Run the load", tmp_path, SYSTEM="claims", PROFILE="ci")
    assert ran.returncode == code
    assert ran.stdout == "-m swarmscope.edge.cli run --system=claims --profile=ci\n"
    assert "continue-on-error" not in STEPS["Run the load"]


def test_the_summary_is_the_markdown_report_and_nothing_when_there_is_none(tmp_path):
    summary = tmp_path / "summary.md"
    summary.touch()
    name = "Write the job summary"
    assert run_step(name, tmp_path, GITHUB_STEP_SUMMARY=str(summary)).returncode == 0
    assert summary.read_text() == ""
    for run in ("a", "b"):
        (tmp_path / "reports" / run).mkdir(parents=True)
        (tmp_path / "reports" / run / "report.md").write_text(f"# {run}\n")
    assert run_step(name, tmp_path, GITHUB_STEP_SUMMARY=str(summary)).returncode == 0
    assert summary.read_text() == "# a\n# b\n"


def test_missed_targets_of_the_junit_report_become_annotations(tmp_path):
    name = "Annotate missed targets"
    without = run_step(name, tmp_path)
    assert (without.returncode, without.stdout) == (0, "")
    (tmp_path / "reports" / "a").mkdir(parents=True)
    (tmp_path / "reports" / "a" / "junit.xml").write_text(
        """<testsuites><testsuite>
        <testcase name="all requests p95 ≤ 500ms"><failure message="3 of 9 requests (33 %) were slow"/></testcase>
        <testcase name="all requests rps ≥ 1.7"><system-out>good</system-out></testcase>
        <testcase name="load is valid"><error message="a worker was lost"/></testcase>
        </testsuite></testsuites>""",
        encoding="utf-8",
    )
    ran = run_step(name, tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == (
        "::error title=all requests p95 ≤ 500ms::3 of 9 requests (33 %25) were slow\n"
        "::error title=load is valid::a worker was lost\n"
    )


def test_summary_and_reports_are_kept_of_a_failure_too():
    names = list(STEPS)
    after = names[names.index("Run the load") + 1 :]
    assert after == ["Write the job summary", "Annotate missed targets", "Keep the reports"]
    assert [STEPS[name]["if"] for name in after] == ["always()"] * 3
    assert STEPS["Keep the reports"]["with"]["path"].split() == ["reports/", ".swarmscope/logs/"]
