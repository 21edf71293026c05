from types import SimpleNamespace

import pytest

from scenarios.credentials import (
    credential,
    credential_list,
    environment_name,
    is_this_machine,
    variable_of,
)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in ("LOCUST_API_KEY", "LOCUST_TEST_ENV"):
        monkeypatch.delenv(name, raising=False)


def locust(host, **options):
    return SimpleNamespace(host=host, parsed_options=SimpleNamespace(**options) if options else None)


def test_a_credential_is_the_variable_that_the_environments_file_names(monkeypatch):
    monkeypatch.setenv("LOCUST_API_KEY", " abc ")
    assert variable_of("api_key", "triggers", "dev") == "LOCUST_API_KEY"
    assert credential("api_key", "triggers", "dev") == "abc"


def test_a_credential_that_is_not_set_or_not_known_is_none(monkeypatch):
    assert credential("api_key", "triggers", "dev") is None
    monkeypatch.setenv("LOCUST_API_KEY", "  ")
    assert credential("api_key", "triggers", "dev") is None
    assert credential("password", "triggers", "dev") is None


def test_an_environment_that_the_file_does_not_know_wants_the_same_kind_of_key(monkeypatch):
    monkeypatch.setenv("LOCUST_API_KEY", "abc")
    assert credential("api_key", "triggers", "somewhere-else") == "abc"
    assert credential("api_key", "triggers", "") == "abc"


def test_several_values_are_separated_by_commas(monkeypatch):
    assert credential_list("api_key", "triggers", "dev") == ()
    monkeypatch.setenv("LOCUST_API_KEY", "a, b,,c ,")
    assert credential_list("api_key", "triggers", "dev") == ("a", "b", "c")


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        (locust("http://127.0.0.1:8000"), "local"),
        (locust("http://localhost:8000", test_env=""), "local"),
        (locust("http://[::1]:8000", test_env=None), "local"),
        (locust("https://api.example.com"), ""),
        (locust(None), ""),
        (locust("http://127.0.0.1:8000", test_env="sit"), "sit"),
    ],
)
def test_the_environment_is_the_named_one_or_this_machine(environment, name):
    assert environment_name(environment) == name


def test_plain_locust_reads_the_environments_name_from_its_variable(monkeypatch):
    monkeypatch.setenv("LOCUST_TEST_ENV", "dev")
    assert environment_name(locust("http://127.0.0.1:8000")) == "dev"


@pytest.mark.parametrize(
    "host",
    [
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "https://example.com/127.0.0.1",
        "",
        None,
    ],
)
def test_a_host_that_only_looks_like_this_machine_is_not(host):
    assert not is_this_machine(host)


def test_a_system_without_an_environments_file_has_no_credentials():
    assert variable_of("api_key", "no-such-system", "local") == ""
    assert credential("api_key", "no-such-system", "local") is None
