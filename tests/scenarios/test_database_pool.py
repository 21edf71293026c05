from types import SimpleNamespace

import gevent
import psycopg
import pytest
from psycopg.pq import TransactionStatus

from scenarios.metrics.database_pool import BORROWINGS, CONNECTIONS, SIZE, ConnectionPool, PoolTimeout


class FakeConnection:
    """A connection that is open, and idle, until a test says otherwise."""

    def __init__(self):
        self.closed = False
        self.info = SimpleNamespace(transaction_status=TransactionStatus.IDLE)

    def close(self):
        self.closed = True


class FakeServer:
    """Hands out connections, or refuses."""

    def __init__(self):
        self.made = []
        self.attempts = 0
        self.refuses = False
        self.now = 100.0

    def connect(self):
        self.attempts += 1
        gevent.sleep(0)
        if self.refuses:
            raise psycopg.OperationalError("connection refused")
        self.made.append(FakeConnection())
        return self.made[-1]

    @property
    def open(self):
        return [connection for connection in self.made if not connection.closed]


@pytest.fixture(autouse=True)
def _counters_at_zero():
    for metric in (BORROWINGS, CONNECTIONS, SIZE):
        metric.start_run()


@pytest.fixture
def server():
    return FakeServer()


@pytest.fixture
def pool(server):
    return ConnectionPool(server.connect, max_size=2, timeout=0.05, clock=lambda: server.now)


def borrow(pool, until):
    """A user that holds a connection until it is told otherwise."""

    def hold():
        with pool.connection():
            until.wait()

    user = gevent.spawn(hold)
    gevent.sleep(0.001)
    return user


def states():
    return CONNECTIONS.value("in_use"), CONNECTIONS.value("idle"), SIZE.value()


def test_a_connection_is_used_again(pool, server):
    for _ in range(3):
        with pool.connection() as connection:
            assert connection is server.made[0]
    assert (BORROWINGS.value("opened"), BORROWINGS.value("at_once")) == (1, 2)


def test_never_more_connections_than_its_size_are_open(pool, server):
    done = gevent.event.Event()
    users = [borrow(pool, done) for _ in range(2)]
    assert states() == (2, 0, 2)
    with pytest.raises(PoolTimeout, match=r"^no free connection within 0\.05 s$"), pool.connection():
        pass
    waiting = gevent.spawn(lambda: pool.connection().__enter__())
    gevent.sleep(0.001)
    assert len(server.made) == 2
    done.set()
    gevent.joinall([*users, waiting], raise_error=True)
    assert len(server.made) == 2
    assert (BORROWINGS.value("failed"), BORROWINGS.value("waited")) == (1, 1)


def test_the_gauges_tell_what_is_in_use(pool):
    assert states() == (0, 0, 2)
    with pool.connection():
        assert states() == (1, 0, 2)
    assert states() == (0, 1, 2)


def test_users_that_are_killed_while_they_wait_take_no_connection_with_them(pool):
    done = gevent.event.Event()
    holders = [borrow(pool, done) for _ in range(2)]
    gevent.killall([borrow(pool, done) for _ in range(5)])
    done.set()
    gevent.joinall(holders, raise_error=True)
    with pool.connection(), pool.connection():
        assert states() == (2, 0, 2)
    assert BORROWINGS.value("failed") == 0


def test_a_connection_whose_statement_was_cut_off_is_not_lent_again(pool, server):
    done = gevent.event.Event()
    user = borrow(pool, done)
    server.made[0].info.transaction_status = TransactionStatus.ACTIVE
    user.kill()
    assert server.made[0].closed and states() == (0, 0, 2)
    with pool.connection() as connection:
        assert connection is server.made[1]


def test_one_connection_that_the_server_closed_takes_its_idle_neighbours_with_it(pool, server):
    with pool.connection(), pool.connection() as second:
        pass
    assert len(server.made) == 2
    with pool.connection() as lost:
        lost.closed = True
    assert second.closed or lost is second
    assert server.open == [] and states() == (0, 0, 2)


def test_a_neighbour_that_is_in_use_when_the_server_goes_is_not_lent_again(pool, server):
    done = gevent.event.Event()
    neighbour = borrow(pool, done)
    with pool.connection() as lost:
        lost.closed = True
    done.set()
    neighbour.join()
    assert server.open == []


def test_while_the_server_is_away_attempts_are_few_and_ever_later(pool, server):
    server.refuses = True
    attempts = []
    for _ in range(1000):  # a hundred users for ten seconds, say
        with pytest.raises(psycopg.OperationalError, match=r"^connection refused$"), pool.connection():
            pass
        attempts.append(server.attempts)
        server.now += 0.01
    assert server.attempts == pytest.approx(8, abs=1)  # at 0, 0.1, 0.3, 0.7, 1.5, 3.1, 5.1, 7.1, 9.1
    assert BORROWINGS.value("failed") == 1000
    server.refuses = False
    server.now += 2
    with pool.connection(), pool.connection():
        assert states() == (2, 0, 2)


def test_only_one_user_at_a_time_tries_a_server_that_is_away(pool, server):
    server.refuses = True

    def fail():
        with pytest.raises(psycopg.OperationalError), pool.connection():
            pass

    fail()
    server.now += 1
    gevent.joinall([gevent.spawn(fail) for _ in range(2)], raise_error=True)
    assert server.attempts == 2


def test_a_new_run_shows_the_pool_as_it_is(pool):
    with pool.connection():
        pass
    CONNECTIONS.start_run()
    SIZE.start_run()
    pool.publish()
    assert states() == (0, 1, 2)


def test_closing_leaves_no_connection_open(pool, server):
    with pool.connection():
        with pool.connection():
            pass
        pool.close()
    assert server.open == []
