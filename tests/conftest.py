import signal
from collections.abc import Callable, Iterator

import hypothesis
import pytest

from reference.running_postgresql import NotInstalled, PostgreSQLServer, running_postgresql
from tests.stand_stills import StandStills

# A shell's background job ignores Ctrl-C, and so would every Locust that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQLServer]:
    """A PostgreSQL of our own, shared by the tests of a process: never stop it."""
    try:
        with running_postgresql() as server:
            yield server
    except NotInstalled as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def postgresql_server(postgresql: PostgreSQLServer) -> str:
    """The folder in which that PostgreSQL has its socket."""
    return postgresql.folder


@pytest.fixture(scope="session")
def new_postgresql(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Makes empty databases; each call returns the address of one. The first call starts the server."""
    return lambda: request.getfixturevalue("postgresql").new_database()


@pytest.fixture(scope="module")
def stand_stills() -> Iterator[StandStills]:
    """Knows how long the machine did not run."""
    with StandStills().watching() as watched:
        yield watched
