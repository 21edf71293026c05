"""The security read of scripts/try-compose.sh: what the running containers and our image give away. One line a finding.

    python3 scripts/compose_security.py

`docker inspect`, `docker top` and `docker history` are asked, not the compose file: what counts is what runs.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from compose_checks import Failed, containers, docker, ensure, main

STARTS_AS_ROOT = {"postgres": "its entrypoint gives the new volume to the user postgres, then becomes him"}
"""Services whose first process may begin as root, and why. That none of their processes still is, is looked at."""
MAY_ADD = {"postgres": {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}}
SECRETS = ("postgres-password", "stop-token", "grafana-password", "pgpass")
OURS, BASE = "swarmscope:local", "python:3.13-slim"


def confined() -> str:
    """Ports on loopback, read-only roots, no capability, no new privileges, limits; nothing of the machine mounted."""
    found = containers()
    ensure(bool(found), "no container is there")
    published = 0
    for name, container in found.items():
        host, service = container["HostConfig"], service_of(container)
        for port, bindings in (host["PortBindings"] or {}).items():
            for binding in bindings:
                published += 1
                ensure(
                    binding["HostIp"] == "127.0.0.1",
                    f"{name} publishes {port} on {binding['HostIp'] or 'all'}",
                )
        ensure(host["ReadonlyRootfs"], f"{name} may write to its root")
        ensure(host["CapDrop"] == ["ALL"], f"{name} keeps capabilities")
        added = {capability.removeprefix("CAP_") for capability in host["CapAdd"] or ()}
        ensure(added <= MAY_ADD.get(service, set()), f"{name} has {added}")
        ensure("no-new-privileges:true" in host["SecurityOpt"], f"{name} may gain privileges")
        ensure(not host["Privileged"] and not host["PidMode"], f"{name} is privileged")
        ensure(host["NetworkMode"] != "host", f"{name} has the machine's network")
        ensure(host["Memory"] > 0 and host["PidsLimit"] > 0, f"{name} has no limit")
        for mount in container["Mounts"]:
            source = mount["Source"]
            ensure(
                source not in ("/", "/etc", "/proc", "/sys", "/var/run/docker.sock"), f"{name} sees {source}"
            )
            ensure(mount["Type"] != "bind" or not mount["RW"], f"{name} may write to {source}")
    return f"{len(found)} containers; {published} ports, all on 127.0.0.1; read-only, no capabilities, limits"


def nobody() -> str:
    """No container is configured as root but for the reasons given, and no process of any is root."""
    exceptions, processes = [], 0
    for name, container in containers(running=True).items():
        service = service_of(container)
        user = container["Config"]["User"].partition(":")[0]
        if user in ("", "0", "root"):
            ensure(service in STARTS_AS_ROOT, f"{name} starts as root")
            exceptions.append(f"{name} begins as root: {STARTS_AS_ROOT[service]}")
        lines = docker("top", name, "-o", "uid,pid,args").splitlines()[1:]
        for line in lines:
            processes += 1
            ensure(line.split()[0] != "0", f"{name}: a process of root: {line}")
    return "\n".join([f"{processes} processes, none of root", *exceptions])


def untold() -> str:
    """No secret of the stack is in what docker tells of containers and of our image, nor in any container's log."""
    found = containers()
    reader = next(name for name, one in found.items() if service_of(one) == "locust-master")
    secrets = []
    for file in SECRETS:
        text = docker("exec", reader, "cat", f"/run/swarmscope/{file}").strip()
        secrets.append(text.rpartition(":")[2])
    ensure(all(len(secret) >= 12 for secret in secrets), "a secret is missing")
    told = {
        "docker inspect": json.dumps(list(found.values())),
        "docker image inspect": docker("image", "inspect", OURS),
        "docker history": docker("history", "--no-trunc", OURS),
        **{f"the log of {name}": docker("logs", name) for name in found},
    }
    for where, text in told.items():
        ensure(not any(secret in text for secret in secrets), f"a secret is in {where}")
    for name, container in found.items():
        for variable in container["Config"]["Env"]:
            ensure(
                not re.match(r"(?i)[^=]*(password|passwd|token|secret|api_?key)[^=]*=(?!/|$)", variable),
                f"{name}: {variable.partition('=')[0]} holds a value",
            )
            ensure(not re.search(r"://[^/@\s]*:[^/@\s]+@", variable), f"{name}: a password in an address")
    return f"{len(set(secrets))} secrets, in none of {len(told)} texts of inspect, history and logs"


def image() -> str:
    """Size of our own layers above their base, and the user."""
    (inspected,) = json.loads(docker("image", "inspect", OURS))
    ensure(inspected["Config"]["User"] == "10001:10001", f"user {inspected['Config']['User']}")
    (base,) = json.loads(docker("image", "inspect", BASE))
    own = (inspected["Size"] - base["Size"]) / 1e6
    return f"{own:,.0f} MB above {BASE} ({base['Size'] / 1e6:,.0f} MB here); user 10001"


def service_of(container: dict[str, Any]) -> str:
    """The compose service of a container."""
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


if __name__ == "__main__":
    if not sys.argv[1:]:
        raise SystemExit(Failed("which of confined, nobody, untold, image?"))
    sys.exit(main({check.__name__: check for check in (confined, nobody, untold, image)}, sys.argv[1:]))
