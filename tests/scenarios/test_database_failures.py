import psycopg
import pytest
from psycopg import errors

from exporters.fingerprint import fingerprint
from scenarios.metrics.database_failures import TenantLeak, as_failure
from scenarios.metrics.database_pool import PoolTimeout


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.UniqueViolation("Key (id)=(42) already exists."), "integrity constraint violation (SQLSTATE class 23)"),
        (errors.AdminShutdown("terminating connection"), "operator intervention (SQLSTATE class 57)"),
        (errors.QueryCanceled("due to statement timeout"), "statement timeout (SQLSTATE 57014)"),
        (errors.DeadlockDetected("process 17 waits"), "deadlock (SQLSTATE 40P01)"),
        (errors.TooManyConnections("sorry"), "too many connections (SQLSTATE 53300)"),
        (errors.DiskFull("no space"), "insufficient resources (SQLSTATE class 53)"),
        (psycopg.OperationalError("connection to 10.0.0.1 failed"), "connection exception (SQLSTATE class 08)"),
        (PoolTimeout("no free connection within 10 s"), "no free connection in the pool"),
        (psycopg.InterfaceError("the cursor is closed"), "driver error InterfaceError"),
        (errors.lookup("HV000")("foreign"), "another error (SQLSTATE class HV)"),
    ],
)  # fmt: skip
def test_a_failure_is_called_by_the_class_of_its_sqlstate_and_never_by_its_data(error, words):
    assert str(as_failure(error)) == words


def test_what_the_database_did_not_raise_is_reported_as_it_is():
    leak = TenantLeak("rows of another tenant")
    assert as_failure(leak) is leak
    assert fingerprint(leak) == "TenantLeak: rows of another tenant"


def test_kinds_of_failures_stay_apart_as_labels():
    kinds = {
        fingerprint(as_failure(error))
        for error in (
            errors.AdminShutdown(""),
            psycopg.OperationalError(""),
            PoolTimeout(""),
            errors.QueryCanceled(""),
        )
    }
    assert kinds == {
        "SqlFailure: operator intervention (SQLSTATE class <n>)",
        "SqlFailure: connection exception (SQLSTATE class <n>)",
        "SqlFailure: no free connection in the pool",
        "SqlFailure: statement timeout (SQLSTATE <n>)",
    }
