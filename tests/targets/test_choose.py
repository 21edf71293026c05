from decimal import Decimal

import pytest

from swarmscope.errors import ConfigurationError
from swarmscope.targets import Environment, Profile, System
from swarmscope.targets.choose import choose_environment, choose_profile

PROFILES = {name: Profile(name, users=1, run_time=Decimal(30)) for name in ("quick", "baseline")}
SHOP = System("shop", "Shop", (), PROFILES, default_profile="baseline", source="targets.yaml")
HERE = Environment("local", "http://127.0.0.1:8000")
DEV = Environment("dev", "https://dev.example.com")


def test_without_a_name_the_default_profile_is_chosen() -> None:
    assert choose_profile(SHOP, None) is PROFILES["baseline"]
    assert choose_profile(SHOP, "quick") is PROFILES["quick"]


@pytest.mark.parametrize(
    ("name", "hint"), [("quik", "did you mean quick?"), ("soak", "profiles are quick and baseline")]
)
def test_an_unknown_profile_is_named_with_what_there_is(name: str, hint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        choose_profile(SHOP, name)
    assert str(caught.value) == f'targets.yaml: profiles: no load profile "{name}"\n  hint: {hint}'


def test_without_a_name_the_environment_is_local_or_the_only_one() -> None:
    assert choose_environment({"dev": DEV, "local": HERE}, None) is HERE
    assert choose_environment({"dev": DEV}, None) is DEV
    assert choose_environment({"dev": DEV, "local": HERE}, "dev") is DEV


def test_several_environments_and_no_local_one_need_a_name() -> None:
    with pytest.raises(ConfigurationError) as caught:
        choose_environment({"dev": DEV, "sit": DEV}, None, "scenarios/shop")
    assert str(caught.value) == (
        "scenarios/shop: environments: name one of dev, sit, since none is called local\n"
        "  hint: --test-env NAME, or --host with an address"
    )


def test_an_unknown_environment_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError) as caught:
        choose_environment({"local": HERE, "dev": DEV}, "locl", "scenarios/shop")
    assert str(caught.value) == (
        'scenarios/shop: environments: no environment "locl"\n  hint: did you mean local?'
    )
