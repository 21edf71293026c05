import asyncio

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from reference.server_metrics import Counter, Durations, Gauge, RouteNames, ServerMetrics


async def answer(request):
    return PlainTextResponse("ok")


ROUTES = [Route("/things", answer, methods=["GET", "POST"]), Route("/things/{thing_id}", answer)]


def samples(metrics):
    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/metrics", "headers": [], "query_string": b""}
    page = asyncio.run(metrics.page(Request(scope, receive)))
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.body.decode())
        for sample in family.samples
    }


def request_through(app, method, path):
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
    asyncio.run(app(scope, receive, send))
    return sent


def test_a_duration_at_a_bound_counts_under_that_bound():
    durations = Durations("d", "help", ("route",), bounds=(0.1, 0.5))
    for seconds in (0.05, 0.1, 0.100001, 0.5, 3):
        durations.observe(seconds, "/x")
    (family,) = durations.collect()
    values = {(s.name, s.labels.get("le")): s.value for s in family.samples}
    assert values == {
        ("d_bucket", "0.1"): 2,
        ("d_bucket", "0.5"): 4,
        ("d_bucket", "+Inf"): 5,
        ("d_count", None): 5,
        ("d_sum", None): pytest.approx(3.750001),
    }
    assert durations.count("/x") == 5
    assert durations.count("/unknown") == 0


def test_a_counter_exists_at_zero_before_it_first_counts():
    (plain,) = Counter("a", "help").collect()
    (labelled,) = Counter("b", "help", ("kind",), [("x",)]).collect()
    assert [sample.value for sample in plain.samples] == [0]
    assert [(sample.labels, sample.value) for sample in labelled.samples] == [({"kind": "x"}, 0)]


def test_a_gauge_is_read_when_the_page_is():
    value = 1.0
    gauge = Gauge("g", "help", ("state",), lambda: {("idle",): value})
    value = 5.0
    (family,) = gauge.collect()
    assert [sample.value for sample in family.samples] == [5.0]


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/things", "/things"),
        ("/things/7", "/things/{thing_id}"),
        ("/things/7/8", "unmatched"),
        ("/things/", "unmatched"),
        ("/nothing", "unmatched"),
    ],
)
def test_a_request_is_labelled_with_its_routes_template(path, template):
    assert RouteNames(ROUTES).find(path) == template


def test_a_route_that_cannot_be_named_is_refused_at_the_start():
    with pytest.raises(TypeError, match="reference services are made of plain routes, got"):
        RouteNames([Mount("/x", app=answer)])


def test_requests_are_counted_by_template_and_status():
    metrics = ServerMetrics()
    metrics.declare(ROUTES, {"/things/{thing_id}": (201,)})

    async def app(scope, receive, send):
        status = 404 if "7" in scope["path"] else 200
        await PlainTextResponse("", status)(scope, receive, send)

    measured = metrics.middleware(app, RouteNames(ROUTES))
    request_through(measured, "GET", "/things")
    request_through(measured, "GET", "/things/7")
    request_through(measured, "BREW", "/made/up")
    page = samples(metrics)

    def count(method, route, status):
        labels = (("method", method), ("route", route), ("status", status))
        return page.get(("http_server_request_duration_seconds_count", *labels))

    assert count("GET", "/things", "200") == 1
    assert count("POST", "/things", "200") == 0
    assert count("GET", "/things/{thing_id}", "201") == 0
    assert count("GET", "/things/{thing_id}", "404") == 1
    assert count("other", "unmatched", "200") == 1
    assert page[("http_server_active_requests", ("method", "GET"), ("route", "/things"))] == 0
    assert ("process_resident_memory_bytes",) in page


def test_a_request_that_ends_without_an_answer_is_counted_too():
    metrics = ServerMetrics()

    async def app(scope, receive, send):
        assert metrics.in_progress("GET", "/things") == 1
        raise ConnectionError

    with pytest.raises(ConnectionError):
        request_through(metrics.middleware(app, RouteNames(ROUTES)), "GET", "/things")
    assert metrics.requests.count("GET", "/things", "none") == 1
    assert metrics.in_progress("GET", "/things") == 0
