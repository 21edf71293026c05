"""Says which of the ports that a stack needs are taken, and by which process, before anything is started."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from swarmscope.errors import PortTaken


@dataclass(frozen=True, slots=True)
class TakenPort:
    """A port that something else listens on."""

    port: int
    title: str
    """What we want it for."""
    setting: str
    """The variable that moves us elsewhere."""
    holder: str
    """`prometheus (process 812)`, or "" when the system does not say."""

    def __str__(self) -> str:
        return f"port {self.port} ({self.title}) is in use{f' by {self.holder}' if self.holder else ''}"


def taken_ports(bind: str, wanted: Mapping[str, tuple[str, int]]) -> list[TakenPort]:
    """The ports that cannot be bound; `wanted` maps a setting's variable to what it is for and its port."""
    taken = [(setting, title, port) for setting, (title, port) in wanted.items() if not _is_free(bind, port)]
    if not taken:
        return []
    holders = _holders()
    return [TakenPort(port, title, setting, holders.get(port, "")) for setting, title, port in taken]


def require_free(bind: str, wanted: Mapping[str, tuple[str, int]]) -> None:
    """Raise PortTaken naming every port that is taken, by whom, and the settings that choose others."""
    taken = taken_ports(bind, wanted)
    if taken:
        settings = ", ".join(f"{each.setting}=" for each in taken)
        raise PortTaken(
            "\n".join(str(each) for each in taken),
            f"stop what listens there (`make down` if it is our own stack), or choose other ports: {settings}",
        )


def _is_free(bind: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: connections of a stack that has just ended may still be in TIME_WAIT.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _holders() -> dict[int, str]:
    """Port → the process that listens there, for those that this user may see."""
    holders: dict[int, str] = {}
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return holders
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.pid is not None and connection.laddr:
            holders[connection.laddr.port] = f"{_name(connection.pid)} (process {connection.pid})"
    return holders


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "a process"


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
