"""The exporters in the stack: started where they are installed, missed aloud where not, never why a run fails."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from swarmscope.edge.environment import read_settings
from swarmscope.edge.stack.generator import LoadRequest
from swarmscope.edge.stack.measuring import NODE_COLLECTORS, node_exporter_answers
from swarmscope.edge.stack.plan import programs
from swarmscope.edge.stack.prepare import _measuring, prepare
from swarmscope.errors import ExitCode
from swarmscope.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
Marked = Callable[[], list[str]]
Ports = Callable[[int], list[int]]


def scraped(runner: Any) -> dict[str, list[str]]:
    """Job → addresses, as the stack's Prometheus was told."""
    config = yaml.safe_load((runner.state / "config" / "prometheus.yml").read_text())
    return {each["job_name"]: each["static_configs"][0]["targets"] for each in config["scrape_configs"]}


def test_the_machine_is_measured_and_its_exporters_death_fails_no_run(
    runner: Any, mark: Marked, eventually: Callable[..., bool]
) -> None:
    process = runner.start(600, 0)
    assert eventually(lambda: "→ PASS" in runner.said)
    assert scraped(runner)["node"] == [f"127.0.0.1:{runner.ports['NODE_EXPORTER']}"]
    assert "postgresql" not in scraped(runner)  # SQLite
    (exporter,) = [line for line in mark() if "node-exporter" in line]
    assert exporter.count("--collector.") == len(NODE_COLLECTORS) + 1
    os.kill(int(exporter.partition(":")[0]), signal.SIGKILL)
    said = "the node exporter was ended by SIGKILL: the load goes on; what the machine measures of itself ends here"
    assert eventually(lambda: said in runner.said)
    runner.end_load()
    assert process.wait(90) == ExitCode.PASS
    assert mark() == []


def test_without_exporters_a_stack_is_planned_and_what_is_not_measured_is_said(
    runner: Any, project: Path, tmp_path: Path
) -> None:
    programs_here = tmp_path / "bin"
    programs_here.mkdir()
    for name in ("prometheus", "prometheus-alertmanager", "alertmanager", "setpriv"):
        if (found := shutil.which(name)) is not None:
            (programs_here / name).symlink_to(found)
    runner.environ["PATH"] = str(programs_here)
    settings = read_settings(runner.environ)
    plan = prepare(project, LoadRequest("triggers", ""), settings, runner.environ, web_ui=False).plan
    (remark,) = plan.remarks
    assert remark.startswith("The node exporter is not installed: what the machine measures of itself")
    with plan.folder.hold():
        names = [program.name for program in programs(plan)]
    assert names == ["receiver", "alertmanager", "prometheus", "service"]
    assert "node" not in scraped(runner)


def test_an_exporter_that_listens_already_is_asked_instead_of_a_second_one(
    runner: Any, mark: Marked, eventually: Callable[..., bool]
) -> None:
    port = runner.ports["NODE_EXPORTER"]
    program = shutil.which("prometheus-node-exporter")
    assert program is not None
    with subprocess.Popen(
        [program, f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as debians:
        try:
            settings = Settings(node_exporter_port=port)
            assert eventually(lambda: node_exporter_answers(settings))
            assert runner.run(0, 0) == ExitCode.PASS, runner.said
            assert f"A node exporter listens on port {port} already: that one is asked." in runner.said
            assert (
                "Starting the notification receiver, Alertmanager, Prometheus, the reference" in runner.said
            )
            assert scraped(runner)["node"] == [f"127.0.0.1:{port}"]
            assert debians.poll() is None
        finally:
            debians.terminate()


def test_what_listens_there_and_is_no_exporter_is_a_taken_port(runner: Any, mark: Marked) -> None:
    port = runner.ports["NODE_EXPORTER"]
    with socket.create_server(("127.0.0.1", port)):
        assert runner.run(1, 0) == ExitCode.PORT_TAKEN
    assert f"port {port} (the node exporter) is in use by " in runner.said


def test_a_service_elsewhere_is_not_measured_by_this_machines_exporter(free_ports: Ports) -> None:
    (port,) = free_ports(1)
    found = _measuring(
        Settings(node_exporter_port=port), os.environ["PATH"], has_database=False, is_here=False
    )
    assert found.components == {}
    assert found.remarks == (
        "The service is not on this machine: its machine's CPU, memory and disk will be NO DATA.",
    )


def test_where_an_exporter_is_missing_its_cost_and_its_package_are_said(free_ports: Ports) -> None:
    (port,) = free_ports(1)
    found = _measuring(Settings(node_exporter_port=port), "/nowhere", has_database=True, is_here=True)
    assert found.components == {}
    assert not found.borrows_node_exporter
    assert found.remarks == (
        "The node exporter is not installed: what the machine measures of itself (CPU, memory, disk) will be NO DATA "
        "(Debian, Ubuntu: sudo apt-get install --no-install-recommends prometheus-node-exporter)",
        "The PostgreSQL exporter is not installed: what the database measures of itself (connections, queries, cache) "
        "will be NO DATA (Debian, Ubuntu: sudo apt-get install --no-install-recommends prometheus-postgres-exporter)",
    )


@pytest.mark.parametrize(
    ("needs", "environment", "required", "optional"),
    [
        ("", {}, "", ""),
        ("needs: []", {}, "", ""),
        ("needs: [postgresql]", {}, "POSTGRESQL", "EXPORTERS"),
        ("needs:\n  - postgresql  # the facts", {}, "POSTGRESQL", "EXPORTERS"),
        ("title: needs postgresql\n# needs: [postgresql]", {}, "", ""),
        ("needs: [postgresql]", {"DATABASE_URL": "postgresql://x"}, "", "EXPORTERS"),
    ],
)
def test_packages_are_installed_for_systems_that_need_them(
    tmp_path: Path, needs: str, environment: dict[str, str], required: str, optional: str
) -> None:
    words = {
        "": "",
        "POSTGRESQL": "/usr/lib/postgresql/*/bin/initdb=postgresql",
        "EXPORTERS": "prometheus-postgres-exporter=prometheus-postgres-exporter "
        "prometheus-node-exporter=prometheus-node-exporter",
    }
    folder = tmp_path / "scenarios" / "shop"
    folder.mkdir(parents=True)
    (folder / "targets.yaml").write_text(f"system: shop\n{needs}\ntargets:\n  - postgresql\n")
    for options, expected in (([], required), (["--optional"], optional)):
        done = subprocess.run(
            [ROOT / "scripts" / "packages-for-system.sh", *options, "shop"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        assert done.stdout.strip() == words[expected]
