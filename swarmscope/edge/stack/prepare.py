"""Everything that can be found wrong before a stack is started is found here, and said, with its own exit code."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from swarmscope.edge.files import choose_environment, choose_profile, load_environments, load_system
from swarmscope.edge.preflight import check_service
from swarmscope.edge.stack.aws import AwsPart, is_stand_in_installed
from swarmscope.edge.stack.components import (
    NODE_EXPORTER,
    POSTGRES_EXPORTER,
    POSTGRESQL,
    REQUIRED,
    FoundComponent,
    find,
    require,
)
from swarmscope.edge.stack.folder import StateFolder
from swarmscope.edge.stack.generator import LoadRequest
from swarmscope.edge.stack.measuring import missing_words, node_exporter_answers
from swarmscope.edge.stack.plan import Plan, has_reference, ports
from swarmscope.edge.stack.ports import require_free
from swarmscope.errors import ConfigurationError, Problem
from swarmscope.settings import Settings
from swarmscope.targets import Environment, Need, System
from swarmscope.targets.choose import LOCAL
from swarmscope.targets.texts import parse_address
from swarmscope.targets.units import NotUnderstood, Refused

_DURATION = re.compile(r"[0-9]+|(?=[0-9])([0-9]+h)?([0-9]+m)?([0-9]+s)?")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request whose every part is known to be there."""

    plan: Plan
    request: LoadRequest
    """With the profile, environment and host filled in."""


def prepare(
    root: Path, request: LoadRequest, settings: Settings, environ: Mapping[str, str], *, web_ui: bool
) -> Prepared:
    """Check everything; raises the SwarmscopeError that says what is wrong. Starts nothing, writes nothing."""
    _check_request(request)
    system = load_system(root, request.system)
    profile = choose_profile(system, request.profile or None)
    environment = _environment(root, system, request)
    reference = not request.host and _is_local(environment) and has_reference(system.name)
    host = request.host or ("" if environment is None else environment.host)
    if reference:
        host = settings.url(settings.service_port)
    if environment is not None and not reference:
        _check_credentials(environment, environ)
    needs_database = Need.POSTGRESQL in system.needs
    given = environ.get("DATABASE_URL", "")
    # A service of the user's own has a database of its own; ours beside it would be empty.
    own_database = needs_database and not given and not request.host and _is_local(environment)
    components = require((*REQUIRED, POSTGRESQL) if own_database else REQUIRED, environ.get("PATH"))
    measuring = _measuring(
        settings,
        environ.get("PATH"),
        has_database=own_database or (given.startswith("postgres") and (needs_database or reference)),
        is_here=(urlsplit(host).hostname or "") in _LOOPBACK,
    )
    components = {**components, **measuring.components}
    of_aws, aws_remarks = _aws(environment, system, request, reference=reference)
    wanted = ports(settings, reference=reference, web_ui=web_ui, components=components, of_aws=of_aws)
    require_free(settings.bind, wanted)
    if not reference:
        check_service(host, system.health)
    plan = Plan(
        root=root,
        settings=settings,
        folder=StateFolder(Path(settings.state).absolute()),
        components=components,
        system=system,
        reference=reference,
        stop_token=secrets.token_urlsafe(24),
        environ=environ,
        keep_data=web_ui,
        borrows_node_exporter=measuring.borrows_node_exporter,
        aws=of_aws,
        remarks=(*measuring.remarks, *aws_remarks),
    )
    if own_database:
        # Raises what would keep it from being started.
        _ = plan.cluster
    label = request.environment or (environment.name if environment is not None else "")
    return Prepared(plan, replace(request, profile=profile.name, host=host, environment=label))


def _aws(
    environment: Environment | None, system: System, request: LoadRequest, *, reference: bool
) -> tuple[AwsPart | None, tuple[str, ...]]:
    """What is read from AWS, or from its stand-in where the reference service is under test; and remarks."""
    if environment is None or environment.aws is None:
        return None, ()
    if not reference:
        # With HOST= the local section still names what only the reference service has.
        is_elsewhere = bool(request.host) and environment.name == LOCAL and has_reference(system.name)
        return (None if is_elsewhere else AwsPart(environment.name, stand_in=False)), ()
    if not is_stand_in_installed():
        return None, (
            "The AWS stand-in needs moto, which is not installed: targets at: settled will be NO DATA.",
        )
    return AwsPart(environment.name, stand_in=True), ()


@dataclass(frozen=True, slots=True)
class _Measuring:
    components: Mapping[str, FoundComponent]
    borrows_node_exporter: bool
    remarks: tuple[str, ...]


def _measuring(settings: Settings, path: str | None, *, has_database: bool, is_here: bool) -> _Measuring:
    """The exporters that can be started, and what is not measured without the others."""
    components, remarks, borrows = {}, [], False
    wanted = []
    if is_here:
        wanted.append((NODE_EXPORTER, "what the machine measures of itself (CPU, memory, disk)"))
    else:
        # This machine's would be taken for the service's.
        remarks.append(
            "The service is not on this machine: its machine's CPU, memory and disk will be NO DATA."
        )
    if has_database:
        wanted.append(
            (POSTGRES_EXPORTER, "what the database measures of itself (connections, queries, cache)")
        )
    for component, measures in wanted:
        found = find(component, path)
        if component is NODE_EXPORTER and node_exporter_answers(settings):
            borrows = True
            port = settings.node_exporter_port
            remarks.append(f"A node exporter listens on port {port} already: that one is asked.")
        elif found is not None and found.version[:2] >= component.minimum:
            components[component.title] = found
        else:
            remarks.append(missing_words(component.title, measures, component.package))
    return _Measuring(components, borrows, tuple(remarks))


def _check_request(request: LoadRequest) -> None:
    problems = []
    if request.duration and not _DURATION.fullmatch(request.duration):
        message = f'expected a time such as 90s or 1h30m, got "{request.duration}"'
        problems.append(Problem("--duration", "", message))
    for option, number in (("--users", request.users), ("--processes", request.processes)):
        if number is not None and number < 1 and (option, number) != ("--processes", -1):
            problems.append(Problem(option, "", f"expected a number of at least 1, got {number}"))
    if request.host:
        try:
            parse_address(request.host)
        except NotUnderstood as error:
            problems.append(
                Problem("--host", "", f'expected {error.expected}, got "{request.host}"', error.hint)
            )
        except Refused as error:
            problems.append(Problem("--host", "", error.message, error.hint))
    if problems:
        raise ConfigurationError(problems)


def _environment(root: Path, system: System, request: LoadRequest) -> Environment | None:
    """The environment asked for; None when HOST alone says where the service is."""
    environments = load_environments(root, system.name)
    if request.host and request.environment not in environments:
        return None
    return choose_environment(environments, request.environment or None, f"scenarios/{system.name}")


def _is_local(environment: Environment | None) -> bool:
    return environment is not None and (
        environment.name == LOCAL and (urlsplit(environment.host).hostname or "") in _LOOPBACK
    )


def _check_credentials(environment: Environment, environ: Mapping[str, str]) -> None:
    problems = [
        Problem(
            f"environment {environment.name}",
            variable,
            f"is not set, and holds the {name} of {environment.host}",
        )
        for name, variable in environment.credentials.items()
        if not environ.get(variable)
    ]
    if problems:
        raise ConfigurationError(problems)
