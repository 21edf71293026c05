"""Asks the service under test once, before any load, whether anything is there at all."""

from __future__ import annotations

import requests

from swarmscope.errors import ServiceUnreachable

TIMEOUT_SECONDS = 3.0


def check_service(host: str, health: str) -> None:
    """Raise ServiceUnreachable when nothing accepts a connection at `host`.

    Only a missing service is refused: one that answers with errors, or accepts and then hangs, is for the load
    test to find out and judge. Hosts that are not http(s) are left to their own clients.
    """
    if not host.startswith(("http://", "https://")):
        return
    url = host.rstrip("/") + "/" + health.lstrip("/")
    try:
        requests.get(url, timeout=TIMEOUT_SECONDS, verify=False, stream=True).close()  # noqa: S501  # only reachability
    except requests.exceptions.ReadTimeout:
        return
    except requests.exceptions.RequestException as error:
        raise ServiceUnreachable(
            f"the service under test at {host} does not answer ({_cause(error)})",
            "start it, or point to it with --host, HOST= or the environment's host in environments.yaml; "
            "no load was sent",
        ) from error


def _cause(error: requests.exceptions.RequestException) -> str:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"no connection within {TIMEOUT_SECONDS:.0f} s"
    text = str(error)
    for sign, meaning in (
        ("refused", "connection refused"),
        ("Name or service not known", "its name cannot be resolved"),
        ("getaddrinfo failed", "its name cannot be resolved"),
        ("Temporary failure in name resolution", "its name cannot be resolved"),
        ("NameResolutionError", "its name cannot be resolved"),
        ("No route to host", "no route to it"),
        ("reset by peer", "it reset the connection"),
    ):
        if sign in text:
            return meaning
    return type(error).__name__
