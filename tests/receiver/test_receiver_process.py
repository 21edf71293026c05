import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "swarmscope.edge.receiver", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_says_where_it_listens_and_ends_cleanly_when_told(tmp_path, number):
    with start("--port", 0, "--state", tmp_path / "state") as process:
        try:
            said = process.stdout.readline().strip()
            address = said.removeprefix("receiver: ")
            assert address.startswith("http://127.0.0.1:")
            assert requests.get(f"{address}/-/healthy", timeout=10).text == "OK\n"
            assert "_created" not in requests.get(f"{address}/metrics", timeout=10).text
        finally:
            os.kill(process.pid, number)
            out, errors = process.communicate(timeout=15)
    assert (process.returncode, out, errors) == (0, "", "")


def test_a_port_in_use_is_a_clear_message_and_its_own_exit_code(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start("--port", port, "--state", tmp_path) as process:
            _, errors = process.communicate(timeout=15)
    assert process.returncode == 22
    assert errors == (
        f"port {port} on 127.0.0.1 is in use; the receiver cannot listen there\n  hint: --port takes another one\n"
    )


def test_a_state_folder_that_cannot_be_one_is_a_clear_message_and_its_own_exit_code(tmp_path):
    (tmp_path / "state").write_text("")
    with start("--port", 0, "--state", tmp_path / "state") as process:
        _, errors = process.communicate(timeout=15)
    assert process.returncode == 20
    assert errors == f"{tmp_path}/state: notifications cannot be kept here: File exists\n"
