"""A process that has imported Locust once, and forks for whoever wants a Locust, or some lines of Python beside one.

Importing Locust takes longer than most of what the tests do with it. Each fork is a process as new as one from the
command line: it has loaded no scenario and no settings yet. See locust_runs.py, which starts it and talks to it.
"""

import gc
import json
import os
import random
import socket
import sys

# Before Locust's import patches it: this process only waits for what it is told, and for the ends of its children.
waitpid = os.waitpid
orders = socket.socket(fileno=os.dup(0))

import gevent.os  # noqa: E402

# What the scenarios import and what knows no environment, no clock and no Locust: the pure core, and packages.
import jwt  # noqa: E402, F401
import locust.main  # noqa: E402
import psycopg  # noqa: E402, F401
import websockets.client  # noqa: E402, F401

import swarmscope.run_result  # noqa: E402
import swarmscope.targets.parse  # noqa: E402, F401
import tests.patience  # noqa: E402, F401


def become(order):
    """Be the process that was ordered; returns when it has done its work, or raises SystemExit."""
    os.setsid()
    orders.close()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "output"), (2, "log")):
        os.dup2(os.open(f"{order['folder']}/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    # Open as long as this process lives, or one that it forks.
    os.write(os.open(f"{order['folder']}/alive", os.O_WRONLY), b".")
    os.environ.clear()
    os.environ.update(order["environment"])
    random.seed()
    sys.argv = ["locust", *order["arguments"]]
    if order["program"]:
        exec(compile(order["program"], "<program>", "exec"), {"__name__": "__main__"})  # noqa: S102  # a test's own lines
    else:
        locust.main.main()


def serve():
    """Forks as ordered, until nobody can order any more; returns only in a fork that has done its work."""
    while True:
        message = orders.recv(1 << 20)
        if not message:
            return
        order = json.loads(message)
        if "ended" in order:
            pid, status = waitpid(order["ended"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        elif (answer := gevent.os.fork_gevent()) == 0:
            return become(order)
        orders.send(json.dumps(answer).encode())


gc.collect()
gc.freeze()  # what is here stays, and is not copied because a fork's collector looks at it
serve()
