"""The other processes of the scrape benchmark: a service to load, and a scraper that comes in every second window.

python -m benchmarks.scrape_peers service PORT MILLISECONDS
python -m benchmarks.scrape_peers scraper URL START WINDOW
"""

from __future__ import annotations

import asyncio
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]


def service(port: int, milliseconds: float) -> None:
    """Answer every request with 200 after some milliseconds."""
    import uvicorn

    async def app(scope: Message, receive: object, send: Callable[[Message], Awaitable[None]]) -> None:
        if scope["type"] == "http":
            if milliseconds:
                await asyncio.sleep(milliseconds / 1000)
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False, lifespan="off")


def scraper(url: str, start: float, window: float) -> None:
    """Scrape once a second while a scraped window lasts, as Prometheus does; print each duration in seconds."""
    headers = {"User-Agent": "Prometheus/2.42.0", "Accept-Encoding": "gzip"}
    beat = start
    while True:
        time.sleep(max(0.0, beat - time.time()))
        if int((beat - start + 0.001) / window) % 2 == 1:
            began = time.perf_counter()
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:  # noqa: S310
                answer.read()
            print(time.perf_counter() - began, flush=True)
        beat = max(beat + 1, float(int(time.time() - start)) + start)


if __name__ == "__main__":
    if sys.argv[1] == "service":
        service(int(sys.argv[2]), float(sys.argv[3]))
    else:
        scraper(sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
