"""The command `quick`, whole, against a real server whose answers are known."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from swarmscope.edge.cli import main
from swarmscope.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 60.0


@dataclass
class Server:
    """Answers each request as its path says, and remembers them."""

    url: str
    heard: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one write an answer: two would wait for the client's delayed acknowledgement

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            known.heard.append((self.command, self.path, headers, body))
            number, path = len(known.heard), self.path.partition("?")[0]
            if path == "/tenth" and number % 10 == 0:
                known.ended.wait(0.2)
            elif path == "/hang":
                known.ended.wait(DEADLINE)
            elif path == "/drop" or (path == "/drop-some" and number % 4 == 0):
                self.close_connection = True
                return
            status = 503 if path == "/third" and number % 3 == 0 else 200
            self.send_response(status)
            self.send_header("Content-Length", "100" if path == "/cut" else "4")
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else b"body")
            self.close_connection = path == "/cut"

        do_GET = do_POST = do_PUT = do_HEAD = handle_any  # noqa: N815  # http.server's names

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 100

        def handle_error(self, *_: object) -> None:
            pass  # connections are left half-way on purpose

    listener = Quiet(("127.0.0.1", 0), Handler)
    known = Server(f"http://127.0.0.1:{listener.server_port}")
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield known
    finally:
        known.ended.set()
        listener.shutdown()
        listener.server_close()
        thread.join()


@pytest.fixture
def quick(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs the command; exit code, what it printed, and its errors."""
    monkeypatch.chdir(ROOT)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["quick", *arguments])
        return code, *capfd.readouterr()

    return run


def table(output: str) -> dict[str, float]:
    """`50 %` → milliseconds."""
    return {name: float(ms) for name, ms in re.findall(r"^ +(min|mean|\d+ %) +([\d.]+)$", output, re.M)}


def test_the_whole_output_of_a_service_with_known_delays(server, quick):
    code, output, error = quick(
        f"{server.url}/tenth?a=1", "-n", "40", "-c", "2", "--p50", "150ms", "--p95", "200ms", "--errors", "5%"
    )
    assert (code, error) == (ExitCode.FAIL, "")
    assert len(server.heard) == 40
    number = r"\d[\d.,]*"
    pattern = (
        rf"GET {re.escape(server.url)}/tenth\?a=1: 40 requests, 2 at a time\n\n"
        rf"  Answered     40 in {number} s: {number} requests/s\n"
        r"  Failed       0 \(0 %\)\n"
        r"  Statuses     200: 40\n"
        rf"  Received     160 bytes of bodies: {number} kB/s\n"
        r"  Connections  2 opened\n\n"
        r"  Time per request in ms, from every sample\n"
        + "".join(
            rf" +{name} +\d+\.\d{{3}}\n"
            for name in ("min", "mean", *(f"{p} %" for p in (50, 66, 75, 80, 90, 95, 98, 99, 100)))
        )
        + r"\n  PASS     p50 ≤ 150ms: 36 of 40 requests \(90 %\) took at most 150ms; 50 % needed\n"
        r"  FAIL     p95 ≤ 200ms: 36 of 40 requests \(90 %\) took at most 200ms; 95 % needed\n"
        r"  PASS     error rate ≤ 5%: 0 of 40 requests \(0 %\) failed; at most 5% allowed\n"
    )
    assert re.fullmatch(pattern, output), output
    found = table(output)
    # Four of forty take 200 ms: the 36th of them all is the last quick one.
    assert found["90 %"] < 200 <= found["95 %"] <= found["100 %"]
    assert found["min"] <= found["50 %"] <= found["mean"] < found["90 %"] + 200


def test_failures_are_told_by_kind_and_nothing_is_sent_again(server, quick):
    code, output, _ = quick(f"{server.url}/drop-some", "-n", "40", "-c", "1")
    assert code == ExitCode.PASS
    assert len(server.heard) == 40
    assert "  Answered     30 in " in output
    assert "  Failed       10 (25 %)\n               10  connection closed without an answer\n" in output
    assert "  75 %  " in output
    assert re.search(r"^ +80 % +no answer$", output, re.M)


