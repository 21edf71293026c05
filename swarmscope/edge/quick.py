"""The command `quick`: one request, sent again and again for seconds, without set-up, and its percentile table.

Reads the command line into a plan, asks once whether anybody listens, and leaves the load to quick_load.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import subprocess
import sys
import threading
from array import array
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote, urlsplit

from swarmscope.errors import ConfigurationError, GeneratorFailed, Problem, ServiceUnreachable
from swarmscope.quick import Limit, Measured, exit_code, judge, lines
from swarmscope.targets import Kind
from swarmscope.targets.units import NotUnderstood, parse_duration, parse_percentage

DEFAULT_REQUESTS, MOST_REQUESTS = 1000, 10_000_000
DEFAULT_CONCURRENCY, MOST_CONCURRENCY = 10, 1000
MOST_SECONDS = Decimal(600)
DEFAULT_TIMEOUT = "10s"
CONNECT_SECONDS = 3.0
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*([\t\x20-\x7e\x80-\xff]*)")
_OURS = ("host", "content-length", "transfer-encoding", "connection")
SEPARATOR = " | "
"""Between headers that come as one text, as from make."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send, how often, and what must hold."""

    url: str
    host: str
    port: int
    tls: bool
    method: str
    request: bytes
    body: bytes
    requests: int | None
    seconds: Decimal | None
    concurrency: int
    timeout: Decimal
    timeout_written: str
    limits: tuple[Limit, ...]

    @property
    def in_words(self) -> str:
        """`GET http://…: 1,000 requests, 10 at a time`."""
        amount = f"{self.requests:,} requests" if self.requests else f"for {self.seconds} s"
        body = f", {len(self.body):,} bytes of body each" if self.body else ""
        return f"{self.method} {self.url}: {amount}, {self.concurrency} at a time{body}"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `quick`; an empty text means the default, since make passes its variables on as they are."""
    parser.add_argument("url", metavar="URL", help="http://127.0.0.1:8000/health")
    parser.add_argument("-n", "--requests", default="", help=f"how many (default: {DEFAULT_REQUESTS})")
    parser.add_argument("--seconds", default="", metavar="TIME", help="for how long, instead: 5 or 5s")
    parser.add_argument(
        "-c", "--concurrency", default="", help=f"how many at a time (default: {DEFAULT_CONCURRENCY})"
    )
    parser.add_argument("--method", default="", help="default: GET, with a body POST")
    parser.add_argument("--body", default="", metavar="TEXT|@FILE", help="a text, or the name of a file")
    parser.add_argument(
        "-H", "--header", action="append", default=[], metavar="'A: b'", help="may be repeated"
    )
    parser.add_argument(
        "--headers", default="", metavar="'A: b | C: d'", help="the same, several in one text"
    )
    parser.add_argument(
        "--timeout", default="", metavar="TIME", help=f"for one answer (default: {DEFAULT_TIMEOUT})"
    )
    for name in ("p50", "p90", "p95", "p99"):
        parser.add_argument(
            f"--{name}", default="", metavar="TIME", help="a limit: exit code 10 when it is missed"
        )
    parser.add_argument("--errors", default="", metavar="SHARE", help="most that may fail: 1%%")


def run_quick(options: argparse.Namespace) -> int:
    """Run the benchmark and print it; returns the exit code."""
    plan = read_plan(options)
    _require_listener(plan)
    print(plan.in_words, end="\n\n", flush=True)
    measured, interrupted = _load(plan)
    judgements = judge(plan.limits, measured)
    print("\n".join(lines(measured, judgements)), flush=True)
    return exit_code(judgements, measured, interrupted=interrupted)


def read_plan(options: argparse.Namespace) -> Plan:
    """The plan that the options ask for; raises ConfigurationError with every problem."""
    problems: list[Problem] = []
    if options.requests and options.seconds:
        problems.append(Problem("--seconds", "", "give either a number of requests or a time"))
    seconds = _seconds(options.seconds, problems)
    requests = _whole("--requests", options.requests, DEFAULT_REQUESTS, MOST_REQUESTS, problems)
    concurrency = _whole(
        "--concurrency", options.concurrency, DEFAULT_CONCURRENCY, MOST_CONCURRENCY, problems
    )
    timeout = _duration("--timeout", options.timeout or DEFAULT_TIMEOUT, problems)
    body = _body(options.body, problems)
    method = (options.method or ("POST" if body else "GET")).upper()
    if method not in _METHODS:
        problems.append(
            Problem("--method", "", f'expected one of {", ".join(_METHODS)}, got "{options.method}"')
        )
    headers = _headers([*options.header, *options.headers.split(SEPARATOR)], problems)
    limits = _limits(options, problems)
    address = _address(options.url, problems)
    if problems or address is None:
        raise ConfigurationError(problems)
    host, port, tls, target = address
    return Plan(
        url=options.url,
        host=host,
        port=port,
        tls=tls,
        method=method,
        request=_request(method, target, _host_header(host, port, tls), headers, body),
        body=body,
        requests=None if seconds else min(requests, MOST_REQUESTS),
        seconds=seconds,
        concurrency=concurrency if seconds else min(concurrency, requests),
        timeout=timeout,
        timeout_written=options.timeout or DEFAULT_TIMEOUT,
        limits=limits,
    )


def _address(url: str, problems: list[Problem]) -> tuple[str, int, bool, str] | None:
    expected = "expected an address such as http://127.0.0.1:8000/health"
    if not url:
        problems.append(Problem("URL", "", expected, "make quick URL=http://127.0.0.1:8000/health"))
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        problems.append(Problem("URL", "", expected, "the port is a number up to 65535"))
        return None
    if "@" in parts.netloc:
        problems.append(
            Problem("URL", "", "expected an address without user name and password", "send them in a header")
        )
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        hint = f"put the scheme before it: http://{url}" if "://" not in url else ""
        problems.append(Problem("URL", "", f'{expected}, got "{url}"', hint))
        return None
    tls = parts.scheme == "https"
    safe = "/%:@!$&'()*+,;=~-._"
    target = quote(parts.path or "/", safe=safe)
    if parts.query:
        target += "?" + quote(parts.query, safe=f"{safe}?")
    return parts.hostname, port or (443 if tls else 80), tls, target


def _host_header(host: str, port: int, tls: bool) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port == (443 if tls else 80) else f"{shown}:{port}"


def _request(method: str, target: str, host: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    given = {name.lower() for name, _ in headers}
    every = [("Host", host)]
    if "user-agent" not in given:
        every.append(("User-Agent", "swarmscope-quick"))
    if "accept" not in given:
        every.append(("Accept", "*/*"))
    if body and "content-type" not in given:
        every.append(("Content-Type", "application/json" if _is_json(body) else "text/plain; charset=utf-8"))
    if body or method in ("POST", "PUT", "PATCH"):
        every.append(("Content-Length", str(len(body))))
    head = "".join(f"{name}: {value}\r\n" for name, value in [*every, *headers])
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _headers(texts: Sequence[str], problems: list[Problem]) -> list[tuple[str, str]]:
    headers = []
    for text in texts:
        if not text.strip():
            continue
        match = _HEADER.fullmatch(text.strip())
        if match is None:
            # Not shown: it may be half of a secret.
            problems.append(
                Problem("--header", "", "expected 'Name: value'", f"several: {SEPARATOR!r} between")
            )
        elif match[1].lower() in _OURS:
            problems.append(Problem("--header", "", f"{match[1]} is the benchmark's own"))
        else:
            headers.append((match[1], match[2]))
    return headers


def _body(text: str, problems: list[Problem]) -> bytes:
    named = text.removeprefix("@")
    try:
        if text.startswith("@") or (len(text) < 256 and text and Path(text).is_file()):
            return Path(named).read_bytes()
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        problems.append(Problem("--body", "", f"{named} cannot be read: {words}"))
        return b""
    return text.encode(errors="surrogateescape")


def _whole(option: str, text: str, default: int, most: int, problems: list[Problem]) -> int:
    if not text:
        return default
    if text.isascii() and text.isdigit() and 1 <= int(text[:12]) <= most:
        return int(text)
    problems.append(Problem(option, "", f'expected a whole number from 1 to {most:,}, got "{text}"'))
    return default


def _seconds(text: str, problems: list[Problem]) -> Decimal | None:
    if not text:
        return None
    # A plain number is what the option's name says.
    seconds = _duration("--seconds", f"{text}s" if re.fullmatch(r"[0-9.]+", text) else text, problems)
    if seconds > MOST_SECONDS:
        problems.append(Problem("--seconds", "", "is at most 10 minutes", "make run is for longer loads"))
    return seconds


def _duration(option: str, text: str, problems: list[Problem]) -> Decimal:
    try:
        value = parse_duration(text)
        if value > 0:
            return value
        problems.append(Problem(option, "", "expected more than 0"))
    except NotUnderstood as error:
        problems.append(Problem(option, "", f'expected {error.expected}, got "{text}"', error.hint))
    return Decimal(1)


def _limits(options: argparse.Namespace, problems: list[Problem]) -> tuple[Limit, ...]:
    limits = []
    for kind in (Kind.P50, Kind.P90, Kind.P95, Kind.P99):
        if text := getattr(options, kind.value):
            limits.append(Limit(kind, _duration(f"--{kind.value}", text, problems), text))
    if text := options.errors:
        try:
            limits.append(Limit(Kind.ERROR_RATE, parse_percentage(text), text))
        except NotUnderstood as error:
            problems.append(Problem("--errors", "", f'expected {error.expected}, got "{text}"', error.hint))
    return tuple(limits)


def _require_listener(plan: Plan) -> None:
    try:
        socket.create_connection((plan.host, plan.port), CONNECT_SECONDS).close()
    except OSError as error:
        match error:
            case ConnectionRefusedError():
                cause = "connection refused"
            case socket.gaierror():
                cause = "its name cannot be resolved"
            case TimeoutError():
                cause = f"no connection within {CONNECT_SECONDS:.0f} s"
            case _:
                cause = error.strerror or type(error).__name__
        raise ServiceUnreachable(
            f"nothing answers at {plan.host}:{plan.port} ({cause})",
            "start the service, or correct the URL; nothing was sent",
        ) from error


def _load(plan: Plan) -> tuple[Measured, bool]:
    """Run the generator; what it measured, and whether Ctrl-C ended it."""
    instructions = {
        "host": plan.host,
        "port": plan.port,
        "tls": plan.tls,
        "method": plan.method,
        "request": b64encode(plan.request).decode(),
        "requests": plan.requests,
        "seconds": None if plan.seconds is None else float(plan.seconds),
        "concurrency": plan.concurrency,
        "timeout": float(plan.timeout),
        "timeout_written": plan.timeout_written,
        "progress": sys.stderr.isatty(),
    }
    # In a session of its own, so that Ctrl-C reaches only us: the generator ends when its input does.
    generator = subprocess.Popen(
        [sys.executable, "-m", "swarmscope.edge.quick_load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with generator:
        if generator.stdin is None or generator.stdout is None:
            raise AssertionError("the pipes that were asked for")
        output: list[bytes] = []
        reader = threading.Thread(target=lambda: output.append(generator.stdout.read()), daemon=True)  # type: ignore[union-attr]
        interrupted = False
        try:
            reader.start()
            generator.stdin.write(json.dumps(instructions).encode() + b"\n")
            generator.stdin.flush()
            reader.join()
        except KeyboardInterrupt:
            interrupted = True
            generator.stdin.close()
            reader.join()
        except BrokenPipeError:
            reader.join()
        finally:
            if reader.is_alive():
                generator.kill()
    if generator.returncode != 0:
        raise GeneratorFailed(
            f"the generator ended with {generator.returncode}", "what it said stands above this line"
        )
    return _measured(output[0], plan), interrupted


def _measured(output: bytes, plan: Plan) -> Measured:
    head, _, rest = output.partition(b"\n")
    totals = json.loads(head)
    seconds = array("d")
    seconds.frombytes(rest)
    finished = len(seconds) + sum(totals["unanswered"].values())
    return Measured(
        seconds=sorted(seconds),
        statuses={int(status): number for status, number in totals["statuses"].items()},
        unanswered=totals["unanswered"],
        elapsed=totals["elapsed"],
        received=totals["received"],
        sent=finished * len(plan.body),
        connections=totals["connections"],
        generator_cpu=totals["cpu"],
        unfinished=totals["unfinished"],
        note=totals["note"],
    )
