from decimal import Decimal
from pathlib import Path

import pytest

from swarmscope.aws.families import ListedMetric
from swarmscope.aws.settings import Api, AwsSettings, ColdStarts, LogReader, Prices
from swarmscope.errors import ConfigurationError
from swarmscope.targets import Alerting, Environment, Kind, Priority, Profile, Stage, System, Target
from swarmscope.targets.parse import parse_environments, parse_system
from swarmscope.targets.samples import default_min_samples

GOOD = Path(__file__).parent / "good"


def good(name: str) -> System:
    return parse_system((GOOD / f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml")


def test_everything_that_is_written_arrives() -> None:
    system = good("every-key")
    assert (system.name, system.title, system.description) == ("shop", "Shop API", "Orders and their inbox.")
    assert (system.health, system.gate, system.default_profile) == ("/health", Priority.HIGH, "steady_load")
    assert system.alerting == Alerting(window=Decimal(10), hold=Decimal("1.5"), hung_after=Decimal(3))
    assert system.source == "every-key.yaml"
    assert system.targets[2] == Target(
        id="post-orders-p95",
        kind=Kind.P95,
        limit=Decimal("0.1"),
        written="100ms",
        request="POST /orders",
        priority=Priority.CRITICAL,
        min_samples=50,
        abort=True,
        description="The order is what the shop lives on.",
    )


def test_one_item_with_several_limits_becomes_several_targets_with_ids_of_their_own() -> None:
    assert [(target.id, target.written, str(target.limit)) for target in good("every-key").targets] == [
        ("post-orders-p50", "50ms", "0.050"),
        ("post-orders-p90", "80ms", "0.080"),
        ("post-orders-p95", "100ms", "0.100"),
        ("post-orders-p99", "300 ms", "0.300"),
        ("post-orders-p99.9", "1.50s", "1.50"),
        ("post-orders-average", "60ms", "0.060"),
        ("post-orders-rps", "500", "500"),
        ("post-orders-error-rate", "0.10%", "0.0010"),
        ("everything-rps", "1000", "1000"),
        ("everything-error-rate", "1%", "0.01"),
        ("cold-start-p95", "3s", "3"),
        ("pool-max", "1.5e+3", "1.5E+3"),
        ("pool-min", "12.50", "12.50"),
    ]


def test_a_query_keeps_its_unit_for_people() -> None:
    units = {target.id: target.unit for target in good("every-key").targets if target.kind.is_query}
    assert units == {"cold-start-p95": "s", "pool-max": "%", "pool-min": "%"}


def test_a_staged_profile_runs_for_the_sum_of_its_stages_and_lends_them_its_spawn_rate() -> None:
    assert good("every-key").profiles["spike"] == Profile(
        name="spike",
        spawn_rate=Decimal(10),
        run_time=Decimal(270),
        warm_up=Decimal(10),
        stages=(
            Stage(100, Decimal(120), Decimal(10)),
            Stage(1000, Decimal(120), Decimal(100), "spike"),
            Stage(0, Decimal(30), Decimal(1000), "recovery"),
        ),
    )


def test_a_constant_profile_arrives_whole() -> None:
    assert good("every-key").profiles["steady_load"] == Profile(
        name="steady_load",
        users=50,
        spawn_rate=Decimal(10),
        run_time=Decimal(5400),
        user_classes={"Buyer": 8, "Reader": 2},
        warm_up=Decimal(5),
        graceful_stop=Decimal(30),
        description="What a usual day looks like.",
    )


def test_little_is_enough_and_the_rest_has_defaults() -> None:
    system = good("least")
    target = Target("get-p95", Kind.P95, Decimal("0.1"), "100ms", "GET /", min_samples=20)
    assert system == System(
        name="shop",
        title="shop",
        targets=(target,),
        profiles={"quick": Profile("quick", users=10, run_time=Decimal(30))},
        default_profile="quick",
        source="least.yaml",
    )


def test_anchors_and_merges_work_and_the_same_limit_for_another_load_gets_an_id_of_its_own() -> None:
    system = good("anchors")
    assert [(t.id, t.written, t.profiles) for t in system.targets] == [
        ("get-orders-p95", "100ms", ("quick",)),
        ("get-orders-p95-peak", "300ms", ("peak",)),
        ("two-limits-p95", "100ms", ("quick",)),
        ("two-limits-rps", "5", ("quick",)),
    ]
    assert system.profiles["peak"] == Profile("peak", users=100, spawn_rate=Decimal(10), run_time=Decimal(60))


def test_what_is_behind_the_door_is_plain_text() -> None:
    system = good("every-key")
    texts = [system.name, *system.profiles, *system.profiles["steady_load"].user_classes]
    texts += [
        text for t in system.targets for text in (t.id, t.written, t.request, t.query, t.unit, *t.profiles)
    ]
    assert {type(text) for text in texts} == {str}


@pytest.mark.parametrize(
    ("kind", "limit", "samples"),
    [
        *((Kind.P50, "1", 10), (Kind.P90, "1", 10), (Kind.P95, "1", 20), (Kind.P99, "1", 100)),
        *((Kind.P999, "1", 1000), (Kind.AVERAGE, "1", 10), (Kind.RPS, "1000", 1), (Kind.MAX, "3", 1)),
        *((Kind.ERROR_RATE, "0.1", 20), (Kind.ERROR_RATE, "0.01", 100), (Kind.ERROR_RATE, "0.003", 334)),
        *((Kind.ERROR_RATE, "0.0001", 1000), (Kind.ERROR_RATE, "0", 20), (Kind.ERROR_RATE, "1", 20)),
    ],
)
def test_the_least_number_of_samples_follows_from_the_limit(kind: Kind, limit: str, samples: int) -> None:
    assert default_min_samples(kind, Decimal(limit)) == samples


@pytest.mark.parametrize("limit", ["0.05", "0.01", "0.003", "0.001"])
def test_one_failed_request_never_breaks_an_error_rate_that_is_judged(limit: str) -> None:
    assert Decimal(1) <= Decimal(limit) * default_min_samples(Kind.ERROR_RATE, Decimal(limit))


@pytest.mark.parametrize(
    ("request_pattern", "identity"),
    [
        ("POST /events", "post-events-p95"),
        ("GET /events/{id}", "get-events-id-p95"),
        ("GET /events/*", "get-events-any-p95"),
        ("* /events", "any-events-p95"),
        ("GET /", "get-p95"),
        ("WS /größe", "ws-gr-e-p95"),
        ("Ω /", "request-p95"),
        ("GET /" + "long" * 40, "get-" + "long" * 18 + "-p95"),
    ],
)
def test_an_id_is_made_of_the_request(request_pattern: str, identity: str) -> None:
    text = (
        f'system: shop\ntargets: [{{request: "{request_pattern}", p95: 1s}}]\nprofiles: {{q: {{users: 1}}}}\n'
    )
    assert parse_system(text, "x").targets[0].id == identity


def test_numbers_stay_as_they_were_written_and_are_never_yamls() -> None:
    text = (
        "system: shop\n"
        "targets:\n"
        "  - {request: GET /, rps: 0.10}\n"
        "  - {name: a, query: up, max: 1000.50}\n"
        "profiles: {q: {users: 1}}\n"
    )
    assert [(t.written, str(t.limit)) for t in parse_system(text, "x").targets] == [
        ("0.10", "0.10"),
        ("1000.50", "1000.50"),
    ]


def test_a_bomb_of_aliases_is_refused_before_it_unfolds() -> None:
    levels = ["system: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    # A hundred thousand values: enough for the guard, and harmless to the machine should the guard be broken.
    levels += [f"k{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 5)]
    with pytest.raises(ConfigurationError) as caught:
        parse_system("\n".join(levels), "bomb.yaml")
    assert str(caught.value) == "bomb.yaml:1: has more than 20000 values"


def test_environments_arrive_in_their_order() -> None:
    text = (GOOD / "environments-every-key.yaml").read_text(encoding="utf-8")
    assert list(parse_environments(text, "x").items()) == [
        (
            "local",
            Environment(
                name="local",
                host="http://127.0.0.1:8000",
                credentials={"api_key": "SHOP_API_KEY", "signing-key": "SHOP_SIGNING_KEY_2"},
                description="This machine.",
            ),
        ),
        ("sit", Environment(name="sit", host="https://api.example.com:8443/v1")),
        ("aws", Environment(name="aws", host="https://api.example.com", aws=EVERY_AWS_KEY)),
        (
            "least",
            Environment(
                name="least",
                host="https://api.example.com",
                aws=AwsSettings(functions=("shop-api",), cold_starts=ColdStarts()),
            ),
        ),
    ]


EVERY_AWS_KEY = AwsSettings(
    region="eu-central-1",
    endpoint_url="https://monitoring.vpce.example.com",
    profile="loadtest",
    role_arn="arn:aws:iam::000000000000:role/reader",
    external_id="swarmscope",
    functions=("shop-api", "shop-authorizer"),
    tables=("shop-orders",),
    apis=(Api("shop", "prod"),),
    metrics=(
        ListedMetric(
            name="shop_queue_age_seconds",
            namespace="AWS/SQS",
            metric="ApproximateAgeOfOldestMessage",
            dimensions={"QueueName": "orders"},
            statistics=("Maximum",),
            help="Age of the oldest order that waits.",
        ),
        ListedMetric(
            name="shop_checkouts",
            namespace="Shop",
            metric="Checkouts",
            statistics=("Sum", "p95"),
            period=10,
            scale=0.001,
            nil_is_zero=True,
            help="Checkouts of Shop in CloudWatch.",
        ),
    ),
    tags={"service": "shop"},
    cold_starts=ColdStarts(
        reader=LogReader.INSIGHTS,
        log_groups={"shop-api": "/teams/shop"},
        poll_seconds=10,
        delay_seconds=20,
    ),
    poll_seconds=30,
    idle_poll_seconds=300,
    delay_seconds=90,
    max_age_seconds=900,
    settle_within_seconds=240,
    timestamps=False,
    cost_limit_dollars_per_hour=0.5,
    prices=Prices(get_metric_data_per_thousand=0.02, calls_per_thousand=0.03, insights_per_gb=0.006),
)
