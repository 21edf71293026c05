import os
from pathlib import Path

import pytest

from swarmscope.edge.files import known_systems, load_environments, load_system
from swarmscope.errors import ConfigurationError

TARGETS = "system: shop\ntargets: [{request: GET /, p95: 1s}]\nprofiles: {quick: {users: 1}}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "scenarios" / "shop").mkdir(parents=True)
    (tmp_path / "scenarios" / "shop" / "targets.yaml").write_text(TARGETS)
    (tmp_path / "scenarios" / "clients.py").write_text("")
    (tmp_path / "scenarios" / "__pycache__").mkdir()
    return tmp_path


def message(root: Path, name: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_system(root, name)
    return str(caught.value)


def test_a_system_is_a_folder_with_a_targets_file(root: Path) -> None:
    assert known_systems(root) == ["shop"]
    assert load_system(root, "shop").source == "scenarios/shop/targets.yaml"


def test_where_there_are_no_scenarios_there_are_no_systems(tmp_path: Path) -> None:
    assert known_systems(tmp_path) == []
    assert message(tmp_path, "shop") == (
        'scenarios: no system "shop"\n  hint: `make new NAME=checkout` writes a first one'
    )


def test_an_unknown_system_is_named_with_the_nearest(root: Path) -> None:
    assert message(root, "shpo") == 'scenarios: no system "shpo"\n  hint: did you mean shop?'
    assert message(root, "zzz") == 'scenarios: no system "zzz"\n  hint: the only one is shop'


@pytest.mark.parametrize("name", ["../scenarios/shop", "shop/", "", ".", "shop/../shop"])
def test_a_name_never_leads_out_of_scenarios(root: Path, name: str) -> None:
    assert message(root, name).startswith(f'scenarios: no system "{name}"')


def test_a_folder_without_a_targets_file_says_so(root: Path) -> None:
    (root / "scenarios/shop/targets.yaml").unlink()
    assert message(root, "shop") == (
        "scenarios/shop/targets.yaml: there is no such file\n  hint: docs/targets.md shows what belongs in it"
    )


def test_a_folder_without_environments_says_so(root: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_environments(root, "shop")
    assert str(caught.value) == (
        "scenarios/shop/environments.yaml: there is no such file\n  hint: docs/targets.md shows what belongs in it"
    )


def test_a_system_must_be_called_as_its_folder(root: Path) -> None:
    (root / "scenarios/shop").rename(root / "scenarios/depot")
    assert message(root, "depot") == (
        'scenarios/depot/targets.yaml: system: expected "depot", the name of the folder, got "shop"\n'
        "  hint: write system: depot, or rename the folder"
    )


def test_a_file_that_is_no_utf8_says_in_which_line(root: Path) -> None:
    (root / "scenarios/shop/targets.yaml").write_bytes(b"system: shop\ntitle: Gesch\xe4ft\n")
    assert message(root, "shop") == (
        "scenarios/shop/targets.yaml:2: is not UTF-8 text\n  hint: save it as UTF-8"
    )


def test_a_byte_order_mark_is_no_part_of_the_file(root: Path) -> None:
    (root / "scenarios/shop/targets.yaml").write_bytes(b"\xef\xbb\xbf" + TARGETS.encode())
    assert load_system(root, "shop").name == "shop"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_says_so(root: Path) -> None:
    (root / "scenarios/shop/targets.yaml").chmod(0)
    assert message(root, "shop") == "scenarios/shop/targets.yaml: cannot be read: Permission denied"


def test_a_folder_in_place_of_the_file_says_so(root: Path) -> None:
    (root / "scenarios/shop/targets.yaml").unlink()
    (root / "scenarios/shop/targets.yaml").mkdir()
    assert message(root, "shop") == "scenarios/shop/targets.yaml: cannot be read: Is a directory"