def test_refusals_are_answers_that_failed(server, quick):
    code, output, _ = quick(f"{server.url}/third", "-n", "30", "-c", "1", "--errors", "30%")
    assert code == ExitCode.FAIL
    assert (
        "  Failed       10 (33.3 %)\n               10  status 503\n  Statuses     200: 20, 503: 10\n"
        in output
    )
    assert "FAIL     error rate ≤ 30%: 10 of 30 requests (33.3 %) failed; at most 30% allowed" in output


def test_a_body_that_is_cut_off_is_no_answer(server, quick):
    _, output, _ = quick(f"{server.url}/cut", "-n", "3", "-c", "2")
    assert "the answer was cut off, or is not HTTP" in output


def test_a_service_that_never_answers_is_given_up_with_its_own_exit_code(server, quick):
    started = time.monotonic()
    code, output, _ = quick(
        f"{server.url}/hang", "-n", "1000", "-c", "4", "--timeout", "200ms", "--p95", "1s"
    )
    assert code == ExitCode.SERVICE_UNREACHABLE
    assert time.monotonic() - started < 20
    assert re.search(r"\d+  no answer within 200ms\n", output)
    assert "  Time per request: none was answered\n" in output
    assert "  Given up after 12 requests in a row without an answer.\n" in output


def test_nobody_there_is_said_before_anything_is_sent(quick):
    code, output, error = quick("http://127.0.0.1:9/")
    assert (code, output) == (ExitCode.SERVICE_UNREACHABLE, "")
    assert error == (
        "nothing answers at 127.0.0.1:9 (connection refused)\n"
        "  hint: start the service, or correct the URL; nothing was sent\n"
    )


def test_time_instead_of_a_number_ends_it(server, quick, stand_stills):
    began = time.time()
    code, output, _ = quick(f"{server.url}/", "--seconds", "0.5", "-c", "2")
    assert code == ExitCode.PASS
    assert output.startswith(f"GET {server.url}/: for 0.5 s, 2 at a time\n")
    elapsed = float(re.search(r"in ([\d.]+) s:", output)[1])
    assert 0.5 <= elapsed < 5 + stand_stills.within(began, time.time())
    assert f"200: {len(server.heard):,}\n" in output


