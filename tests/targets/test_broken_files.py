from pathlib import Path

import pytest

from swarmscope.errors import ConfigurationError, ExitCode
from swarmscope.targets.parse import parse_environments, parse_system

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))


def test_there_is_a_broken_file_for_each_kind_of_slip() -> None:
    assert len(BROKEN) >= 60
    assert {path.with_suffix(".txt") for path in BROKEN} == set(
        (Path(__file__).parent / "broken").glob("*.txt")
    )


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_broken_file_is_refused_with_exactly_this_message(path: Path) -> None:
    text = path.read_bytes().decode()
    with pytest.raises(ConfigurationError) as caught:
        if path.name.startswith("environments-"):
            parse_environments(text, "environments.yaml")
        else:
            parse_system(text, "targets.yaml")
    assert f"{caught.value}\n" == path.with_suffix(".txt").read_bytes().decode()
    assert caught.value.exit_code is ExitCode.BAD_CONFIGURATION


def test_no_message_shows_what_may_be_a_secret() -> None:
    secrets = ("sk_live", "AKIA", "ZQ4X", "hunter2", "12345678")
    assert all(secret in "".join(p.read_text() for p in BROKEN) for secret in secrets)
    messages = "".join(path.with_suffix(".txt").read_text() for path in BROKEN)
    assert not [secret for secret in secrets if secret in messages]
