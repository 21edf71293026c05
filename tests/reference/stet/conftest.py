import pytest
import requests

from reference.running import running
from tests.reference.stet.client import Client


@pytest.fixture(scope="module")
def stet(database_url):
    """The STET API, on each kind of database in turn."""
    with running("reference.stet", "--database", database_url, "--faults") as service:
        yield service


@pytest.fixture
def client(stet):
    """Makes clients, each a new tenant unless told."""
    with requests.Session() as session:
        session.trust_env = False
        paths = session.get(f"{stet.url}/openapi.json", timeout=10).json()["paths"]
        yield lambda tenant=None: Client(stet.url, paths, session, tenant)
