"""The door: the text of a targets or environments file becomes frozen values, or every problem at once. No I/O."""

from __future__ import annotations

from swarmscope.errors import ConfigurationError
from swarmscope.targets import build
from swarmscope.targets.aws_checks import check_aws
from swarmscope.targets.checks import check_targets
from swarmscope.targets.model import Environment, System
from swarmscope.targets.profile_checks import check_alerting, check_profiles
from swarmscope.targets.spec import EnvironmentSpec, EnvironmentsSpec, SystemSpec, keys_of
from swarmscope.targets.validate import given, is_mapping, validate
from swarmscope.targets.yaml_text import Document, read_yaml


def parse_system(text: str, source: str) -> System:
    """The system that the text of a targets.yaml describes; `source` is the file's name for messages.

    Raises ConfigurationError with every problem of the file, in the order of its lines.
    """
    document = read_yaml(text, source)
    spec = validate(SystemSpec, document)
    if "system" not in document.value:
        document.problems.append(
            document.problem(("system",), "is missing", "system: and the name of the file's folder")
        )
    document.problems += check_targets(spec, document)
    document.problems += check_profiles(spec, document)
    document.problems += check_alerting(spec, document)
    _raise(document)
    return build.system(spec, source)


def parse_environments(text: str, source: str) -> dict[str, Environment]:
    """The environments of an environments.yaml by name, in its order.

    Raises ConfigurationError with every problem; no message holds what may be a secret.
    """
    document = read_yaml(text, source)
    spec = validate(EnvironmentsSpec, document)
    if "environments" not in document.value:
        hint = "environments: {local: {host: http://127.0.0.1:8000}}"
        document.problems.append(document.problem(("environments",), "is missing", hint))
    for name in spec.environments or {}:
        path = ("environments", name)
        keys = given(document, *path)
        misspelt = any(key not in keys_of(EnvironmentSpec) for key in keys)
        if "host" not in keys and is_mapping(document, *path) and not misspelt:
            document.problems.append(document.problem((*path, "host"), "is missing"))
    document.problems += check_aws(spec, document)
    _raise(document)
    return {name: build.environment(name, each) for name, each in (spec.environments or {}).items()}


def _raise(document: Document) -> None:
    if document.problems:
        # Sorted by line, so that they read as the file does.
        raise ConfigurationError(sorted(document.problems, key=lambda problem: problem.line or 0))
