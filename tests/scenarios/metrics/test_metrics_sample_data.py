import math
from random import Random
from statistics import fmean, pstdev

from reference.metrics.events import parse_batch, parse_session
from reference.metrics.population import LOCAL_PASSWORD, MEMBERS, TENANTS, people, tenant_id
from scenarios.metrics import sample_data
from scenarios.metrics.sample_data import CANARY, METRICS, REGIONS, canary, pick_by_rank

NOW = 1_800_000_000_000


def events(count, tenant="tenant-01"):
    random = Random(7)
    return [sample_data.event(random, tenant, f"s:{n}", NOW, "eu-west") for n in range(count)]


def test_every_event_and_session_is_valid():
    random = Random(1)
    assert len(parse_batch({"events": events(500)}, NOW)) == 500
    for number in range(500):
        parse_session(sample_data.usage_session(random, f"s:{number}", NOW, "eu-west"), NOW)


def test_tenants_follow_zipfs_law():
    random = Random(2)
    tenants = [f"t{number}" for number in range(20)]
    picked = [pick_by_rank(random, tenants) for _ in range(40_000)]
    harmonic = sum(1 / rank for rank in range(1, 21))
    for rank in (1, 2, 4, 10, 20):
        expected = 40_000 / rank / harmonic
        assert abs(picked.count(tenants[rank - 1]) - expected) < 5 * math.sqrt(expected)


def test_values_are_lognormal_around_what_is_typical():
    logs = [math.log(one["value"]) for one in events(60_000) if one["name"] == "api.latency_ms"]
    _, typical, spread = METRICS["api.latency_ms"]
    assert abs(fmean(logs) - math.log(typical)) < 0.03
    assert abs(pstdev(logs) - spread) < 0.03


def test_the_canary_is_the_tenants_own_number():
    values = {one["value"] for one in events(2000) if one["name"] == CANARY}
    assert values == {float(canary("tenant-01"))}
    assert len({canary(tenant_id(number)) for number in range(1, TENANTS + 1)}) == TENANTS


def test_batches_are_bounded_and_regions_are_weighted():
    random = Random(3)
    sizes = [sample_data.batch_size(random) for _ in range(5000)]
    assert (min(sizes), max(sizes)) == (5, 50)
    regions = [sample_data.pick_region(random) for _ in range(10_000)]
    for region, percent in REGIONS.items():
        assert abs(regions.count(region) / 100 - percent) < 2.5


def test_the_scenarios_public_accounts_are_the_reference_services(ask_users):
    found = ask_users(
        "from scenarios.metrics import accounts\n"
        "answer = {kind: [[a.tenant, a.email, a.password] for a in accounts.accounts(environment, kind)]"
        " for kind in ('users', 'admins')}"
    )
    tenants = [tenant_id(number) for number in range(1, TENANTS + 1)]
    for kind, role, count in (("users", "member", MEMBERS), ("admins", "admin", 1)):
        known = [
            [tenant, email, LOCAL_PASSWORD]
            for tenant in tenants
            for email, its_role in people(tenant)
            if its_role == role
        ]
        assert found[kind] == known
        assert len(known) == TENANTS * count
