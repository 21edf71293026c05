"""The programs of a stack in starting order, and the configuration files that they read."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from swarmscope.alerting.links import Links
from swarmscope.alerting.prometheus_config import prometheus_config
from swarmscope.alerting.rule_files import rule_files
from swarmscope.edge.alertmanager import read_receivers, write_alertmanager_config
from swarmscope.edge.stack import aws, measuring, postgresql
from swarmscope.edge.stack.components import NODE_EXPORTER, POSTGRES_EXPORTER, POSTGRESQL, FoundComponent
from swarmscope.edge.stack.folder import StateFolder
from swarmscope.edge.stack.processes import Program
from swarmscope.edge.stop_token import VARIABLE
from swarmscope.names import Job
from swarmscope.settings import Settings
from swarmscope.targets import System


@dataclass(frozen=True, slots=True)
class Plan:
    """What a stack is made of."""

    root: Path
    settings: Settings
    folder: StateFolder
    components: Mapping[str, FoundComponent]
    system: System
    reference: bool
    """Whether the reference service is the service under test."""
    stop_token: str
    """What the receiver shows Locust when a target stops the run: nobody else on this machine may."""
    environ: Mapping[str, str]
    keep_data: bool = False
    """Whether the reference service keeps what earlier runs wrote: a load test wants to start from the same state."""
    borrows_node_exporter: bool = False
    """Whether an exporter of this machine that is not ours is scraped."""
    aws: aws.AwsPart | None = None
    """What is read from AWS; None where the environment names nothing."""
    remarks: tuple[str, ...] = ()
    """What a user should know before the load starts: what will not be measured."""

    @property
    def cluster(self) -> postgresql.Cluster | None:
        """The stack's own PostgreSQL; None when there is none to start."""
        component = self.components.get(POSTGRESQL.title)
        if component is None:
            return None
        return postgresql.cluster_of(component, self.settings, self.folder.path)

    @property
    def database(self) -> str:
        """Where the database of this run is, password and all; "" when it is no PostgreSQL that we know of."""
        return self.cluster.url if self.cluster else self.environ.get("DATABASE_URL", "")

    @property
    def secrets(self) -> dict[str, str]:
        """What Locust is told in its environment: how it may be stopped, and where its users find the database."""
        own = {"DATABASE_URL": self.cluster.url} if self.cluster else {}
        return {VARIABLE: self.stop_token, "PYTHONUNBUFFERED": "1", **own}


def has_reference(system: str) -> bool:
    """Whether this checkout brings a reference service for the system."""
    return importlib.util.find_spec("reference") is not None and (
        importlib.util.find_spec(f"reference.{system}") is not None
    )


def ports(
    settings: Settings,
    *,
    reference: bool,
    web_ui: bool,
    components: Iterable[str] = (),
    of_aws: aws.AwsPart | None = None,
) -> dict[str, tuple[str, int]]:
    """Setting → what it is for and its port, for every port that the stack listens on.

    `components` are the titles of those that not every stack has.
    """
    wanted = {
        "SWARMSCOPE_EXPORTER_PORT": ("Locust's exporter", settings.exporter_port),
        "SWARMSCOPE_PROMETHEUS_PORT": ("Prometheus", settings.prometheus_port),
        "SWARMSCOPE_ALERTMANAGER_PORT": ("Alertmanager", settings.alertmanager_port),
        "SWARMSCOPE_RECEIVER_PORT": ("the notification receiver", settings.receiver_port),
    }
    if reference:
        wanted = {"SWARMSCOPE_SERVICE_PORT": ("the reference service", settings.service_port), **wanted}
    if web_ui:
        wanted["SWARMSCOPE_LOCUST_PORT"] = ("Locust's web UI", settings.locust_port)
    some = {
        POSTGRESQL.title: ("SWARMSCOPE_POSTGRESQL_PORT", ("PostgreSQL", settings.postgresql_port)),
        NODE_EXPORTER.title: (
            "SWARMSCOPE_NODE_EXPORTER_PORT",
            ("the node exporter", settings.node_exporter_port),
        ),
        POSTGRES_EXPORTER.title: (
            "SWARMSCOPE_POSTGRES_EXPORTER_PORT",
            ("the PostgreSQL exporter", settings.postgres_exporter_port),
        ),
    }
    found = {**wanted, **dict(some[title] for title in components if title in some)}
    return found if of_aws is None else {**found, **aws.ports(of_aws, settings)}


def programs(plan: Plan) -> list[Program]:
    """Write the configuration files, make the database, and say how to start everything but Locust."""
    chosen = [_receiver(plan), _alertmanager(plan), _prometheus(plan), *_database(plan), *_measuring(plan)]
    if plan.aws is not None:
        chosen += aws.programs(plan.aws, plan.system.name, plan.settings)
    return [*chosen, _service(plan)] if plan.reference else chosen


def _database(plan: Plan) -> list[Program]:
    cluster = plan.cluster
    if cluster is None:
        return []
    postgresql.create(cluster)
    return [postgresql.program(cluster)]


