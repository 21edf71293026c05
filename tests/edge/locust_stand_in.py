"""Stands in for Locust where only its life matters: answers GET /live, ends by itself, on GET /end or on SIGINT.

locust_stand_in.py PORT RUN SECONDS EXIT_CODE [stubborn | watched] [web UI's port]

Who is watched does not end before its answer was seen, however late somebody asks.
"""

import http.server
import itertools
import json
import signal
import sys
import threading
import time

PORT, RUN, SECONDS, EXIT_CODE = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
STARTED = time.time()
told_to_stop, told_to_end, seen = threading.Event(), threading.Event(), threading.Event()
questions = itertools.count(1)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/end":
            told_to_end.set()
        elif self.path == "/live" and next(questions) > 1:
            # Who asks again has had the first answer.
            seen.set()
        elapsed = time.time() - STARTED
        target = {
            "id": "post-events-p95",
            "in_words": "POST /events p95 ≤ 100ms",
            "kind": "p95",
            "priority": "critical",
            "limit": 0.1,
            "value": 0.05,
            "status": "PASS",
            "reason": "As the stand-in says.",
        }
        body = {
            "run": RUN,
            "environment": "local",
            "host": "",
            "phase": "steady",
            "started": STARTED,
            "elapsed": elapsed,
            "stopped": None,
            "planned_seconds": SECONDS,
            "steady_seconds": elapsed,
            "users": 10,
            "users_wanted": 10,
            "finished": int(elapsed * 100),
            "failures": 0,
            "rps": 100.0,
            "failures_per_second": 0.0,
            "in_flight": 1,
            "oldest_age": 0.01,
            "oldest_request": "POST /events",
            "targets": [target],
            "generators": [],
            "problems": [],
        }
        self.send_response(200 if self.path in ("/live", "/end", "/") else 404)
        self.end_headers()
        self.wfile.write(json.dumps({"runs": [body]}).encode())

    def log_message(self, *_: object) -> None:
        pass


def main() -> int:
    if "stubborn" in sys.argv:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGINT, lambda *_: told_to_stop.set())
    for port in [PORT, *map(int, filter(str.isdigit, sys.argv[5:]))]:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Page)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    ends_at = time.monotonic() + SECONDS
    while not told_to_stop.wait(0.02):
        if told_to_end.is_set() or (
            time.monotonic() >= ends_at and ("watched" not in sys.argv or seen.is_set())
        ):
            break
    else:
        print("told to stop", flush=True)
        return 130
    print("the load is over", flush=True)
    return EXIT_CODE


if __name__ == "__main__":
    sys.exit(main())
