import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from swarmscope.targets.schema import ENVIRONMENTS_SCHEMA, TARGETS_SCHEMA, schema_files
from swarmscope.targets.spec import SystemSpec, TargetSpec, keys_of

Validator = Callable[..., bool]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TARGETS = json.loads(schema_files()[TARGETS_SCHEMA])
ENVIRONMENTS = json.loads(schema_files()[ENVIRONMENTS_SCHEMA])
TOLD_BY_EDITORS = [
    *(
        "wrong-types",
        "unknown-keys",
        "no-targets-no-profiles",
        "missing-everything",
        "nothing-where-lists-belong",
    ),
    *(
        "duration-without-unit",
        "error-rate-without-sign",
        "rate-not-understood",
        "limit-is-nothing",
        "no-limit",
    ),
    *("request-or-query", "query-without-limit", "query-without-name", "query-in-percent", "bad-name"),
    *("priority-and-gate", "truth-where-text-is-meant", "min-samples", "profile-users-and-stages"),
    *("profile-neither", "profile-names", "profile-spawn-rate", "user-classes", "stages-with-gaps"),
    *("stages-run-time", "alerting", "health", "everything-at-once", "environments-none"),
    *(
        "environments-without-the-key",
        "environments-without-host",
        "environments-host",
        "environments-secrets",
    ),
    *("environments-password-in-host", "environments-text-for-credentials"),
    *("environments-aws", "environments-aws-metrics"),
]
"""Broken files that an editor marks with the schema alone; what keys mean together only the parser tells."""


def read(path: Path) -> tuple[Any, dict[str, Any]]:
    # Editors read YAML 1.2, to which `on` is a text; for these files that makes no difference but for truths.
    schema = ENVIRONMENTS if path.name.startswith("environments") else TARGETS
    return yaml.safe_load(path.read_text(encoding="utf-8")), schema


@pytest.mark.parametrize(
    "path",
    [*sorted((HERE / "good").glob("*.yaml")), *sorted((ROOT / "scenarios").glob("*/*.yaml"))],
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_a_good_file_is_valid(path: Path, is_valid: Validator) -> None:
    assert is_valid(*read(path))


@pytest.mark.parametrize("name", TOLD_BY_EDITORS)
def test_a_broken_file_is_not_valid(name: str, is_valid: Validator) -> None:
    assert not is_valid(*read(HERE / "broken" / f"{name}.yaml"))


def test_every_key_is_described() -> None:
    described = {
        name: [
            key
            for key, field in each["properties"].items()
            if not (field.get("description") or "$ref" in field)
        ]
        for schema in (TARGETS, ENVIRONMENTS)
        for name, each in {**schema["definitions"], schema["title"]: schema}.items()
    }
    assert not {name: keys for name, keys in described.items() if keys}
    assert list(TARGETS["properties"]) == keys_of(SystemSpec)
    assert list(TARGETS["definitions"]["TargetSpec"]["properties"]) == keys_of(TargetSpec)


def test_every_example_is_valid(is_valid: Validator) -> None:
    for schema in (TARGETS, ENVIRONMENTS):
        for each in [schema, *schema["definitions"].values()]:
            for key, field in each["properties"].items():
                assert [
                    key for example in field.get("examples", []) if not is_valid(example, field, schema)
                ] == []


def test_the_committed_schemas_are_those_of_the_code() -> None:
    for path, text in schema_files().items():
        assert (ROOT / path).read_text(encoding="utf-8") == text
