"""What the README says can be done, can be done."""

import re
from pathlib import Path

from swarmscope.edge.cli import main
from swarmscope.targets.parse import parse_environments, parse_system

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def test_the_example_targets_file_is_one() -> None:
    example, _ = re.findall(r"```yaml\n(.*?)```", README, re.S)
    system = parse_system(example, "README.md")
    assert [target.in_words for target in system.targets] == [
        "POST /orders p95 ≤ 300ms",
        "POST /orders p99 ≤ 1s",
        "all requests error rate ≤ 0.1%",
        "POST /orders rps ≥ 50",
    ]
    assert [target.abort for target in system.targets] == [False, False, True, False]


def test_the_example_of_an_environment_is_one() -> None:
    _, example = re.findall(r"```yaml\n(.*?)```", README, re.S)
    aws = parse_environments(f"environments:\n{example}", "README.md")["sit"].aws
    assert aws is not None
    assert (aws.region, aws.functions, aws.tables) == ("eu-west-1", ("authorizer-sit",), ("access-sit",))
    assert aws.cold_starts is not None


def test_every_make_goal_that_is_named_exists() -> None:
    goals = set(re.findall(r"make ([a-z-]+)", README))
    assert goals >= {"run", "test", "up", "down", "new", "generate"}
    known = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.M))
    assert {goal for goal in goals if goal not in known} <= {"end", "ends"}


def test_every_file_that_is_linked_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", README)
    assert len(links) > 8
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []


def test_the_command_line_knows_its_exit_codes(capsys) -> None:
    assert main(["exit-codes"]) == 0
    shown = capsys.readouterr().out
    for code in ("10", "11", "12", "20", "130"):
        assert code in shown
