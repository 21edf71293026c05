"""The house stays as it was drawn: a pure core, I/O at its edges, and one direction of dependence."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EDGE = ROOT / "swarmscope" / "edge"
FOREIGN_TO_THE_CORE = {
    "locust",
    "locust_plugins",
    "gevent",
    "requests",
    "boto3",
    "starlette",
    "uvicorn",
    "psycopg",
}
FOREIGN_TO_THE_CORE |= {"os", "socket", "subprocess", "time", "random", "threading", "tempfile", "shutil"}


def modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py"))


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return names


def tops(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


CORE = [path for path in modules(ROOT / "swarmscope") if EDGE not in path.parents]


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_does_no_io_and_knows_nothing_of_locust(path: Path) -> None:
    names = imported(path)
    assert tops(names) & FOREIGN_TO_THE_CORE == set()
    assert {
        name for name in names if name.startswith(("exporters", "scenarios", "reference", "swarmscope.edge"))
    } == set()
    called = {node.func.id for node in ast.walk(ast.parse(path.read_text()))
              if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}  # fmt: skip
    assert called & {"open", "input", "print", "exec", "eval"} == set()


def test_exporters_import_only_the_core() -> None:
    for path in modules(ROOT / "exporters"):
        wrong = {
            name for name in imported(path) if name.startswith(("swarmscope.edge", "scenarios", "reference"))
        }
        assert wrong == set(), path


def test_reference_services_stand_alone() -> None:
    for path in modules(ROOT / "reference"):
        assert tops(imported(path)) & {"exporters", "scenarios", "locust"} == set(), path


def test_nothing_imports_itself_in_a_circle() -> None:
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for folder in ("swarmscope", "exporters", "scenarios", "reference")
        for path in modules(ROOT / folder)
    }
    graph = {
        name: {other for other in imported(path) if other in files} - {name} for name, path in files.items()
    }
    # A package's __init__ that re-exports its own modules is no circle.
    for name, others in graph.items():
        others -= {other for other in others if name.startswith(f"{other}.")}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join((*trail, name))
        if name not in done:
            for other in graph[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())
