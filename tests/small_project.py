"""A checkout of ours with one system more, for tests that bring their own targets."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from swarmscope.alerting.rule_files import alerting_files
from swarmscope.edge.files import load_system

ROOT = Path(__file__).resolve().parents[1]


def make_project(folder: Path, system: str, files: Mapping[str, str]) -> Path:
    """The checkout's locustfile (made patient) and scenarios, with this system beside the others; and its rules."""
    project = folder / "project"
    shutil.copytree(ROOT / "scenarios", project / "scenarios", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "locustfile.py").write_text((ROOT / "locustfile.py").read_text() + "\nimport tests.patience\n")
    scenario = project / "scenarios" / system
    scenario.mkdir()
    for name, text in {"__init__.py": "", **files}.items():
        (scenario / name).write_text(text)
    for path, text in alerting_files([load_system(project, system)]).items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text)
    return project
