import os
import socket
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from swarmscope.edge.stack.components import ALERTMANAGER, PROMETHEUS, find, require
from swarmscope.edge.stack.ports import require_free, taken_ports
from swarmscope.errors import ComponentMissing, ExitCode, PortTaken


def test_every_taken_port_is_named_with_its_holder_and_setting(
    free_ports: Callable[[int], list[int]],
) -> None:
    first, free, second = free_ports(3)
    me = f"{psutil.Process().name()} (process {os.getpid()})"
    wanted = {
        "SWARMSCOPE_PROMETHEUS_PORT": ("Prometheus", first),
        "SWARMSCOPE_EXPORTER_PORT": ("Locust's exporter", free),
        "SWARMSCOPE_RECEIVER_PORT": ("the receiver", second),
    }
    with (
        socket.create_server(("127.0.0.1", first)),
        socket.create_server(("", second)),
        pytest.raises(PortTaken) as caught,
    ):
        require_free("127.0.0.1", wanted)
    assert str(caught.value) == (
        f"port {first} (Prometheus) is in use by {me}\n"
        f"port {second} (the receiver) is in use by {me}\n"
        "  hint: stop what listens there (`make down` if it is our own stack), or choose other ports: "
        "SWARMSCOPE_PROMETHEUS_PORT=, SWARMSCOPE_RECEIVER_PORT="
    )
    assert caught.value.exit_code is ExitCode.PORT_TAKEN


def test_a_port_whose_connections_linger_is_free(free_ports: Callable[[int], list[int]]) -> None:
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", port)) as server:
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()  # the side that closes first is the one that lingers
        client.recv(1)
        client.close()
    assert taken_ports("127.0.0.1", {"X": ("x", port)}) == []


def test_looking_at_a_port_leaves_it_free(free_ports: Callable[[int], list[int]]) -> None:
    (port,) = free_ports(1)
    for _ in range(2):
        assert taken_ports("127.0.0.1", {"X": ("x", port)}) == []


def script(folder: Path, name: str, output: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{output}'\n")
    path.chmod(0o755)
    return path


def test_missing_components_are_named_together_with_how_to_install_them(tmp_path: Path) -> None:
    with pytest.raises(ComponentMissing) as caught:
        require(path=str(tmp_path))
    assert str(caught.value) == (
        "Prometheus is not installed (no prometheus on PATH)\n"
        "Alertmanager is not installed (no prometheus-alertmanager or alertmanager on PATH)\n"
        "  hint: on Debian 12 and Ubuntu 24.04: sudo apt-get install --no-install-recommends prometheus "
        "prometheus-alertmanager; `make run` does so by itself, and `docker compose up` needs no installation"
    )
    assert caught.value.exit_code is ExitCode.COMPONENT_MISSING


def test_a_component_that_is_too_old_is_as_good_as_missing(tmp_path: Path) -> None:
    script(tmp_path, "prometheus", "prometheus, version 2.15.2+ds (branch: x)")
    script(tmp_path, "alertmanager", "alertmanager, version 0.28.1 (branch: x)")
    with pytest.raises(ComponentMissing) as caught:
        require(path=f"{tmp_path}:/bin")
    assert caught.value.message == (
        f"Prometheus 2.15.2 at {tmp_path / 'prometheus'} is too old: 2.42 or later is needed"
    )


def test_a_component_is_found_under_either_name(tmp_path: Path) -> None:
    path = script(tmp_path, "alertmanager", "alertmanager, version 0.28.1 (branch: x)")
    found = find(ALERTMANAGER, str(tmp_path))
    assert found is not None
    assert (found.path, found.version, found.written_version) == (str(path), (0, 28, 1), "0.28.1")


def test_a_program_that_tells_no_version_is_not_trusted(tmp_path: Path) -> None:
    script(tmp_path, "prometheus", "hello")
    found = find(PROMETHEUS, str(tmp_path))
    assert found is not None
    assert found.version == ()
    with pytest.raises(ComponentMissing, match=r"Prometheus of unknown version at .* is too old"):
        require((PROMETHEUS,), path=str(tmp_path))


def test_the_installed_components_are_good_enough() -> None:
    found = require()
    assert found["Prometheus"].version >= (2, 42)
    assert found["Alertmanager"].version >= (0, 25)
