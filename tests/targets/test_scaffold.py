import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarmscope.edge.files import known_systems, load_environments, load_system
from swarmscope.edge.scaffold import new_system
from swarmscope.errors import ConfigurationError, ExitCode

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a new system needs of the checkout, and nothing of what it must not touch."""
    (tmp_path / "scenarios").mkdir()
    for path in (ROOT / "scenarios").glob("*.py"):
        shutil.copy(path, tmp_path / "scenarios")
    for name in ("locustfile.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_a_new_system_is_one_folder_and_nothing_else(checkout: Path) -> None:
    before = files(checkout)
    made = new_system(checkout, "checkout")
    assert [path.name for path in made] == [
        *("__init__.py", "users.py", "targets.yaml", "environments.yaml", "README.md")
    ]
    assert files(checkout) - before == {f"scenarios/checkout/{path.name}" for path in made}
    assert known_systems(checkout) == ["checkout"]
    assert (checkout / "scenarios/checkout").stat().st_mode & 0o777 == 0o755


def test_its_files_say_what_the_service_must_hold_and_where_it_is(checkout: Path) -> None:
    new_system(checkout, "order_desk", "http://127.0.0.1:8080/")
    system = load_system(checkout, "order_desk")
    assert (system.title, system.default_profile) == ("Order desk", "quick")
    assert [target.in_words for target in system.targets] == [
        "GET / p95 ≤ 500ms",
        "all requests error rate ≤ 1%",
    ]
    assert system.profiles["quick"].run_time == 30
    environments = load_environments(checkout, "order_desk")
    assert {name: each.host for name, each in environments.items()} == {"local": "http://127.0.0.1:8080"}


def test_a_service_elsewhere_is_not_called_local(checkout: Path) -> None:
    new_system(checkout, "shop", "https://shop.example.com")
    assert list(load_environments(checkout, "shop")) == ["dev"]


@pytest.mark.parametrize("name", ["shop", "a_rather_long_name_of_forty_characters_x"])
def test_its_code_is_clean(checkout: Path, name: str) -> None:
    new_system(
        checkout, name, "https://a-rather-long-host-name.of-a-service.internal.example.com:8443/with/a/path"
    )
    code = checkout / "scenarios" / name
    for check in (("ruff", "check", "--no-cache"), ("ruff", "format", "--no-cache", "--check")):
        done = subprocess.run(
            [sys.executable, "-m", *check, str(code)],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "Check-Out",
            'NAME: expected lower-case letters, digits and _, a letter first, got "Check-Out"\n  hint: NAME=check_out',
        ),
        (
            "../etc",
            'NAME: expected lower-case letters, digits and _, a letter first, got "../etc"\n  hint: NAME=etc',
        ),
        (
            "",
            'NAME: expected lower-case letters, digits and _, a letter first, got ""\n  hint: NAME=checkout',
        ),
        (
            "9",
            'NAME: expected lower-case letters, digits and _, a letter first, got "9"\n  hint: NAME=checkout',
        ),
        (
            "é",
            'NAME: expected lower-case letters, digits and _, a letter first, got "é"\n  hint: NAME=checkout',
        ),
        ("a" * 41, "NAME: expected at most 40 characters, got 41"),
        ("class", 'NAME: "class" is a word of Python\'s own\n  hint: NAME=class_api'),
        ("match", 'NAME: "match" is a word of Python\'s own\n  hint: NAME=match_api'),
        ("email", 'NAME: "email" is a module of Python\'s own\n  hint: NAME=email_api'),
        ("exporters", 'NAME: "exporters" is a name that Swarmscope uses itself\n  hint: NAME=exporters_api'),
        ("guards", 'NAME: "guards" is a name that Swarmscope uses itself\n  hint: NAME=guards_api'),
        ("clients", "NAME: scenarios/clients.py exists already\n  hint: NAME=clients_api"),
        ("drafts", "NAME: scenarios/drafts exists already\n  hint: NAME=drafts_api"),
        ("shop", 'NAME: there is a system "shop" already\n  hint: its files are in scenarios/shop'),
    ],
)
def test_a_name_that_cannot_be_taken_is_refused(checkout: Path, name: str, message: str) -> None:
    new_system(checkout, "shop")
    (checkout / "scenarios" / "drafts").mkdir()
    before = files(checkout)
    with pytest.raises(ConfigurationError) as caught:
        new_system(checkout, name)
    assert str(caught.value) == message
    assert files(checkout) == before


def test_an_address_that_is_none_is_refused_beside_the_name(checkout: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        new_system(checkout, "Shop", "localhost:8000")
    assert str(caught.value) == (
        'NAME: expected lower-case letters, digits and _, a letter first, got "Shop"\n'
        "  hint: NAME=shop\n"
        'HOST: expected an address such as https://api.example.com, got "localhost:8000"\n'
        "  hint: put the scheme before it: http://localhost:8000"
    )


def test_a_password_in_the_address_is_refused_and_not_shown(checkout: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        new_system(checkout, "shop", "https://admin:hunter2@shop.example.com")
    assert str(caught.value) == (
        "HOST: expected an address without user name and password\n  hint: name secrets under credentials"
    )


def test_outside_of_a_checkout_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        new_system(tmp_path, "shop")
    assert str(caught.value) == (
        f"{tmp_path}: there is no scenarios folder here\n"
        "  hint: run this in the folder that has locustfile.py and scenarios/"
    )
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    before = sorted(checkout.rglob("*"))
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(ConfigurationError) as caught:
        new_system(checkout, "shop")
    assert str(caught.value) == "scenarios/shop: cannot be written: No space left on device"
    assert sorted(checkout.rglob("*")) == before


class _Front(http.server.BaseHTTPRequestHandler):
    """A service that is not ours: it answers GET / and knows nothing of us."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/" else 404)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 100
    """All users come at once: who finds the queue full is heard a second later, or seven."""


@pytest.fixture
def service() -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), _Front)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_new_system_runs_at_once_and_gets_a_verdict(checkout: Path, service: str) -> None:
    new_system(checkout, "shop", service)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "locust",
            "--headless",
            "--system",
            "shop",
            "--run-time",
            "7s",
            "--users",
            "30",
            "--spawn-rate",
            "30",
            "--exporter-port",
            "0",
        ],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": f"{checkout}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    # On a busy machine the service may be slow and the generator overloaded: that is a verdict, too.
    assert done.returncode in (ExitCode.PASS, ExitCode.FAIL, ExitCode.INVALID), done.stderr[-3000:]
    assert re.search("(PASS|FAIL) +GET / p95 ≤ 500ms: ", done.stderr), done.stderr[-3000:]
    assert "PASS    all requests error rate ≤ 1%: " in done.stderr
