"""The files around the code: lock file, Makefile, example settings, workflows."""

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from swarmscope.edge.environment import PREFIX, read_dotenv, read_settings
from swarmscope.errors import ExitCode
from swarmscope.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PINS = dict(re.findall(r"^([a-z0-9][a-z0-9.-]*)==([^ ]+) \\$", LOCK, re.MULTILINE))


def test_the_lock_file_holds_names_versions_and_hashes_and_nothing_else() -> None:
    allowed = re.compile(r"[a-z0-9][a-z0-9.-]*==[^ ]+ \\|    --hash=sha256:[0-9a-f]{64}( \\)?|#.*|")
    strange = [line for line in LOCK.splitlines() if not allowed.fullmatch(line)]
    assert strange == []
    comments = [line for line in LOCK.splitlines() if line.startswith("#")]
    assert comments == ["# The following packages are considered to be unsafe in a requirements file:"]


def test_the_lock_file_answers_every_requirement_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    assert PINS
    for requirement in map(Requirement, wanted):
        pinned = PINS.get(canonicalize_name(requirement.name))
        assert pinned, f"{requirement} is not locked: make lock"
        assert requirement.specifier.contains(pinned), f"{requirement} is locked at {pinned}: make lock"


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_lock_file_is_complete_on_every_python(python: str) -> None:
    # It is made on one Python; a requirement that only holds on another would make --require-hashes fail there.
    markers = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    missing = [
        f"{name} needs {text}"
        for name in PINS
        for text in metadata.requires(name) or ()
        if (requirement := Requirement(text)).marker is None or requirement.marker.evaluate(markers)
        if canonicalize_name(requirement.name) not in PINS
    ]
    assert missing == []


def test_every_setting_is_in_the_example_with_its_default() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    shown = dict(re.findall(rf"^# ({PREFIX}[A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert shown == {PREFIX + field.name.upper(): str(field.default) for field in fields(Settings)}


def test_the_example_can_be_used_as_it_is(tmp_path: Path) -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    everything = tmp_path / ".env"
    everything.write_text(re.sub(r"^# ([A-Z_]+=)", r"\1", text, flags=re.MULTILINE), encoding="utf-8")
    assert read_settings(read_dotenv(everything)) == Settings()
    assert read_dotenv(ROOT / ".env.example") == {}


def make(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "-C", str(ROOT), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )


def test_make_alone_lists_every_goal() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    goals = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())  # type: ignore[index]
    listed = set(re.findall(r"^  make ([a-z-]+) ", make().stdout, re.MULTILINE))
    assert goals - listed == {"programs", "test-programs"}
    assert {
        "run",
        "up",
        "down",
        "test",
        "check",
        "generate",
        "bench",
        "new",
        "help",
        "clean",
        "lock",
    } <= listed


def test_make_bench_runs_every_benchmark() -> None:
    assert "python -m benchmarks" in make("-n", "--assume-old=.venv/.ready", "bench").stdout
    shown = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    named = re.search(r"which of\s+them:(.*)\(all\)", shown, re.DOTALL)[1]  # type: ignore[index]
    parts = [part.strip() for part in named.split(",")]
    assert len(parts) >= 5
    assert [part for part in parts if not (ROOT / "benchmarks" / f"{part}.py").is_file()] == []


def test_makes_variables_reach_the_command_as_they_are_written() -> None:
    dry = make("-n", "--assume-old=.venv/.ready", "run", "HOST=http://h/$(rm -rf x)'\"")
    assert dry.returncode == 0
    assert '--host="$HOST"' in dry.stdout
    assert "rm -rf" not in dry.stdout


@pytest.mark.parametrize("script", [".ci/run", "scripts/install-packages.sh"])
def test_scripts_can_be_run_and_parsed(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(ROOT / script)], check=False).returncode == 0


def steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_sound(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML 1.1 reads the key `on` as a boolean, as GitHub well knows.
    assert {"name", True, "permissions", "jobs"} <= set(workflow)
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 30
    for step in steps(workflow):
        assert ("run" in step) != ("uses" in step)
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"]), "pin actions by major version"
        else:
            assert subprocess.run(["bash", "-n", "-c", step["run"]], check=False).returncode == 0


def test_a_users_workflow_gates_on_the_verdict_and_keeps_the_reports_of_a_failure() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/load-test.yml").read_text(encoding="utf-8"))
    by_name = {step.get("name", step.get("uses")): step for step in steps(workflow)}
    load = by_name["Run the load"]
    assert "swarmscope.edge.cli run" in load["run"]
    assert "continue-on-error" not in load
    names = list(by_name)
    after = names[names.index("Run the load") + 1 :]
    assert [by_name[name]["if"] for name in after] == ["always()"] * 3
    assert "$GITHUB_STEP_SUMMARY" in by_name["Write the job summary"]["run"]
    assert by_name["Annotate missed targets"]["with"]["report_paths"] == "reports/*/junit.xml"
    assert "reports/" in by_name["Keep the reports"]["with"]["path"]


class Machine:
    """A machine with nothing but the tools that the script itself needs, and fakes of apt and systemd."""

    def __init__(self, folder: Path, uid: int) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.log = folder / "log"
        self.policy = folder / "policy-rc.d"
        for tool in ("bash", "chmod", "rm", "tee", "env", "cat"):
            (self.bin / tool).symlink_to(Path("/bin") / tool)
        self.fake("id", f"echo {uid}")
        self.fake(
            "apt-get", f'echo "apt-get $*" >> {self.log}; cat {self.policy} >> {self.log} 2>/dev/null || true'
        )
        self.fake("systemctl", f'echo "systemctl $*" >> {self.log}; exit 1')

    def fake(self, name: str, body: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def install(self, *pairs: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(ROOT / "scripts/install-packages.sh"), *pairs],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env={"PATH": str(self.bin), "POLICY_RC_D": str(self.policy)},
        )


def test_nothing_is_installed_when_everything_is_there(tmp_path: Path) -> None:
    machine = Machine(tmp_path, uid=0)
    answer = machine.install("bash=bash", f"{tmp_path}/b*n/bash=bash")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    assert not machine.log.exists()


def test_missing_packages_are_installed_without_their_daemons_starting(tmp_path: Path) -> None:
    machine = Machine(tmp_path, uid=0)
    answer = machine.install("bash=bash", "prometheus=prometheus", f"{tmp_path}/*/initdb=postgresql")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == (
        "Installing Debian packages: prometheus postgresql (their daemons are kept from starting)\n"
    )
    forbidding = "#!/bin/sh\nexit 101\n"
    assert machine.log.read_text(encoding="utf-8") == (
        f"apt-get update -qq\n{forbidding}"
        f"apt-get install -y -qq --no-install-recommends prometheus postgresql\n{forbidding}"
        "systemctl disable --quiet prometheus.service\nsystemctl disable --quiet postgresql.service\n"
    )
    assert not machine.policy.exists()


def test_a_policy_of_the_machine_is_left_as_it_is(tmp_path: Path) -> None:
    machine = Machine(tmp_path, uid=0)
    machine.policy.write_text("exit 0\n", encoding="utf-8")
    assert machine.install("prometheus=prometheus").returncode == 0
    assert machine.policy.read_text(encoding="utf-8") == "exit 0\n"


def test_a_failed_installation_says_so_and_takes_its_policy_back(tmp_path: Path) -> None:
    machine = Machine(tmp_path, uid=0)
    machine.fake("apt-get", "echo 'E: no network' >&2; exit 100")
    answer = machine.install("prometheus=prometheus")
    assert answer.returncode == ExitCode.COMPONENT_MISSING
    assert answer.stderr == (
        "E: no network\nThe package lists could not be renewed; trying with the old ones.\nE: no network\n"
        "Missing: prometheus. apt-get could not install them; its message is above.\n"
    )
    assert not machine.policy.exists()


def test_without_root_it_says_what_to_type(tmp_path: Path) -> None:
    machine = Machine(tmp_path, uid=1000)
    answer = machine.install("prometheus=prometheus")
    assert answer.returncode == ExitCode.COMPONENT_MISSING
    assert answer.stderr == (
        "Missing: prometheus. Installing needs root: sudo apt-get install --no-install-recommends prometheus\n"
    )


def test_without_apt_it_says_what_else_there_is(tmp_path: Path) -> None:
    machine = Machine(tmp_path, uid=0)
    (machine.bin / "apt-get").unlink()
    answer = machine.install("prometheus=prometheus")
    assert answer.returncode == ExitCode.COMPONENT_MISSING
    assert answer.stderr == (
        "Missing: prometheus. This machine has no apt-get: install them by hand, or use 'docker compose up'.\n"
    )
