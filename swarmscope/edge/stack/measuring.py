"""The exporters beside the service: the machine's and the database's own measurements, where they are installed.

Both are optional: without one, what only it can measure is NO DATA, and that is said before the load starts.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import requests
import yaml

from swarmscope.edge.stack.components import FoundComponent
from swarmscope.edge.stack.processes import Program
from swarmscope.settings import Settings

QUERIES = Path("prometheus") / "postgresql-queries.yml"
"""What the database's exporter asks beside its own questions; read by docker-compose.yml, too."""
STATEMENTS = "pg_top_statement"
"""The query that needs pg_stat_statements."""
NODE_COLLECTORS = ("cpu", "diskstats", "loadavg", "meminfo", "netdev", "pressure")
ASK_SECONDS = 1.0


def node_exporter(component: FoundComponent, settings: Settings) -> Program:
    """The machine's exporter, with the collectors that a load test looks at."""
    port = settings.node_exporter_port
    command = (
        component.path,
        f"--web.listen-address={settings.bind}:{port}",
        "--web.disable-exporter-metrics",
        "--collector.disable-defaults",
        *(f"--collector.{name}" for name in NODE_COLLECTORS),
        "--log.level=warn",
    )
    url = settings.url(port)
    return Program("node-exporter", "the node exporter", command, f"{url}/", url=url, is_optional=True)


def postgres_exporter(component: FoundComponent, settings: Settings, database: str, queries: Path) -> Program:
    """The database's exporter; where the database is stands in its environment only."""
    port = settings.postgres_exporter_port
    command = (
        component.path,
        f"--web.listen-address={settings.bind}:{port}",
        f"--extend.query-path={queries}",
        "--log.level=warn",
    )
    url = settings.url(port)
    return Program(
        "postgres-exporter",
        "the PostgreSQL exporter",
        command,
        f"{url}/",
        data_source(database),
        url=url,
        is_optional=True,
    )


def data_source(database: str) -> dict[str, str]:
    """The exporter's variables for a postgresql:// address: unlike psycopg, its driver insists on TLS unless told."""
    parts = urlsplit(database)
    if "sslmode" in parse_qs(parts.query):
        return {"DATA_SOURCE_NAME": database}
    host = parse_qs(parts.query).get("host", [parts.hostname or ""])[0]
    if host and not host.startswith("/") and host not in ("localhost", "127.0.0.1", "::1"):
        return {"DATA_SOURCE_NAME": database}
    separator = "&" if parts.query else "?"
    return {"DATA_SOURCE_NAME": f"{database}{separator}sslmode=disable"}


def write_queries(source: Path, target: Path, *, with_statements: bool) -> Path:
    """The exporter's questions as this database can answer them."""
    queries: dict[str, object] = yaml.safe_load(source.read_text(encoding="utf-8"))
    if not with_statements:
        queries.pop(STATEMENTS, None)
    target.write_text(yaml.safe_dump(queries, sort_keys=False), encoding="utf-8")
    return target


def node_exporter_answers(settings: Settings) -> bool:
    """Whether an exporter of this machine listens there already, as Debian's does after its installation."""
    session = requests.Session()
    # A proxy of the environment has no part in what happens on this machine.
    session.trust_env = False
    try:
        answer = session.get(f"{settings.url(settings.node_exporter_port)}/metrics", timeout=ASK_SECONDS)
    except requests.RequestException:
        return False
    finally:
        session.close()
    return answer.ok and "node_cpu_seconds_total" in answer.text


def missing_words(title: str, measures: str, package: str) -> str:
    """What a missing exporter costs, and how to get it."""
    return (
        f"The {title} is not installed: {measures} will be NO DATA "
        f"(Debian, Ubuntu: sudo apt-get install --no-install-recommends {package})"
    )