def test_method_body_and_headers_are_sent_as_given(server, quick, tmp_path):
    payload = tmp_path / "payload.json"
    payload.write_text(json.dumps({"a": "ü"}), encoding="utf-8")
    for body in (f"@{payload}", str(payload)):
        quick(f"{server.url}/x y/ü?q=a b", "-n", "1", "--body", body, "-H", "X-One: 1", "-H", "X-Two: 2")
    quick(
        f"{server.url}/",
        "-n",
        "1",
        "--method",
        "put",
        "--body",
        "plain",
        "--headers",
        "X-One: 1 | Accept: text/html",
    )
    quick(f"{server.url}/", "-n", "1", "--method", "HEAD")
    first, second, third, fourth = server.heard
    assert first[:2] == ("POST", "/x%20y/%C3%BC?q=a%20b")
    assert first[3] == second[3] == payload.read_bytes()
    host = server.url.removeprefix("http://")
    assert first[2] == {
        "host": host, "user-agent": "swarmscope-quick", "accept": "*/*", "content-type": "application/json",
        "content-length": str(len(first[3])), "x-one": "1", "x-two": "2",
    }  # fmt: skip
    assert (third[0], third[3]) == ("PUT", b"plain")
    assert third[2]["content-type"] == "text/plain; charset=utf-8"
    assert (third[2]["accept"], third[2]["x-one"]) == ("text/html", "1")
    assert fourth[0] == "HEAD"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["127.0.0.1:8000/x", "-n", "0", "-c", "many", "--p95", "100", "--errors", "1"],
            '--requests: expected a whole number from 1 to 10,000,000, got "0"\n'
            '--concurrency: expected a whole number from 1 to 1,000, got "many"\n'
            '--p95: expected a duration such as 300ms, got "100"\n  hint: add the unit: 100ms or 100s\n'
            '--errors: expected a percentage such as 0.1%, got "1"\n  hint: write 1%\n'
            'URL: expected an address such as http://127.0.0.1:8000/health, got "127.0.0.1:8000/x"\n'
            "  hint: put the scheme before it: http://127.0.0.1:8000/x\n",
        ),
        (
            ["http://h/", "-n", "5", "--seconds", "5"],
            "--seconds: give either a number of requests or a time\n",
        ),
        (
            ["http://h/", "--seconds", "1h"],
            "--seconds: is at most 10 minutes\n  hint: make run is for longer loads\n",
        ),
        (
            ["http://me:hunter2@h/"],
            "URL: expected an address without user name and password\n  hint: send them in a header\n",
        ),
        (
            ["http://h/", "--body", "@/no/such/file", "--method", "BREW"],
            "--body: /no/such/file cannot be read: No such file or directory\n"
            '--method: expected one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, got "BREW"\n',
        ),
        (
            ["http://h/", "-H", "secret-without-a-name", "-H", "Host: x"],
            "--header: expected 'Name: value'\n  hint: several: ' | ' between\n--header: Host is the benchmark's own\n",
        ),
        (
            [""],
            "URL: expected an address such as http://127.0.0.1:8000/health\n"
            "  hint: make quick URL=http://127.0.0.1:8000/health\n",
        ),
        (
            ["http://h:99999/"],
            "URL: expected an address such as http://127.0.0.1:8000/health\n"
            "  hint: the port is a number up to 65535\n",
        ),
    ],
)
def test_every_mistake_is_said_at_once(quick, arguments, message):
    code, output, error = quick(*arguments)
    assert (code, output, error) == (ExitCode.BAD_CONFIGURATION, "", message)


def started(server: Server, least: int, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "swarmscope.edge.cli", "quick", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + DEADLINE
    while len(server.heard) < least:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def test_ctrl_c_prints_what_was_measured(server):
    with started(server, 20, f"{server.url}/", "--seconds", "300", "-c", "3") as process:
        process.send_signal(signal.SIGINT)
        output, error = process.communicate(timeout=DEADLINE)
    assert process.returncode == ExitCode.INTERRUPTED
    assert error == ""
    answered = int(re.search(r"Answered +([\d,]+) in", output)[1].replace(",", ""))
    assert answered >= 15
    assert "100 %" in output


def test_a_command_that_is_killed_leaves_no_load_behind(server):
    with started(server, 5, f"{server.url}/", "--seconds", "300", "-c", "3") as process:
        (generator,) = psutil.Process(process.pid).children()
        process.kill()
        process.communicate(timeout=DEADLINE)
    generator.wait(DEADLINE)
    assert not generator.is_running()


def test_make_passes_its_variables_on(server):
    dry = subprocess.run(
        ["make", "-n", "--assume-old=.venv/.ready", "quick", "URL=http://h/$(rm -rf x)'\""],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "rm -rf" not in dry
    ran = subprocess.run(
        ["make", "--assume-old=.venv/.ready", "quick", f"URL={server.url}/it's", "SECONDS=0.3", "C=2",
         "HEADERS=X-One: it's | X-Two: 2", "BODY=it's \"quoted\"", "METHOD=PUT", "P95=10s", "ERRORS=50%"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(f"PUT {server.url}/it's: for 0.3 s, 2 at a time, 13 bytes of body each\n")
    assert "  PASS     p95 ≤ 10s: " in ran.stdout
    method, path, headers, body = server.heard[0]
    assert (method, path, body) == ("PUT", "/it's", b'it\'s "quoted"')
    assert (headers["x-one"], headers["x-two"]) == ("it's", "2")