def _measuring(plan: Plan) -> list[Program]:
    settings, chosen = plan.settings, []
    if (component := plan.components.get(NODE_EXPORTER.title)) is not None:
        chosen.append(measuring.node_exporter(component, settings))
    if (component := plan.components.get(POSTGRES_EXPORTER.title)) is not None:
        # Our own cluster has the extension; somebody else's server is asked.
        statements = plan.cluster is not None or postgresql.has_statements(plan.database)
        queries = measuring.write_queries(
            plan.root / measuring.QUERIES,
            plan.folder.config / measuring.QUERIES.name,
            with_statements=statements,
        )
        chosen.append(measuring.postgres_exporter(component, settings, plan.database, queries))
    return chosen


def _receiver(plan: Plan) -> Program:
    settings = plan.settings
    url = settings.url(settings.receiver_port)
    command = (
        *(sys.executable, "-m", "swarmscope.edge.receiver"),
        *("--bind", settings.bind, "--port", str(settings.receiver_port)),
        *("--state", str(plan.folder.path / "receiver")),
        *("--locust", settings.url(settings.exporter_port)),
    )
    environment = {VARIABLE: plan.stop_token}
    return Program("receiver", "the notification receiver", command, f"{url}/-/healthy", environment, url)


def _alertmanager(plan: Plan) -> Program:
    settings = plan.settings
    url = settings.url(settings.alertmanager_port)
    component = plan.components["Alertmanager"]
    config = plan.folder.config / "alertmanager.yml"
    write_alertmanager_config(
        config,
        read_receivers(plan.environ),
        receiver_url=settings.url(settings.receiver_port),
        template_glob=str(plan.root / "alerts" / "templates" / "*.tmpl"),
        version=component.version,
    )
    command = (
        component.path,
        f"--config.file={config}",
        f"--storage.path={plan.folder.path / 'alertmanager'}",
        f"--web.listen-address={settings.bind}:{settings.alertmanager_port}",
        f"--web.external-url={url}",
        # A cluster of one has nobody to gossip with, and its port 9094 would be one more that can be taken.
        "--cluster.listen-address=",
    )
    return Program("alertmanager", "Alertmanager", command, f"{url}/-/ready", url=url)


def _prometheus(plan: Plan) -> Program:
    settings = plan.settings
    url = settings.url(settings.prometheus_port)
    config = plan.folder.config / "prometheus.yml"
    config.write_text(_prometheus_yml(plan), encoding="utf-8")
    # The address of a remote store may hold a password.
    config.chmod(0o600)
    command = (
        plan.components["Prometheus"].path,
        f"--config.file={config}",
        f"--storage.tsdb.path={plan.folder.path / 'prometheus'}",
        f"--storage.tsdb.retention.time={settings.retention}",
        f"--web.listen-address={settings.bind}:{settings.prometheus_port}",
        f"--web.external-url={url}",
    )
    return Program("prometheus", "Prometheus", command, f"{url}/-/ready", url=url)


def _prometheus_yml(plan: Plan) -> str:
    settings = plan.settings
    host = settings.url(0).removeprefix("http://").removesuffix(":0")
    service = f"{host}:{settings.service_port}" if plan.reference else settings.service_metrics
    scraped: dict[str, list[str]] = {
        Job.LOCUST: [f"{host}:{settings.exporter_port}"],
        Job.SERVICE: [service] if service else [],
        Job.PROMETHEUS: [f"{host}:{settings.prometheus_port}"],
        Job.ALERTMANAGER: [f"{host}:{settings.alertmanager_port}"],
        Job.RECEIVER: [f"{host}:{settings.receiver_port}"],
    }
    if NODE_EXPORTER.title in plan.components or plan.borrows_node_exporter:
        scraped[Job.NODE] = [f"{host}:{settings.node_exporter_port}"]
    if POSTGRES_EXPORTER.title in plan.components:
        scraped[Job.POSTGRESQL] = [f"{host}:{settings.postgres_exporter_port}"]
    if plan.aws is not None:
        scraped[Job.CLOUDWATCH] = [f"{host}:{settings.cloudwatch_exporter_port}"]
    return prometheus_config(
        scraped,
        scraped[Job.ALERTMANAGER],
        [str(_write_rules(plan) / "*.yml")],
        remote_write=[each.strip() for each in settings.remote_write.split(",") if each.strip()],
        source="the settings of this run",
    )


def _write_rules(plan: Plan) -> Path:
    """Write this system's rules; from the targets as they are now, so that alerts and verdict mean the same."""
    settings = plan.settings
    folder = plan.folder.config / "rules"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.yml"):
        old.unlink()
    links = Links(settings.runbook_url, settings.url(settings.grafana_port))
    for path, text in rule_files([plan.system], links).items():
        (folder / Path(path).name).write_text(text, encoding="utf-8")
    return folder


def _service(plan: Plan) -> Program:
    settings, name = plan.settings, plan.system.name
    url = settings.url(settings.service_port)
    command = [sys.executable, "-m", f"reference.{name}", "--host", settings.bind, "--port"]
    command += [str(settings.service_port), "--faults", "--local-key"]
    if not plan.database:
        data = plan.folder.path / "service"
        data.mkdir(exist_ok=True)
        command += ["--database", str(data / f"{name}.sqlite3")]
    if not plan.keep_data:
        command.append("--empty")
    command += aws.service_options(plan.aws, settings)
    health = f"{url}/{plan.system.health.lstrip('/')}"
    environment = {"DATABASE_URL": plan.database} if plan.database else {}
    return Program(
        "service", "the reference service", tuple(command), health, environment, url=url, needed_by_load=True
    )
