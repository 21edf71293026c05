import pytest

from scenarios.metrics.isolation import LEAKS, NotOwned, TenantLeak, check_tenant
from scenarios.metrics.sample_data import CANARY, canary

OWN, OTHER = "tenant-01", "tenant-02"


def series(tenant, **changes):
    return {
        "tenant_id": OWN, "name": CANARY, "aggregate": "max", "points": [[1, float(canary(tenant))]],
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    "document",
    [
        {"tenant_id": OWN},
        {"tenants": [{"tenant_id": OWN}]},
        {"tenant_id": OWN, "users": [{"tenant_id": OWN}]},
        series(OWN),
        series(OWN, points=[]),
        series(OTHER, name="api.errors"),
        series(OTHER, aggregate="count"),
    ],
)
def test_the_own_tenants_data_passes(document):
    before = LEAKS.value()
    check_tenant(document, OWN)
    assert LEAKS.value() == before


@pytest.mark.parametrize(
    "document",
    [
        {"tenant_id": OTHER},
        {"tenant_id": OWN, "users": [{"tenant_id": OWN}, {"tenant_id": OTHER}]},
        {"tenants": [{"tenant_id": OTHER, "name": "secret"}]},
        series(OTHER),
        {"tenant_id": OWN, "widgets": [series(OTHER)]},
        series(OWN, points=[[1, float(canary(OWN))], [2, float(canary(OTHER))]]),
    ],
)
def test_anything_of_another_tenant_is_a_leak_that_is_counted_and_quotes_nothing(document):
    before = LEAKS.value()
    with pytest.raises(TenantLeak) as leak:
        check_tenant(document, OWN)
    assert str(leak.value) == "tenant leak: the answer holds another tenant's data"
    assert LEAKS.value() == before + 1


def test_an_answer_that_names_no_tenant_is_refused():
    with pytest.raises(NotOwned, match=r"^the answer does not say whose data it is$"):
        check_tenant({"points": [], "dashboards": []}, OWN)
