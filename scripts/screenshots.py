"""Takes the pictures of the README with Debian's Chromium: Locust's tab and a run's report, 1280 by 800.

    .venv/bin/python scripts/screenshots.py --locust http://127.0.0.1:8089 --report reports/<run>/report.html

Locust must be in a run (`make up`, start one in its web UI). Chromium is driven over its own protocol, because a page
that keeps asking its server never "finishes loading". Each page is also read: one that is wider than the window,
or holds a cell that is cut off, is an error.
"""

from __future__ import annotations

import argparse
import base64
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib import request

import websocket

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-port=0",
)
"""Nothing is asked of the network but the page; the port of its protocol is free and on loopback."""
WIDTH, HEIGHT = 1280, 800
PATIENCE_SECONDS = 30.0
TARGETS_TAB = "?tab=swarmscope-targets"
SPILLS = """
[...document.querySelectorAll('body *')]
  .filter(each => each.getBoundingClientRect().right > innerWidth + 1 && each.getBoundingClientRect().width > 0)
  .map(each => `${each.tagName.toLowerCase()} "${(each.textContent || '').trim().slice(0, 40)}"`).slice(0, 5)
"""
"""What reaches beyond the right edge of the window."""


class Page:
    """One tab of a running Chromium."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, suppress_origin=True, timeout=PATIENCE_SECONDS)
        self._number = 0
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        self.tell("Emulation.setDeviceMetricsOverride", **size)

    def tell(self, method: str, **parameters: Any) -> Any:
        """Ask for one thing of Chromium's protocol; its answer."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def open(self, url: str, *, dark: bool = False) -> None:
        """Go to a page, as a reader who prefers light or dark sees it."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.tell("Emulation.setEmulatedMedia", features=[scheme])
        self.tell("Page.navigate", url=url)

    def read(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        result = self.tell("Runtime.evaluate", expression=expression, returnByValue=True)["result"]
        return result.get("value")

    def wait_for(self, text: str) -> None:
        """Until the page shows a text."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while text not in str(self.read("document.body ? document.body.innerText : ''")):
            if time.monotonic() > ends:
                raise RuntimeError(f'"{text}" did not appear')
            time.sleep(0.2)

    def spills(self) -> list[str]:
        """What is wider than the window."""
        return list(self.read(SPILLS))

    def save(self, path: Path) -> None:
        """Write what the window shows as a PNG."""
        path.write_bytes(base64.b64decode(self.tell("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        """Let go of the tab."""
        self._socket.close()


def chromium() -> str | None:
    """The program, where there is one."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Page]:
    """A Chromium with one empty tab, ended and forgotten afterwards."""
    program = chromium()
    if program is None:
        raise RuntimeError("Chromium is not installed: apt-get install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            program,
            *OPTIONS,
            f"--window-size={WIDTH},{HEIGHT}",
            f"--user-data-dir={profile}",
            "about:blank",
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            page = Page(_tab(Path(profile) / "DevToolsActivePort", process))
            try:
                yield page
            finally:
                page.close()
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _tab(port_file: Path, process: subprocess.Popen[bytes]) -> str:
    ends = time.monotonic() + PATIENCE_SECONDS
    opener = request.build_opener(request.ProxyHandler({}))
    while time.monotonic() < ends and process.poll() is None:
        try:
            port = int(port_file.read_text().splitlines()[0])
            with opener.open(f"http://127.0.0.1:{port}/json/list", timeout=5) as answer:
                tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
            return str(tabs[0]["webSocketDebuggerUrl"])
        except (OSError, IndexError, ValueError):
            time.sleep(0.1)
    raise RuntimeError("Chromium did not start")


def main() -> int:
    """Take the pictures that were asked for; 1 when a page does not fit into the window."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--locust", default="", help="a Locust in a run, http://127.0.0.1:8089")
    parser.add_argument("--report", type=Path, help="a run's report.html")
    parser.add_argument("--to", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    pictures = []
    if options.locust:
        pictures.append(("locust-targets", f"{options.locust}/{TARGETS_TAB}", "phase steady", ""))
    if options.report:
        url = options.report.resolve().as_uri()
        pictures += [("report", url, "Targets", ""), ("report-plots", url, "Targets", "Course of the run")]
    status = 0
    with browser() as page:
        for name, url, text, heading in pictures:
            page.open(url)
            page.wait_for(text)
            time.sleep(1.0)  # until plots are drawn
            if heading:
                page.read(
                    "[...document.querySelectorAll('h2')].find(each => each.textContent.includes("
                    f"{json.dumps(heading)}))?.scrollIntoView()"
                )
                time.sleep(0.5)
            page.save(options.to / f"{name}.png")
            spilled = page.spills()
            print(f"{options.to / name}.png{': too wide: ' + ', '.join(spilled) if spilled else ''}")
            status = 1 if spilled else status
    return status


if __name__ == "__main__":
    sys.exit(main())
