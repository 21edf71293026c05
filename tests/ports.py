"""Ports for what a test starts by itself."""

import os
import socket


def free_port() -> int:
    """A port that is free now, from below the range that systems give to clients: nobody gets it by chance."""
    while True:
        port = 10_000 + int.from_bytes(os.urandom(2), "big") % 20_000
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
